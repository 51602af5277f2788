package graph

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"vscan/internal/outfile"
)

// chunks keeps what the sweep found until it is sorted: in memory up to a limit,
// and beyond that in a temporary file. Where the system allows it, the file has no
// name, so that nothing is left behind however the program ends.
type chunks struct {
	size  int    // the size of a chunk in bytes
	limit int64  // the most bytes that stay in memory
	dir   string // the folder of the file
	held  atomic.Int64

	mu   sync.Mutex
	file *os.File
	gone func() error // closes the file and removes it
	end  int64
	pool sync.Pool
}

// chunk is where the bytes of a full chunk are.
type chunk struct {
	bytes []byte // nil where they are in the file, at offset at
	at    int64
}

// get returns an empty chunk to fill.
func (c *chunks) get() []byte {
	if b, ok := c.pool.Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return make([]byte, 0, c.size)
}

// put keeps a chunk, which the caller may not use any more.
func (c *chunks) put(b []byte) (chunk, error) {
	if c.held.Add(int64(cap(b))) <= c.limit {
		return chunk{bytes: b}, nil
	}
	c.held.Add(-int64(cap(b)))
	c.mu.Lock()
	if c.file == nil {
		if err := c.create(); err != nil {
			c.mu.Unlock()
			return chunk{}, err
		}
	}
	at := c.end
	c.end += int64(len(b))
	c.mu.Unlock()
	if _, err := c.file.WriteAt(b, at); err != nil {
		return chunk{}, fmt.Errorf("temporary file in %s: cannot write at file offset %#x: %w: free some space there, or allow more memory", c.dir, at, err)
	}
	b = b[:0]
	c.pool.Put(&b)
	return chunk{at: at}, nil
}

// create makes the temporary file.
func (c *chunks) create() error {
	var err error
	if c.file, c.gone, err = outfile.Scratch(c.dir); err != nil {
		return fmt.Errorf("edges that memory does not hold: %w", err)
	}
	return nil
}

// read returns n bytes of a chunk from an offset on. It fills b with them where they
// are in the file.
func (c *chunks) read(b []byte, k chunk, from, n int) ([]byte, error) {
	if k.bytes != nil {
		return k.bytes[from : from+n], nil
	}
	if cap(b) < n {
		b = make([]byte, max(n, c.size))
	}
	b = b[:n]
	if _, err := c.file.ReadAt(b, k.at+int64(from)); err != nil {
		return nil, fmt.Errorf("temporary file in %s: cannot read at file offset %#x: %w", c.dir, k.at+int64(from), err)
	}
	return b, nil
}

// free gives up the memory of a chunk that is in memory.
func (c *chunks) free(k *chunk) {
	if k.bytes != nil {
		c.held.Add(-int64(cap(k.bytes)))
		k.bytes = nil
	}
}

// spilled returns how many bytes were written to the file.
func (c *chunks) spilled() uint64 { return uint64(c.end) }

// close closes the temporary file and removes it.
func (c *chunks) close() {
	if c.file != nil {
		c.gone()
	}
}
