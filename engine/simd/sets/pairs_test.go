package sets

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"vscan/engine/simd"
	"vscan/engine/simd/simdtest"
	"vscan/internal/testenv"
)

// Hundreds of literals with many bits that do not count, and short ones, are
// found by pairs of bytes: at both ends of memory, across stretches, over and over.
func TestPairs(t *testing.T) {
	rnd := testenv.Seeded(t, 3, 9)
	var lits []simd.Lit
	for range 300 {
		b, m := make([]byte, 4+rnd.IntN(20)), []byte(nil)
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		if rnd.IntN(4) > 0 {
			m = make([]byte, len(b))
			for i := range m {
				m[i] = [...]byte{0xff, 0xff, 0xf0, 0x0f, 0, 0xff}[rnd.IntN(6)]
			}
			k := rnd.IntN(len(b) - 1)
			m[k], m[k+1] = 0xff, 0xff
			for i := range b {
				b[i] &= m[i]
			}
		}
		lits = append(lits, simd.Lit{Bytes: b, Mask: m})
	}
	b := make([]byte, 3*maxStretch+100)
	for i := range b {
		if i/1000%3 > 0 {
			b[i] = byte(rnd.Uint32())
		}
	}
	for range 2000 {
		l := lits[rnd.IntN(len(lits))]
		at := rnd.IntN(len(b) - len(l.Bytes) + 1)
		switch rnd.IntN(8) {
		case 0:
			at = 0
		case 1:
			at = len(b) - len(l.Bytes)
		case 2:
			at = min(max(0, maxStretch-rnd.IntN(30)), len(b)-len(l.Bytes))
		}
		for i, c := range l.Bytes {
			if l.Mask == nil {
				b[at+i] = c
			} else {
				b[at+i] = b[at+i]&^l.Mask[i] | c
			}
		}
	}
	var want []Match
	for i := range b {
		for k, l := range lits {
			if l.StandsAt(b[i:]) {
				want = append(want, Match{uint32(i), uint32(k)})
			}
		}
	}
	perLevel(t, func(t *testing.T, l simd.Level) {
		k, err := New(context.Background(), l, lits)
		if err != nil {
			t.Fatal(err)
		}
		if s, ok := k.(*setKernel); ok && !slices.ContainsFunc(s.parts, func(p setPart) bool { _, is := p.(*pairPart); return is }) {
			t.Error("no part by pairs")
		}
		dst := make([]Match, k.MinMatches()+1000)
		var got []Match
		for from := 0; from < len(b); {
			n, next := k.Scan(dst, b, from, len(b), nil)
			got = append(got, dst[:n]...)
			from = next
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%d matches, want %d", len(got), len(want))
		}
		if l == simd.Reference {
			return
		}
		for i := 0; i < len(want); i += 1 + len(want)/500 { // alone between from and to
			at := int(want[i].Off)
			n, next := k.Scan(dst, b, at, at+1, nil)
			first, _ := slices.BinarySearchFunc(want, at, func(m Match, at int) int { return int(m.Off) - at })
			if next <= at || n == 0 || first+n > len(want) || !slices.Equal(dst[:n], want[first:first+n]) {
				t.Fatalf("%v at %d alone, want %v first", dst[:n], at, want[first])
			}
		}
	})
}

// Where many literals have the same pair and few other bytes, and memory is full of them, each is
// found wherever it stands, also where others of the pair would begin in front of memory or end behind it.
func TestPairEntries(t *testing.T) {
	rnd := testenv.Seeded(t, 4, 9)
	var lits []simd.Lit
	for i := range 3 * minPairs {
		in, between := i%4*3, 1+i/4 // bytes in front of the pair and behind it
		b := make([]byte, in+2+between+1)
		m := make([]byte, len(b))
		copy(b[in:], "\x48\x8d")
		copy(m[in:], "\xff\xff")
		b[0], m[0] = b[0]|0x48, 0xff
		b[len(b)-1], m[len(b)-1] = 0xe8, 0xff
		lits = append(lits, simd.Lit{Bytes: b, Mask: m})
	}
	b := make([]byte, 20000)
	for i := range b {
		b[i] = "\x48\x8d\xe8\x00"[rnd.IntN(4)]
	}
	var want []Match
	for i := range b {
		for k, l := range lits {
			if l.StandsAt(b[i:]) {
				want = append(want, Match{uint32(i), uint32(k)})
			}
		}
	}
	perLevel(t, func(t *testing.T, l simd.Level) {
		set := newLiteralSet(lits, nil)
		all := make([]uint32, len(set.lits))
		for i := range all {
			all[i] = uint32(i)
		}
		parts, rest, err := newPairParts(l, set, all)
		if err != nil || len(rest) > 0 || len(parts) == 0 {
			t.Fatalf("%d parts, %d literals left, %v", len(parts), len(rest), err)
		}
		for range 300 {
			lo := rnd.IntN(len(b))
			hi := min(len(b), lo+1+rnd.IntN(200))
			if rnd.IntN(4) == 0 {
				lo, hi = 0, len(b)
			}
			sc := &Scratch{cand: make([]uint32, candidates), limit: 1 << 30}
			for _, p := range parts {
				p.find(sc, b, lo, hi)
			}
			first, _ := slices.BinarySearchFunc(want, lo, func(m Match, at int) int { return int(m.Off) - at })
			end, _ := slices.BinarySearchFunc(want, hi, func(m Match, at int) int { return int(m.Off) - at })
			if len(sc.hits) != end-first {
				t.Fatalf("%d hits from %d to %d, want %d", len(sc.hits), lo, hi, end-first)
			}
		}
	})
}

