package simd

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// Hundreds of literals with many bits that do not count, and short ones, are
// found by pairs of bytes: at both ends of memory, across stretches, over and over.
func TestPairs(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 9))
	var lits []Lit
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
		lits = append(lits, Lit{b, m})
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
			if l.standsAt(b[i:]) {
				want = append(want, Match{uint32(i), uint32(k)})
			}
		}
	}
	perLevel(t, func(t *testing.T, l Level) {
		k, err := NewLiterals(l, lits)
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
		if l == Reference {
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

// The pair of a literal counts, all but a few bits, and is not zeros where another
// will do; its values are those of the literal.
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
		{"\x81\x03\x95", "\xff\x0f\xff", 0, 16},
		{"\x81\x83\x05", "\xff\xf3\x0f", 0, 4},
		{"\x81\x03\x05", "\xff\x07\x0f", 0, 0},
	} {
		var m []byte
		if c.mask != "" {
			m = []byte(c.mask)
		}
		lit := Lit{[]byte(c.bytes), m}
		choice, ok := newPairChoice(newLiteralSet([]Lit{lit}), 0)
		if ok != (c.values > 0) || ok && int(choice.off) != c.off {
			t.Errorf("%x: %d, %v", c.bytes, choice.off, ok)
		}
		if !ok {
			continue
		}
		values := 0
		for pair := range lit.pairsAt(c.off) {
			if !lit.standsAt(slices.Concat(lit.Bytes[:c.off], []byte{byte(pair), byte(pair >> 8)}, lit.Bytes[c.off+2:])) {
				t.Errorf("%x: pair %04x", c.bytes, pair)
			}
			values++
		}
		if values != c.values {
			t.Errorf("%x: %d values", c.bytes, values)
		}
	}
}

// everyByte is each byte once.
var everyByte = func() string {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return string(b)
}()

// pairSet is a set of n literals of which many bits do not count, and memory
// that has them, parts of them, and zeros.
func pairSet(rnd *rand.Rand, letters string, n, size int) (*pairPlan, []byte) {
	var lits []Lit
	for range n {
		b := letter(rnd, letters, 2+rnd.IntN(5))
		m := make([]byte, len(b))
		for i := range m {
			m[i] = [...]byte{0xff, 0xff, 0xf0, 0x0f, 0}[rnd.IntN(5)]
		}
		m[0], m[1] = 0xff, [...]byte{0xff, 0xf0}[rnd.IntN(2)]
		lits = append(lits, Lit{b, m})
	}
	set := newLiteralSet(lits)
	var all []pairChoice
	for u := range set.lits {
		c, ok := newPairChoice(set, uint32(u))
		for i := range c.sets { // even if it is too common, as zeros are
			if !ok {
				c.sets[i] = set.lit(uint32(u)).bytesAt(i)
			}
		}
		c.noteNibbles()
		all = append(all, c)
	}
	b := letter(rnd, letters, size)
	for i := range b {
		if i/200%3 == 0 {
			b[i] = 0
		}
	}
	for at := 0; at+8 < len(b); at += rnd.IntN(300) {
		copy(b[at:], lits[rnd.IntN(n)].Bytes)
	}
	return newPairPlan(set, intoBuckets(all, pairBuckets)), b
}

// All filters let through what the reference does, and beyond that only what
// the bitmap does.
func TestPairFilters(t *testing.T) {
	rnd := rand.New(rand.NewPCG(41, 42))
	for _, c := range []struct {
		letters string
		n       int
	}{{everyByte, 40}, {everyByte, 300}, {everyByte, 1500}, {"\x00\x03\x7f\x80\x81\xfe\xff", 40}, {"\x00\x00\x00\x85", 40}} {
		p, b := pairSet(rnd, c.letters, c.n, 3000)
		found := 0
		for n := 0; n < len(b); n += 1 + n/3 {
			for from := 0; from < 140; from += 1 + from/2 {
				for _, to := range []int{n / 2, n - 1, n, n + 9} {
					want := scanAll(t, newPairRef(p), b[:n], from, to, MinDst)
					found += len(want)
					for _, l := range here()[1:] {
						k, err := choose(l, pairFilters, p)
						if err != nil {
							t.Fatal(err)
						}
						same(t, p.only(t, scanAll(t, k, b[:n], from, to, MinDst), want, b[:n]), want,
							"%s: %d literals, %d bytes from %d to %d", l, c.n, n, from, to)
					}
				}
			}
		}
		if found == 0 {
			t.Errorf("%d literals: nothing is let through", c.n)
		}
	}
}

// One window at a time, among zeros and others, at every phase.
func TestPairPhases(t *testing.T) {
	lits := []Lit{{Bytes: []byte("\x00\x81")}, {Bytes: []byte("\x91\x81\x00\x00")}, {[]byte("\x71\x61\x00\x51"), []byte("\xff\xff\x00\xff")}}
	var all []pairChoice
	set := newLiteralSet(lits)
	for u := range set.lits {
		c, ok := newPairChoice(set, uint32(u))
		if !ok {
			t.Fatal("no pair")
		}
		c.noteNibbles()
		all = append(all, c)
	}
	p := newPairPlan(set, intoBuckets(all, pairBuckets))
	for at := range 600 {
		for _, filler := range []byte{0, 0x55, 0x81} {
			for _, lit := range lits {
				b := bytes.Repeat([]byte{filler}, 700)
				copy(b[at:], lit.Bytes)
				for _, l := range here()[1:] {
					k, err := choose(l, pairFilters, p)
					if err != nil {
						t.Fatal(err)
					}
					want := scanAll(t, newPairRef(p), b, 0, len(b), MinDst)
					if len(want) == 0 {
						t.Fatalf("%x at %d is not found", lit.Bytes, at)
					}
					same(t, p.only(t, scanAll(t, k, b, 0, len(b), MinDst), want, b), want, "%s: %x at %d, among %x", l, lit.Bytes, at, filler)
				}
			}
		}
	}
}

// only is those of the places that are wanted; at the others a pair has to stand.
func (p *pairPlan) only(t tb, got, want []uint32, b []byte) (out []uint32) {
	t.Helper()
	for _, s := range got {
		if _, ok := slices.BinarySearch(want, s); ok {
			out = append(out, s)
		} else if !p.pairs.has(uint32(b[s]) | uint32(b[s+1])<<8) {
			t.Fatalf("%d is let through, where no pair stands", s)
		}
	}
	return out
}

// A literal is never left out by its buckets, and lies where its entry says.
func TestPairBuckets(t *testing.T) {
	rnd := rand.New(rand.NewPCG(43, 44))
	p, _ := pairSet(rnd, everyByte, 300, 0)
	for i := range p.entries {
		e := &p.entries[i]
		lit := p.set.lit(e.lit)
		for range 20 {
			b := letter(rnd, everyByte, len(lit.Bytes)+rnd.IntN(4))
			for i, c := range lit.Bytes {
				if b[i] = c; lit.Mask != nil {
					b[i] |= byte(rnd.Uint32()) &^ lit.Mask[i]
				}
			}
			pair := uint32(b[e.off]) | uint32(b[e.off+1])<<8
			if !p.pairs.has(pair) || !p.windowAt(b, int(e.off)) {
				t.Fatalf("%x, mask %x: not in a bucket at %x", lit.Bytes, lit.Mask, b)
			}
			if !slices.ContainsFunc(p.entriesOf(uint16(pair)), func(o pairEntry) bool { return o.lit == e.lit }) {
				t.Fatalf("%x, mask %x: not among the entries of %04x", lit.Bytes, lit.Mask, pair)
			}
		}
	}
}

// Of literals with all too many pairs, the parts have those with the rarest, and
// others the rest.
func TestPairsAndOthers(t *testing.T) {
	var lits [][]byte
	for c := 1; c < 256; c++ {
		lits = append(lits, []byte{byte(c), 0})
	}
	b := letter(rand.New(rand.NewPCG(45, 46)), everyByte+"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20_000)
	want := naive(lits, b, 0, len(b))
	perLevel(t, func(t *testing.T, l Level) {
		k := mustSet(t, l, lits)
		if s, ok := k.(*setKernel); ok {
			pairs, others := 0, 0
			for _, p := range s.parts {
				switch p := p.(type) {
				case *pairPart:
					pairs += len(p.entries)
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
