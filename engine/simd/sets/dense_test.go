package sets

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"vscan/engine/simd"
	"vscan/engine/simd/simdtest"
	"vscan/internal/testenv"
)

// The automaton finds what a naive search finds, whatever the stretch is.
func TestAutomaton(t *testing.T) {
	testenv.Check(t, func(t *rapid.T) {
		letters := rapid.SampledFrom([]string{"a", "ab", "abc", "\x00a", "\x00\x01\xff"}).Draw(t, "letters")
		rng := testenv.From(rapid.Uint64().Draw(t, "seed"), 1)
		most := rapid.SampledFrom([]int{1, 2, 5, 20, maxDense}).Draw(t, "longest")
		var lits [][]byte
		for range rapid.IntRange(1, 30).Draw(t, "literals") {
			lits = append(lits, simdtest.Letters(rng, letters, 1+rng.IntN(most)))
		}
		a := planAutomaton(newLiteralSet(simd.Plain(lits...), nil))
		if got, want := a.fill(), sumOfLists(lits) <= maxIndexes*len(lits); got != want {
			t.Fatalf("%q: an automaton: %v, want %v", lits, got, want)
		} else if !got {
			return
		}
		b := simdtest.Letters(rng, letters+letters+letters+"z", rapid.IntRange(0, 600).Draw(t, "bytes"))
		lo := rapid.IntRange(0, len(b)).Draw(t, "lo")
		hi := rapid.IntRange(lo, len(b)).Draw(t, "hi")
		want := naive(lits, b, lo, hi)
		var got []Match
		for from := lo; from < hi; {
			dst := make([]Match, rapid.IntRange(max(simd.MinDst, a.set.most), 1000).Draw(t, "room"))
			n, stop := a.find(new(Scratch), dst, b, from, hi)
			if got = append(got, dst[:n]...); stop <= from {
				t.Fatalf("from %d to %d: got to %d, no further", from, hi, stop)
			}
			from = stop
		}
		sameMatches(t, got, want, "%q in %q from %d to %d", lits, b, lo, hi)
	})
}

// sumOfLists returns how many indexes the lists of a set have: for each different
// literal, those of all literals that it begins with.
func sumOfLists(lits [][]byte) int {
	sum := 0
	for i, lit := range lits {
		if slices.ContainsFunc(lits[:i], func(other []byte) bool { return bytes.Equal(other, lit) }) {
			continue
		}
		for _, other := range lits {
			if bytes.HasPrefix(lit, other) {
				sum++
			}
		}
	}
	return sum
}

// Where memory is full of a set's literals the automaton takes over, and filters
// come back where it is not; the matches are the same.
func TestAutomatonTakesOver(t *testing.T) {
	t.Parallel()
	rng := testenv.Seeded(t, 4, 2)
	full, empty := bytes.Repeat(simdtest.Letters(rng, "abcd", 300), 100), simdtest.Letters(rng, "wxyz", 100_000)
	b := slices.Concat(empty[:20_000], full, empty, full[:5_000])
	nearly := drawn(rng, full, 400, 12, 14)
	for i, lit := range nearly {
		if nearly[i] = slices.Clone(lit); i%8 > 0 { // most of it stands in memory
			nearly[i][len(lit)-1] ^= 1
		}
	}
	sets := map[string][][]byte{
		"grams":     nearly,
		"Teddy":     drawn(rng, full, 40, 6, 8),
		"short":     drawn(rng, full, 20, 1, 3),
		"all parts": everyPart(rng, "abcd", 20),
		"zeros":     byteses(strings.Repeat("a", 8), strings.Repeat("a", 16), "ab", "b", "bcd"),
	}
	for name, lits := range sets {
		want := naive(lits, b, 0, len(b))
		t.Run(name, func(t *testing.T) {
			perLevel(t, func(t *testing.T, l simd.Level) {
				if l == simd.Reference {
					return // it has neither
				}
				k := mustSet(t, l, lits)
				for _, room := range []int{k.MinMatches(), 8192} {
					var sc Scratch
					var got []Match
					took, gaveBack := false, false
					for from := 0; from < len(b); from += 10_000 {
						to := min(from+10_000, len(b))
						got = append(got, matchesOf(t, k, sizesOf(lits), b, from, to, room, &sc)...)
						took = took || sc.dense != nil
						gaveBack = gaveBack || took && sc.dense == nil
					}
					sameMatches(t, got, want, "room for %d", room)
					if !took || !gaveBack {
						t.Errorf("room for %d: taken over %v, given back %v", room, took, gaveBack)
					}
				}
			})
		})
	}
}

