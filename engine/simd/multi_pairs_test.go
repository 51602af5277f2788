package simd

import (
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
	})
}

// The pair of a literal counts in full and is not zeros where another will do.
func TestBestPair(t *testing.T) {
	for _, c := range []struct {
		bytes, mask string
		off         int
		ok          bool
	}{
		{"\x00\x00\x00\x81\x93", "", 3, true},
		{"\x00\x00", "", 0, true},
		{"a", "", 0, false},
		{"\x81\x93\x00\x00", "\xff\xf0\xff\xff", 2, true},
		{"\x81\x93\x95", "\xff\x0f\xff", 0, false},
	} {
		var m []byte
		if c.mask != "" {
			m = []byte(c.mask)
		}
		if off, _, ok := bestPair(Lit{[]byte(c.bytes), m}); off != c.off || ok != c.ok {
			t.Errorf("%x: %d, %v", c.bytes, off, ok)
		}
	}
}
