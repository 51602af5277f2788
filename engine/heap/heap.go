// Package heap recognises the heaps of glibc's malloc in a memory image by the
// heads of their chunks: which objects the program was given, and which of them
// are free.
//
//	heaps, err := heap.Find(ctx, space, addr.LE64)
//	for _, o := range heaps.Objects() { … }
//
// What refers to what is package graph's matter.
package heap

import (
	"context"
	"slices"
	"sort"

	"vscan/engine"
	"vscan/engine/addr"
)

// The heap of glibc's malloc. Source: glibc malloc/malloc.c ("Chunk
// representations"), malloc/arena.c (heap_info). A chunk is
//
//	chunk  word   size of the chunk before, where that is free
//	+word  word   size of this one; flags in the low three bits
//	+2word        the object, up to and with the first word of the next chunk
//
// and the next follows at once. Flags: 1 the chunk before is in use, 2 it was
// mapped on its own, 4 it is not of the main arena. So whether a chunk is in use
// is told by the next one. A heap is taken for one only if its chunks, each of
// them sensible, lead exactly to its end:
//
//   - the main heap begins with its mapping and ends with it;
//   - one of another arena begins at a multiple of 64 MiB (1 MiB on 32-bit
//     machines) with a heap_info: the arena, the heap before, and its size; in
//     the first of an arena the arena itself follows;
//   - a chunk that was mapped on its own is whole pages, and begins a mapping or
//     follows another such.
//
// Chunks that have been freed and wait to be given out again, in a thread's
// tcache or in fastbins, are marked as in use. Those of tcaches are recognised
// by following them; those of fastbins are not, and count as used.

// State says what is known of an object.
type State uint8

const (
	Used   State = iota // in use
	Free                // free
	Cached              // freed, and kept in a thread's cache (tcache)
	Fast                // freed, and kept in a fastbin of its arena
)

// String is "used", "free", "cached" or "fast".
func (s State) String() string { return []string{"used", "free", "cached", "fast"}[min(s, Fast)] }

// Object is an allocation: the bytes that the program was given.
type Object struct {
	addr.Range
	State State
}

// Heaps is the objects of all heaps that were recognised, by address.
type Heaps struct {
	objects []Object
	runs    []heapRun // heaps and mapped chunks, ascending
	own     []addr.Range
	account Account
}

// heapRun is objects that lie in one mapping.
type heapRun struct {
	addr.Range
	pages []int32 // of each page: the first object that ends in it or later
}

const (
	chunkPrevUsed = 1
	chunkMapped   = 2
	chunkOther    = 4 // of another arena than the main one
	chunkFlags    = 7
)

// walker reads the words of a heap.
type walker struct {
	space engine.ArchSpace
	word  addr.Addr
	buf   []byte
	first addr.Addr // of buf
}

const walkBytes = 1 << 18

// at is the word at a; false where it cannot be read.
func (w *walker) at(a addr.Addr) (uint64, bool) {
	if off := uint64(a - w.first); a < w.first || off+uint64(w.word) > uint64(len(w.buf)) {
		w.buf = slices.Grow(w.buf[:0], walkBytes)[:walkBytes]
		n, _ := w.space.Read(w.buf, a)
		w.buf, w.first = w.buf[:n], a
	}
	if len(w.buf) < int(w.word) || a < w.first || uint64(a-w.first)+uint64(w.word) > uint64(len(w.buf)) {
		return 0, false
	}
	return w.space.Arch().Order().Uint(w.buf[a-w.first:][:w.word]), true
}

