package heap

import "vscan/engine/addr"

// malloc's parameters and counts (malloc/malloc.c, struct malloc_par mp_):
//
//	word trim_threshold, top_pad, mmap_threshold, arena_test, arena_max
//	word thp_pagesize, hp_pagesize; int hp_flags    since glibc 2.35
//	int n_mmaps, n_mmaps_max, max_n_mmaps, no_dyn_threshold
//	word mmapped_mem, max_mmapped_mem
//	word max_total_mem                              before 2.24
//	char *sbrk_base
//	…                                               of tcaches, since 2.26
//
// They lie in the same data as the state of the main arena, and are found by what always holds
// of their fields: a count is not above its peak, bytes are whole pages, sbrk_base is in
// memory that may be written.

// parameters is what is needed of malloc's parameters.
type parameters struct {
	at, end addr.Addr // where they lie: at ≤ address < end; 0 where they were not found
	base    addr.Addr // the first address that brk gave; 0 where it gave none
	mapped  uint64    // how many chunks are mapped on their own
	bytes   uint64    // the bytes of what was mapped for these
}

// parametersOf finds the parameters of the malloc whose main arena has a state. Those with usual
// values are looked for first.
func (f *finder) parametersOf(s *state) parameters {
	const near = 1 << 16
	in := f.space.At(s.bins).Range
	first := max(in.First, s.bins-min(s.bins, near))
	last := min(in.Last, s.bins+near)
	r := f.reader(near)
	for _, usual := range []bool{true, false} {
		for at := first.AlignDown(uint64(f.word)); at < last; at += f.word {
			for _, old := range []bool{false, true} {
				if p, ok := f.parametersAt(r, at, s, old, usual); ok {
					return p
				}
			}
		}
	}
	return parameters{}
}

// mostMapped is n_mmaps_max unless a program has set it.
const mostMapped = 65536

// parametersAt reads the parameters that may lie at an address, and reports whether they make
// sense. old are those of glibc before 2.35; usual ones have the value of n_mmaps_max that a
// program seldom changes.
func (f *finder) parametersAt(r *reader, at addr.Addr, s *state, old, usual bool) (p parameters, ok bool) {
	w := f.word
	threshold, _ := r.wordAt(at + 2*w)
	if threshold == 0 || threshold > 1<<40 {
		return p, false
	}
	counts := at + 5*w
	if !old {
		counts += 2*w + 4
	}
	n, most, peak := r.uint(counts, 4), r.uint(counts+4, 4), r.uint(counts+8, 4)
	fixed := r.uint(counts+12, 4)
	if usual != (most == mostMapped) || n > peak || most > 1<<31 || peak > 1<<31 || fixed > 1 || most < n {
		return p, false
	}
	sums := (counts + 16 + w - 1) &^ (w - 1)
	mem, _ := r.wordAt(sums)
	memPeak, _ := r.wordAt(sums + w)
	if mem > memPeak || mem%4096 != 0 || memPeak%4096 != 0 || (n == 0) != (mem == 0) || (peak == 0) != (memPeak == 0) || mem < n*4096 {
		return p, false
	}
	test, _ := r.wordAt(at + 3*w)
	arenas, _ := r.wordAt(at + 4*w)
	if test > 1<<20 || arenas > 1<<20 {
		return p, false
	}
	for i := range addr.Addr(2) {
		base := r.pointer(sums + (2+i)*w)
		if in := f.spanOf(base); in == nil && (base != 0 || i == 1 || !s.initial(w) && !s.notContiguous) || base > s.top && !s.notContiguous && !s.initial(w) {
			continue
		}
		if !usual && (base == 0 || test == 0) {
			continue
		}
		return parameters{at, sums + (3+i)*w, base, n, mem}, true
	}
	return p, false
}
