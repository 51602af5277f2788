//go:build !purego

package simd

import (
	"unsafe"

	"vscan/engine/addr"
)

// wordsAssembled is the kernels of words_amd64.s.
var wordsAssembled = []implementation[*wordsPlan]{
	{level: AVX2, needs: wordsAVX2Needs, only: wordsAssembledOnly, make: newWordsAVX2},
	{level: AVX512, needs: wordsAVX512Needs, only: wordsAssembledOnly, make: newWordsAVX512},
}

const wordsAssembledOnly = "aligned words of 4 and 8 bytes in one range"

// Every CPU feature that the instructions of the kernels need.
var (
	wordsAVX2Needs   = features{fAVX, fAVX2, fBMI1, fBMI2, fPOPCNT}
	wordsAVX512Needs = features{fAVX, fAVX512F, fAVX512BW, fBMI1, fBMI2, fPOPCNT}
)

//go:noescape
func scanWords4AVX2(st *wordsState)

//go:noescape
func scanWords8AVX2(st *wordsState)

//go:noescape
func scanWords4AVX512(st *wordsState)

//go:noescape
func scanWords8AVX512(st *wordsState)

// wordsState is what the assembly is handed. Words of 4 bytes have minusLo and
// span twice, in either half.
type wordsState struct {
	blk     block
	minusLo uint64
	span    uint64
	swap    int       // not 0 where the bytes of a word have to be put in order
	order   *[64]byte // how: for each byte of a vector, which of its 16-byte lane to take
}

// wordsVector is what the two kernels share.
type wordsVector struct {
	*wordsPlan
	st wordsState // but for blk
}

// byteOrders are the tables for wordsState.order: as it is, words of 4 and
// words of 8 bytes turned round.
var byteOrders = func() (t [3][64]byte) {
	for i := range 64 {
		t[0][i] = byte(i % 16)
		t[1][i] = byte(i%16 ^ 3)
		t[2][i] = byte(i%16 ^ 7)
	}
	return t
}()

// newWordsVector is false where the kernels are not made for the plan.
func newWordsVector(p *wordsPlan) (wordsVector, bool) {
	s := p.spec
	if s.Stride != s.Size || s.Size < 4 || len(s.Ranges) > 1 {
		return wordsVector{}, false
	}
	lo, hi := s.Ranges[0].Lo, s.Ranges[0].Hi
	st := wordsState{minusLo: -lo, span: hi - lo, order: &byteOrders[0]}
	if s.Size == 4 {
		st.minusLo = uint64(uint32(-lo)) * (1<<32 + 1)
		st.span *= 1<<32 + 1
	}
	if s.Order == addr.Big {
		st.swap, st.order = 1, &byteOrders[s.Size/4]
	}
	return wordsVector{p, st}, true
}

type wordsAVX2 struct{ wordsVector }

func newWordsAVX2(p *wordsPlan) Kernel {
	if v, ok := newWordsVector(p); ok {
		return &wordsAVX2{v}
	}
	return nil
}

func (*wordsAVX2) Level() Level { return AVX2 }

func (k *wordsAVX2) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	r := wordsRun{st: k.st, size: k.spec.Size}
	if !r.begin(dst, b, from, to) {
		return 0, to
	}
	if r.end < 8*k.spec.Size {
		// Too few words for a unit that ends with the last of them.
		return newWordsGo(k.wordsPlan).Scan(dst, b, from, to)
	}
	for r.more() {
		if k.spec.Size == 4 {
			scanWords4AVX2(&r.st)
		} else {
			scanWords8AVX2(&r.st)
		}
	}
	return r.result(to)
}

type wordsAVX512 struct{ wordsVector }

func newWordsAVX512(p *wordsPlan) Kernel {
	if v, ok := newWordsVector(p); ok {
		return &wordsAVX512{v}
	}
	return nil
}

func (*wordsAVX512) Level() Level { return AVX512 }

func (k *wordsAVX512) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	r := wordsRun{st: k.st, size: k.spec.Size}
	if !r.begin(dst, b, from, to) {
		return 0, to
	}
	for r.more() {
		if k.spec.Size == 4 {
			scanWords4AVX512(&r.st)
		} else {
			scanWords8AVX512(&r.st)
		}
	}
	return r.result(to)
}

// wordsRun is one Scan: the calls of assembly and what lies between them.
type wordsRun struct {
	st   wordsState
	size int
	end  int // end of the last word, exclusive
}

// begin is false where there is nothing to look at.
func (r *wordsRun) begin(dst []uint32, b []byte, from, to int) bool {
	end := clip(dst, b, from, to, r.size)
	if from >= end {
		return false
	}
	r.end = from + (end-from+r.size-1)&^(r.size-1)
	r.st.blk = block{base: unsafe.SliceData(b), pos: from, out: unsafe.SliceData(dst), cap: len(dst)}
	return true
}

// more says whether there is to be another call.
func (r *wordsRun) more() bool {
	blk := &r.st.blk
	if blk.pos >= r.end || blk.cap-blk.n < slack {
		return false
	}
	blk.end = alignedEnd(blk, 0, r.end, r.size)
	return true
}

// result is what Scan returns.
func (r *wordsRun) result(to int) (n, next int) {
	if r.st.blk.pos >= r.end {
		return r.st.blk.n, to
	}
	return r.st.blk.n, r.st.blk.pos
}
