// Package heap recognises the heaps of glibc's malloc in a memory image: which objects
// the program was given, and which of them are free. It is for programs that use vscan
// as a library. Which object refers to which is asked of package graph.
//
//	heaps, err := heap.Find(ctx, space, arch, heap.Options{})
//
//	question                                       asked of
//	which objects there are, and which are free    Heaps.Objects
//	which object an address is in                  Heaps.Index
//	whether an address is in a heap at all         Heaps.Contains
//	what malloc keeps for itself                   Heaps.Internal
//	what was understood, and why the rest was not  Heaps.Account
//	whose the rest may be                          Account.OtherAllocators
//
// Arenas are found by the bins in their states (state.go). The heaps of threads are
// found by their heads (arena.go), that of the main arena by its state and malloc's
// parameters (mainarena.go, first.go, parameters.go), or else by its form. Chunks that were mapped
// one by one are found by their heads and by how many malloc counts (mapped.go). Chunks
// are followed one by one (walk.go), past damage to the next one that others follow
// (resume.go), and never into one that a bin holds (bins.go). Objects that wait to be
// given out again, in fastbins and in the caches of threads, are told from those in use
// (fastbin.go, tcache.go). All versions of glibc from 2.17 on are known, with words of 4
// and 8 bytes in both byte orders.
//
// Images can be damaged or hostile. No length is believed that the neighbours do not
// confirm, every step is bounded by the memory that the image holds, and what was not
// understood is a [Gap]. One kind of error remains: an object that no gap speaks of, and
// that no bin or cache holds, may be wrong where its size was changed to one that leads
// to another chunk.
package heap

import (
	"cmp"
	"context"
	"slices"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/budget"
)

// State says what is known of an object.
type State uint8

const (
	Used    State = iota // in use by the program
	Free                 // free, and in a bin, or the top of its arena
	Cached               // freed, and kept in the cache of a thread (tcache)
	Fastbin              // freed, and kept in a fastbin of its arena
)

// String returns "used", "free", "cached" or "fast".
func (s State) String() string { return []string{"used", "free", "cached", "fast"}[min(s, Fastbin)] }

// Object is an allocation: the bytes that the program was given.
type Object struct {
	addr.Range
	State State
}

// Heaps is the objects of all heaps that were recognised, by address. It is immutable and
// safe for concurrent use.
type Heaps struct {
	objects  []Object
	runs     []runIndex // of chunks, ascending
	internal []addr.Range
	account  Account
}

// Objects returns all objects, ascending by address and disjoint. The caller must not
// change it.
func (h *Heaps) Objects() []Object { return h.objects }

// Options says what Find is told besides memory. The zero value works.
type Options struct {
	// ThreadPointers are the thread pointers of the threads of the process, where they
	// are known: Thread.Pointer of image.Image.Threads. They tell the caches of threads
	// that hold nothing. Without them, such a cache may count as an object in use.
	ThreadPointers []addr.Addr

	// Budget is asked for the memory of chunks and objects before it is spent. It stays
	// taken as long as the Heaps are used: the caller gives a Share, and releases that. Nil
	// has no limit.
	Budget *budget.Budget
}

// Find recognises heaps among the mappings of a space that may be written and belong to
// no file. arch is the word size and byte order. The error is the cause of the context's
// end, or that of the budget: a space without heaps is none.
func Find(ctx context.Context, space *engine.Space, arch addr.Arch, o Options) (*Heaps, error) {
	if err := space.Index(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	f := newFinder(ctx, newMemory(space, arch))
	f.threads, f.walker.budget, f.walker.stop = o.ThreadPointers, o.Budget, cancel
	if err := f.find(); err != nil {
		return nil, err
	}
	h := f.heaps()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if err := f.fillAccount(h); err != nil {
		return nil, err
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return h, nil
}

// newFinder prepares a search in memory.
func newFinder(ctx context.Context, m *memory) *finder {
	k := &walker{reader: m.reader(walkBytes), ctx: ctx, look: m.reader(walkBytes)}
	return &finder{memory: m, ctx: ctx, walker: k, read: m.reader(lookBytes)}
}

// find finds all heaps, at first those that arenas tell of.
func (f *finder) find() error {
	if err := f.mainStates(); err != nil {
		return err
	}
	slices.SortStableFunc(f.states, func(a, b state) int { // contiguous arenas come first: their memory belongs to none of the others
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
	if err := f.walker.budget.Take(uint64(count)*objectBytes, forObjects); err != nil {
		f.walker.stop(err)
		return h
	}
	h.objects = make([]Object, 0, count)
	end := addr.Addr(0)
	for _, r := range runs {
		if f.ctx.Err() != nil {
			return h // Find returns the error
		}
		if r.First < end { // INVARIANT: runs are disjoint, since two heaps cannot lie in one place
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
	f.walker.budget.Give(uint64(f.walker.room) * chunkBytes)
	f.walker.room = 0
	slices.SortFunc(f.walker.gaps, func(a, b Gap) int { return cmp.Compare(a.First, b.First) })
	f.mark(h)
	h.internal = addr.Merge(f.internal)
	return h
}

// mark marks the objects that are free and in the list of a fastbin or cache.
func (f *finder) mark(h *Heaps) {
	m := &marker{Heaps: h, r: f.reader(1 << 12), gaps: f.walker.gaps, budget: 4*len(h.objects) + 1<<12}
	m.r.aligned = true
	for _, r := range f.fastHeads {
		for a := r.First; a <= r.Last-(f.word-1) && f.ctx.Err() == nil; a += f.word {
			m.markFast(a)
		}
	}
	known := map[addr.Addr]bool{}
	for _, a := range f.walker.caches {
		if f.ctx.Err() != nil {
			return // Find returns the error
		}
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
	if k := len(f.walker.caches); k >= maxCaches {
		last := f.walker.caches[k-1]
		f.bound(addr.Range{First: last, Last: last}, "object %v: %d objects of the size of a cache are looked at: in caches behind it, objects that were freed count as in use", last, maxCaches)
	}
	f.walker.gaps = append(append(f.walker.gaps, m.broken...), f.bounds...)
	slices.SortStableFunc(f.walker.gaps, func(a, b Gap) int { return cmp.Compare(a.First, b.First) })
}

// markInGaps looks for the caches of threads whose heads are damaged, so that they lie in
// gaps.
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
