package sets

import (
	"fmt"
	"math"
	"slices"

	"vscan/engine/simd"
)

// A Way tells people how some literals of a set are looked for.
type Way struct {
	Shape simd.Shape
	Level simd.Level
	How   string   // in words, what is compared with memory first
	Lits  []uint32 // the literals' indexes in what New was given, ascending

	// Rate is the share of places, from 0 to 1, that the first comparison
	// is expected to let through, and that have to be verified. It is an
	// estimate from the frequency of bytes in memory images; other images
	// have other bytes.
	Rate float64
}

// Ways returns how the literals of a set that New made are looked for. Every
// literal is in exactly one way.
func Ways(k Kernel) []Way {
	switch k := k.(type) {
	case setRef:
		all := make([]uint32, len(k.lits))
		for u := range all {
			all[u] = uint32(u)
		}
		return []Way{k.way(simd.LiteralSet, simd.Reference, "every literal at every place", all)}
	case *setKernel:
		var ways []Way
		for _, p := range k.parts {
			ways = append(ways, k.waysOf(p)...)
		}
		return ways
	}
	return nil
}

func (k *setKernel) waysOf(p setPart) []Way {
	switch p := p.(type) {
	case *singlePart:
		var ways []Way
		for i, kernel := range p.kernels {
			ways = append(ways, k.way(kernel.Shape(), kernel.Level(), simd.FirstLook(k.lit(p.lits[i])), p.lits[i:i+1]))
		}
		return ways
	case *teddyPart:
		w := k.way(simd.FewLiterals, p.level(), fmt.Sprintf("excerpts of %d bytes, %s", simd.TeddyExcerpt, p.tuned.Load().By), p.lits)
		w.Rate = p.rate()
		return []Way{w}
	case *gramPart:
		how := fmt.Sprintf("%d bytes at every place", p.Size)
		if p.stride > 1 {
			how = fmt.Sprintf("%d bytes at every %d places", p.Size, p.stride)
		}
		return []Way{k.way(simd.LiteralSet, p.level(), how+", by a bitmap", p.lits)}
	case *pairPart:
		var lits []uint32
		for _, e := range p.entries {
			lits = append(lits, e.lit)
		}
		slices.Sort(lits) // a literal whose pair may have several values has an entry for each
		w := k.way(simd.LiteralPairs, p.level(), fmt.Sprintf("excerpts of %d bytes at every place, and a bitmap of pairs", simd.PairExcerpt), slices.Compact(lits))
		w.Rate = p.rate()
		return []Way{w}
	case *shortPart:
		return []Way{k.way(simd.LiteralSet, p.level(), "2 bytes at every place, by a bitmap", p.lits)}
	}
	return nil
}

// way returns a Way with the indexes at which the literals were given; its Rate
// is the sum of what simd.Rate says of each, at most 1.
func (set *literalSet) way(shape simd.Shape, level simd.Level, how string, lits []uint32) Way {
	w := Way{Shape: shape, Level: level, How: how}
	for _, u := range lits {
		first, last := u, u+1
		if set.first != nil {
			first, last = set.first[u], set.first[u+1]
		}
		w.Lits = append(w.Lits, set.indexes[first:last]...)
		w.Rate += simd.Rate(set.lit(u))
	}
	slices.Sort(w.Lits)
	w.Rate = math.Min(w.Rate, 1)
	return w
}
