package sets

import (
	"fmt"
	"math"
	"slices"

	"vscan/engine/simd"
)

// Way is how some literals of a set are looked for, for people to read.
type Way struct {
	Shape simd.Shape
	Level simd.Level
	How   string   // what is compared with memory first
	Lits  []uint32 // the literals' indexes in what New was given, ascending

	// Rate is how often a byte of memory passes the first look, and what is
	// there has to be verified: an estimate from the frequency of bytes in
	// memory images. Other images have other bytes.
	Rate float64
}

// Ways is how a set that New made is looked for, one way after another.
// Every literal is in one of them.
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
		w := k.way(simd.FewLiterals, p.level(), fmt.Sprintf("windows of %d bytes, %s", simd.TeddyWindow, p.tuned.Load().By), p.lits)
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
		slices.Sort(lits) // one with a pair of several values has as many entries
		w := k.way(simd.LiteralPairs, p.level(), fmt.Sprintf("windows of %d bytes at every place, and a bitmap of pairs", simd.PairWindow), slices.Compact(lits))
		w.Rate = p.rate()
		return []Way{w}
	case *shortPart:
		return []Way{k.way(simd.LiteralSet, p.level(), "2 bytes at every place, by a bitmap", p.lits)}
	}
	return nil
}

// way is the literals u of the set as they were given, and what they let
// through together if each does what Rate says.
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
