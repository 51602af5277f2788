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
// It lies in the same data as the state of the main arena, and is found by what
// holds of its fields.

// parameters is what is needed of it.
type parameters struct {
	at, end addr.Addr // 0: it was not found
	base    addr.Addr // the first address that brk gave; 0: none
	mapped  uint64    // chunks that are mapped on their own
	bytes   uint64    // and of what they lie in
}

// parametersOf finds the parameters of the malloc whose main arena has a state.
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

// mostMapped is what n_mmaps_max is unless a program has set it.
const mostMapped = 65536

// parametersAt reads parameters that may lie at an address, of glibc before 2.35 or
// since; usual ones have what a program seldom sets.
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
