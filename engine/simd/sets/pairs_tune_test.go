package sets

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"vscan/engine/simd"
	"vscan/internal/testenv"
)

// codeLiterals returns masked literals, each of which has three pairs: 48 8b and another, which a
// table says are rare, and es.
func codeLiterals(n int) (lits []simd.Lit) {
	for i := range n {
		lits = append(lits, simd.Lit{
			Bytes: []byte{0x48, 0x8b, 0, 0, 'e', byte(i) | 0x80, 0, byte(i >> 7), 0, 'e', 's'},
			Mask:  []byte{0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0xff, 0, 0xff, 0xff},
		})
	}
	return lits
}

// code returns memory that is full of a pair, like that of instructions, with some of the literals
// in it.
func code(rnd *rand.Rand, pair string, lits []simd.Lit, size int) []byte {
	b := make([]byte, size)
	for i := 0; i+8 < size; i += 3 + rnd.IntN(4) {
		copy(b[i:], pair)
		b[i+2] = byte(rnd.Uint32())
	}
	for range size / 4096 {
		l := lits[rnd.IntN(len(lits))]
		at := rnd.IntN(size - len(l.Bytes))
		for i, c := range l.Bytes {
			b[at+i] = b[at+i]&^l.Mask[i] | c
		}
	}
	return b
}

// naiveLits returns all matches of masked literals that begin with 48 8b.
func naiveLits(lits []simd.Lit, b []byte) (all []Match) {
	for at := range len(b) - 1 {
		if b[at] != 0x48 || b[at+1] != 0x8b {
			continue
		}
		for i, l := range lits {
			if l.StandsAt(b[at:]) {
				all = append(all, Match{uint32(at), uint32(i)})
			}
		}
	}
	return all
}

func pairPartOf(t *testing.T, level simd.Level, lits []simd.Lit) *pairPart {
	t.Helper()
	set := newLiteralSet(lits, nil)
	var all []uint32
	for u := range set.lits {
		all = append(all, uint32(u))
	}
	parts, rest, err := newPairParts(level, set, all)
	if err != nil || len(parts) != 1 || len(rest) > 0 {
		t.Fatalf("%d parts, %d other literals, %v", len(parts), len(rest), err)
	}
	return parts[0]
}

// Where memory is full of pairs that a table says are rare, others are chosen, which let next to
// nothing through, and the hits stay the same. What was learnt in one memory holds while another is
// searched that is full of other pairs.
func TestPairsLearn(t *testing.T) {
	rnd := testenv.Seeded(t, 11, 9)
	lits := codeLiterals(200)
	for _, pair := range []string{"\x48\x8b", "e\x81"} {
		b, other := code(rnd, pair, lits, 512<<10), code(rnd, "e\x81", lits, 512<<10)
		want, wantOther := naiveLits(lits, b), naiveLits(lits, other)
		perLevel(t, func(t *testing.T, l simd.Level) {
			part := pairPartOf(t, l, lits)
			k := &setKernel{literalSet: part.set, parts: []setPart{part}}
			scan := func(b []byte, want []Match) {
				t.Helper()
				sameMatches(t, matchesOf(t, k, func(i uint32) int { return len(lits[i].Bytes) }, b, 0, len(b), 4096, nil), want, "%s", l)
			}
			before, otherwise := part.tuned.Load().through(b), part.tuned.Load().through(other)
			for range 8 { // later with what has been learnt
				scan(b, want)
				scan(other, wantOther)
			}
			t.Logf("%d were let through, then %d; %d, then %d", before, part.tuned.Load().through(b), otherwise, part.tuned.Load().through(other))
			if after := part.tuned.Load().through(b); after > max(before/2, 2000) {
				t.Errorf("%d were let through, then %d, after %d lessons", before, after, part.tries.Load())
			}
			if after := part.tuned.Load().through(other); after > max(otherwise/2, 2000) {
				t.Errorf("%d were let through in the other, then %d, after %d lessons", otherwise, after, part.tries.Load())
			}
		})
	}
}

// Where nothing better can be learnt, learning ends, and the tables stay.
func TestPairsGiveUp(t *testing.T) {
	rnd := testenv.Seeded(t, 12, 9)
	var lits []simd.Lit
	for i := range 64 { // their only pair
		lits = append(lits, simd.Lit{Bytes: []byte{0x48, 0x8b, 0, 0, byte(i)}, Mask: []byte{0xff, 0xff, 0, 0, 0xff}})
	}
	b := code(rnd, "\x48\x8b", lits, 1<<20)
	want := naiveLits(lits, b)
	perLevel(t, func(t *testing.T, l simd.Level) {
		part := pairPartOf(t, l, lits)
		tables := part.tuned.Load().pairTables
		k := &setKernel{literalSet: part.set, parts: []setPart{part}}
		for range 3 {
			sameMatches(t, matchesOf(t, k, func(uint32) int { return 5 }, b, 0, len(b), 4096, nil), want, "%s", l)
		}
		if n := part.tries.Load(); n == 0 || n > 2 || part.tuned.Load().pairTables != tables {
			t.Errorf("%d lessons, other tables: %v", n, part.tuned.Load().pairTables != tables)
		}
	})
}

// Scans that run at the same time learn together.
func TestConcurrentLessons(t *testing.T) {
	rnd := testenv.Seeded(t, 13, 9)
	lits := codeLiterals(100)
	memories := [][]byte{code(rnd, "\x48\x8b", lits, 256<<10), code(rnd, "e\x81", lits, 256<<10)}
	want := [][]Match{naiveLits(lits, memories[0]), naiveLits(lits, memories[1])}
	perLevel(t, func(t *testing.T, l simd.Level) {
		part := pairPartOf(t, l, lits)
		k := &setKernel{literalSet: part.set, parts: []setPart{part}}
		var scans sync.WaitGroup
		for i := range 4 {
			scans.Go(func() {
				b := memories[i%2]
				got := matchesOf(t, k, func(i uint32) int { return len(lits[i].Bytes) }, b, 0, len(b), 4096, nil)
				if !slices.Equal(got, want[i%2]) {
					t.Errorf("%d matches, want %d", len(got), len(want[i%2]))
				}
			})
		}
		scans.Wait()
	})
}

// Counts of pairs are exact, and what an excerpt is said to be is what is there where bytes depend on
// the one before alone.
func TestPairCounts(t *testing.T) {
	var seen pairCounts
	seen.add([]byte("abcdabceabcd"))
	seen.add([]byte("x"))
	for pair, want := range map[string]float64{"ab": 3. / 11, "cd": 2. / 11, "ac": 0} {
		if got := seen.rate(pair[0], pair[1]); got != want {
			t.Errorf("%s: %v, want %v", pair, got, want)
		}
	}
	for text, want := range map[string]float64{"abcd": 2. / 11, "abce": 1. / 11, "bbcd": 0, "ab": 3. / 11} {
		set := newLiteralSet(simd.Plain([]byte(text)), nil)
		var excerpt [simd.PairExcerpt]simd.ByteSet
		for i := range excerpt {
			excerpt[i] = set.lit(0).BytesAt(i)
		}
		if got := seen.excerptRate(&excerpt); got < want*0.99 || got > want*1.01 {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	var none *pairCounts
	if none.rate(1, 2) != 0 || none.excerptRate(new([simd.PairExcerpt]simd.ByteSet)) != 0 {
		t.Error("nothing was seen")
	}
}
