package simd

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"vscan/engine/simd/simdtest"
	"vscan/internal/testenv"
)

var everyByte = func() string {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return string(b)
}()

// litPairs are the pairs and excerpts that literals begin with.
type litPairs struct {
	Pairs
	excerpts [][PairExcerpt]ByteSet
}

func pairsOf(lits ...Lit) *litPairs {
	p := &litPairs{}
	for i, lit := range lits {
		var excerpt [PairExcerpt]ByteSet
		var nibbles [PairExcerpt][2]uint16
		for k := range excerpt {
			excerpt[k] = lit.BytesAt(k)
			for c := range excerpt[k].All {
				nibbles[k][0] |= 1 << (c & 15)
				nibbles[k][1] |= 1 << (c >> 4)
			}
		}
		for c := range excerpt[0].All {
			for d := range excerpt[1].All {
				p.Bits.Set(uint32(c) | uint32(d)<<8)
			}
		}
		p.excerpts = append(p.excerpts, excerpt)
		p.AddExcerpt(i%PairBuckets, &excerpt)
		p.AddNibbles(i%PairNibbleBuckets, &nibbles)
	}
	return p
}

// pairSet returns the set of n literals of which many bits do not count, and
// memory that has them, parts of them, and zeros.
func pairSet(rnd *rand.Rand, letters string, n, size int) (*litPairs, []byte) {
	var lits []Lit
	for range n {
		b := simdtest.Letters(rnd, letters, 2+rnd.IntN(5))
		m := make([]byte, len(b))
		for i := range m {
			m[i] = [...]byte{0xff, 0xff, 0xf0, 0x0f, 0}[rnd.IntN(5)]
		}
		m[0], m[1] = 0xff, [...]byte{0xff, 0xf0}[rnd.IntN(2)]
		lits = append(lits, Lit{b, m})
	}
	b := simdtest.Letters(rnd, letters, size)
	for i := range b {
		if i/200%3 == 0 {
			b[i] = 0
		}
	}
	for at := 0; at+8 < len(b); at += rnd.IntN(300) {
		copy(b[at:], lits[rnd.IntN(n)].Bytes)
	}
	return pairsOf(lits...), b
}

// excerptAt reports whether the excerpt of a literal stands at s, as far as b goes.
func (p *litPairs) excerptAt(b []byte, s int) bool {
	rest := b[s:min(len(b), s+PairExcerpt)]
	return p.Bits.Has(uint32(b[s])|uint32(b[s+1])<<8) && slices.ContainsFunc(p.excerpts, func(w [PairExcerpt]ByteSet) bool {
		for i, c := range rest {
			if !w[i].Has(c) {
				return false
			}
		}
		return true
	})
}

// comparePairs checks that a filter lets through every position where an excerpt
// stands, and besides these only positions where a pair stands. It returns at how
// many positions an excerpt stands.
func comparePairs(t *testing.T, p *litPairs, k Kernel, b []byte, from, to int) int {
	t.Helper()
	var want []uint32
	for s := from; s < min(to, len(b)-1); s++ {
		if p.excerptAt(b, s) {
			want = append(want, uint32(s))
		}
	}
	got := slices.DeleteFunc(simdtest.ScanAll(t, k, b, from, to, MinDst), func(s uint32) bool {
		if _, ok := slices.BinarySearch(want, s); ok {
			return false
		}
		if !p.Bits.Has(uint32(b[s]) | uint32(b[s+1])<<8) {
			t.Fatalf("%d is let through, where no pair stands", s)
		}
		return true
	})
	simdtest.Same(t, got, want, "%s: %d bytes from %d to %d", k.Level(), len(b), from, to)
	return len(want)
}

// All filters let through every excerpt, and besides these only what the bitmap
// lets through.
func TestPairFilters(t *testing.T) {
	rnd := testenv.Seeded(t, 41, 42)
	for _, c := range []struct {
		letters string
		n       int
	}{{everyByte, 40}, {everyByte, 300}, {everyByte, 1500}, {"\x00\x03\x7f\x80\x81\xfe\xff", 40}, {"\x00\x00\x00\x85", 40}} {
		p, b := pairSet(rnd, c.letters, c.n, 3000)
		found := 0
		for _, l := range here() {
			k, err := NewPairs(l, &p.Pairs)
			if err != nil {
				t.Fatal(err)
			}
			for n := 0; n < len(b); n += 1 + n/3 {
				for from := 0; from < 140; from += 1 + from/2 {
					for _, to := range []int{n / 2, n, n + 9} {
						found += comparePairs(t, p, k, b[:n], from, to)
					}
				}
			}
		}
		if found == 0 {
			t.Errorf("%d literals: nothing is let through", c.n)
		}
	}
}

// TestPairPhases looks for one excerpt at a time, among zeros and other bytes, at
// every phase.
func TestPairPhases(t *testing.T) {
	lits := []Lit{{Bytes: []byte("\x00\x81")}, {Bytes: []byte("\x91\x81\x00\x00")}, {[]byte("\x71\x61\x00\x51"), []byte("\xff\xff\x00\xff")}}
	p := pairsOf(lits...)
	for _, l := range here() {
		k, err := NewPairs(l, &p.Pairs)
		if err != nil {
			t.Fatal(err)
		}
		for at := range 600 {
			for _, filler := range []byte{0, 0x55, 0x81} {
				for _, lit := range lits {
					b := bytes.Repeat([]byte{filler}, 700)
					copy(b[at:], lit.Bytes)
					if comparePairs(t, p, k, b, 0, len(b)) == 0 {
						t.Fatalf("%x at %d is not found", lit.Bytes, at)
					}
				}
			}
		}
	}
}
