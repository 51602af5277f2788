//go:build !purego

package simd

import "unsafe"

// literalsAssembled is the kernels of literal_amd64.s.
var literalsAssembled = []implementation[*literalPlan]{
	{level: AVX2, needs: literalAVX2Needs, make: newLiteralAVX2},
	{level: AVX512, needs: literalAVX512Needs, make: newLiteralAVX512},
}

// Every CPU feature that the instructions of the two kernels need.
var (
	literalAVX2Needs   = features{fAVX, fAVX2, fBMI1, fBMI2, fPOPCNT}
	literalAVX512Needs = features{fAVX, fAVX512F, fAVX512BW, fBMI1, fBMI2, fPOPCNT}
)

//go:noescape
func scanLiteralAVX2(st *literalState)

//go:noescape
func scanLiteralAVX512(st *literalState)

// literalState is what the assembly is handed.
type literalState struct {
	blk    block
	probes *probe // the first two are loaded at every start, the rest where these agree
	count  int    // of them, at least 1
}

type literalAVX2 struct{ *literalPlan }

func newLiteralAVX2(p *literalPlan) Kernel { return &literalAVX2{p} }

func (*literalAVX2) Level() Level { return AVX2 }

func (k *literalAVX2) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, len(k.lit))
	if end < 32 {
		// Too few starts for a vector that ends with the last of them.
		return newLiteralGo(k.literalPlan).Scan(dst, b, from, to)
	}
	r := literalRun{plan: k.literalPlan, dst: dst, b: b, end: end}
	for r.more(from) {
		scanLiteralAVX2(&r.st)
	}
	return r.result(to)
}

type literalAVX512 struct{ *literalPlan }

func newLiteralAVX512(p *literalPlan) Kernel { return &literalAVX512{p} }

func (*literalAVX512) Level() Level { return AVX512 }

func (k *literalAVX512) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	r := literalRun{plan: k.literalPlan, dst: dst, b: b, end: clip(dst, b, from, to, len(k.lit))}
	for r.more(from) {
		scanLiteralAVX512(&r.st)
	}
	return r.result(to)
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
		if from >= r.end {
			return false
		}
		*blk = block{base: unsafe.SliceData(r.b), pos: from, out: unsafe.SliceData(r.dst), cap: len(r.dst)}
		r.st.probes, r.st.count = unsafe.SliceData(r.plan.probes), len(r.plan.probes)
	} else if !r.plan.exact() {
		blk.n = r.kept + r.plan.keep(r.plan.lit, r.b, r.dst[r.kept:blk.n], &r.box)
		r.kept = blk.n
	}
	if blk.pos >= r.end || blk.cap-blk.n < slack {
		return false
	}
	blk.end = alignedEnd(blk, int(r.plan.probes[0].off), r.end, 1)
	return true
}

// result is what Scan returns.
func (r *literalRun) result(to int) (n, next int) {
	if r.st.blk.base == nil || r.st.blk.pos >= r.end {
		return r.st.blk.n, to
	}
	return r.st.blk.n, r.st.blk.pos
}
