package engine

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"vscan/engine/addr"
)

// MemoryError says that the byte at Addr cannot be read.
type MemoryError struct {
	Addr   addr.Addr
	State  State  // Hole or Absent; Present where its source failed
	Name   string // of the mapping, or, of a Present byte, its source; "" in a hole
	Offset uint64 // in the source, of a Present byte
	Err    error  // why the source failed; nil in a hole or an absent byte
}

func (e *MemoryError) Error() string {
	switch {
	case e.State == Hole:
		return fmt.Sprintf("address %v: nothing is mapped there", e.Addr)
	case e.State == Absent:
		return fmt.Sprintf("address %v: mapped (%s) but not saved in the image", e.Addr, e.Name)
	}
	return fmt.Sprintf("address %v: cannot be read from %s at offset %#x: %v", e.Addr, e.Name, e.Offset, e.Err)
}

func (e *MemoryError) Unwrap() error { return e.Err }

// errShrunk is why bytes past the present end of a source are not there.
var errShrunk = errors.New("past the end of the source, which has shrunk")

// Byte is the byte at a. An error is a [*MemoryError].
func (s *Space) Byte(a addr.Addr) (byte, error) {
	var b [1]byte
	_, err := s.Read(b[:], a)
	return b[0], err
}

// Bytes is a copy of the n bytes from a on, across mappings. It reserves no
// more memory than the space has bytes there. An error is a [*MemoryError]
// for the first byte that cannot be read, or [ErrWrap]; the bytes before it are returned.
func (s *Space) Bytes(a addr.Addr, n int) ([]byte, error) {
	var out []byte
	for len(out) < n {
		chunk := min(n-len(out), 1<<20)
		have := len(out)
		out = append(out, make([]byte, chunk)...)
		m, err := s.Read(out[have:], a)
		if err != nil {
			return out[:have+m], err
		}
		if have+m < n {
			if a, err = s.next(a, uint64(m)); err != nil {
				return out[:have+m], err
			}
		}
	}
	return out, nil
}

// next is the address n above a, or the error of reading past 2^64 − 1.
func (s *Space) next(a addr.Addr, n uint64) (addr.Addr, error) {
	b, ok := a.Add(n)
	if !ok {
		return 0, fmt.Errorf("%w: %d bytes from %v on", ErrWrap, n, a)
	}
	return b, nil
}

// ErrWrap is the error of going past the last address, 2^64 − 1, or below 0.
var ErrWrap = errors.New("the address space ends there")

// Read fills p with the bytes from a on, across mappings, and returns how many
// it read. Fewer than len(p) come with a [*MemoryError] for the byte after
// them, or with [ErrWrap].
func (s *Space) Read(p []byte, a addr.Addr) (int, error) {
	n := 0
	for n < len(p) {
		v := s.At(a)
		want := len(p) - n
		if left := uint64(v.Last - a); left < uint64(want-1) {
			want = int(left) + 1
		}
		m, err := readInterval(p[n:n+want], v, a)
		n += m
		if err != nil {
			return n, err
		}
		if n == len(p) {
			break
		}
		if a, err = s.next(a, uint64(m)); err != nil {
			return n, err
		}
	}
	return n, nil
}

// readInterval fills p from one interval, which holds all of it.
func readInterval(p []byte, v Interval, a addr.Addr) (int, error) {
	switch v.State() {
	case Zero:
		clear(p)
		return len(p), nil
	case Present:
	default:
		e := &MemoryError{Addr: a, State: v.State()}
		if v.Mapping != nil {
			e.Name = v.Mapping.Name
		}
		return 0, e
	}
	off := v.Mapping.OffsetOf(a)
	n, err := readSource(p, v.Mapping.Source, off)
	if err != nil {
		return n, &MemoryError{Addr: a + addr.Addr(n), State: Present, Name: v.Mapping.Source.Name(), Offset: off + uint64(n), Err: err}
	}
	return n, nil
}

// readSource copies len(p) bytes at off. Fewer come with the error of the byte
// after them. Faults are caught, and zeros past the end of a file that shrank
// are not taken for its bytes.
func readSource(p []byte, src Source, off uint64) (int, error) {
	faulted := false // somewhere in many pages: they are taken one by one from then on
	for n := 0; n < len(p); {
		want, m := len(p)-n, 0
		if toEnd := PageSize - int((off+uint64(n))%PageSize); faulted {
			want = min(want, toEnd)
		}
		var viewErr error
		fault := Guard(func() {
			var b []byte
			b, viewErr = src.View(p[n:], off+uint64(n), want)
			m = copy(p[n:], b)
		})
		if fault != nil && !faulted {
			faulted = true
			continue
		}
		if size := src.Size(); off+uint64(n+m) > size {
			if size <= off {
				return 0, errShrunk
			}
			return min(n+m, int(size-off)), errShrunk
		}
		switch {
		case fault != nil:
			return n, fault
		case viewErr != nil:
			return n + m, viewErr
		case m == 0:
			return n, errors.New("the source gave no bytes")
		}
		n += m
	}
	return len(p), nil
}

// While calls f with the bytes from a on, ascending, for as long as f is true.
// It returns nil where f was false, and a [*MemoryError] or [ErrWrap] where
// there were no more bytes.
func (s *Space) While(a addr.Addr, f func(addr.Addr, byte) bool) error {
	buf := make([]byte, 256)
	for {
		n, err := s.Read(buf, a)
		for i, b := range buf[:n] {
			if !f(a+addr.Addr(i), b) {
				return nil
			}
		}
		if err != nil {
			return err
		}
		if a, err = s.next(a, uint64(n)); err != nil {
			return err
		}
		if len(buf) < 1<<16 {
			buf = make([]byte, 2*len(buf)) // most walks are short
		}
	}
}

// CString is the bytes from a up to the first zero byte, which is not part of
// it, at most limit of them. An error is a [*MemoryError] or [ErrWrap], or says that there
// are limit bytes without a zero; the bytes are returned then too.
func (s *Space) CString(a addr.Addr, limit int) ([]byte, error) {
	var out []byte
	ended := false
	err := s.While(a, func(_ addr.Addr, b byte) bool {
		if ended = b == 0; ended || len(out) == limit {
			return false
		}
		out = append(out, b)
		return true
	})
	if err == nil && !ended {
		err = fmt.Errorf("address %v: no zero byte within %d bytes", a, limit)
	}
	return out, err
}

// maxString bounds the strings that IsString and CIdentifier look at.
const maxString = 1 << 16

// IsString says whether at a there are one or more printable ASCII bytes
// (blank to tilde, tab, newline, carriage return), at most 64 KiB, then a zero byte.
func (s *Space) IsString(a addr.Addr) bool {
	b, err := s.CString(a, maxString)
	return err == nil && len(b) > 0 && !bytes.ContainsFunc(b, func(r rune) bool {
		return (r < ' ' || r > '~') && !strings.ContainsRune("\t\n\r", r)
	})
}

// CIdentifier is the name at a as C writes them: a letter or underscore, then
// letters, digits and underscores, then a zero byte. It is false where there is
// none.
func (s *Space) CIdentifier(a addr.Addr) (string, bool) {
	b, err := s.CString(a, maxString)
	if err != nil || len(b) == 0 || b[0] >= '0' && b[0] <= '9' {
		return "", false
	}
	for _, c := range b {
		if c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return "", false
		}
	}
	return string(b), true
}
