//go:build unix

package simd

import (
	"math/rand/v2"
	"os"
	"testing"
)

// Blocks at either edge of readable memory, of every length and so at every
// phase, for sets of one part and of all.
func TestLiteralsGuard(t *testing.T) {
	t.Parallel()
	mem := guarded(t, os.Getpagesize())
	rng := rand.New(rand.NewPCG(31, 32))
	copy(mem, letter(rng, "aab\x00\x00\x00", len(mem)))
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
	perLevel(t, func(t *testing.T, l Level) {
		dst := make([]Match, 4096)
		sc := new(Scratch)
		for _, lits := range sets {
			k := mustSet(t, l, lits)
			for n := 0; n <= 200; n++ {
				if testing.Short() && n%5 != 0 {
					continue
				}
				edges(mem, n, func(b []byte) {
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

// The same for the filters of pairs.
func TestPairsGuard(t *testing.T) {
	t.Parallel()
	mem := guarded(t, os.Getpagesize())
	rng := rand.New(rand.NewPCG(33, 34))
	p, b := pairSet(rng, "\x00\x03\x7f\x80\x81\xfe\xff", 60, len(mem))
	copy(mem, b)
	perLevel(t, func(t *testing.T, l Level) {
		k, err := choose(l, pairFilters, p)
		if err != nil {
			t.Fatal(err)
		}
		for n := 0; n <= 400; n++ {
			if testing.Short() && n%7 != 0 {
				continue
			}
			edges(mem, n, func(b []byte) {
				for from := 0; from <= n; from += 1 + from/2 {
					want := scanAll(t, newPairRef(p), b, from, n, MinDst)
					same(t, p.only(t, scanAll(t, k, b, from, n, MinDst), want, b), want, "%d bytes from %d", n, from)
				}
			})
		}
	})
}

// The same for those of Teddy.
func TestTeddyGuard(t *testing.T) {
	t.Parallel()
	for _, by := range []teddyTable{byNibbles, bySevens} {
		p, mem := guardedTeddy(t, by)
		perLevel(t, func(t *testing.T, l Level) {
			k, err := choose(l, teddies, p)
			if err != nil {
				t.Fatal(err)
			}
			guardTeddy(t, p, k, mem)
		})
	}
}

// guardedTeddy is a plan, and guarded memory that has parts of its literals.
func guardedTeddy(t *testing.T, by teddyTable) (*teddyPlan, []byte) {
	rng := rand.New(rand.NewPCG(35, 36))
	mem := guarded(t, os.Getpagesize())
	copy(mem, letter(rng, "abcd\x00", len(mem)))
	set := newLiteralSet(Plain([]byte("abcab"), []byte("cda"), []byte("dd\x00d")))
	return newTeddyPlan(set, []uint32{0, 1, 2}, by, nil), mem
}

// guardTeddy compares a filter with the reference.
func guardTeddy(t *testing.T, p *teddyPlan, k Kernel, mem []byte) {
	for n := 0; n <= 400; n++ {
		if testing.Short() && n%7 != 0 {
			continue
		}
		edges(mem, n, func(b []byte) {
			for from := 0; from <= n; from += 1 + from/4 {
				for _, to := range []int{n, n / 2} {
					want := scanAll(t, newTeddyRef(p), b, from, to, MinDst)
					same(t, scanAll(t, k, b, from, to, MinDst), want, "%d bytes from %d to %d", n, from, to)
				}
			}
		})
	}
}
