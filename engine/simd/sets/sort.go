package sets

import "slices"

// sortHits sorts the hits of a stretch, whose starts must be lo or less than
// maxRadix above it. It sorts few, or nearly sorted ones, by insertion; many
// by the digits of their starts, the low digit first, and then those with the
// same start by insertion. It returns them, and a slice to be handed in as
// spare next time.
func sortHits(hits, spare []uint64, lo int) (sorted, unused []uint64) {
	if insert(hits, 4*len(hits)) {
		return hits, spare
	}
	spare = slices.Grow(spare[:0], len(hits))[:len(hits)]
	for shift := 0; shift < radixBits*2; shift += radixBits {
		var at [1 << radixBits]uint32
		for _, h := range hits {
			at[(uint32(h>>32)-uint32(lo))>>shift&(1<<radixBits-1)]++
		}
		sum := uint32(0)
		for i, n := range at {
			at[i] = sum
			sum += n
		}
		for _, h := range hits {
			i := &at[(uint32(h>>32)-uint32(lo))>>shift&(1<<radixBits-1)]
			spare[*i] = h
			*i++
		}
		hits, spare = spare, hits
	}
	if !insert(hits, 16*len(hits)) { // many have the same start
		slices.Sort(hits)
	}
	return hits, spare
}

const (
	radixBits = 9
	maxRadix  = 1 << (2 * radixBits)
)

var _ [maxRadix - maxStretches*maxStretch]struct{} // INVARIANT: a stretch is no longer than maxRadix

// insert sorts hits by insertion. It gives up, and returns false, where that
// takes more than so many moves.
func insert(hits []uint64, moves int) bool {
	for i := 1; i < len(hits); i++ {
		h := hits[i]
		j := i
		for ; j > 0 && hits[j-1] > h; j-- {
			hits[j] = hits[j-1]
		}
		hits[j] = h
		if moves -= i - j; moves < 0 {
			return false
		}
	}
	return true
}
