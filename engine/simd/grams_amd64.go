//go:build !purego

package simd

import "unsafe"

// gramsAssembled lists the filters of grams_amd64.s. A later one is
// preferred; where gathers are slow, those that gather return nil, and the
// one that does not takes their place.
var gramsAssembled = []implementation[*Grams]{
	{level: AVX2, needs: gramsNoGatherNeeds, make: newGramsNoGather},
	{level: AVX2, only: "fast gathers", needs: gramsAVX2Needs, make: newGramsAVX2},
	{level: AVX512, only: "fast gathers", needs: gramsAVX512Needs, make: newGramsAVX512},
}

// These are all CPU features that the instructions of each filter need.
var (
	gramsNoGatherNeeds = features{fAVX, fAVX2, fBMI2}
	gramsAVX2Needs     = features{fAVX, fAVX2, fPOPCNT}
	gramsAVX512Needs   = features{fAVX, fAVX512F, fPOPCNT}
)

//go:noescape
func scanGramsNoGather(st *gramState)

//go:noescape
func scanGramsAVX2(st *gramState)

//go:noescape
func scanGramsAVX512(st *gramState)

// gramState is what the assembly is handed.
type gramState struct {
	blk   block
	words *uint32
	fold  uint32
	high  uint32 // which bits of a gram's high 4 bytes count
	toBit uint32
	mul   uint32
	zeros Zeros
}

// gramsAsm is a filter whose loop is in assembly.
type gramsAsm struct {
	*Grams
	of      Level
	gathers bool
	st      gramState // all but blk
}

func newGramsNoGather(g *Grams) Kernel { return newGramsAsm(g, AVX2, false) }

func newGramsAVX2(g *Grams) Kernel {
	if slowGathers() {
		return nil
	}
	return newGramsAsm(g, AVX2, true)
}

func newGramsAVX512(g *Grams) Kernel {
	if slowGathers() {
		return nil
	}
	return newGramsAsm(g, AVX512, true)
}

func newGramsAsm(g *Grams, of Level, gathers bool) Kernel {
	return &gramsAsm{g, of, gathers, gramState{
		words: unsafe.SliceData(g.words), fold: uint32(g.Fold), high: uint32(g.Mask >> 32),
		toBit: g.toBit, mul: g.mul, zeros: g.Zeros,
	}}
}

func (k *gramsAsm) Level() Level { return k.of }

// Scan leaves the grams near the ends of b to Go: the assembly reads 8 bytes
// at each gram, and up to 4 more on either side of 64 bytes of grams.
func (k *gramsAsm) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, k.Size)
	if from < 4 {
		n, from = k.each(dst, 0, b, from, min(end, 4))
	}
	st := k.st
	blk := &st.blk
	blk.begin(dst, b, from, end)
	blk.n = n
	for wide := min(end, len(b)-8); blk.pos+64 <= wide && blk.cap-blk.n >= slack; {
		blk.end = min(wide, blk.pos+asmBlock)
		switch { // a function stored in k would make st escape to the heap
		case !k.gathers:
			scanGramsNoGather(&st)
		case k.of == AVX2:
			scanGramsAVX2(&st)
		default:
			scanGramsAVX512(&st)
		}
	}
	if blk.cap-blk.n < slack {
		return blk.n, blk.pos
	}
	n, next = k.each(dst, blk.n, b, blk.pos, end)
	if next >= end {
		next = max(next, to)
	}
	return n, next
}
