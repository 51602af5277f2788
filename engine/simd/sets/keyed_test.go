package sets

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"vscan/engine/simd"
	"vscan/engine/simd/simdtest"
	"vscan/internal/testenv"
)

// underKeys returns all matches of literals under their keys: a set of plain literals, one for each
// key, has them.
func underKeys(t testing.TB, lits []simd.Keyed, b []byte, from, to int) []Match {
	t.Helper()
	var each []simd.Lit
	var of []uint32
	for i, lit := range lits {
		for key := int(lit.Lo); key <= int(lit.Hi); key++ {
			text := bytes.Clone(lit.Bytes)
			for i := range text {
				text[i] ^= byte(key)
			}
			each, of = append(each, simd.Lit{Bytes: text}), append(of, uint32(i))
		}
	}
	k, err := New(t.Context(), simd.Generic, each)
	if err != nil {
		t.Fatal(err)
	}
	all := matchesOf(t, k, func(i uint32) int { return len(each[i].Bytes) }, b, from, to, max(4096, k.MinMatches()), nil)
	for i := range all {
		all[i].Lit = of[all[i].Lit]
	}
	slices.SortFunc(all, compareMatches)
	return all
}

// randomKeyed returns n literals under keys that can be found in memory of some letters.
func randomKeyed(rng *rand.Rand, letters string, n, longest int) []simd.Keyed {
	lits := make([]simd.Keyed, n)
	for i := range lits {
		lits[i] = simd.Keyed{Bytes: simdtest.Letters(rng, letters, 2+rng.IntN(longest-1)), Hi: 255}
		switch rng.IntN(4) {
		case 0:
			lits[i].Lo = 1
		case 1:
			x, y := byte(rng.IntN(256)), byte(rng.IntN(6))
			lits[i].Lo, lits[i].Hi = min(x, y), max(x, y)
		}
	}
	return lits
}

func sizesOfKeyed(lits []simd.Keyed) func(uint32) int {
	return func(i uint32) int { return len(lits[i].Bytes) }
}

// All levels find what sets of plain literals find, one for each key.
func TestKeyedSetsRandom(t *testing.T) {
	rng := testenv.Seeded(t, 51, 52)
	found, rounds := 0, testenv.Rounds(10, 25, 3000)
	sc := new(Scratch)
	for range rounds {
		letters := []string{"a", "ab", "\x00\x01", "\x00\xffa", "abcdefgh", "a\x00b\x00"}[rng.IntN(6)]
		lits := randomKeyed(rng, letters, 1+rng.IntN(1+rng.IntN(60)), 2+rng.IntN(20))
		size := rng.IntN(600)
		if rng.IntN(8) == 0 {
			size = rng.IntN(3 * keyedStretch)
			lits = lits[:min(len(lits), 5)]
		}
		b := simdtest.Letters(rng, letters, size)
		for i := 0; i < len(b); {
			key := byte(rng.IntN(4))
			for n := 1 + rng.IntN(300); n > 0 && i < len(b); n-- {
				b[i] ^= key
				i++
			}
		}
		if len(b) > 40 { // one of them stands in memory
			at := rng.IntN(len(b) - 30)
			lits[0] = simd.Keyed{Bytes: bytes.Clone(b[at : at+2+rng.IntN(20)]), Hi: 255}
		}
		from, to := rng.IntN(len(b)+1), rng.IntN(len(b)+3)
		if rng.IntN(2) == 0 {
			from, to = 0, len(b)
		}
		want := underKeys(t, lits, b, from, to)
		found += len(want)
		for _, l := range here() {
			if l == simd.Reference && size > 2000 {
				continue
			}
			k, err := NewKeyed(t.Context(), l, lits)
			if err != nil {
				t.Fatal(err)
			}
			got := matchesOf(t, k, sizesOfKeyed(lits), b, from, to, k.MinMatches()+rng.IntN(70), sc)
			sameMatches(t, got, want, "%s: %d literals in %d bytes from %d to %d", l, len(lits), len(b), from, to)
		}
	}
	if found < rounds {
		t.Errorf("%d matches in all: the test shows nothing", found)
	}
}

// Ten thousand literals in noise that has some of them, under any key.
func TestKeyedSetPlanted(t *testing.T) {
	rng := testenv.Seeded(t, 53, 54)
	lits := make([]simd.Keyed, 10000)
	for i := range lits {
		lits[i] = simd.Keyed{Bytes: make([]byte, 8+rng.IntN(17)), Lo: 1, Hi: 255}
		for j := range lits[i].Bytes {
			lits[i].Bytes[j] = byte(rng.Uint32())
		}
	}
	b := make([]byte, 1<<20)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	var want []Match
	for at := 5; at+100 < len(b); at += 50 + rng.IntN(1000) {
		i, key := rng.IntN(len(lits)), byte(rng.IntN(256))
		for j, c := range lits[i].Bytes {
			b[at+j] = c ^ key
		}
		if key > 0 {
			want = append(want, Match{uint32(at), uint32(i)})
		}
	}
	for _, l := range here()[1:] {
		k, err := NewKeyed(t.Context(), l, lits)
		if err != nil {
			t.Fatal(err)
		}
		sameMatches(t, matchesOf(t, k, sizesOfKeyed(lits), b, 0, len(b), 1000, nil), want, "%s", l)
	}
}