// All but a few bits of a literal's pair count, it is not zeros where another pair
// suits, and its values are those of the literal.
func TestPairChoice(t *testing.T) {
	for _, c := range []struct {
		bytes, mask string
		off, values int // 0: none
	}{
		{"\x00\x00\x00\x81\x93", "", 3, 1},
		{"\x00\x00", "", 0, 0},
		{"a", "", 0, 0},
		{"\x81\x93", "", 0, 1},
		{"\x81\x90\x91\x92", "\xff\x00\xff\xff", 2, 1},
		{"\x9b\x03\x95", "\xff\x0f\xff", 0, 16}, {"\x48\x03\x95", "\xff\x0f\xff", 1, 16},
		{"\x81\x83\x05", "\xff\xf3\x0f", 0, 4},
		{"\x81\x03\x05", "\xff\x07\x0f", 0, 0},
	} {
		var m []byte
		if c.mask != "" {
			m = []byte(c.mask)
		}
		lit := simd.Lit{Bytes: []byte(c.bytes), Mask: m}
		choice, ok := newPairChoice(newLiteralSet([]simd.Lit{lit}, nil), 0, nil)
		if ok != (c.values > 0) || ok && int(choice.off) != c.off {
			t.Errorf("%x: %d, %v", c.bytes, choice.off, ok)
		}
		if !ok {
			continue
		}
		values := 0
		for pair := range pairsAt(lit, c.off) {
			if !lit.StandsAt(slices.Concat(lit.Bytes[:c.off], []byte{byte(pair), byte(pair >> 8)}, lit.Bytes[c.off+2:])) {
				t.Errorf("%x: pair %04x", c.bytes, pair)
			}
			values++
		}
		if values != c.values {
			t.Errorf("%x: %d values", c.bytes, values)
		}
	}
}

// everyByte has each byte once.
var everyByte = func() string {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return string(b)
}()

// pairSet returns tables for n literals of which many bits do not count.
func pairSet(t *testing.T, rnd *rand.Rand, letters string, n int) *pairTables {
	t.Helper()
	var lits []simd.Lit
	for range n {
		b := simdtest.Letters(rnd, letters, 2+rnd.IntN(5))
		m := make([]byte, len(b))
		for i := range m {
			m[i] = [...]byte{0xff, 0xff, 0xf0, 0x0f, 0}[rnd.IntN(5)]
		}
		m[0], m[1] = 0xff, [...]byte{0xff, 0xf0}[rnd.IntN(2)]
		lits = append(lits, simd.Lit{Bytes: b, Mask: m})
	}
	set := newLiteralSet(lits, nil)
	var all []pairChoice
	for u := range set.lits {
		c, ok := newPairChoice(set, uint32(u), nil)
		for i := range c.sets { // even if it is too common, as zeros are
			if !ok {
				c.sets[i] = set.lit(uint32(u)).BytesAt(i)
			}
		}
		c.noteNibbles()
		all = append(all, c)
	}
	p, err := newPairTables(simd.Reference, set, set.intoBuckets(all, simd.PairBuckets))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The buckets let every literal of theirs through, and a literal lies where its
// entry says.
func TestPairBuckets(t *testing.T) {
	rnd := testenv.Seeded(t, 43, 44)
	p := pairSet(t, rnd, everyByte, 300)
	found := make([]uint32, simd.MinDst)
	for i := range p.entries {
		e := &p.entries[i]
		lit := p.set.lit(e.lit)
		for range 20 {
			b := simdtest.Letters(rnd, everyByte, len(lit.Bytes)+rnd.IntN(4))
			for i, c := range lit.Bytes {
				if b[i] = c; lit.Mask != nil {
					b[i] |= byte(rnd.Uint32()) &^ lit.Mask[i]
				}
			}
			pair := uint32(b[e.off]) | uint32(b[e.off+1])<<8
			if n, _ := p.filter.Scan(found, b, int(e.off), int(e.off)+1); n != 1 {
				t.Fatalf("%x, mask %x: not in a bucket at %x", lit.Bytes, lit.Mask, b)
			}
			if !slices.ContainsFunc(p.entriesOf(uint16(pair)), func(o pairEntry) bool { return o.lit == e.lit }) {
				t.Fatalf("%x, mask %x: not among the entries of %04x", lit.Bytes, lit.Mask, pair)
			}
		}
	}
}

// Where literals have too many pairs, pairParts have those with the rarest pairs,
// and other parts the others.
func TestPairsAndOthers(t *testing.T) {
	var lits [][]byte
	for c := 1; c < 256; c++ {
		lits = append(lits, []byte{byte(c), 0})
	}
	b := simdtest.Letters(testenv.Seeded(t, 45, 46), everyByte+"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20_000)
	want := naive(lits, b, 0, len(b))
	perLevel(t, func(t *testing.T, l simd.Level) {
		k := mustSet(t, l, lits)
		if s, ok := k.(*setKernel); ok {
			pairs, others := 0, 0
			for _, p := range s.parts {
				switch p := p.(type) {
				case *pairPart:
					pairs += len(p.lits)
				case *shortPart:
					others += len(p.lits)
				}
			}
			if pairs == 0 || others == 0 || pairs+others != len(lits) {
				t.Errorf("%d literals in parts by pairs and %d in others, of %d", pairs, others, len(lits))
			}
		}
		sameMatches(t, matchesOf(t, k, sizesOf(lits), b, 0, len(b), k.MinMatches(), nil), want, "%s", l)
	})
}