// Find recognises heaps among the mappings of a space that may be written
// and are no files. The error is the cause of the context's end.
func Find(ctx context.Context, space *engine.Space, arch addr.Arch) (*Heaps, error) {
	h := &Heaps{}
	w := &walker{space: space.For(arch), word: addr.Addr(arch.WordSize())}
	for v := range space.Extents(addr.All) {
		if v.Mapping.Perm != 0 && v.Mapping.Perm&engine.Write == 0 || len(v.Mapping.Name) > 0 && v.Mapping.Name[0] == '/' || v.Last == addr.Max {
			continue
		}
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		n := len(h.objects)
		if !h.mainHeap(w, v.Range) && !h.arenaHeaps(w, v.Range) {
			h.mappedChunks(w, v.Range)
		}
		if len(h.objects) > n {
			h.addRun(h.objects[n:], n)
		}
	}
	return h, nil
}

// walk appends the objects from the chunk at first to end, exclusive, where the
// last chunk, the top, has to end. It is false where a chunk makes no sense, and
// nothing is appended then.
func (h *Heaps) walk(w *walker, first, end addr.Addr, flags uint64) bool {
	n := len(h.objects)
	for at := first; ; {
		size, ok := w.at(at + w.word)
		length := addr.Addr(size &^ chunkFlags)
		of := size & (chunkMapped | chunkOther)
		if of == 0 && length == end-at {
			of = flags // the top does not say whose it is
		}
		if !ok || length < 4*w.word || length%(2*w.word) != 0 || length > end-at || of != flags || at == first && size&chunkPrevUsed == 0 {
			h.objects = h.objects[:n]
			return false
		}
		if at > first && size&chunkPrevUsed == 0 {
			h.objects[len(h.objects)-1].State = Free
		}
		o := Object{Range: addr.Range{First: at + 2*w.word, Last: at + length + w.word - 1}}
		if at += length; at == end { // the top, which is free, has no chunk behind it
			o.Last, o.State = end-1, Free
			h.objects = append(h.objects, o)
			break
		}
		h.objects = append(h.objects, o)
	}
	if len(h.objects)-n < 2 { // one size that happens to be right is no heap
		h.objects = h.objects[:n]
		return false
	}
	h.tcache(w, n)
	return true
}

func (h *Heaps) mainHeap(w *walker, r addr.Range) bool {
	return h.walk(w, r.First, r.Last+1, 0)
}

// arenaHeaps finds the heap of an arena at the start of a mapping, and those
// that follow in it.
func (h *Heaps) arenaHeaps(w *walker, r addr.Range) bool {
	largest := addr.Addr(64 << 20)
	if w.word == 4 {
		largest = 1 << 20
	}
	found := false
	for first := r.First; first%largest == 0 && first <= r.Last; first += largest {
		arena, ok1 := w.at(first)
		before, ok2 := w.at(first + w.word)
		size, ok3 := w.at(first + 2*w.word)
		end := first + addr.Addr(size)
		if !ok1 || !ok2 || !ok3 || size < 4096 || addr.Addr(size) > largest || end-1 > r.Last || addr.Addr(before)%largest != 0 {
			break
		}
		// How long the heads are differs between versions: what comes behind them
		// has to lead to the end.
		start, reach := first+4*w.word, addr.Addr(128)
		if before == 0 {
			if addr.Addr(arena) < first || addr.Addr(arena) > first+16*w.word {
				break
			}
			start, reach = addr.Addr(arena), 1<<12
		}
		ok := false
		for at := start &^ (2*w.word - 1); !ok && at < start+reach && at < end; at += 2 * w.word {
			ok = h.walk(w, at, end, chunkOther)
		}
		if !ok {
			break
		}
		if found = true; first > addr.Max-largest {
			break
		}
	}
	return found
}

// mappedChunks finds chunks that were mapped on their own.
func (h *Heaps) mappedChunks(w *walker, r addr.Range) {
	for at := r.First; at%engine.PageSize == 0 && at < r.Last; {
		before, ok1 := w.at(at)
		size, ok2 := w.at(at + w.word)
		length := addr.Addr(size &^ chunkFlags)
		if !ok1 || !ok2 || before >= engine.PageSize || size&chunkFlags != chunkMapped || length == 0 || length%engine.PageSize != 0 || length-1 > r.Last-at {
			return
		}
		h.objects = append(h.objects, Object{Range: addr.Range{First: at + 2*w.word, Last: at + length - 1}})
		at += length
	}
}

