//go:build !purego && (amd64 || arm64)

package simd

import "unsafe"

// maskedState is what the assembly is handed.
type maskedState struct {
	blk    block
	first  [4]probe  // are compared with memory at every start; the first is the furthest on, or the same
	shift  [4]uint64 // 1 << the distance from each of them to the first, 0 to 63
	probes *probe    // all of them
	count  int       // of them, at least 2
	near   int       // counted up for each group in which the first probes agreed somewhere
}

// use makes a call use the probes in this order: of the first four, those that
// are near the first; it stands in for the others.
func (st *maskedState) use(probes []probe) {
	st.probes, st.count = unsafe.SliceData(probes), len(probes)
	for i := range st.first {
		p := probes[min(i, len(probes)-1)]
		d := probes[0].off - p.off
		if d > maxDistance {
			p, d = probes[0], 0
		}
		st.first[i], st.shift[i] = p, 1<<d
	}
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

	began int // where the last call began
}

// more verifies what the last call found and says whether there is to be
// another one. The first begins at from.
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
		if r.st.near > mayBeNear+(blk.n-r.kept) {
			r.plan.retune(r.b, r.began, blk.pos)
		}
		r.kept = blk.n
	}
	probes := *r.plan.tuned.Load()
	r.st.use(probes)
	r.st.near, r.began = 0, blk.pos
	return blk.more(int(probes[0].off), r.end, 1)
}
