//go:build unix

package simd

import (
	"os"
	"testing"

	"vscan/engine/simd/simdtest"
	"vscan/internal/testenv"
)

// TestWordsGuardGroups looks for words at either edge of readable memory, in
// blocks of whole groups and what is left before and behind them; half of the
// memory has no such words, half has many.
func TestWordsGuardGroups(t *testing.T) {
	mem := simdtest.Guarded(t, os.Getpagesize())
	rng := testenv.Seeded(t, 21, 22)
	for i := range mem {
		if mem[i] = 0xee; i/700%2 == 0 {
			mem[i] = byte(rng.IntN(3))
		}
	}
	perLevel(t, func(t *testing.T, l Level) {
		for _, spec := range guardSpecs {
			k, err := NewWords(l, spec)
			if err != nil {
				t.Fatal(err)
			}
			for n := 250; n <= 1700; n += 1 + n%7 {
				if n%testenv.Rounds(5, 5, 1) != 0 {
					continue
				}
				simdtest.Edges(mem, n, func(b []byte) {
					from := rng.IntN(spec.Stride + 70)
					var want []uint32
					for s := from; s+spec.Size <= n; s += spec.Stride {
						if in(spec.Ranges, spec.Order.Uint(b[s:s+spec.Size])) {
							want = append(want, uint32(s))
						}
					}
					simdtest.Same(t, simdtest.ScanAll(t, k, b, from, n, 200), want, "%d ranges of %d bytes every %d in %d bytes from %d",
						len(spec.Ranges), spec.Size, spec.Stride, n, from)
				})
			}
		}
	})
}
