// Package heaptest puts heaps together by hand, for tests.
package heaptest

import (
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
)

const prevUsed = 1 // the flag of a chunk's size that says that the chunk before is in use

// Heap is a heap that is put together by hand.
type Heap struct {
	arch  addr.Arch
	Base  addr.Addr
	Bytes []byte
	flags uint64
	used  []bool // whether a chunk is in use
	at    []int  // of chunks, in Bytes
}

// New returns a heap of size bytes at base whose first chunk lies at head, an
// offset in bytes. Each chunk's size carries flags.
func New(arch addr.Arch, base addr.Addr, size int, flags uint64, head int) *Heap {
	return &Heap{arch: arch, Base: base, Bytes: make([]byte, size), flags: flags, at: []int{head}}
}

// Put writes the word v at an offset in bytes.
func (h *Heap) Put(at int, v uint64) {
	w := h.arch.WordSize()
	h.arch.Order().PutUint(h.Bytes[at:at+w], v)
}

// Add adds a chunk of so many words, an even number, and returns the address of
// its object.
func (h *Heap) Add(words int, used bool) addr.Addr {
	w := h.arch.WordSize()
	at := h.at[len(h.at)-1]
	size := uint64(words*w) | h.flags
	if len(h.used) == 0 || h.used[len(h.used)-1] {
		size |= prevUsed
	} else { // a free chunk's size stands behind it as well
		h.Put(at, uint64(at-h.at[len(h.at)-2]))
	}
	h.Put(at+w, size)
	h.used = append(h.used, used)
	h.at = append(h.at, at+words*w)
	return h.Base + addr.Addr(at+2*w)
}

// End adds the top chunk, which is free.
func (h *Heap) End() {
	h.flags = 0 // the top does not say whose it is
	h.Add((len(h.Bytes)-h.at[len(h.at)-1])/h.arch.WordSize(), false)
}

// Mapping returns the heap as a mapping that may be read and written.
func (h *Heap) Mapping(t *testing.T, name string) engine.Mapping {
	t.Helper()
	m, err := engine.BytesMapping(name, h.Base, h.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	m.Perm = engine.PermKnown | engine.Read | engine.Write
	return m
}
