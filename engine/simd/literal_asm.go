//go:build !purego && (amd64 || arm64)

package simd

import "unsafe"

// literalState is what the assembly is handed.
type literalState struct {
	blk    block
	probes *probe // the first two are compared at every start, the others where these agree
	count  int    // the number of probes, at least 1
	near   int    // the number of groups in which the first probes agreed somewhere; a call adds to it
}

// literalRun is one Scan: the calls of assembly and what lies between them.
type literalRun struct {
	st   literalState
	plan *literalPlan
	dst  []uint32
	b    []byte
	end  int
	kept int // dst[:kept] are hits, what lies behind are candidates
	box  VerifierBox

	began int // the first start of the last call
}

// more verifies what the last call found, and reports whether another one has
// to be made. The first call begins at from.
func (r *literalRun) more(from int) bool {
	blk := &r.st.blk
	if blk.base == nil {
		if !blk.begin(r.dst, r.b, from, r.end) {
			return false
		}
	} else {
		if !r.plan.exact() {
			blk.n = r.kept + r.plan.Keep(r.plan.lit, r.b, r.dst[r.kept:blk.n], &r.box)
		}
		if r.plan.disappoints(r.st.near - (blk.n - r.kept)) {
			r.plan.retune(r.b, r.began, blk.pos)
		}
		r.kept = blk.n
	}
	probes := r.plan.tuned.Load().probes
	r.st.probes, r.st.count, r.st.near, r.began = unsafe.SliceData(probes), len(probes), 0, blk.pos
	return blk.more(int(probes[0].off), r.end, 1)
}
