// Package heap recognises the heaps of glibc's malloc in a memory image: which objects
// the program was given, and which of them are free. It is for programs that use vscan
// as a library.
//
//	heaps, err := heap.Find(ctx, space, addr.LE64)
//	for _, o := range heaps.Objects() { … }   // ascending
//	i := heaps.Index(a, &hint)                // the object that an address is in
//	heaps.Own()                               // memory that malloc keeps for itself
//	heaps.Account()                           // what was understood, and why the rest was not
//
// Arenas are found by the bins in their states (state.go), the heaps of threads by
// their heads (arena.go), that of the main arena by its state and malloc's parameters
// (mainarena.go, parameters.go), or else by form; chunks that were mapped one by one
// by their heads and how many malloc counts (mapped.go). Chunks are followed one by one
// (walk.go), past damage to the next that others follow (resume.go), and never into one
// that a bin holds (bins.go). What waits to be given out again, in fastbins and
// threads' caches, is told from what is in use (fastbin.go, tcache.go). All versions of
// glibc from 2.17 on are known, words of 4 and 8 bytes in both orders.
//
// Images can be damaged or hostile. No length is believed that neighbours do not bear
// out, every step is bounded by the memory that the image holds, and what was not
// understood is a [Gap]. An object of which a gap tells nothing and that a bin or a
// cache does not hold may yet be wrong where its size was changed to one that leads to
// another chunk.
//
// What refers to what is package graph's matter.
package heap

import (
	"cmp"
	"context"
	"slices"

	"vscan/engine"
	"vscan/engine/addr"
)

// State says what is known of an object.
type State uint8

const (
	Used    State = iota // in use
	Free                 // free
	Cached               // freed, and kept in a thread's cache (tcache)
	Fastbin              // freed, and kept in a fastbin of its arena
)

// String is "used", "free", "cached" or "fast".
func (s State) String() string { return []string{"used", "free", "cached", "fast"}[min(s, Fastbin)] }

// Object is an allocation: the bytes that the program was given.
type Object struct {
	addr.Range
	State State
}

// Heaps is the objects of all heaps that were recognised, by address.
type Heaps struct {
	objects  []Object
	runs     []runIndex // of chunks, ascending
	internal []addr.Range
	account  Account
}

// Objects returns all objects, by address. It must not be changed.
func (h *Heaps) Objects() []Object { return h.objects }

// Options says what Find is told besides memory. The zero value works.
type Options struct {
	// ThreadPointers are the thread pointers of the process's threads, where they
	// are known. They tell the caches of threads that hold nothing; without them,
	// such a cache may count as an object in use.
	ThreadPointers []addr.Addr
}

// Find recognises heaps among the mappings of a space that may be written and are
// no files. The error is the cause of the context's end.
func Find(ctx context.Context, space *engine.Space, arch addr.Arch, o Options) (*Heaps, error) {
	f := newFinder(ctx, newMemory(space, arch))
	f.threads = o.ThreadPointers
	if err := f.find(); err != nil {
		return nil, err
	}
	h := f.heaps()
	if err := f.fillAccount(h); err != nil {
		return nil, err
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return h, nil
}

func newFinder(ctx context.Context, m *memory) *finder {
	k := &walker{reader: m.reader(walkBytes), ctx: ctx, look: m.reader(walkBytes)}
	return &finder{memory: m, ctx: ctx, walker: k, read: m.reader(lookBytes)}
}

// find finds all heaps: what their arenas tell of them first.
func (f *finder) find() error {
	if err := f.mainStates(); err != nil {
		return err
	}
	slices.SortStableFunc(f.states, func(a, b state) int { // what is contiguous belongs to none of the others
		switch {
		case a.notContiguous == b.notContiguous:
			return 0
		case b.notContiguous:
			return -1
		}
		return 1
	})
	for i := range f.states {
		if err := f.mainArena(&f.states[i]); err != nil {
			return err
		}
	}
	if err := f.threadArenas(); err != nil {
		return err
	}
	if err := f.heapsByForm(); err != nil {
		return err
	}
	return f.mappedChunks()
}

// heaps puts together what was found.
func (f *finder) heaps() *Heaps {
	h := &Heaps{}
	runs := f.walker.runs
	slices.SortFunc(runs, func(a, b run) int { return cmp.Compare(a.First, b.First) })
	count := 0
	for _, r := range runs {
		count += max(r.hi-r.lo, 1)
	}
	h.objects = make([]Object, 0, count)
	end := addr.Addr(0)
	for _, r := range runs {
		if r.First < end { // two heaps cannot lie in one place
			continue
		}
		end = r.Last + 1
		n := len(h.objects)
		h.objects = f.walker.objects(r, h.objects)
		x := newRunIndex(r.Range, n, h.objects)
		x.mapped = r.lo == r.hi
		h.runs = append(h.runs, x)
	}
	f.walker.chunks, f.walker.runs = nil, nil
	slices.SortFunc(f.walker.gaps, func(a, b Gap) int { return cmp.Compare(a.First, b.First) })
	f.mark(h)
	h.internal = addr.Merge(f.internal)
	return h
}

// mark marks the objects that are free and in a list.
func (f *finder) mark(h *Heaps) {
	m := &marker{Heaps: h, r: f.reader(1 << 12), gaps: f.walker.gaps, budget: 4*len(h.objects) + 1<<12}
	m.r.aligned = true
	for _, r := range f.fastHeads {
		for a := r.First; a <= r.Last-(f.word-1); a += f.word {
			m.markFast(a)
		}
	}
	known := map[addr.Addr]bool{}
	for _, a := range f.walker.caches {
		i := m.starting(a)
		if i < 0 || h.objects[i].State != Used {
			continue
		}
		if m.markCache(i, &h.runs[m.hint]) {
			f.internal = append(f.internal, h.objects[i].Range)
			known[a] = true
		}
	}
	f.cachesOfThreads(m, f.threads, known)
	f.markInGaps(m)
	f.walker.gaps = append(f.walker.gaps, m.broken...)
	slices.SortStableFunc(f.walker.gaps, func(a, b Gap) int { return cmp.Compare(a.First, b.First) })
}

// markInGaps looks for caches whose heads are damaged.
func (f *finder) markInGaps(m *marker) {
	tries := 1 << 12
	for _, g := range m.gaps {
		a := g.First + 2*f.word
		if g.Size() < uint64(cacheForms[0].bytes(f.word)) || tries == 0 {
			continue
		}
		tries--
		for _, c := range cacheForms {
			if r, ok := addr.Sized(a, uint64(c.bytes(f.word))); ok && g.Covers(r) && m.markLists(a, c, false) {
				f.internal = append(f.internal, r)
			}
		}
	}
}
