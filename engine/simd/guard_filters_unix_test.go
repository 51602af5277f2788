//go:build unix

package simd

import (
	"math/rand/v2"
	"os"
	"testing"

	"vscan/engine/simd/simdtest"
	"vscan/internal/testenv"
)

// lengths returns the lengths from 0 to most: all of them where tests run at full length,
// else every seventh, and some others each time.
func lengths(rnd *rand.Rand, most int) []int {
	first, step := rnd.IntN(7), 7
	if testenv.Long() {
		first, step = 0, 1
	}
	var out []int
	for n := first; n <= most; n += step {
		out = append(out, n)
	}
	return out
}

// TestPairsGuard has filters of pairs look through blocks at either edge of
// readable memory.
func TestPairsGuard(t *testing.T) {
	t.Parallel()
	mem := simdtest.Guarded(t, os.Getpagesize())
	rnd := testenv.Seeded(t, 33, 34)
	p, b := pairSet(rnd, "\x00\x03\x7f\x80\x81\xfe\xff", 60, len(mem))
	copy(mem, b)
	compared(t, func(t *testing.T, l Level) {
		k, err := NewPairs(l, &p.Pairs)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range lengths(rnd, 400) {
			simdtest.Edges(mem, n, func(b []byte) {
				for from := 0; from <= n; from += 1 + from/2 {
					comparePairs(t, p, k, b, from, n)
				}
			})
		}
	})
}

// TestGramsGuard does so with filters of grams.
func TestGramsGuard(t *testing.T) {
	t.Parallel()
	mem := simdtest.Guarded(t, os.Getpagesize())
	rnd := testenv.Seeded(t, 37, 38)
	copy(mem, simdtest.Letters(rnd, "\x00\x00\x00\x00\x01\x02\x03\x04", len(mem)))
	for _, letters := range []string{"\x00\x01", "\x01\x02"} { // among zeros, and as text
		g := gramSet(rnd, letters, 100, 5, 0, ZerosEdge)
		compared(t, func(t *testing.T, l Level) {
			k, err := NewGrams(l, g)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range lengths(rnd, 400) {
				simdtest.Edges(mem, n, func(b []byte) {
					for from := 0; from <= n; from += 1 + from/2 {
						simdtest.ScanAll(t, k, b, from, n, MinDst)
					}
				})
			}
		})
	}
}

// TestTeddyGuard does so with filters of Teddy.
func TestTeddyGuard(t *testing.T) {
	t.Parallel()
	for _, by := range []TeddyBy{ByNibbles, BySevens} {
		p, mem := guardedTeddy(t, by)
		compared(t, func(t *testing.T, l Level) {
			k, err := NewTeddy(l, p)
			if err != nil {
				t.Fatal(err)
			}
			guardTeddy(t, p, k, mem)
		})
	}
}

// guardedTeddy returns tables, and guarded memory that has parts of their
// excerpts.
func guardedTeddy(t *testing.T, by TeddyBy) (*Teddy, []byte) {
	rnd := testenv.Seeded(t, 35, 36)
	mem := simdtest.Guarded(t, os.Getpagesize())
	copy(mem, simdtest.Letters(rnd, "abcd\x00", len(mem)))
	return teddyOf(by, []byte("abcab"), []byte("cda"), []byte("dd\x00d")), mem
}

// guardTeddy compares a filter with the reference at both edges of mem.
func guardTeddy(t *testing.T, p *Teddy, k Kernel, mem []byte) {
	for _, n := range lengths(testenv.Seeded(t, 36, 37), 400) {
		simdtest.Edges(mem, n, func(b []byte) {
			for from := 0; from <= n; from += 1 + from/4 {
				for _, to := range []int{n, n / 2} {
					want := simdtest.ScanAll(t, newTeddyRef(p), b, from, to, MinDst)
					simdtest.Same(t, simdtest.ScanAll(t, k, b, from, to, MinDst), want, "%d bytes from %d to %d", n, from, to)
				}
			}
		})
	}
}

// TestWindowsGuard looks up windows at either edge of readable memory.
func TestWindowsGuard(t *testing.T) {
	mem := simdtest.Guarded(t, os.Getpagesize())
	copy(mem, simdtest.Letters(testenv.Seeded(t, 47, 48), "abAB\x00\x01\x02", len(mem)))
	eachWindows(t, func(t *testing.T, w *Windows) {
		for n := 0; n <= 100; n++ {
			simdtest.Edges(mem, n, func(b []byte) { compareLook(t, w, b) })
		}
	})
}
