//go:build !purego

package simd

// teddiesAssembled lists the filter of teddy_arm64.s.
var teddiesAssembled = []implementation[*Teddy]{
	{level: NEON, make: newTeddyNEON},
}

//go:noescape
func scanTeddyNEON(st *teddyState)

// teddyState is what the assembly is handed.
type teddyState struct {
	blk    block
	tables [2 * TeddyExcerpt][16]byte // by low and high nibble by turns, by byte of the excerpt
}

type teddyNEON struct{ *Teddy }

func newTeddyNEON(t *Teddy) Kernel {
	if t.By != ByNibbles {
		return nil
	}
	return teddyNEON{t}
}

func (teddyNEON) Level() Level { return NEON }

func (k teddyNEON) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, TeddyExcerpt)
	if end < 64 {
		// There are too few starts for a vector that ends with the
		// last of them.
		return newTeddyGo(k.Teddy).Scan(dst, b, from, to)
	}
	st := teddyState{tables: k.nibbles}
	st.blk.begin(dst, b, from, end)
	for st.blk.more(TeddyExcerpt-1, end, 1) {
		scanTeddyNEON(&st)
	}
	return st.blk.result(end, to)
}
