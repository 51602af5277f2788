package heap

import (
	"context"
	"fmt"

	"vscan/engine"
	"vscan/engine/addr"
)

// Arenas of threads (malloc/arena.c). Their memory is heaps. Each begins at a multiple of
// the largest size that a heap can have, which is 64 MiB, or 1 MiB where words have 4 bytes:
//
//	heap_info:  state *ar_ptr       the arena's state
//	            heap_info *prev     the arena's heap before this one, 0 in the first
//	            word size           bytes of the heap
//	            word mprotect_size  bytes of the heap and of what it gave back, which may be written
//	            …                   pagesize since glibc 2.35, padding
//
//	first heap  | heap_info | state | chunk | chunk | … | fenceposts |
//	next ones   | heap_info | chunk | chunk | … | fenceposts |
//	last one    | heap_info | chunk | chunk | … | top              | given back |
//
// With huge pages (glibc.malloc.hugetlb) the largest size is smaller, so all multiples of
// 1 MiB are looked at.

// threadHeap is a heap of an arena of threads.
type threadHeap struct {
	addr.Range              // what its size says
	spare         addr.Addr // the last address of what it gave back and may still be written
	arena, before addr.Addr
}

// finder is what Find has found so far.
type finder struct {
	*memory
	ctx       context.Context
	walker    *walker
	read      *reader
	states    []state      // the states of main arenas
	params    []parameters // the parameters of each of them
	taken     []addr.Range // the memory of heaps, not sorted
	internal  []addr.Range
	fastHeads []addr.Range // ranges of words that are the heads of fastbins
	arenas    []Arena

	threads []addr.Addr // thread pointers
}

// heapInfo reads the head of the heap that may lie at an address of a span, and reports
// whether it makes sense.
func (f *finder) heapInfo(at addr.Addr, s *span) (h threadHeap, ok bool) {
	const least = 4096
	w := f.word
	arena, before := f.read.pointer(at), f.read.pointer(at+w)
	size, ok := f.read.wordAt(at + 2*w)
	may, _ := f.read.wordAt(at + 3*w)
	if !ok || size < least || size%engine.PageSize != 0 || size-1 > uint64(s.Last-at) || size > uint64(f.largest()) || before%engine.PageSize != 0 || before == at {
		return h, false
	}
	if may != 0 && (may < size || may%engine.PageSize != 0 || may > uint64(f.largest())) {
		return h, false
	}
	if before == 0 && (arena < at+4*w || arena > at+16*w) || before != 0 && arena%w != 0 || arena == 0 {
		return h, false
	}
	h = threadHeap{Range: addr.Range{First: at, Last: at + addr.Addr(size) - 1}, arena: arena, before: before}
	h.spare = min(s.Last, max(h.Last, at+addr.Addr(may)-1))
	if may == 0 {
		h.spare = h.Last
	}
	return h, true
}

// largest returns the largest size of a heap in bytes.
func (f *finder) largest() addr.Addr {
	if f.word == 4 {
		return 1 << 20
	}
	return 64 << 20
}

// threadHeaps finds the heads of the heaps of threads' arenas.
func (f *finder) threadHeaps() (heaps []threadHeap, err error) {
	step := addr.Addr(1 << 20)
	for i := range f.spans {
		s := &f.spans[i]
		first, ok := s.First.AlignUp(uint64(step))
		for at := first; ok && at < s.Last; {
			if err := context.Cause(f.ctx); err != nil {
				return nil, err
			}
			if h, is := f.heapInfo(at, s); is {
				heaps = append(heaps, h)
			}
			if v := f.space.At(at); v.State() != engine.Present && v.Last-at > step { // the image holds nothing there
				at = v.Last &^ (step - 1)
			}
			if at > addr.Max-step {
				break
			}
			at += step
		}
	}
	return heaps, nil
}

