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

// Arch returns the word size and byte order of the heap's machine.
func (h *Heap) Arch() addr.Arch { return h.arch }

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
	if !used { // what is in a bin has the flag of no arena
		size = uint64(words * w)
	}
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
	flags := h.flags
	h.flags = 0 // the top does not say whose it is
	h.Add((len(h.Bytes)-h.at[len(h.at)-1])/h.arch.WordSize(), false)
	h.flags = flags
}

// Mapping returns the heap as a mapping that may be read and written.
func (h *Heap) Mapping(t testing.TB, name string) engine.Mapping {
	t.Helper()
	m, err := engine.BytesMapping(name, h.Base, h.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	m.Perm = engine.PermKnown | engine.PermRead | engine.PermWrite
	return m
}

// State is the state of an arena with empty bins.
type State struct {
	Top    addr.Addr   // its top chunk
	Fast   []addr.Addr // the heads of its first fastbins
	Memory uint64      // bytes from the system
	Apart  bool        // its memory is not contiguous
}

// PutState writes a state of glibc 2.27 to 2.42 at an offset, and returns the offset
// of its end.
func (h *Heap) PutState(at int, s State) int {
	w := h.arch.WordSize()
	if s.Apart {
		h.arch.Order().PutUint(h.Bytes[at+4:at+8], 2)
	}
	fast := (at + 12 + w - 1) &^ (w - 1)
	for i, a := range s.Fast {
		h.Put(fast+i*w, uint64(a))
	}
	top := fast + 10*w
	h.Put(top, uint64(s.Top))
	bins := top + 2*w
	for i := range 254 {
		h.Put(bins+i*w, uint64(h.Base)+uint64(bins+(i&^1)*w-2*w))
	}
	next := bins + 254*w + 16
	h.Put(next, uint64(h.Base)+uint64(at)) // itself: it is the only one
	h.Put(next+2*w, 1)
	h.Put(next+3*w, s.Memory)
	h.Put(next+4*w, s.Memory)
	return next + 5*w
}

// At returns the offset of the chunk that is added next.
func (h *Heap) At() int { return h.at[len(h.at)-1] }

// Fence adds the two fenceposts that end memory of an arena where the next memory does not go on.
func (h *Heap) Fence() {
	w := h.arch.WordSize()
	at := h.At()
	size := uint64(2 * w)
	if len(h.used) == 0 || h.used[len(h.used)-1] {
		size |= prevUsed
	} else {
		h.Put(at, uint64(at-h.at[len(h.at)-2]))
	}
	h.Put(at+w, size)
	second := uint64(2 * w)
	if h.flags != 0 { // a thread's arena
		second = 0
	}
	h.Put(at+3*w, second|prevUsed)
	h.used = append(h.used, true, true)
	h.at = append(h.at, at+2*w, at+4*w)
}

// From makes chunks go on at an offset.
func (h *Heap) From(at int) { h.at, h.used = append(h.at, at), append(h.used, true) }

// PutBin puts chunks, given by their objects in h, into a bin, from 0 to 126, of the state that
// PutState wrote at an offset of s. s may be h or another memory.
func (s *Heap) PutBin(at, bin int, h *Heap, objects []addr.Addr) {
	w := s.arch.WordSize()
	bins := (at+12+w-1)&^(w-1) + (12+2*bin)*w
	head := s.Base + addr.Addr(bins-2*w)
	put := func(chunk addr.Addr, word int, to addr.Addr) {
		if chunk == head {
			s.Put(bins+(word-2)*w, uint64(to))
		} else {
			h.Put(int(chunk-h.Base)+word*w, uint64(to))
		}
	}
	before := head
	for _, o := range objects {
		chunk := o - addr.Addr(2*w)
		put(before, 2, chunk)
		put(chunk, 3, before)
		before = chunk
	}
	put(before, 2, head)
	put(head, 3, before)
}
