package simd

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"vscan/engine/simd/simdtest"
	"vscan/internal/testenv"
)

// underKeys returns where a literal stands under its keys: each key is looked for by itself, with
// the standard library alone.
func underKeys(lit Keyed, b []byte, from, to int) []uint32 {
	var out []uint32
	for key := int(lit.Lo); key <= int(lit.Hi); key++ {
		text := bytes.Clone(lit.Bytes)
		for i := range text {
			text[i] ^= byte(key)
		}
		for s := from; s < min(to, len(b)); s++ {
			i := bytes.Index(b[s:], text)
			if i < 0 || s+i >= to {
				break
			}
			s += i
			out = append(out, uint32(s))
		}
	}
	slices.Sort(out)
	return out
}

// All levels find what stands there under each key by itself, in memory of few letters and of
// runs, of one stretch and of several.
func TestKeyedRandom(t *testing.T) {
	rng := testenv.Seeded(t, 41, 42)
	hits, rounds := 0, testenv.Rounds(60, 200, 5000)
	for range rounds {
		letters := []string{"a", "ab", "\x00\x01", "\x00\xff\xcc", "abcdefgh", "a\x00"}[rng.IntN(6)]
		size := rng.IntN(300)
		if rng.IntN(8) == 0 {
			size = rng.IntN(3 * keyedStretch)
		}
		b := simdtest.Letters(rng, letters, size)
		for i := 0; i < len(b); { // under keys that change, so that hits are of many
			key := byte(rng.IntN(4))
			if rng.IntN(3) == 0 {
				key = byte(rng.IntN(256))
			}
			for n := 1 + rng.IntN(200); n > 0 && i < len(b); n-- {
				b[i] ^= key
				i++
			}
		}
		lit := Keyed{simdtest.Letters(rng, letters, 2+rng.IntN(6)), 0, 255}
		if len(b) > 90 && rng.IntN(3) > 0 {
			at := rng.IntN(len(b) - 80)
			lit.Bytes = bytes.Clone(b[at : at+2+rng.IntN([]int{2, 8, 70}[rng.IntN(3)])])
		}
		if rng.IntN(2) == 0 {
			x, y := byte(rng.IntN(256)), byte(rng.IntN(8))
			lit.Lo, lit.Hi = min(x, y), max(x, y)
		}
		from, to := rng.IntN(len(b)+1), rng.IntN(len(b)+3)
		want := underKeys(lit, b, from, to)
		hits += len(want)
		for _, l := range here() {
			k, err := NewKeyed(l, lit)
			if err != nil {
				t.Fatal(err)
			}
			got := simdtest.ScanAll(t, k, b, from, to, MinDst+rng.IntN(70))
			simdtest.Same(t, got, want, "%s: %q under %x to %x in %d bytes from %d to %d", l, lit.Bytes, lit.Lo, lit.Hi, len(b), from, to)
		}
	}
	if hits < rounds {
		t.Errorf("%d hits in all: the test shows nothing", hits)
	}
}

// Literals lie across the places where one stretch of differences meets the next, and in memory
// where every place is a hit, or is one but for the key.
func TestKeyedManyStretches(t *testing.T) {
	const size = 3*(128<<10) + 77
	rng := testenv.Seeded(t, 43, 44)
	for _, lit := range []Keyed{
		{[]byte("hunter2"), 0, 255}, {[]byte("hunter2"), 1, 255}, {[]byte("ab"), 0, 255},
		{bytes.Repeat([]byte("a"), 16), 0, 255}, {bytes.Repeat([]byte("a"), 16), 0, 'a' - 1},
		{[]byte(strings.Repeat("hunter2 ", 9000)), 0, 255},
	} {
		b := make([]byte, size)
		n := len(lit.Bytes)
		for i := size / 2; i < size; i++ {
			b[i] = byte(rng.IntN(256))
		}
		for at := 0; at+n <= size; at += max(4096, n) + rng.IntN(5000) {
			copy(b[at:], lit.Bytes)
			key := lit.Lo + byte(rng.IntN(int(lit.Hi-lit.Lo)+1))
			for i := range n {
				b[at+i] ^= key
			}
		}
		for at := keyedStretch; at+n < size; at += keyedStretch {
			copy(b[at-1-rng.IntN(min(n, keyedStretch)):], lit.Bytes)
		}
		from := rng.IntN(100)
		want := underKeys(lit, b, from, size-50)
		if len(want) == 0 {
			t.Fatal("no hits")
		}
		for _, l := range here() {
			if l == Reference && n > 100 {
				continue
			}
			k, err := NewKeyed(l, lit)
			if err != nil {
				t.Fatal(err)
			}
			for _, room := range []int{MinDst, MinDst + 1, 4096} {
				simdtest.Same(t, simdtest.ScanAll(t, k, b, from, size-50, room), want, "%d bytes under %x to %x at %s by %d", n, lit.Lo, lit.Hi, l, room)
			}
		}
	}
}

func TestKeyedErrors(t *testing.T) {
	perLevel(t, func(t *testing.T, l Level) {
		for _, lit := range []Keyed{{nil, 0, 255}, {[]byte("a"), 0, 255}, {make([]byte, MaxLiteral+1), 0, 255}, {[]byte("ab"), 2, 1}} {
			if _, err := NewKeyed(l, lit); err == nil {
				t.Errorf("%d bytes under keys %x to %x were taken", len(lit.Bytes), lit.Lo, lit.Hi)
			}
		}
	})
}

// A kernel does not depend on the slices that it was made of.
func TestKeyedCopies(t *testing.T) {
	perLevel(t, func(t *testing.T, l Level) {
		lit := []byte("abc")
		k, err := NewKeyed(l, Keyed{lit, 1, 255})
		if err != nil {
			t.Fatal(err)
		}
		lit[0] = 'x'
		simdtest.Same(t, simdtest.ScanAll(t, k, []byte("abc `cb"), 0, 7, MinDst), []uint32{4}, "literal changed afterwards")
	})
}

// Differences lie as the bytes do, and a buffer that grows is as good as a new one.
func TestDifferenceBuffer(t *testing.T) {
	rng := testenv.Seeded(t, 45, 46)
	b := simdtest.Letters(rng, "abcdefgh\x00\xff", 3000)
	var buf DifferenceBuffer
	for range 300 {
		from := rng.IntN(len(b))
		to := from + rng.IntN(len(b)-from+1)
		got := buf.Of(b[from:to])
		if len(got) != max(to-from-1, 0) {
			t.Fatalf("%d differences of %d bytes", len(got), to-from)
		}
		for i, d := range got {
			if d != b[from+i]^b[from+i+1] {
				t.Fatalf("difference %d of %d is %x", i, len(got), d)
			}
		}
	}
}
