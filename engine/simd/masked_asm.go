//go:build !purego && (amd64 || arm64)

package simd

import "unsafe"

// maskedState is what the assembly is handed.
type maskedState struct {
	blk      block
	first    [4]probe // the first four probes; the last one is repeated where there are fewer
	probes   *probe   // all probes
	count    int      // the number of probes, at least 1
	distance int      // in bytes, from the second probe to the first, 0 to 63, where they are a pair
	wide     int      // not 0 where the first four are compared at every start, and not the pair
	near     int      // the number of groups in which these agreed somewhere; a call adds to it
}

// use makes the next call compare the probes in this order.
func (st *maskedState) use(o *order) {
	st.probes, st.count = unsafe.SliceData(o.probes), len(o.probes)
	for i := range st.first {
		st.first[i] = o.probes[min(i, len(o.probes)-1)]
	}
	st.distance = int(st.first[0].off) - int(st.first[1].off)
	st.wide = 0
	if o.wide {
		st.wide = 1
	}
}

// maskedRun is one Scan: the calls of assembly and what lies between them.
type maskedRun struct {
	st   maskedState
	plan *maskedPlan
	dst  []uint32
	b    []byte
	end  int
	kept int // dst[:kept] are hits, what lies behind are candidates
	box  maskedBox

	began int // the first start of the last call
}

// more verifies what the last call found, and reports whether another one has
// to be made. The first call begins at from.
func (r *maskedRun) more(from int) bool {
	blk := &r.st.blk
	if blk.base == nil {
		if !blk.begin(r.dst, r.b, from, r.end) {
			return false
		}
	} else {
		if !r.plan.exact {
			blk.n = r.kept + r.plan.keep(r.b, r.dst[r.kept:blk.n], &r.box)
		}
		if r.plan.disappoints(r.st.near - (blk.n - r.kept)) {
			r.plan.retune(r.b, r.began, blk.pos)
		}
		r.kept = blk.n
	}
	r.st.use(r.plan.tuned.Load())
	r.st.near, r.began = 0, blk.pos
	return blk.more(int(r.st.first[0].off), r.end, 1)
}
