package simd

import (
	"math"
	"math/bits"
)

// windowsOf chooses where in each literal its window begins: where looking at
// its grams costs least, which is how often they may be expected in memory,
// times how many literals have them at most.
func (p *gramPlan) windowsOf(lits []gramLiteral) []int {
	begins := make([]int, len(lits))
	if p.wild {
		for i, l := range lits {
			begins[i] = p.wildWindow(l)
		}
		return begins
	}
	window := p.stride + p.size - 1
	// places is where grams may be.
	places := func(l gramLiteral) (first, n int) {
		return int(l.first), min(int(l.last-l.first), maxWindow+window) - p.size + 1
	}
	// How many literals have a gram, or another with the same hash. A literal
	// with the same gram over and over counts as many.
	width := min(max(bits.Len(uint(16*len(lits))), 10), 24)
	counts := make([]uint32, 1<<width)
	for _, l := range lits {
		lit := p.set.bytes(l.lit)
		first, n := places(l)
		for j := first; j < first+n; j++ {
			counts[p.gram(lit, j)*gramMulWindow>>(64-width)]++
		}
	}
	var costs [maxWindow + 8]float32 // a few more than there are windows
	for i, l := range lits {
		lit := p.set.bytes(l.lit)
		first, n := places(l)
		for j := range n {
			at := first + j
			costs[j] = (p.gramRate(lit[at:at+p.size]) + 1e-7) * float32(counts[p.gram(lit, at)*gramMulWindow>>(64-width)])
			if zerosAt(lit, at, at+p.size) { // at the edge of zeros
				costs[j] = 0.3 * float32(counts[p.gram(lit, at)*gramMulWindow>>(64-width)])
			}
		}
		var best float32
		for j := range n - p.stride + 1 {
			var cost float32
			for _, c := range costs[j : j+p.stride] {
				cost += c
			}
			if zerosIn(lit[first+j:first+j+window], p.size) == zeroAll {
				cost += 1e9
			}
			if j == 0 || cost < best {
				best = cost
				begins[i] = first + j
			}
		}
	}
	return begins
}

// wildWindow is where in a literal the window begins whose grams have fewest
// values, and of those the rarest.
func (p *gramPlan) wildWindow(l gramLiteral) int {
	lit := p.set.lit(l.lit)
	best, least := 0, math.Inf(1)
	for begin := range min(len(lit.Bytes)-p.stride-p.size+2, maxWindow+1) {
		cost := 0.
		for j := range p.stride {
			rate := 1.
			for i := range p.size {
				at := lit.bytesAt(begin + j + i)
				rate *= at.rate()
			}
			cost += (rate + 1e-9) * float64(lit.values(begin+j, begin+j+p.size))
		}
		if cost < least {
			best, least = begin, cost
		}
	}
	return best
}

// gramRate is how often a gram may be expected in memory, from how often its
// bytes are there: more often after themselves, and text after text.
func (p *gramPlan) gramRate(gram []byte) float32 {
	rates, fold := &byteRate, byte(p.fold)
	if fold != 0 {
		rates = &foldedRate
	}
	last := gram[0] | fold
	rate := rates[last]
	for _, c := range gram[1:] {
		c |= fold
		r := rates[c]
		switch {
		case c == last:
			r = max(r, 0.25)
		case c-' ' < 95 && last-' ' < 95:
			r = max(r, 1./64)
		}
		rate *= r
		last = c
	}
	return rate
}

var byteRate = func() (t [256]float32) {
	for c, f := range frequency {
		t[c] = float32(f) / 65536
	}
	return t
}()

// foldedRate is the same for bytes in which bit 5 does not count.
var foldedRate = func() (t [256]float32) {
	for c := range t {
		t[c] = byteRate[c|0x20] + byteRate[c&^0x20]
	}
	return t
}()
