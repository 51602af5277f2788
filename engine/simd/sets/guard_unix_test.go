//go:build unix

package sets

import (
	"os"
	"testing"

	"vscan/engine/simd"
	"vscan/engine/simd/simdtest"
	"vscan/internal/testenv"
)

// TestLiteralsGuard scans blocks at either edge of readable memory, of every
// length and so at every phase, for sets of one part and of all.
func TestLiteralsGuard(t *testing.T) {
	t.Parallel()
	mem := simdtest.Guarded(t, os.Getpagesize())
	rng := testenv.Seeded(t, 31, 32)
	copy(mem, simdtest.Letters(rng, "aab\x00\x00\x00", len(mem)))
	var sets [][][]byte
	for _, sizes := range [][]int{{1, 2, 3}, {4}, {5, 6}, {7, 8, 9, 30, 64, 65}, {1, 3, 4, 6, 7, 20, 100}} {
		var lits [][]byte
		for i := range 24 {
			size := sizes[i%len(sizes)]
			from := rng.IntN(130)
			if i%2 == 0 {
				from = len(mem) - 130 + rng.IntN(130-size)
			}
			lits = append(lits, append([]byte(nil), mem[from:from+size]...))
		}
		sets = append(sets, lits)
	}
	compared(t, func(t *testing.T, l simd.Level) {
		dst := make([]Match, 4096)
		sc := new(Scratch)
		for _, lits := range sets {
			k := mustSet(t, l, lits)
			for n := 0; n <= 200; n++ {
				if n > 66 && n%testenv.Rounds(5, 5, 1) != 0 || n%testenv.Rounds(5, 3, 1) != 0 {
					continue
				}
				simdtest.Edges(mem, n, func(b []byte) {
					all := naive(lits, b, 0, n)
					try := func(from, to int) {
						m, next := k.Scan(dst, b, from, to, sc)
						if next < to {
							t.Fatalf("%d bytes from %d to %d: got to %d", n, from, to, next)
						}
						var want []Match
						for _, w := range all {
							if from <= int(w.Off) && int(w.Off) < to {
								want = append(want, w)
							}
						}
						sameMatches(t, dst[:m], want, "%q in %q from %d to %d", lits, b, from, to)
					}
					for i := 0; i <= n; i++ {
						try(i, n)
						try(0, i)
					}
					try(n/3, n-n/3)
				})
			}
		}
	})
}
