package sets

import (
	"cmp"
	"slices"

	"vscan/engine/simd"
)

// setRef compares every literal with memory at every position in turn. It is
// written to be read: all other kernels have to report what it reports.
type setRef struct{ *literalSet }

func newSetRef(set *literalSet) Kernel { return setRef{set} }

func (k setRef) MinMatches() int { return max(simd.MinDst, k.most) }

func (setRef) Levels() []simd.Level { return []simd.Level{simd.Reference} }

func (k setRef) Scan(dst []Match, b []byte, from, to int, _ *Scratch) (n, next int) {
	end := clipSet(k.literalSet, dst, b, from, to, 1)
	for s := from; s < end; s++ {
		if len(dst)-n < k.most {
			return n, s
		}
		first := n
		for u := range uint32(len(k.lits)) {
			if !k.lit(u).StandsAt(b[s:]) {
				continue
			}
			for i, index := range k.indexes {
				if k.first == nil && i == int(u) || k.first != nil && int(k.first[u]) <= i && i < int(k.first[u+1]) {
					dst[n] = Match{uint32(s), index}
					n++
				}
			}
		}
		slices.SortFunc(dst[first:n], func(a, b Match) int { return cmp.Compare(a.Lit, b.Lit) })
	}
	return n, to
}
