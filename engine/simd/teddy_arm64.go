//go:build !purego

package simd

// teddiesAssembled is the filter of teddy_arm64.s.
var teddiesAssembled = []implementation[*teddyPlan]{
	{level: NEON, make: newTeddyNEON},
}

//go:noescape
func scanTeddyNEON(st *teddyState)

// teddyState is what the assembly is handed.
type teddyState struct {
	blk    block
	tables [2 * teddyWindow][16]byte // low and high nibbles, by byte of the window
}

type teddyNEON struct{ *teddyPlan }

func newTeddyNEON(p *teddyPlan) Kernel {
	if p.by != byNibbles {
		return nil
	}
	return teddyNEON{p}
}

func (teddyNEON) Level() Level { return NEON }

func (k teddyNEON) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, teddyWindow)
	if end < 64 {
		// Too few starts for a vector that ends with the last of them.
		return newTeddyGo(k.teddyPlan).Scan(dst, b, from, to)
	}
	st := teddyState{tables: k.tables}
	st.blk.begin(dst, b, from, end)
	for st.blk.more(teddyWindow-1, end, 1) {
		scanTeddyNEON(&st)
	}
	return st.blk.result(end, to)
}
