package simd

import (
	"math/rand/v2"
	"slices"
	"testing"

	"vscan/engine/simd/simdtest"
	"vscan/internal/testenv"
)

// gramSet returns a set of n random grams, which begin with up to 8 of the
// letters and go on with other bytes.
func gramSet(rnd *rand.Rand, letters string, n, size int, fold uint64, zeros Zeros) *Grams {
	g := NewGramSet(size, fold)
	g.Zeros = zeros
	g.Reserve(n)
	for range rnd.IntN(3) {
		g.Rehash()
	}
	for range n {
		g.Add(g.Of(append(simdtest.Letters(rnd, letters, rnd.IntN(9)), "\x01\x02\x03\x04\x05\x06\x07\x08"...), 0))
	}
	return &g
}

// mayLeaveOut reports whether a filter may report the position s of b, and need not:
// zeros that may be passed over, and grams that are not in the set and begin as none
// does.
func mayLeaveOut(g *Grams, b []byte, s int) bool {
	return !g.begins(g.Of(b, s)) || zerosAt(b, s, s+g.Size) && (g.Zeros == ZerosNever || g.Zeros == ZerosEdge && zerosAt(b, s-4, s+4+g.Size))
}

// compareGrams compares a filter with the reference over parts of b.
func compareGrams(t *testing.T, g *Grams, k Kernel, b []byte) {
	t.Helper()
	for n := 0; n < len(b); n += 1 + n/2 {
		for from := range 9 {
			certain := func(k Kernel) []uint32 {
				return slices.DeleteFunc(simdtest.ScanAll(t, k, b[:n], from, n, MinDst), func(at uint32) bool {
					return mayLeaveOut(g, b[:n], int(at))
				})
			}
			want, got := certain(newGramRef(g)), certain(k)
			simdtest.Same(t, got, want, "%s: grams of %d, fold %#x, zeros %d, %d bytes from %d", k.Level(), g.Size, g.Fold, g.Zeros, n, from)
		}
	}
}

// gramLetters are the letters that memory and grams of tests are drawn from.
var gramLetters = []string{"\x00\x00\x00a", "abcdefgh", "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xfa", "\x00"}

// eachGramSet calls f with sets of every size, fold and mode of zeros, and with
// memory that has some of their grams.
func eachGramSet(f func(g *Grams, b []byte)) {
	rnd := testenv.From(21, 22)
	for _, letters := range gramLetters {
		b := simdtest.Letters(rnd, letters, 3000)
		for at := 0; at+8 < len(b); at += rnd.IntN(200) {
			copy(b[at:], "\x01\x02\x03\x04\x05\x06\x07\x08")
		}
		for size := 4; size <= 8; size++ {
			for _, fold := range []uint64{0, 0x2020202020202020} {
				for _, zeros := range []Zeros{ZerosNever, ZerosEdge, ZerosAll} {
					f(gramSet(rnd, letters, 500, size, fold, zeros), b)
				}
			}
		}
	}
}

// All filters let through the same, except for zeros.
func TestGramFilters(t *testing.T) {
	eachGramSet(func(g *Grams, b []byte) {
		for _, l := range here()[1:] {
			k, err := NewGrams(l, g)
			if err != nil {
				t.Fatal(err)
			}
			compareGrams(t, g, k, b)
		}
	})
}

// A gram that has been added is let through wherever it stands, and few others
// are.
func TestGramsHave(t *testing.T) {
	rnd := testenv.Seeded(t, 23, 24)
	for size := 4; size <= 8; size++ {
		g := NewGramSet(size, 0)
		g.Reserve(1000)
		var all [][]byte
		for range 1000 {
			b := make([]byte, size)
			for i := range b {
				b[i] = byte(rnd.Uint32())
			}
			all = append(all, b)
			g.Add(g.Of(b, 0))
		}
		for _, b := range all {
			if !g.Has(g.Of(b, 0)) {
				t.Fatalf("%x was added and is not there", b)
			}
		}
		through := 0
		for range 10_000 {
			if g.Has(rnd.Uint64() & g.Mask) {
				through++
			}
		}
		if through > 500 { // one in 64 is expected
			t.Errorf("grams of %d: %d of 10,000 are let through", size, through)
		}
	}
}

// With another hash, grams share bits with others than before.
func TestRehash(t *testing.T) {
	rnd := testenv.Seeded(t, 25, 26)
	for size := 4; size <= 8; size++ {
		g := NewGramSet(size, 0)
		g.Reserve(1000)
		var grams []uint64
		for range 1000 {
			grams = append(grams, rnd.Uint64()&g.Mask)
		}
		others := make([]uint64, 10_000)
		for i := range others {
			others[i] = rnd.Uint64() & g.Mask
		}
		for range 8 {
			for _, gram := range grams {
				g.Add(gram)
			}
			for _, gram := range grams {
				if !g.Has(gram) {
					t.Fatalf("%#x was added and is not there", gram)
				}
			}
			through := others[:0:0]
			for _, gram := range others {
				if g.Has(gram) {
					through = append(through, gram)
				}
			}
			if g.Rehash(); len(through) > 500 { // one in 64 is expected
				t.Errorf("grams of %d: %d of 10,000 are let through", size, len(through))
			}
			others = through // hardly any of them has such a bit every time
		}
		if len(others) > 1 {
			t.Errorf("grams of %d: %d share bits with 8 hashes", size, len(others))
		}
	}
}
