package sets

import (
	"testing"

	"vscan/engine/simd"
	"vscan/engine/simd/simdtest"
	"vscan/internal/testenv"
)

// No gram shares its bit with zeros, the commonest memory, unless it is zeros itself.
func TestZerosShareNoBit(t *testing.T) {
	rng := testenv.Seeded(t, 81, 82)
	for range testenv.Rounds(50, 300, 3000) {
		var lits [][]byte
		for range 300 + rng.IntN(3000) {
			lits = append(lits, simdtest.Letters(rng, everyByte[1:], 8+rng.IntN(4)))
		}
		for _, p := range mustSet(t, simd.Generic, lits).(*setKernel).parts {
			if p, ok := p.(*gramPart); ok && p.HasZeros() {
				t.Fatalf("zeros share a bit with one of %d grams", 4*len(lits))
			}
		}
	}
}
