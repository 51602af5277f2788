package sets

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"vscan/engine/simd"
	"vscan/internal/testenv"
)

// nearMemory returns memory as images have it, in pieces of some hundred bytes: zeros, pointers, noise,
// and for the most part text of the same words in random order, or numbered keys.
func nearMemory(rng *rand.Rand, size int) []byte {
	var words []string
	for range 1 + rng.IntN(60) {
		words = append(words, strings.Repeat(string(rune('a'+rng.IntN(26))), 1+rng.IntN(3))+[]string{"er", "in", "session", "_", "st", "0"}[rng.IntN(6)]+string(rune('a'+rng.IntN(26))))
	}
	numbers := rng.IntN(3) == 0
	b := make([]byte, 0, size+512)
	for len(b) < size {
		n := 16 * (1 + rng.IntN(32))
		switch rng.IntN(8) {
		case 0:
			b = append(b, make([]byte, n)...)
		case 1:
			for range n / 8 {
				b = binary.LittleEndian.AppendUint64(b, 0x7f0000000000+rng.Uint64()>>40)
			}
		case 2:
			for range n / 8 {
				b = binary.LittleEndian.AppendUint64(b, rng.Uint64())
			}
		default:
			for end := len(b) + n; len(b) < end; {
				if numbers {
					b = fmt.Appendf(b, "value-%d\x00k%d\x00", rng.IntN(10_000_000), rng.IntN(10_000))
				} else {
					b = append(b, words[rng.IntN(len(words))]+" "...)
				}
			}
		}
	}
	return b[:size]
}

// nearLiterals returns different literals of min to max bytes that are drawn from memory, most of them
// with some bytes changed, to others of memory or to any.
func nearLiterals(rng *rand.Rand, b []byte, n, min, max int) [][]byte {
	seen := map[string]bool{}
	var lits [][]byte
	for range 20 * n {
		size := min + rng.IntN(max-min+1)
		lit := slices.Clone(b[rng.IntN(len(b)-size):][:size])
		if rng.IntN(8) > 0 {
			for i := range lit {
				switch rng.IntN(14) {
				case 0, 1, 2:
					lit[i] = b[rng.IntN(len(b))]
				case 3:
					lit[i] = byte(rng.Uint32())
				}
			}
		}
		if !seen[string(lit)] && (bytes.Count(lit, lit[:1]) < size || rng.IntN(50) == 0) {
			seen[string(lit)] = true
			lits = append(lits, lit)
		}
		if len(lits) == n {
			break
		}
	}
	return lits
}

// naiveByHead returns all matches of literals, sorted. It looks literals up by their first two bytes, and
// uses only the standard library.
func naiveByHead(lits [][]byte, b []byte) []Match {
	heads := map[string][]uint32{}
	for i, lit := range lits {
		heads[string(lit[:2])] = append(heads[string(lit[:2])], uint32(i))
	}
	var out []Match
	for s := 0; s+2 <= len(b); s++ {
		for _, i := range heads[string(b[s:s+2])] {
			if bytes.HasPrefix(b[s:], lits[i]) {
				out = append(out, Match{uint32(s), i})
			}
		}
	}
	return out
}

// Sets whose literals nearly stand in memory are found where they stand, at all levels, in blocks of any
// phase, with what a Scratch and the kernel have learnt before.
func TestNearMisses(t *testing.T) {
	t.Parallel()
	rng := testenv.Seeded(t, 71, 72)
	for range testenv.Rounds(6, 12, 2000) {
		b := nearMemory(rng, 1+rng.IntN(200<<10))
		b = b[min(len(b)-1, rng.IntN(9)):]
		least := []int{2, 4, 5, 7, 8, 8, 8, 11}[rng.IntN(8)]
		if len(b) < 30 {
			continue
		}
		lits := nearLiterals(rng, b, []int{1, 3, 8, 30, 64, 64, 200, 1000, 5000}[rng.IntN(9)], least, least+rng.IntN(17))
		want := naiveByHead(lits, b)
		for _, l := range here()[1:] {
			k := mustSet(t, l, lits)
			sc := new(Scratch)
			for range 2 {
				got := matchesOf(t, k, sizesOf(lits), b, 0, len(b), k.MinMatches()+rng.IntN(9000), sc)
				sameMatches(t, got, want, "%s: %d literals of %d bytes and more in %d bytes", l, len(lits), least, len(b))
			}
			from, to := rng.IntN(len(b)), rng.IntN(len(b)+1)
			lo, _ := slices.BinarySearchFunc(want, Match{uint32(from), 0}, compareMatches)
			hi, _ := slices.BinarySearchFunc(want, Match{uint32(max(from, to)), 0}, compareMatches)
			sameMatches(t, matchesOf(t, k, sizesOf(lits), b, from, to, k.MinMatches()+rng.IntN(9000), sc), want[lo:hi], "%s: %d literals, from %d to %d of %d bytes", l, len(lits), from, to, len(b))
		}
	}
}

// Where memory is full of the excerpts of some tens of literals, other parts search it, and Teddy goes on
// where it is not.
func TestTeddyHandsOver(t *testing.T) {
	rng := testenv.Seeded(t, 73, 74)
	var text []byte
	words := strings.Fields("session inode kmalloc value error index user socket handle number nothing something")
	for len(text) < 600<<10 {
		text = append(text, words[rng.IntN(len(words))]+" "...)
	}
	noise := make([]byte, 3<<20)
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	b := slices.Concat(noise[:100<<10], text, noise)
	var lits [][]byte
	for i := range 50 {
		at := rng.IntN(len(text) - 20)
		lit := slices.Clone(text[at : at+8+rng.IntN(12)])
		if i%8 > 0 {
			lit[rng.IntN(len(lit))] = "xyz_"[rng.IntN(4)]
		}
		lits = append(lits, lit)
	}
	want := naiveByHead(lits, b)
	perLevel(t, func(t *testing.T, l simd.Level) {
		if l == simd.Reference {
			return
		}
		set := newLiteralSet(simd.Plain(lits...), nil)
		kinds := map[litKind][]gramLiteral{}
		var all []uint32
		for u := range uint32(len(set.lits)) {
			c, lit := set.kindOf(u, 1)
			kinds[c], all = append(kinds[c], lit), append(all, u)
		}
		p, err := newTeddyPart(l, set, all)
		if err != nil {
			t.Fatal(err)
		}
		p.others.make = func() ([]setPart, error) { return set.gramPartsOf(l, kinds) }
		k := &setKernel{literalSet: set, parts: []setPart{p}, shortest: 8}
		sc, at, over, back := new(Scratch), 0, false, false
		var got []Match
		for at < len(b) {
			to := min(at+100<<10, len(b))
			got = append(got, matchesOf(t, k, sizesOf(lits), b, at, to, 8192, sc)...)
			at = to
			over = over || p.rest.Load() > 0
			back = back || over && p.rest.Load() == 0
		}
		sameMatches(t, got, want, "%s", l)
		if !over || !back {
			t.Errorf("handed over: %v, and back: %v", over, back)
		}
	})
}
