//go:build !purego

package simd

// classesAssembled lists the kernel of class_arm64.s.
var classesAssembled = []implementation[*classPlan]{
	{level: NEON, make: newClassNEON},
}

//go:noescape
func scanClassNEON(st *classState)

// classState is what the assembly is handed.
type classState struct {
	blk block
	set *[32]uint8
}

type classNEON struct {
	*classPlan
	set [32]uint8 // bit c%8 of set[c/8] is set where byte c is in the set
}

func newClassNEON(p *classPlan) Kernel {
	k := &classNEON{classPlan: p}
	for c, in := range p.in {
		k.set[c/8] |= in << (c % 8)
	}
	return k
}

func (*classNEON) Level() Level { return NEON }

func (k *classNEON) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, 1)
	if end < 64 {
		// There are too few bytes for a vector that ends with the
		// last of them.
		return newClassGo(k.classPlan).Scan(dst, b, from, to)
	}
	st := classState{set: &k.set}
	st.blk.begin(dst, b, from, end)
	for st.blk.more(0, end, 1) {
		scanClassNEON(&st)
	}
	return st.blk.result(end, to)
}
