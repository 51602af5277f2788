package sets

import (
	"encoding/binary"
	"math"
	"math/bits"

	"vscan/engine/simd"
)

// excerptsOf returns the offset of the excerpt of each literal: the one whose grams
// cost least. The cost of a gram is how often it may be expected in memory, times
// how many literals may have it.
func (p *gramPart) excerptsOf(lits []gramLiteral) []uint8 {
	begins := make([]uint8, len(lits))
	if p.wild {
		for i, l := range lits {
			p.set.check.Step(10)
			begins[i] = uint8(p.wildExcerpt(l))
		}
		return begins
	}
	// counts has how many times literals have a gram, or another one with the
	// same hash. A literal that has a gram several times is counted as often.
	width := min(max(bits.Len(uint(8*len(lits))), 10), 24)
	shift := uint(64 - width)
	counts := make([]uint16, 1<<width)
	for _, l := range lits {
		p.set.check.Step(1)
		first, n := p.gramOffsets(l)
		for x := p.set.from(l.lit, first); n > 0; n-- {
			if c := &counts[p.Of(x, 0)*gramMulExcerpt>>shift]; *c < math.MaxUint16 {
				*c++
			}
			x = x[1:]
		}
	}
	var costs [maxGramOffsets]float32
	for i, l := range lits {
		p.set.check.Step(1)
		first, n := p.gramOffsets(l)
		text := p.set.from(l.lit, first)
		costs := costs[:n]
		p.gramRates(costs, text)
		zeros := 0 // grams of zeros in a row
		var best float32
		for j := range costs {
			x := binary.LittleEndian.Uint64(text[j:])
			count := float32(counts[((x|p.Fold)&p.Mask)*gramMulExcerpt>>shift])
			costs[j] = (costs[j] + 1e-7) * count
			if x&p.Mask == 0 { // such grams are looked at where zeros end
				costs[j] = 0.3 * count
				zeros++
			} else {
				zeros = 0
			}
			k := j - p.stride + 1 // the position of the excerpt that ends with this gram
			if k < 0 {
				continue
			}
			var cost float32
			for _, c := range costs[k : j+1] {
				cost += c
			}
			if zeros >= p.stride {
				cost += 1e9
			}
			if k == 0 || cost < best {
				best = cost
				begins[i] = uint8(first + k)
			}
		}
	}
	return begins
}

// maxGramOffsets is the most offsets in a literal at which grams of excerpts may be.
const maxGramOffsets = maxExcerpt + 4

var _ [255 - 2*maxExcerpt]struct{} // offsets of excerpts, up to 2·maxExcerpt, fit in a uint8

// gramOffsets returns the first offset, and the number of offsets, at which grams of a
// literal's excerpts may be.
func (p *gramPart) gramOffsets(l gramLiteral) (first, n int) {
	return int(l.first), min(int(l.last-l.first)-p.Size+1, maxExcerpt+p.stride)
}

// wildExcerpt returns the offset of the excerpt of a literal whose grams cost least:
// how many values each may have, times how often it may be expected in memory.
func (p *gramPart) wildExcerpt(l gramLiteral) int {
	lit := p.set.lit(l.lit)
	best, least := 0, math.Inf(1)
	for begin := range min(len(lit.Bytes)-p.stride-p.Size+2, maxExcerpt+1) {
		cost := 0.
		for j := range p.stride {
			rate := 1.
			for i := range p.Size {
				at := lit.BytesAt(begin + j + i)
				rate *= at.Rate()
			}
			cost += (rate + 1e-9) * float64(lit.Values(begin+j, begin+j+p.Size))
		}
		if cost < least {
			best, least = begin, cost
		}
	}
	return best
}

// gramRates sets rates[j] to how often the gram at b[j:] may be expected in
// memory, from how often its bytes are there: a byte is more frequent behind
// itself, and text behind text.
func (p *gramPart) gramRates(rates []float32, b []byte) {
	each, fold := &simd.ByteRate, byte(p.Fold)
	if fold != 0 {
		each = &foldedRate
	}
	var after [maxGramOffsets + 8]float32 // how often byte i is there where the one before it is
	last := b[0] | fold
	for i, c := range b[1 : len(rates)+p.Size-1] {
		c |= fold
		// The numbers are positive, so their bits are in the same order,
		// and the maximum of integers is compiled without a branch.
		least := textBits[last] & textBits[c]
		if c == last {
			least = math.Float32bits(0.25)
		}
		after[i+1] = math.Float32frombits(max(math.Float32bits(each[c]), least))
		last = c
	}
	for j := range rates {
		rate := each[b[j]|fold]
		for _, r := range after[j+1 : j+p.Size] {
			rate *= r
		}
		rates[j] = rate
	}
}

// foldedRate is simd.ByteRate for bytes in which bit 5 does not count.
var foldedRate = func() (t [256]float32) {
	for c := range t {
		t[c] = simd.ByteRate[c|0x20] + simd.ByteRate[c&^0x20]
	}
	return t
}()

// textBits has the bits of the least rate at which a printable character follows
// another, 0 for bytes that are none.
var textBits = func() (t [256]uint32) {
	for c := ' '; c <= '~'; c++ {
		t[c] = math.Float32bits(1. / 64)
	}
	return t
}()
