//go:build !purego

package simd

import (
	"cmp"
	"math/bits"
	"slices"
	"unsafe"

	"vscan/engine/addr"
)

// wordsAssembled lists the kernels of words_avx2_amd64.s and
// words_avx512_amd64.s.
var wordsAssembled = []implementation[*wordsPlan]{
	{level: AVX2, needs: wordsAVX2Needs, only: "words every 1, 2, 4, 8, 16 or 32 bytes", make: newWordsAVX2},
	{level: AVX512, needs: wordsAVX512Needs, only: "words every 1, 2, 4, 8, 16, 32 or 64 bytes", wide: true, make: newWordsAVX512},
}

// These are all CPU features that the instructions of each kernel and of the
// sieve need.
var (
	wordsAVX2Needs   = features{fAVX, fAVX2, fBMI1, fBMI2, fPOPCNT}
	wordsAVX512Needs = features{fAVX, fAVX512F, fAVX512BW, fBMI1, fBMI2, fPOPCNT}
)

//go:noescape
func scanWords1AVX2(st *wordsState)

//go:noescape
func scanWords2AVX2(st *wordsState)

//go:noescape
func scanWords4AVX2(st *wordsState)

//go:noescape
func scanWords8AVX2(st *wordsState)

//go:noescape
func scanWords1AVX512(st *wordsState)

//go:noescape
func scanWords2AVX512(st *wordsState)

//go:noescape
func scanWords4AVX512(st *wordsState)

//go:noescape
func scanWords8AVX512(st *wordsState)

// wordsState is what the assembly is handed. It looks for lanes: numbers of 1,
// 2, 4 or 8 bytes, which are words or parts of words, that are in any of the
// envelopes.
//
// The lanes of a vector lie side by side. Where starts are closer together
// than a lane is wide, a vector is loaded once for each phase: at 0, step,
// 2·step … bytes from the first start, as long as that is less than the width
// of a lane. A chunk of 64 bytes has a slot every step bytes: a position where a
// number may start.
type wordsState struct {
	blk       block
	envelopes *laneEnvelope
	minusSize int        // the size of all envelopes together, in bytes, times −1
	swap      int        // not 0 where the bytes of a lane have to be turned round
	order     *[64]byte  // for each byte of a vector, which byte of the same 16 to put there
	plain     int        // AVX2: not 0 where there is one phase, one envelope and no swap
	align     int        // the address bits that alignment of starts is about: 64 − the stride, a power of two
	step      int        // bytes from phase to phase; the width of a lane where there is only one phase
	scale     int        // the binary logarithm of step
	lanes     uint64     // AVX-512: the lanes of a vector that hold a start
	spreads   [4]uint64  // AVX-512: by offset of the phase, 0 to 3 bytes: its slots in a chunk
	selects   *[32]uint8 // AVX2: by phase, which bytes of a vector are its slots
}

// A laneEnvelope is the numbers from lo to hi, as −lo and hi − lo, each
// repeated in every lane of 8 bytes. That is for AVX-512; for AVX2 see signed.
type laneEnvelope struct{ minusLo, span uint64 }

// envelopeSize is the size of a laneEnvelope in bytes; the assembly has it
// too.
const envelopeSize = 16

// byteOrders are the tables for wordsState.order, by binary logarithm of the
// width: the first leaves bytes as they are, the others turn lanes of 2, 4 and
// 8 bytes round.
var byteOrders = func() (t [4][64]byte) {
	for log := range t {
		for i := range 64 {
			t[log][i] = byte(i%16 ^ (1<<log - 1))
		}
	}
	return t
}()

// A wordsVector holds what the kernels for AVX2 and AVX-512 share.
type wordsVector struct {
	*wordsPlan
	st      wordsState // all but blk
	width   int        // the width of a lane, in bytes
	laneOff int        // the offset of a lane in its word, in bytes
	exact   bool       // every number in an envelope is a word to report
	trust   bool       // every number in an envelope is a word in an envelope of the set

	envelopes []laneEnvelope
	selects   [4][32]uint8
}

