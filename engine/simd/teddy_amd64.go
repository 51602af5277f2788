//go:build !purego

package simd

import "unsafe"

// teddiesAssembled is the filters of teddy_amd64.s.
var teddiesAssembled = []implementation[*teddyPlan]{
	{level: AVX2, needs: teddyAVX2Needs, make: newTeddyAVX2},
	{level: AVX512, needs: teddyAVX512Needs, wide: true, make: newTeddyAVX512},
}

// Every CPU feature that the instructions of each filter need.
var (
	teddyAVX2Needs   = features{fAVX, fAVX2, fBMI1, fPOPCNT}
	teddyAVX512Needs = features{fAVX, fAVX512F, fAVX512BW, fBMI1, fBMI2, fPOPCNT}
)

//go:noescape
func scanTeddyAVX2(st *teddyState)

//go:noescape
func scanTeddyAVX512(st *teddyState)

// teddyState is what the assembly is handed.
type teddyState struct {
	blk    block
	tables [2 * teddyWindow][16]byte // low and high nibbles, by byte of the window
	//lint:ignore U1000 the assembly uses it
	found [groupSize]byte // results of several vectors
	after [2][32]byte     // A and B of zeros behind zeros
	zeros bool            // whether a window can end with a zero
	two   bool            // whether the first two bytes of a window are rare
}

type teddyAsm struct {
	*teddyPlan
	of Level
	st teddyState // but for blk
}

func newTeddyAVX2(p *teddyPlan) Kernel { return newTeddyAsm(p, AVX2) }

func newTeddyAVX512(p *teddyPlan) Kernel { return newTeddyAsm(p, AVX512) }

func newTeddyAsm(p *teddyPlan, of Level) Kernel {
	const last = 2 * (teddyWindow - 1)
	k := &teddyAsm{p, of, teddyState{
		tables: p.tables,
		zeros:  p.tables[last][0]&p.tables[last+1][0] != 0,
		two:    p.rateOfTwo <= maxRateOfTwo,
	}}
	a := p.tables[0][0] & p.tables[1][0]
	for i := range k.st.after[0] {
		k.st.after[0][i] = a
		k.st.after[1][i] = a & p.tables[2][0] & p.tables[3][0]
	}
	return k
}

func (k *teddyAsm) Level() Level { return k.of }

func (k *teddyAsm) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, teddyWindow)
	st := k.st
	if !st.blk.begin(dst, b, from, end) {
		return 0, to
	}
	if k.of == AVX2 {
		return k.scanAVX2(&st, dst, b, end, to)
	}
	for st.blk.more(teddyWindow-1, end, 1) {
		scanTeddyAVX512(&st)
	}
	return st.blk.result(end, to)
}

// scanAVX2 leaves to Go what is before the first aligned vector that has
// another before it, and what is behind the last group.
func (k *teddyAsm) scanAVX2(st *teddyState, dst []uint32, b []byte, end, to int) (n, next int) {
	const vector, group = 32, 128
	blk := &st.blk
	head := int(-(uintptr(unsafe.Pointer(blk.base)) + uintptr(blk.pos) + teddyWindow - 1) % vector)
	if blk.pos+head+teddyWindow-1 < vector {
		head += vector
	}
	if head > 0 {
		blk.n, blk.pos = k.each(dst, blk.n, b, blk.pos, min(end, blk.pos+head))
	}
	for blk.pos+group <= end && blk.more(teddyWindow-1, end, 1) {
		scanTeddyAVX2(st)
	}
	if blk.pos < end && blk.cap-blk.n >= slack {
		blk.n, blk.pos = k.each(dst, blk.n, b, blk.pos, end)
	}
	return blk.result(end, to)
}
