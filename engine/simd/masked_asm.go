//go:build !purego && (amd64 || arm64)

package simd

import "unsafe"

// maskedState is what the assembly is handed.
type maskedState struct {
	blk    block
	first  *[4]maskedProbe // the first probes; the last once more where there are fewer
	probes *maskedProbe    // all of them
	count  int             // of them, at least 1
	wide   int             // not 0 where four are asked for at once
}

// maskedRun is one Scan: the calls of assembly and what lies between them.
type maskedRun struct {
	st   maskedState
	plan *maskedPlan
	dst  []uint32
	b    []byte
	end  int
	kept int // dst[:kept] are hits, what is behind it are candidates
	box  maskedBox
}

// more verifies what the last call found and says whether there is to be
// another one. The first begins at from.
func (r *maskedRun) more(from int) bool {
	blk := &r.st.blk
	if blk.base == nil {
		if !blk.begin(r.dst, r.b, from, r.end) {
			return false
		}
		r.st.first = &r.plan.first
		r.st.probes, r.st.count = unsafe.SliceData(r.plan.probes), len(r.plan.probes)
		if r.plan.wide {
			r.st.wide = 1
		}
	} else if !r.plan.exact {
		blk.n = r.kept + r.plan.keep(r.b, r.dst[r.kept:blk.n], &r.box)
		r.kept = blk.n
	}
	return blk.more(int(r.plan.probes[0].off), r.end, 1)
}
