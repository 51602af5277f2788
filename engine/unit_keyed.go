package engine

import (
	"bytes"
	"context"
	"iter"

	"vscan/engine/simd"
	"vscan/engine/simd/sets"
	"vscan/patterns"
)

// This file is about literals under keys. Most are looked for by the differences of neighbouring
// bytes, which do not depend on the key (simd/keyed.go), so that 256 keys cost about what one does.
// Those with few keys are a literal for each key.

// fewKeys is the most keys for each of which there is a literal.
const fewKeys = 4

// maxRunBytes is the most bytes that a literal of one repeated byte may have under all of its
// keys together to be a literal for each of them.
const maxRunBytes = 1 << 20

// byDifferences reports whether a literal is looked for by the differences of its bytes. One
// repeated byte has only zeros there, as have all runs of memory. Where zeros, the commonest of
// these, are none of its hits, there is a literal for each key.
func byDifferences(lit []byte, keys patterns.Keys) bool {
	switch n := keys.Count(); {
	case n <= fewKeys:
		return false
	case isRun(lit) && !keys.Has(lit[0]):
		return n*len(lit) > maxRunBytes
	}
	return true
}

// literalsOf returns how many literals one with keys is looked for by.
func literalsOf(lit []byte, keys patterns.Keys) int {
	if byDifferences(lit, keys) {
		return 1
	}
	return max(keys.Count(), 1)
}

// isRun reports whether all bytes of a literal are the same.
func isRun(lit []byte) bool { return bytes.Count(lit, lit[:1]) == len(lit) }

// eachKey yields a literal under each of its keys; itself, where it has none.
func eachKey(lit, mask []byte, keys patterns.Keys) iter.Seq[simd.Lit] {
	return func(yield func(simd.Lit) bool) {
		if !keys.Any {
			yield(simd.Lit{Bytes: lit, Mask: mask})
			return
		}
		for key := int(keys.Lo); key <= int(keys.Hi); key++ {
			under := bytes.Clone(lit)
			for i := range under {
				under[i] ^= byte(key)
			}
			if !yield(simd.Lit{Bytes: under}) {
				return
			}
		}
	}
}

// newKeyed returns a literal under its keys.
func newKeyed(lit []byte, keys patterns.Keys) simd.Keyed {
	return simd.Keyed{Bytes: lit, Lo: keys.Lo, Hi: keys.Hi}
}

// newKeyedUnit makes the unit for needles with keys that are looked for by differences.
func newKeyedUnit(ctx context.Context, all []patterns.Needle, which []int32, level simd.Level) (unit, error) {
	about := unitTraits{stride: 1}
	lits := make([]simd.Keyed, len(which))
	needles := make([]uint32, len(which))
	for k, i := range which {
		n := &all[i]
		lits[k], needles[k] = newKeyed(n.Lit, n.Keys), uint32(i)
		about.longest = max(about.longest, len(n.Lit))
		about.inZeros = about.inZeros || zerosMatch(n.Lit, nil, n.Keys)
	}
	if len(which) == 1 {
		k, err := simd.NewKeyed(level, lits[0])
		return &kernelUnit{k, needles[0], about}, err
	}
	set, err := sets.NewKeyed(ctx, level, lits)
	return &literalUnit{set, needles, about}, err
}
