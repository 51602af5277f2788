//go:build !purego

package simd

import "unsafe"

// gramsAssembled is the filter of multi_amd64.s. At level AVX2 the portable
// one stands in: that level has a gather, but nothing to pack what it found.
var gramsAssembled = []implementation[*gramPlan]{
	{level: AVX512, needs: gramsAVX512Needs, make: newGramsAVX512},
}

// Every CPU feature that the instructions of the filter need.
var gramsAVX512Needs = features{fAVX, fAVX512F, fBMI2, fPOPCNT}

//go:noescape
func scanGramsAVX512(st *gramState)

// gramState is what the assembly is handed.
type gramState struct {
	blk   block
	words *uint32
	shift uint32
	zeros zeroMode
}

type gramsAVX512 struct {
	*gramPlan
	st gramState // but for blk
}

func newGramsAVX512(p *gramPlan) Kernel {
	return &gramsAVX512{p, gramState{words: unsafe.SliceData(p.words), shift: p.shift, zeros: p.zeros}}
}

func (*gramsAVX512) Level() Level { return AVX512 }

func (k *gramsAVX512) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, 4)
	if from >= end {
		return 0, to
	}
	st := k.st
	blk := &st.blk
	*blk = block{base: unsafe.SliceData(b), pos: from, out: unsafe.SliceData(dst), cap: len(dst)}
	for blk.pos < end && blk.cap-blk.n >= slack {
		blk.end = alignedEnd(blk, 0, end, 4)
		scanGramsAVX512(&st)
	}
	if blk.pos >= end {
		return blk.n, to
	}
	return blk.n, blk.pos
}
