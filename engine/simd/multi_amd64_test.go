//go:build !purego

package simd

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The filter for machines whose gathers are slow, which no other chooses,
// reports what the reference does, but for zeros.
func TestGramsNoGather(t *testing.T) {
	if err := gramsNoGatherNeeds.check(AVX2); err != nil {
		t.Skip(err)
	}
	rng := rand.New(rand.NewPCG(23, 24))
	for _, letters := range []string{"\x00\x00\x00a", "abcdefgh", "\x00"} {
		var lits [][]byte
		for range 300 {
			lits = append(lits, append(letter(rng, letters, 9), "\x01\x02\x03\x04"...))
		}
		set := newLiteralSet(Plain(lits...))
		var all []gramLiteral
		for u, l := range set.lits {
			all = append(all, gramLiteral{uint32(u), 0, l.size})
		}
		for _, fold := range []uint64{0, caseFold} {
			for size := 4; size <= 8; size++ {
				p := newGramPlan(set, all, 4, size, fold, false)
				b := letter(rng, letters, 3000)
				for n := 0; n < len(b); n += 1 + n/2 {
					for from := range 9 {
						want := scanAll(t, newGramRef(p), b[:n], from, n, MinDst)
						got := slices.DeleteFunc(scanAll(t, newGramsNoGather(p), b[:n], from, n, MinDst), func(at uint32) bool {
							s := int(at)
							return zerosAt(b[:n], s, s+p.size) &&
								(p.zeros == zeroNever || p.zeros == zeroEdge && zerosAt(b[:n], s-4, s+4+p.size))
						})
						same(t, got, want, "grams of %d, %d bytes from %d", size, n, from)
					}
				}
			}
		}
	}
}