// drawn returns n different literals of min to max bytes from b.
func drawn(rng *rand.Rand, b []byte, n, min, max int) [][]byte {
	seen := map[string]bool{}
	var lits [][]byte
	for tries := 0; len(lits) < n && tries < 20*n; tries++ {
		size := min + rng.IntN(max-min+1)
		at := rng.IntN(len(b) - size)
		if lit := b[at : at+size]; !seen[string(lit)] {
			seen[string(lit)] = true
			lits = append(lits, lit)
		}
	}
	return lits
}

// A Scratch that has another set's automaton serves like a new one, and several
// scans may be the first to need an automaton.
func TestAutomatonScratch(t *testing.T) {
	rng := testenv.Seeded(t, 6, 2)
	b := simdtest.Letters(rng, "ab", 200_000)
	one, other := drawn(rng, b, 50, 6, 9), drawn(rng, b, 30, 3, 12)
	k, q := mustSet(t, simd.Auto, one), mustSet(t, simd.Auto, other)
	want, wantOther := naive(one, b, 0, len(b)), naive(other, b, 0, len(b))
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			var sc Scratch
			for range 2 {
				for from := 0; from < len(b); from += 40_000 {
					k.Scan(make([]Match, 8192), b, from, from+10, &sc)
					q.Scan(make([]Match, 8192), b, from, from+40_000, &sc)
				}
			}
		})
	}
	group.Wait()
	var sc Scratch
	sameMatches(t, matchesOf(t, k, sizesOf(one), b, 0, len(b), 8192, &sc), want, "the one")
	sameMatches(t, matchesOf(t, q, sizesOf(other), b, 0, len(b), 8192, &sc), wantOther, "the other")
	sameMatches(t, matchesOf(t, k, sizesOf(one), b, 0, len(b), 8192, &sc), want, "the one again")
}

// An automaton is not made for little memory that is full of literals.
func TestAutomatonWaits(t *testing.T) {
	rng := testenv.Seeded(t, 8, 2)
	b := simdtest.Letters(rng, "abcd", 1<<20)
	lits := append(drawn(rng, b, 300, 4, 6), []byte("0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ")) // long rows
	k := mustSet(t, simd.Auto, lits).(*setKernel)
	want := naive(lits, b, 0, len(b))
	var sc Scratch
	var got []Match
	made := 0
	for from := 0; from < len(b); from += 4 << 10 {
		got = append(got, matchesOf(t, k, sizesOf(lits), b, from, from+4<<10, 8192, &sc)...)
		if k.dense.a == nil {
			made = from + 4<<10
		}
	}
	sameMatches(t, got, want, "4 KiB at a time")
	if made < 16<<10 || made > len(b)/2 {
		t.Errorf("an automaton was made after %d bytes", made)
	}
}

// TestAutomatonNone has sets for which no automaton is made.
func TestAutomatonNone(t *testing.T) {
	rng := testenv.Seeded(t, 1, 2)
	var nested, many [][]byte
	for n := range 100 {
		nested = append(nested, bytes.Repeat([]byte("a"), n+1))
	}
	for range 10_000 {
		lit := make([]byte, 12)
		for i := range lit {
			lit[i] = byte(rng.Uint32())
		}
		many = append(many, lit)
	}
	masked := simd.Plain([]byte("abcd"), []byte("efgh"))
	masked[1].Mask = []byte{0xff, 0xdf, 0xff, 0xff}
	for name, c := range map[string]struct {
		lits []simd.Lit
		want bool
	}{
		"two":             {simd.Plain([]byte("abcd"), []byte("efgh")), true},
		"masked":          {masked, false},
		"longest":         {simd.Plain(make([]byte, maxDense), []byte("a")), true},
		"too long":        {simd.Plain(make([]byte, maxDense+1), []byte("a")), false},
		"long lists":      {simd.Plain(nested...), false},
		"one, many times": {simd.Plain(byteses(strings.Split(strings.Repeat("abc ", 1000), " ")[:1000]...)...), true},
		"too many":        {simd.Plain(many...), false},
	} {
		a := planAutomaton(newLiteralSet(c.lits, nil))
		if got := a != nil && a.fill(); got != c.want {
			t.Errorf("%s: an automaton: %v, want %v", name, got, c.want)
		}
	}
}