// newWordsVector returns nil where the kernels with vectors of so many bytes
// do not suit the plan.
func newWordsVector(p *wordsPlan, vector int) *wordsVector {
	size, stride := p.spec.Size, p.spec.Stride
	if stride&(stride-1) != 0 || stride > vector {
		return nil
	}
	ranges := p.spec.Ranges
	v := &wordsVector{wordsPlan: p, width: size, exact: len(ranges) <= vector/8, trust: true}
	if !v.exact { // there are more ranges than can be compared with one by one
		ranges = p.set.envelopes
	}
	if size == 8 && stride < 8 {
		// Lanes of 4 bytes have half the phases.
		v.width, v.exact, v.trust = 4, false, false
		var at int
		at, ranges = mostTelling(ranges)
		v.laneOff = at
		if p.spec.Order == addr.Big {
			v.laneOff = size - v.width - at
		}
	}
	step := min(stride, v.width)
	v.st = wordsState{
		align: 64 - stride,
		step:  step,
		scale: bits.TrailingZeros(uint(step)),
		order: &byteOrders[0],
	}
	if p.spec.Order == addr.Big && v.width > 1 {
		v.st.swap, v.st.order = 1, &byteOrders[bits.TrailingZeros(uint(v.width))]
	}
	v.slots()
	for _, r := range ranges {
		v.envelopes = append(v.envelopes, laneEnvelope{-r.Lo, r.Hi - r.Lo})
	}
	return v
}

// slots fills the tables of phases and slots: lanes, spreads and selects.
func (v *wordsVector) slots() {
	stride, step := v.spec.Stride, v.st.step
	for lane := 0; lane < 64/v.width; lane++ {
		if lane*v.width%stride == 0 || stride < v.width {
			v.st.lanes |= 1 << lane
		}
	}
	for phase := 0; phase < v.width; phase += step {
		for lane := 0; lane < 64/v.width; lane++ {
			v.st.spreads[phase%4] |= 1 << ((lane*v.width + phase) / step)
		}
		for i := range 32 {
			at := i % max(stride, v.width)
			if at >= phase && at < phase+step {
				v.selects[phase/step][i] = 0xff
			}
		}
	}
}

// finish ends a constructor: it repeats the envelopes in every
// lane of 8 bytes, and puts them where the assembly finds them.
func (v *wordsVector) finish() {
	for i := range v.envelopes {
		e := &v.envelopes[i]
		e.minusLo, e.span = v.everyLane(e.minusLo), v.everyLane(e.span)
	}
	v.st.envelopes = unsafe.SliceData(v.envelopes)
	v.st.minusSize = -envelopeSize * len(v.envelopes)
	v.st.selects = &v.selects[0]
}

// everyLane returns the low bytes of n, as many as a lane has, repeated in
// every lane of 8 bytes.
func (v *wordsVector) everyLane(n uint64) uint64 {
	ones := ^uint64(0)
	return n & (ones >> (64 - 8*v.width)) * (ones / (ones >> (64 - 8*v.width)))
}

// signed turns the envelopes into those that AVX2, which has only signed
// comparisons, compares with: see words_avx2_amd64.s. An envelope of all
// numbers of a width becomes two, of its halves.
func (v *wordsVector) signed() {
	largest := ^uint64(0) >> (64 - 8*v.width)
	top := largest/2 + 1
	var out []laneEnvelope
	for _, e := range v.envelopes {
		if e.span == largest {
			out = append(out, laneEnvelope{top, 0}, laneEnvelope{0, 0})
			continue
		}
		out = append(out, laneEnvelope{e.minusLo ^ top, (e.span + 1) ^ top})
	}
	v.envelopes = out
}

// mostTelling returns which 4 bytes of words of 8 tell most about whether the
// words are in one of the ranges: at is how many bytes above the word's least
// significant one they begin, and parts are the numbers that they have in
// words of the ranges, ascending. Of a range whose ends differ above the 4
// bytes, that is all numbers.
func mostTelling(ranges []WordRange) (at int, parts []WordRange) {
	best := 2.0 * float64(len(ranges))
	for i := range 5 {
		cost := 0.0
		var here []WordRange
		for _, r := range ranges {
			part := WordRange{0, 1<<32 - 1}
			if r.Lo>>(8*i)>>32 == r.Hi>>(8*i)>>32 {
				part = WordRange{r.Lo >> (8 * i) & (1<<32 - 1), r.Hi >> (8 * i) & (1<<32 - 1)}
			}
			cost += commonness(part)
			here = append(here, part)
		}
		if cost < best {
			best, at, parts = cost, i, here
		}
	}
	return at, union(parts)
}

// union returns the ranges, ascending, with those that overlap joined. It
// reorders its argument.
func union(ranges []WordRange) []WordRange {
	slices.SortFunc(ranges, func(a, b WordRange) int { return cmp.Compare(a.Lo, b.Lo) })
	out := ranges[:1]
	for _, r := range ranges[1:] {
		if last := &out[len(out)-1]; r.Lo <= last.Hi {
			last.Hi = max(last.Hi, r.Hi)
		} else {
			out = append(out, r)
		}
	}
	return out
}

