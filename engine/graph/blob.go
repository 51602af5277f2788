package graph

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sort"
)

// blob is where the bytes of groups are.
type blob interface {
	// view is the n bytes at an offset; buf is filled where they are not in
	// memory, or replaced where it is too short.
	view(buf []byte, at uint64, n int) ([]byte, error)
	name() string // for errors
}

// memory is groups in memory, in blocks that no group crosses.
type memory struct {
	blocks [][]byte
	starts []uint64
	end    uint64
}

func (m *memory) base() uint64 { return 0 }

func (m *memory) name() string { return "graph in memory" }

func (m *memory) append(b []byte) error {
	if len(b) > 0 {
		m.blocks, m.starts = append(m.blocks, slices.Clip(bytes.Clone(b))), append(m.starts, m.end)
		m.end += uint64(len(b))
	}
	return nil
}

func (m *memory) view(_ []byte, at uint64, n int) ([]byte, error) {
	i := sort.Search(len(m.starts), func(i int) bool { return m.starts[i] > at }) - 1
	if i < 0 || at-m.starts[i]+uint64(n) > uint64(len(m.blocks[i])) {
		return nil, fmt.Errorf("graph in memory: no %d bytes at %#x", n, at)
	}
	return m.blocks[i][at-m.starts[i]:][:n], nil
}

// mapped is a file in memory.
type mapped struct {
	path string
	b    []byte
}

func (m *mapped) name() string { return m.path }

func (m *mapped) view(_ []byte, at uint64, n int) ([]byte, error) {
	if at > uint64(len(m.b)) || uint64(n) > uint64(len(m.b))-at {
		return nil, fmt.Errorf("%s: ends at file offset %#x, before %#x: the file is truncated; build the graph again", m.path, len(m.b), at+uint64(n))
	}
	return m.b[at:][:n:n], nil
}

// reader is a file that is read call by call.
type reader struct {
	path string
	r    io.ReaderAt
}

func (r *reader) name() string { return r.path }

func (r *reader) view(buf []byte, at uint64, n int) ([]byte, error) {
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if got, err := r.r.ReadAt(buf, int64(at)); got < n {
		return nil, fmt.Errorf("%s: cannot read at file offset %#x: %w", r.path, at+uint64(got), err)
	}
	return buf, nil
}