// threadArenas follows the chunks of all arenas of threads.
func (f *finder) threadArenas() error {
	heaps, err := f.threadHeaps()
	if err != nil {
		return err
	}
	of := map[addr.Addr][]threadHeap{}
	var order []addr.Addr
	for _, h := range heaps {
		if len(of[h.arena]) == 0 {
			order = append(order, h.arena)
		}
		of[h.arena] = append(of[h.arena], h)
	}
	for _, at := range order {
		if err := f.threadArena(at, of[at]); err != nil {
			return err
		}
	}
	return nil
}

// threadArena follows the chunks of one arena, whose state is expected at an address.
func (f *finder) threadArena(at addr.Addr, heaps []threadHeap) error {
	var s state
	for _, h := range heaps {
		if h.before != 0 {
			continue
		}
		for _, found := range f.read.states(f.ctx, addr.Range{First: at, Last: at + 2*binCount*f.word}, 1) {
			s = found
			s.start = at
			f.read.readFlags(&s)
		}
	}
	a := Arena{Kind: ArenaThread, At: at}
	var binned []addr.Addr
	if s.bins != 0 {
		binned = f.binned(&s)
	}
	for _, h := range heaps {
		ok, err := f.threadHeap(h, &s, binned)
		if err != nil {
			return err
		}
		if !ok {
			a.Refused = fmt.Sprintf("the heap at %v has no chunks that lead from one to the next", h.First)
			if s.bins != 0 {
				f.walker.gaps = append(f.walker.gaps, Gap{h.Range, a.Refused})
			}
			continue
		}
		a.Heaps = append(a.Heaps, h.Range)
		f.taken = append(f.taken, addr.Range{First: h.First, Last: h.spare})
		if h.spare > h.Last {
			f.internal = append(f.internal, addr.Range{First: h.Last + 1, Last: h.spare})
		}
	}
	if len(a.Heaps) > 0 {
		a.Refused = ""
	}
	if s.bins != 0 {
		f.fastbins(&s)
	}
	f.arenas = append(f.arenas, a)
	return nil
}

// threadHeap follows the chunks of one heap, and reports whether there are any. The heads in
// front of the chunks are of different length in different versions: the right one is the one
// behind which chunks lead on.
func (f *finder) threadHeap(h threadHeap, s *state, binned []addr.Addr) (bool, error) {
	w := f.word
	g := chunkRange{end: h.Last + 1, other: chunkOther, exact: s.bins == 0, binned: binned}
	if h.Contains(s.top) {
		g.top = s.top
	}
	first, reach := h.First+4*w, 4*w
	switch {
	case s.bins != 0 && h.Contains(s.bins):
		first = s.end
	case h.before == 0: // the chunks come behind a state that is damaged, or of a version that is not known
		first, reach = h.arena+2*binCount*w, 40*w
	}
	first = (first + 2*w - 1) &^ (2*w - 1)
	if ok, err := f.threadHeapFrom(h, g, first, reach); ok || err != nil {
		return ok, err
	}
	if !g.exact { // the first chunks are damaged
		g.first = first
		ok, err := f.walker.followRange(g)
		if ok {
			f.internal = append(f.internal, addr.Range{First: h.First, Last: first - 1})
		}
		return ok, err
	}
	damaged := g
	damaged.exact, damaged.first = false, first
	r, err := f.damaged(damaged)
	if r.Last > 0 || err != nil {
		f.internal = append(f.internal, addr.Range{First: h.First, Last: first - 1})
		return err == nil, err
	}
	return f.threadHeapFrom(h, g, first, 1<<12)
}

// threadHeapFrom follows the chunks of a heap from the first address on from which they lead
// on, of those that are less than reach bytes behind first.
func (f *finder) threadHeapFrom(h threadHeap, g chunkRange, first, reach addr.Addr) (bool, error) {
	for at := first; at < first+reach && at < g.end; at += 2 * f.word {
		g.first = at
		c, bad := f.walker.head(at, &g)
		if bad != fine || !c.prevUsed && g.exact || !g.exact && !f.walker.leads(c, &g, chunksToCheck) && at != g.top {
			continue
		}
		ok, err := f.walker.followRange(g)
		if ok {
			f.internal = append(f.internal, addr.Range{First: h.First, Last: at - 1})
		}
		if ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}