// commonness returns roughly what share of the numbers of 4 bytes that begin
// anywhere in memory is in the range: half of memory is zero, and small
// numbers, and those with all bits set, are more common than others.
func commonness(r WordRange) float64 {
	c := float64(r.Hi-r.Lo+1) / (1 << 32) / 4
	if r.Lo == 0 {
		c += 0.5
	}
	if r.Hi == 1<<32-1 {
		c += 0.1
	}
	c += 0.15 * float64(bits.Len64(r.Hi)-bits.Len64(r.Lo)) / 32
	if r.Lo < 1<<16 {
		c += 0.01
	}
	return c
}

type wordsAVX2 struct{ *wordsVector }

func newWordsAVX2(p *wordsPlan) Kernel {
	v := newWordsVector(p, 32)
	if v == nil {
		return nil
	}
	v.signed()
	v.finish()
	if v.st.swap == 0 && v.st.step == v.width && len(v.envelopes) == 1 {
		v.st.plain = 1
	}
	return wordsAVX2{v}
}

func (wordsAVX2) Level() Level { return AVX2 }

func (k wordsAVX2) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	r := wordsScan{wordsVector: k.wordsVector, st: k.st, dst: dst, b: b}
	if !r.begin(from, to) {
		return 0, to
	}
	if r.end < 64 {
		// There are too few starts for a chunk that ends with the last
		// of them.
		return newWordsGo(k.wordsPlan).Scan(dst, b, from, to)
	}
	for r.more() {
		switch k.width {
		case 1:
			scanWords1AVX2(&r.st)
		case 2:
			scanWords2AVX2(&r.st)
		case 4:
			scanWords4AVX2(&r.st)
		case 8:
			scanWords8AVX2(&r.st)
		}
		r.sieve()
	}
	return r.result(to)
}

type wordsAVX512 struct{ *wordsVector }

func newWordsAVX512(p *wordsPlan) Kernel {
	v := newWordsVector(p, 64)
	if v == nil {
		return nil
	}
	v.finish()
	return wordsAVX512{v}
}

func (wordsAVX512) Level() Level { return AVX512 }

func (k wordsAVX512) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	r := wordsScan{wordsVector: k.wordsVector, st: k.st, dst: dst, b: b}
	if !r.begin(from, to) {
		return 0, to
	}
	for r.more() {
		switch k.width {
		case 1:
			scanWords1AVX512(&r.st)
		case 2:
			scanWords2AVX512(&r.st)
		case 4:
			scanWords4AVX512(&r.st)
		case 8:
			scanWords8AVX512(&r.st)
		}
		r.sieve()
	}
	return r.result(to)
}

// wordsScan is one Scan: the calls of assembly and what lies between them.
type wordsScan struct {
	*wordsVector
	st   wordsState
	dst  []uint32
	b    []byte
	end  int // end of the starts that assembly looks at, exclusive: a stride behind the last one
	tail int // 1 where Go looks at one more start, at end, since b may end within its stride
	kept int // dst[:kept] are hits
}

// begin makes it ready for a Scan. It returns false where there is
// nothing to look at.
func (r *wordsScan) begin(from, to int) bool {
	end, stride := clip(r.dst, r.b, from, to, r.spec.Size), r.spec.Stride
	if from >= end {
		return false
	}
	r.end = from + (end-from+stride-1)&^(stride-1)
	if stride > r.spec.Size {
		r.end -= stride
		r.tail = 1
	}
	base := unsafe.Add(unsafe.Pointer(unsafe.SliceData(r.b)), r.laneOff)
	r.st.blk = block{base: (*byte)(base), pos: from, out: unsafe.SliceData(r.dst), cap: len(r.dst)}
	return true
}

// more reports whether another call of assembly has to be made, and makes the
// block ready for it.
func (r *wordsScan) more() bool {
	blk := &r.st.blk
	if blk.pos >= r.end || blk.cap-blk.n < slack {
		return false
	}
	blk.end = alignedEnd(blk, 0, r.end, r.spec.Stride)
	return true
}

// sieve drops the words that the last call found and that are not in the
// ranges.
func (r *wordsScan) sieve() {
	if r.exact {
		return
	}
	r.kept += r.set.sieve(r.b, r.dst[r.kept:r.st.blk.n], r.spec, r.trust)
	r.st.blk.n = r.kept
}

// result looks at the start that is left for Go, if there is one, and returns
// what Scan has to return.
func (r *wordsScan) result(to int) (n, next int) {
	blk := &r.st.blk
	if blk.pos < r.end {
		return blk.n, blk.pos
	}
	if r.tail > 0 {
		if blk.n == blk.cap {
			return blk.n, r.end
		}
		size := r.spec.Size
		if r.has(r.spec.Order.Uint(r.b[r.end : r.end+size])) {
			r.dst[blk.n] = uint32(r.end)
			blk.n++
		}
	}
	return blk.n, to
}
