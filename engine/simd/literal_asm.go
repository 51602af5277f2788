//go:build !purego && (amd64 || arm64)

package simd

import "unsafe"

// literalState is what the assembly is handed.
type literalState struct {
	blk      block
	probes   *probe // the first two are loaded at every start, the rest where these agree
	count    int    // of them, at least 1
	distance int    // from the second probe to the first, 1 to 63
	near     int    // counted up for each group in which the first probes agreed somewhere
}

// literalRun is one Scan: the calls of assembly and what lies between them.
type literalRun struct {
	st   literalState
	plan *literalPlan
	dst  []uint32
	b    []byte
	end  int
	kept int // dst[:kept] are hits, what is behind it are candidates
	box  VerifierBox

	began int // where the last call began
}

// more verifies what the last call found and says whether there is to be
// another one. The first begins at from.
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
	if len(probes) > 1 {
		r.st.distance = int(probes[0].off) - int(probes[1].off)
	}
	return blk.more(int(probes[0].off), r.end, 1)
}
