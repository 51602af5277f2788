//go:build !purego

package simd

// literalsAssembled lists the kernels of literal_amd64.s.
var literalsAssembled = []implementation[*literalPlan]{
	{level: AVX2, needs: literalAVX2Needs, make: newLiteralAVX2},
	{level: AVX512, needs: literalAVX512Needs, wide: true, make: newLiteralAVX512},
	{level: AVX512, needs: literalVBMI2Needs, wide: true, make: newLiteralVBMI2},
}

// These are all CPU features that the instructions of each kernel need.
var (
	literalAVX2Needs   = features{fAVX, fAVX2, fBMI1, fBMI2, fPOPCNT}
	literalAVX512Needs = features{fAVX, fAVX2, fAVX512F, fAVX512BW, fAVX512VL, fBMI1, fBMI2, fPOPCNT}
	literalVBMI2Needs  = features{fAVX, fAVX2, fAVX512F, fAVX512BW, fAVX512VL, fBMI2, fPOPCNT, fAVX512VBMI2}
)

//go:noescape
func scanLiteralAVX2(st *literalState)

//go:noescape
func scanLiteralAVX512(st *literalState)

//go:noescape
func scanLiteralVBMI2(st *literalState)

type literalAVX2 struct{ *literalPlan }

func newLiteralAVX2(p *literalPlan) Kernel { return &literalAVX2{p} }

func (*literalAVX2) Level() Level { return AVX2 }

func (k *literalAVX2) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, len(k.lit))
	if end < 32 {
		// There are too few starts for a vector that ends with the
		// last of them.
		return newLiteralGo(k.literalPlan).Scan(dst, b, from, to)
	}
	r := literalRun{plan: k.literalPlan, dst: dst, b: b, end: end}
	for r.more(from) {
		scanLiteralAVX2(&r.st)
	}
	return r.st.blk.result(r.end, to)
}

type literalAVX512 struct{ *literalPlan }

func newLiteralAVX512(p *literalPlan) Kernel { return &literalAVX512{p} }

func (*literalAVX512) Level() Level { return AVX512 }

func (k *literalAVX512) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	r := literalRun{plan: k.literalPlan, dst: dst, b: b, end: clip(dst, b, from, to, len(k.lit))}
	for r.more(from) {
		scanLiteralAVX512(&r.st)
	}
	return r.st.blk.result(r.end, to)
}

// literalVBMI2 differs from literalAVX512 only in how it stores offsets.
type literalVBMI2 struct{ *literalPlan }

func newLiteralVBMI2(p *literalPlan) Kernel { return &literalVBMI2{p} }

func (*literalVBMI2) Level() Level { return AVX512 }

func (k *literalVBMI2) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	r := literalRun{plan: k.literalPlan, dst: dst, b: b, end: clip(dst, b, from, to, len(k.lit))}
	for r.more(from) {
		scanLiteralVBMI2(&r.st)
	}
	return r.st.blk.result(r.end, to)
}
