//go:build !purego && (amd64 || arm64)

package simd

import "unsafe"

// literalState is what the assembly is handed.
type literalState struct {
	blk    block
	probes *probe // the first two are loaded at every start, the rest where these agree
	count  int    // of them, at least 1
}

// literalRun is one Scan: the calls of assembly and what lies between them.
type literalRun struct {
	st   literalState
	plan *literalPlan
	dst  []uint32
	b    []byte
	end  int
	kept int // dst[:kept] are hits, what is behind it are candidates
	box  zbox
}

// more verifies what the last call found and says whether there is to be
// another one. The first begins at from.
func (r *literalRun) more(from int) bool {
	blk := &r.st.blk
	if blk.base == nil {
		if !blk.begin(r.dst, r.b, from, r.end) {
			return false
		}
		r.st.probes, r.st.count = unsafe.SliceData(r.plan.probes), len(r.plan.probes)
	} else if !r.plan.exact() {
		blk.n = r.kept + r.plan.keep(r.plan.lit, r.b, r.dst[r.kept:blk.n], &r.box)
		r.kept = blk.n
	}
	return blk.more(int(r.plan.probes[0].off), r.end, 1)
}
