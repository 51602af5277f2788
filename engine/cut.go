package engine

import (
	"math"

	"vscan/patterns"
)

// Hits that are as long as a match may be are counted, since what they are part
// of may go on. This costs nothing where no pattern has such hits, and else a
// comparison for each hit of an expression that is delivered.

// cutLens returns, by needle, the length in bytes from which on a hit may have
// been cut off; nil where none can be.
func cutLens(set *patterns.Set, needles []needle) []uint32 {
	lens := make([]uint32, len(needles))
	possible := false
	exprs := set.Exprs()
	for i := range needles {
		lens[i] = math.MaxUint32
		if needles[i].expr < 0 {
			continue
		}
		if n := exprs[needles[i].expr].CutLen; n > 0 {
			lens[i], possible = uint32(n), true
		}
	}
	if !possible {
		return nil
	}
	return lens
}

// isCut reports whether hit i may have been cut off. The scanner must have
// cutLens.
func (b *Batch) isCut(i int) bool {
	return i < len(b.lens) && b.lens[i] >= b.sc.cutLens[b.needle(i)]
}

// countCut adds to stats how many of the first n hits may have been cut off.
func (b *Batch) countCut(stats *Stats, n uint64) {
	if b.sc.cutLens == nil {
		return
	}
	for i := range b.lens[:min(n, uint64(len(b.lens)))] {
		if !b.isCut(i) {
			continue
		}
		if stats.Cut == nil {
			stats.Cut = make([]uint64, len(b.sc.set.Patterns()))
		}
		stats.Cut[b.sc.needles[b.needle(i)].hit.Pattern]++
	}
}
