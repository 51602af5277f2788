package graph

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sort"

	"vscan/engine/budget"
)

// blob is where the bytes of groups are.
type blob interface {
	// view returns the n bytes at an offset. Where they are not in memory, it
	// fills buf with them, or a new buffer where buf is too short.
	view(buf []byte, at uint64, n int) ([]byte, error)
	name() string // for errors
}

// memoryBlob is groups in memory, in blocks. INVARIANT: no group lies in two blocks.
type memoryBlob struct {
	blocks [][]byte
	starts []uint64
	end    uint64
	budget *budget.Budget
}

func (m *memoryBlob) base() uint64 { return 0 }

func (m *memoryBlob) name() string { return "graph in memory" }

func (m *memoryBlob) append(b []byte) error {
	if err := m.budget.Take(uint64(len(b)), forGraph); err != nil {
		return err
	}
	if len(b) > 0 {
		m.blocks, m.starts = append(m.blocks, slices.Clip(bytes.Clone(b))), append(m.starts, m.end)
		m.end += uint64(len(b))
	}
	return nil
}

func (m *memoryBlob) view(_ []byte, at uint64, n int) ([]byte, error) {
	i := sort.Search(len(m.starts), func(i int) bool { return m.starts[i] > at }) - 1
	if i < 0 || at-m.starts[i]+uint64(n) > uint64(len(m.blocks[i])) {
		return nil, fmt.Errorf("graph in memory: no %d bytes at %#x", n, at)
	}
	return m.blocks[i][at-m.starts[i]:][:n], nil
}

// mappedBlob is a file that is mapped into memory.
type mappedBlob struct {
	path string
	b    []byte
}

func (m *mappedBlob) name() string { return m.path }

func (m *mappedBlob) view(_ []byte, at uint64, n int) ([]byte, error) {
	if at > uint64(len(m.b)) || uint64(n) > uint64(len(m.b))-at {
		return nil, fmt.Errorf("%s: ends at file offset %#x, before %#x: the file is truncated; build the graph again", m.path, len(m.b), at+uint64(n))
	}
	return m.b[at:][:n:n], nil
}

// fileBlob is a file that is read call by call.
type fileBlob struct {
	path string
	r    io.ReaderAt
}

func (r *fileBlob) name() string { return r.path }

func (r *fileBlob) view(buf []byte, at uint64, n int) ([]byte, error) {
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if got, err := r.r.ReadAt(buf, int64(at)); got < n {
		return nil, fmt.Errorf("%s: cannot read at file offset %#x: %w", r.path, at+uint64(got), err)
	}
	return buf, nil
}