// tcache marks the objects that the thread's cache holds, if the first object
// from n on is one: counts of 64 sizes, of 2 bytes each, or of 1 before glibc
// 2.30, and 64 lists. From 2.32 on the links of a list are xored with the
// address of the link, shifted right by 12.
func (h *Heaps) tcache(w *walker, n int) {
	const bins = 64
	cache := h.objects[n]
	size := addr.Addr(cache.Last-cache.First) + 1
	width := addr.Addr(2)
	if size < bins*(2+w.word) {
		width = 1
	}
	if need := bins * (width + w.word); size < need || size > need+4*w.word {
		return
	}
	for i := range addr.Addr(bins) {
		head, ok := w.at(cache.First + bins*width + i*w.word)
		var b [2]byte
		if _, err := w.space.Read(b[:width], cache.First+i*width); err != nil || !ok {
			return
		}
		count := w.space.Arch().Order().Uint(b[:width])
		for at := addr.Addr(head); at != 0 && count > 0; count-- {
			k := n + sort.Search(len(h.objects)-n, func(i int) bool { return h.objects[n+i].First >= at })
			if k == len(h.objects) || h.objects[k].First != at || h.objects[k].State == Free {
				break
			}
			h.objects[k].State = Cached
			link, ok := w.at(at)
			if !ok {
				break
			}
			next := addr.Addr(link)
			if mangled := addr.Addr(link ^ uint64(at)>>12); mangled%(2*w.word) == 0 && (mangled == 0 || h.startsAt(n, mangled)) {
				next = mangled
			}
			at = next
		}
	}
}

// startsAt says whether an object from n on starts at a.
func (h *Heaps) startsAt(n int, a addr.Addr) bool {
	_, ok := slices.BinarySearchFunc(h.objects[n:], a, func(o Object, a addr.Addr) int {
		switch {
		case o.First < a:
			return -1
		case o.First > a:
			return 1
		}
		return 0
	})
	return ok
}

// addRun indexes the objects of a mapping, which are those from n on.
func (h *Heaps) addRun(objects []Object, n int) {
	r := heapRun{Range: addr.Range{First: objects[0].First &^ (engine.PageSize - 1), Last: objects[len(objects)-1].Last}}
	r.pages = make([]int32, uint64(r.Last-r.First)/engine.PageSize+1)
	page := 0
	for i, o := range objects {
		for ; page <= int(uint64(o.Last-r.First)/engine.PageSize); page++ {
			r.pages[page] = int32(n + i)
		}
	}
	h.runs = append(h.runs, r)
}

// Objects is all objects, by address. It must not be changed.
func (h *Heaps) Objects() []Object { return h.objects }

// Index is the index of the object that an address is in; −1 where it is in
// none.
func (h *Heaps) Index(a addr.Addr, hint *int) int {
	k := *hint
	if k >= len(h.runs) || !h.runs[k].Contains(a) {
		k = sort.Search(len(h.runs), func(i int) bool { return h.runs[i].Last >= a })
		if k == len(h.runs) || h.runs[k].First > a {
			return -1
		}
		*hint = k
	}
	r := &h.runs[k]
	lo := int(r.pages[uint64(a-r.First)/engine.PageSize])
	for lo < len(h.objects) && h.objects[lo].Last < a { // a page has some hundred at most
		lo++
	}
	if lo == len(h.objects) || h.objects[lo].First > a {
		return -1
	}
	return lo
}

// Contains says whether an address is in a heap, be it in the head of a chunk.
func (h *Heaps) Contains(a addr.Addr) bool {
	_, ok := slices.BinarySearchFunc(h.runs, a, func(r heapRun, a addr.Addr) int {
		switch {
		case r.Last < a:
			return -1
		case r.First > a:
			return 1
		}
		return 0
	})
	return ok
}
