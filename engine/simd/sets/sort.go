package sets

import (
	"math/bits"
	"slices"
)

// sortHits sorts the hits of a stretch, whose starts must be lo or above, and below hi. It sorts few, or
// nearly sorted ones, by insertion; many by the highest bits of their starts, and then by insertion
// those that have them in common. It returns them, and a slice to be handed in as spare next time.
func sortHits(hits, spare []uint64, lo, hi int) (sorted, unused []uint64) {
	if insert(hits, len(hits)) {
		return hits, spare
	}
	spare = slices.Grow(spare[:0], len(hits))[:len(hits)]
	var all [1 << maxBuckets]uint32
	width := min(bits.Len(uint(len(hits))), maxBuckets)
	at := all[:1<<width]
	shift := 32 + max(bits.Len(uint(hi-lo-1))-width, 0)
	first := uint64(lo) << 32
	for _, h := range hits {
		at[int((h-first)>>shift)&(len(at)-1)]++
	}
	sum := uint32(0)
	for i, n := range at {
		at[i] = sum
		sum += n
	}
	for _, h := range hits {
		i := &at[int((h-first)>>shift)&(len(at)-1)]
		spare[*i] = h
		*i++
	}
	hits, spare = spare, hits
	if !insert(hits, 16*len(hits)) { // many have the same start
		slices.Sort(hits)
	}
	return hits, spare
}

// maxBuckets is by how many of the highest bits of their starts hits are sorted, at most: by as many as
// it takes to tell them apart.
const maxBuckets = 11

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
