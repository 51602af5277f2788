//go:build !purego

package simd

import "testing"

// The filter for machines whose gathers are slow, which other machines do not
// choose, reports what the reference does, except for zeros.
func TestGramsNoGather(t *testing.T) {
	if err := gramsNoGatherNeeds.check(AVX2); err != nil {
		t.Skip(err)
	}
	eachGramSet(func(g *Grams, b []byte) { compareGrams(t, g, newGramsNoGather(g), b) })
}
