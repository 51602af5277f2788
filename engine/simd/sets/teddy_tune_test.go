package sets

import (
	"fmt"
	"testing"

	"vscan/engine/simd"
	"vscan/engine/simd/simdtest"
	"vscan/internal/testenv"
)

// In memory full of excerpts that the table says are rare, others are chosen,
// which let through next to nothing, and the hits stay the same.
func TestTeddyLearns(t *testing.T) {
	rnd := testenv.Seeded(t, 9, 9)
	var text []byte
	for len(text) < 2<<20 {
		text = fmt.Appendf(text, "%06x /index_%x ", rnd.IntN(1<<24), rnd.IntN(1<<12))
	}
	lits := byteses("ec5cec /in", "a0a1a2 /index", " /index_1f3", "0 /i")
	for i := range 200 {
		copy(text[rnd.IntN(len(text)-20):], lits[i%2])
	}
	want := naive(lits, text, 0, len(text))
	perLevel(t, func(t *testing.T, l simd.Level) {
		part, err := newTeddyPart(l, newLiteralSet(simd.Plain(lits...), nil), []uint32{0, 1, 2, 3})
		if err != nil {
			t.Fatal(err)
		}
		through := func() int { return len(simdtest.ScanAll(t, part.tuned.Load().filter, text, 0, len(text), candidates)) }
		before := through()
		k := &setKernel{literalSet: part.set, parts: []setPart{part}}
		for range 2 { // the second time with what has been learnt
			sameMatches(t, matchesOf(t, k, sizesOf(lits), text, 0, len(text), 4096, nil), want, "%s", l)
		}
		// What is left is " /i" of "0 /i", or what there is of it.
		if after := through(); after > before/2 || part.tries.Load() == 0 {
			t.Errorf("%d were let through, then %d, after %d lessons", before, after, part.tries.Load())
		}
	})
}

// Where nothing better can be learnt, learning ends.
func TestTeddyGivesUp(t *testing.T) {
	text := make([]byte, 4<<20)
	rnd := testenv.Seeded(t, 10, 10)
	for i := range text {
		text[i] = "ab"[rnd.IntN(2)]
	}
	lits := byteses("abababababababababababababababababababab", "bbbbbbbbaaaaaaaaaabbbbbbbababababababbbbb")
	perLevel(t, func(t *testing.T, l simd.Level) {
		part, err := newTeddyPart(l, newLiteralSet(simd.Plain(lits...), nil), []uint32{0, 1})
		if err != nil {
			t.Fatal(err)
		}
		k := &setKernel{literalSet: part.set, parts: []setPart{part}}
		sameMatches(t, matchesOf(t, k, sizesOf(lits), text, 0, len(text), 4096, nil), nil, "%s", l)
		if n := part.tries.Load(); n == 0 || n > 2 {
			t.Errorf("%d lessons", n)
		}
	})
}

// Counts of trigrams are exact, except where several share a count.
func TestTrigrams(t *testing.T) {
	seen := newTrigrams([]byte("abcabcab"))
	for s, want := range map[string]float64{"abc": 2. / 6, "bca": 2. / 6, "cab": 2. / 6, "abd": 0} {
		excerpt := newLiteralSet(simd.Plain([]byte(s)), nil).excerpt(0, 0)
		if got := seen.rate(&excerpt); got != want {
			t.Errorf("%s: %v, want %v", s, got, want)
		}
	}
	open := newLiteralSet(simd.Plain([]byte("a")), nil).excerpt(0, 0)
	if got := seen.rate(&open); got != 0 {
		t.Errorf("any: %v", got)
	}
	if (*trigrams)(nil).rate(&open) != 0 {
		t.Error("nothing was seen")
	}
}
