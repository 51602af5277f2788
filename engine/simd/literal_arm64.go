//go:build !purego

package simd

// literalsAssembled lists the kernel of literal_arm64.s.
var literalsAssembled = []implementation[*literalPlan]{
	{level: NEON, make: newLiteralNEON},
}

//go:noescape
func scanLiteralNEON(st *literalState)

type literalNEON struct{ *literalPlan }

func newLiteralNEON(p *literalPlan) Kernel { return &literalNEON{p} }

func (*literalNEON) Level() Level { return NEON }

func (k *literalNEON) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, len(k.lit))
	if end < 64 {
		// There are too few starts for a vector that ends with the
		// last of them.
		return newLiteralGo(k.literalPlan).Scan(dst, b, from, to)
	}
	r := literalRun{plan: k.literalPlan, dst: dst, b: b, end: end}
	for r.more(from) {
		scanLiteralNEON(&r.st)
	}
	return r.st.blk.result(r.end, to)
}
