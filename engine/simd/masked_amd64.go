//go:build !purego

package simd

// maskedsAssembled lists the kernels of masked_amd64.s.
var maskedsAssembled = []implementation[*maskedPlan]{
	{level: AVX2, needs: maskedAVX2Needs, make: newMaskedAVX2},
	{level: AVX512, needs: maskedAVX512Needs, wide: true, make: newMaskedAVX512},
	{level: AVX512, needs: maskedVBMI2Needs, wide: true, make: newMaskedVBMI2},
}

// These are all CPU features that the instructions of each kernel need.
var (
	maskedAVX2Needs   = features{fAVX, fAVX2, fBMI1, fBMI2, fPOPCNT}
	maskedAVX512Needs = features{fAVX, fAVX2, fAVX512F, fAVX512BW, fAVX512VL, fBMI1, fBMI2, fPOPCNT}
	maskedVBMI2Needs  = features{fAVX, fAVX2, fAVX512F, fAVX512BW, fAVX512VL, fBMI2, fPOPCNT, fAVX512VBMI2}
)

//go:noescape
func scanMaskedAVX2(st *maskedState)

//go:noescape
func scanMaskedAVX512(st *maskedState)

//go:noescape
func scanMaskedVBMI2(st *maskedState)

type maskedAVX2 struct{ *maskedPlan }

func newMaskedAVX2(p *maskedPlan) Kernel { return &maskedAVX2{p} }

func (*maskedAVX2) Level() Level { return AVX2 }

func (k *maskedAVX2) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, len(k.lit))
	if end < 32 {
		// There are too few starts for a vector that ends with the
		// last of them.
		return newMaskedGo(k.maskedPlan).Scan(dst, b, from, to)
	}
	r := maskedRun{plan: k.maskedPlan, dst: dst, b: b, end: end}
	for r.more(from) {
		scanMaskedAVX2(&r.st)
	}
	return r.st.blk.result(r.end, to)
}

type maskedAVX512 struct{ *maskedPlan }

func newMaskedAVX512(p *maskedPlan) Kernel { return &maskedAVX512{p} }

func (*maskedAVX512) Level() Level { return AVX512 }

func (k *maskedAVX512) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	r := maskedRun{plan: k.maskedPlan, dst: dst, b: b, end: clip(dst, b, from, to, len(k.lit))}
	for r.more(from) {
		scanMaskedAVX512(&r.st)
	}
	return r.st.blk.result(r.end, to)
}

// maskedVBMI2 differs from maskedAVX512 only in how it stores offsets.
type maskedVBMI2 struct{ *maskedPlan }

func newMaskedVBMI2(p *maskedPlan) Kernel { return &maskedVBMI2{p} }

func (*maskedVBMI2) Level() Level { return AVX512 }

func (k *maskedVBMI2) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	r := maskedRun{plan: k.maskedPlan, dst: dst, b: b, end: clip(dst, b, from, to, len(k.lit))}
	for r.more(from) {
		scanMaskedVBMI2(&r.st)
	}
	return r.st.blk.result(r.end, to)
}
