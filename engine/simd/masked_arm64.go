//go:build !purego

package simd

// maskedsAssembled lists the kernel of masked_arm64.s.
var maskedsAssembled = []implementation[*maskedPlan]{
	{level: NEON, make: newMaskedNEON},
}

//go:noescape
func scanMaskedNEON(st *maskedState)

type maskedNEON struct{ *maskedPlan }

func newMaskedNEON(p *maskedPlan) Kernel { return &maskedNEON{p} }

func (*maskedNEON) Level() Level { return NEON }

func (k *maskedNEON) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, len(k.lit))
	if end < 64 {
		// There are too few starts for a vector that ends with the
		// last of them.
		return newMaskedGo(k.maskedPlan).Scan(dst, b, from, to)
	}
	r := maskedRun{plan: k.maskedPlan, dst: dst, b: b, end: end}
	for r.more(from) {
		scanMaskedNEON(&r.st)
	}
	return r.st.blk.result(r.end, to)
}
