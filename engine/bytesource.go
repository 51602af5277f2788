package engine

import (
	"fmt"
	"io"

	"vscan/engine/addr"
)

// BytesSource returns the source of bytes that are in memory. They must not
// change.
func BytesSource(name string, b []byte) Source { return &bytesSource{name, b} }

type bytesSource struct {
	name string
	b    []byte
}

func (s *bytesSource) Name() string { return s.name }
func (s *bytesSource) Size() uint64 { return uint64(len(s.b)) }

func (s *bytesSource) View(_ []byte, off uint64, n int) ([]byte, error) {
	if off > uint64(len(s.b)) {
		return nil, pastEnd(s.name, off)
	}
	b := s.b[off:]
	if len(b) < n {
		return b, pastEnd(s.name, s.Size())
	}
	return b[:n], nil
}

// BytesMapping returns a present mapping of bytes that are in memory; b[0] lies at
// first. The bytes must not change. It is an error where there are none, or where
// they would run past the last address.
func BytesMapping(name string, first addr.Addr, b []byte) (Mapping, error) {
	r, ok := addr.Sized(first, uint64(len(b)))
	if !ok {
		return Mapping{}, fmt.Errorf("%s: %d bytes at %v: empty, or past the last address", name, len(b), first)
	}
	return Mapping{Range: r, Source: BytesSource(name, b), Name: name}, nil
}

// ReaderSource returns the source of size bytes that r.ReadAt reads when they are
// wanted, called by several goroutines at a time. Where ReadAt returns fewer bytes
// than were asked for, its error has to say why the byte after them cannot be
// read; reading goes on at the next multiple of [PageSize].
func ReaderSource(name string, r io.ReaderAt, size uint64) Source {
	return &readerSource{name, r, size}
}

type readerSource struct {
	name string
	r    io.ReaderAt
	size uint64
}

func (s *readerSource) Name() string { return s.name }
func (s *readerSource) Size() uint64 { return s.size }

func (s *readerSource) View(buf []byte, off uint64, n int) ([]byte, error) {
	m := n
	if off >= s.size {
		return nil, pastEnd(s.name, off)
	} else if left := s.size - off; left < uint64(n) {
		m = int(left)
	}
	got, err := s.r.ReadAt(buf[:m], int64(off))
	switch {
	case got == n:
		return buf[:n], nil
	case err == nil || err == io.EOF:
		err = pastEnd(s.name, off+uint64(got))
	}
	return buf[:got], err
}

func pastEnd(name string, off uint64) error {
	return fmt.Errorf("%s ends before offset %#x", name, off)
}
