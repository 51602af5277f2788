package engine

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"vscan/engine/addr"
)

// A MemoryError says that the byte at Addr cannot be read.
type MemoryError struct {
	Addr   addr.Addr
	State  State  // Hole or Absent; Present where the source failed
	Name   string // the name of the mapping, or of a Present byte's source; "" in a hole
	Offset uint64 // the offset of a Present byte in the source
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

// errShrunk is the error of bytes past the present end of a source.
var errShrunk = errors.New("past the end of the source, which has shrunk")

// Byte returns the byte at a. An error is a [*MemoryError].
func (s *Space) Byte(a addr.Addr) (byte, error) {
	var b [1]byte
	_, err := s.Read(b[:], a)
	return b[0], err
}

// Bytes returns a copy of the n bytes from a on, across mappings. However large n is, it
// takes at most about three times as much memory as the space has bytes there. An error is a [*MemoryError]
// for the first byte that cannot be read, or wraps [ErrWrap]; the bytes before it are
// returned.
func (s *Space) Bytes(a addr.Addr, n int) ([]byte, error) {
	var out []byte
	for len(out) < n {
		have := len(out)
		chunk := min(n-have, max(1<<20, have)) // as much again, so that little is copied
		out = slices.Grow(out, chunk)[:have+chunk]
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

// next returns the address n bytes above a, or an error that wraps ErrWrap.
func (s *Space) next(a addr.Addr, n uint64) (addr.Addr, error) {
	b, ok := a.Add(n)
	if !ok {
		return 0, fmt.Errorf("%w: %d bytes from %v on", ErrWrap, n, a)
	}
	return b, nil
}

// ErrWrap is wrapped by the errors of going beyond the last address, of the address space
// or of what a word can hold, or below 0.
var ErrWrap = errors.New("the address space ends there")

// Read fills p with the bytes from a on, across mappings, and returns how many it read.
// Where that is fewer than len(p), the error is a [*MemoryError] for the byte after them,
// or wraps [ErrWrap].
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

// readInterval fills p with the bytes from a on, all of which must lie in the interval v,
// and returns how many it read.
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

// readSource fills p with the bytes at off of a source, and returns how many it read.
// Where that is fewer than len(p), the error is that of the byte after them. It catches
// faults, and does not take the zeros past the end of a file that has shrunk for bytes of
// it.
func readSource(p []byte, src Source, off uint64) (int, error) {
	faulted := false // there was a fault in one of many pages: from then on, they are read one by one
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
		case viewErr != nil && m < want: // what comes with all bytes, as io.ReaderAt may have it, is no error
			return n + m, viewErr
		case m == 0:
			return n, errors.New("the source gave no bytes")
		}
		n += m
	}
	return len(p), nil
}

// While calls f with the bytes from a on and their addresses, ascending, until f returns
// false. Then it returns nil. Where a byte cannot be read before that, the error is a
// [*MemoryError], or wraps [ErrWrap].
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

// CString returns the bytes from a up to the first zero byte, which is left out, at most
// limit of them. An error is a [*MemoryError], wraps [ErrWrap], or says that no zero byte
// follows within limit bytes; the bytes before it are returned then too.
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

// maxString is the length in bytes of the longest string that IsString and CIdentifier
// look at.
const maxString = 1 << 16

// IsString reports whether one or more printable ASCII bytes (blank to tilde, tab,
// newline, carriage return) stand at a, at most 64 KiB, and then a zero byte.
func (s *Space) IsString(a addr.Addr) bool {
	b, err := s.CString(a, maxString)
	return err == nil && len(b) > 0 && !bytes.ContainsFunc(b, func(r rune) bool {
		return (r < ' ' || r > '~') && !strings.ContainsRune("\t\n\r", r)
	})
}

// CIdentifier returns the name at a, as C writes them: a letter or underscore, then
// letters, digits and underscores, at most 64 KiB, then a zero byte. It returns false
// where there is none.
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