// Sets of all parts that differences have: runs, literals of all lengths, zeros among them, in memory
// of words, runs and zeros.
func TestKeyedSetParts(t *testing.T) {
	rng := testenv.Seeded(t, 59, 60)
	words := func(n int) []byte {
		b := simdtest.Letters(rng, "etaoinshrdlu_AB019", n)
		if rng.IntN(4) == 0 {
			from := rng.IntN(n)
			for i := from; i < min(n, from+rng.IntN(12)); i++ {
				b[i] = b[from]
			}
		}
		return b
	}
	for range testenv.Rounds(1, 2, 100) {
		lits := randomKeyed(rng, "ab", 30, 6)
		for range testenv.Rounds(700, 1500, 1500) {
			lits = append(lits, simd.Keyed{Bytes: words(3 + rng.IntN(20)), Lo: byte(rng.IntN(2)), Hi: 255})
		}
		for range 10 {
			lits = append(lits, simd.Keyed{Bytes: bytes.Repeat([]byte{byte(rng.IntN(256))}, 2+rng.IntN(30)), Lo: byte(rng.IntN(2)), Hi: 255})
		}
		var b []byte
		for len(b) < 20_000 {
			switch lit := lits[rng.IntN(len(lits))]; rng.IntN(5) {
			case 0:
				b = append(b, make([]byte, rng.IntN(100))...)
			case 1:
				b = append(b, words(1+rng.IntN(100))...)
			default:
				key := byte(rng.IntN(256))
				for _, c := range lit.Bytes {
					b = append(b, c^key)
				}
			}
		}
		var want []Match
		for _, l := range here() {
			k, err := NewKeyed(t.Context(), l, lits)
			if err != nil {
				t.Fatal(err)
			}
			got := matchesOf(t, k, sizesOfKeyed(lits), b, 3, len(b)-5, k.MinMatches()+rng.IntN(5000), nil)
			if l == simd.Reference {
				if want = got; len(want) < 1000 {
					t.Fatalf("%d matches", len(want))
				}
				continue
			}
			sameMatches(t, got, want, "%s: %d literals", l, len(lits))
		}
	}
}

func TestKeyedSetErrors(t *testing.T) {
	good := simd.Keyed{Bytes: []byte("ab"), Hi: 255}
	perLevel(t, func(t *testing.T, l simd.Level) {
		for _, lits := range [][]simd.Keyed{nil, {good, {Bytes: []byte("a"), Hi: 255}}, {good, {Bytes: []byte("ab"), Lo: 3, Hi: 2}}} {
			if _, err := NewKeyed(t.Context(), l, lits); err == nil {
				t.Errorf("%v were taken", lits)
			}
		}
	})
}

// Methods have every literal once.
func TestKeyedSetMethods(t *testing.T) {
	lits := randomKeyed(testenv.Seeded(t, 55, 56), "abcdefgh", 300, 20)
	perLevel(t, func(t *testing.T, l simd.Level) {
		k, err := NewKeyed(t.Context(), l, lits)
		if err != nil {
			t.Fatal(err)
		}
		methods, err := Methods(t.Context(), k)
		if err != nil {
			t.Fatal(err)
		}
		seen := make([]int, len(lits))
		for _, m := range methods {
			for _, i := range m.Lits {
				seen[i]++
			}
		}
		if slices.ContainsFunc(seen, func(n int) bool { return n != 1 }) {
			t.Errorf("literals are in methods so often: %v", seen)
		}
	})
}

// A scan with a Scratch that has been used before allocates nothing on the heap.
func TestKeyedSetAllocs(t *testing.T) {
	rng := testenv.Seeded(t, 57, 58)
	lits := randomKeyed(rng, "abcdefgh", 60, 12)
	b := simdtest.Letters(rng, "abcdefghijklmnop", 100000)
	dst := make([]Match, 4096)
	for _, l := range here()[1:] {
		k, err := NewKeyed(t.Context(), l, lits)
		if err != nil {
			t.Fatal(err)
		}
		sc := new(Scratch)
		if allocs := testing.AllocsPerRun(10, func() {
			for from := 0; from < len(b); {
				_, from = k.Scan(dst, b, from, len(b), sc)
			}
		}); allocs > 0 {
			t.Errorf("%s: %v allocations", l, allocs)
		}
	}
}
