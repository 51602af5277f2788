//go:build !purego

package simd

import (
	"math/rand/v2"
	"testing"

	"vscan/engine/simd/simdtest"
	"vscan/internal/testenv"
)

// The filter for machines whose gathers are slow, which other machines do not
// choose, reports what the reference does, except for zeros.
func TestGramsNoGather(t *testing.T) {
	if err := gramsNoGatherNeeds.check(AVX2); err != nil {
		t.Skip(err)
	}
	eachGramSet(func(g *Grams, b []byte) { compareGrams(t, g, newGramsNoGather(g), b) })
}

// textMemory returns memory in stretches of some hundred bytes to some blocks of the second way,
// each of one kind: characters of a gram's text, zeros, other bytes of ASCII, all bytes, and grams
// of text apart from each other.
func textMemory(rnd *rand.Rand, size int) []byte {
	all := make([]byte, 256)
	for c := range all {
		all[c] = byte(c)
	}
	kinds := []string{"abcdefgh", "\x00", "abcdefghXYZ \x7f", string(all), "abcdefgh\x00\x80\xe1\xff"}
	var b []byte
	for len(b) < size {
		b = append(b, simdtest.Letters(rnd, kinds[rnd.IntN(len(kinds))], 1+rnd.IntN(1<<rnd.IntN(16)))...)
	}
	return b[:size]
}

// Filters of grams that begin with text report what the reference does wherever a gram begins as one of the
// set does, and nothing else, on both of their ways, in turn and where dst is full.
func TestGramText(t *testing.T) {
	for _, needs := range []features{gramTextAVX2Needs, keepGramsNeeds} {
		if err := needs.check(AVX2); err != nil {
			t.Skip(err)
		}
	}
	rnd := testenv.Seeded(t, 27, 28)
	for round := range 60 {
		size := 4 + round%5
		fold := []uint64{0, 0x2020202020202020}[round/5%2]
		g := NewGramSet(size, fold)
		g.Zeros = Zeros(rnd.IntN(3))
		g.Reserve(500)
		for range 1 + rnd.IntN(500) {
			g.Add(g.Of(simdtest.Letters(rnd, "abcdefgh", 8), 0))
		}
		b := textMemory(rnd, 1<<18+rnd.IntN(100))
		from, room := rnd.IntN(100), MinDst+rnd.IntN(1<<12)
		want := simdtest.ScanAll(t, newGramRef(&g), b, from, len(b), room)
		begin := want[:0:0]
		for _, at := range want {
			if g.begins(g.Of(b, int(at))) {
				begin = append(begin, at)
			}
		}
		if len(begin) == 0 {
			t.Fatal("no gram of the set is in memory")
		}
		for _, l := range here() {
			if l < AVX2 {
				continue
			}
			k, err := NewGrams(l, &g)
			if err != nil {
				t.Fatal(err)
			}
			kernels := []Kernel{k}
			if l == AVX2 {
				kernels = append(kernels, newGramsNoGather(&g))
			}
			for _, k := range kernels {
				if !k.(*gramsAsm).text {
					t.Fatalf("%s: a set of text does not go the second way", l)
				}
				var got []uint32
				for _, at := range simdtest.ScanAll(t, k, b, from, len(b), room) {
					if g.begins(g.Of(b, int(at))) {
						got = append(got, at)
					}
				}
				simdtest.Same(t, got, begin, "%s: grams of %d, fold %#x, from %d, room for %d", l, size, fold, from, room)
			}
		}
	}
}

// Text is told from other memory by every byte that a gram may begin with, and by no other one.
func TestTextOf(t *testing.T) {
	rnd := testenv.Seeded(t, 29, 30)
	for range 200 {
		var s ByteSet
		for range 1 + rnd.IntN(128) {
			s.Add(byte(1 + rnd.IntN(0x7f)))
		}
		text, ok := textOf(&s)
		if !ok {
			t.Fatalf("%v: no text", s)
		}
		for c := range 256 {
			low := text.low[c&15]
			if c >= 0x80 {
				low = 0 // as VPSHUFB has it
			}
			if is := text.high[c>>4]&^low == 0; is != s.Has(byte(c)) {
				t.Errorf("%v: %#x is text: %t", s, c, is)
			}
		}
		s.Add([]byte{0, 0x80, 0xff}[rnd.IntN(3)])
		if _, ok := textOf(&s); ok {
			t.Errorf("%v: text", s)
		}
	}
}
