package simd

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"vscan/engine/simd/simdtest"
	"vscan/internal/testenv"
)

// literalSeeds are small enough to be checked by eye. No literal has a '.',
// with which they are padded.
var literalSeeds = []struct {
	lit, in string
	at      []uint32
}{
	{"a", "a", []uint32{0}},
	{"a", "", nil},
	{"a", "b", nil},
	{"a", "aaaa", []uint32{0, 1, 2, 3}},
	{"a", "abcabc", []uint32{0, 3}},
	{"\x00", "\x00\x01\x00\xff\x00\x00", []uint32{0, 2, 4, 5}},
	{"\xff", "\xff\xfe\xff", []uint32{0, 2}},
	{"ab", "a", nil},
	{"ab", "ab", []uint32{0}},
	{"ab", "ba", nil},
	{"ab", "aab", []uint32{1}},
	{"aa", "aaaaa", []uint32{0, 1, 2, 3}},
	{"\x00\x00", "\x00\x00\x00", []uint32{0, 1}},
	{"aba", "ababa", []uint32{0, 2}},
	{"abc", "abcxabxbcabc", []uint32{0, 9}},
	{"\x00\x00\x00\x01", "\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01", []uint32{3, 7}},
	{"needle", "a needle, a needl, eedle, needle", []uint32{2, 26}},
	{"abcabcab", "abcabcabcabcab", []uint32{0, 3, 6}},
	{"aaaaaaaab", "aaaaaaaaaaaabaaaaaaaab", []uint32{4, 13}},
	{"baaaaaaaa", "baaaaaaabaaaaaaaa", []uint32{8}},
	{"sixteen bytes at", "sixteen bytes atsixteen bytes at", []uint32{0, 16}},
	{"%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%", "%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%", []uint32{0, 1, 2}},
}

// TestLiteralSeeds moves every seed through the vectors by padding on both
// sides.
func TestLiteralSeeds(t *testing.T) {
	const most = 4*64 + 3
	step := 1
	if testing.Short() {
		step = 13
	}
	perLevel(t, func(t *testing.T, l Level) {
		dst := make([]uint32, MinDst)
		for _, seed := range literalSeeds {
			k, err := NewLiteral(l, []byte(seed.lit))
			if err != nil {
				t.Fatal(err)
			}
			if k.Level() != l || k.Shape() != Literal || k.Len() != len(seed.lit) {
				t.Fatalf("%q: %s, %s, %d bytes", seed.lit, k.Level(), k.Shape(), k.Len())
			}
			check := func(left, right int) {
				b := []byte(strings.Repeat(".", left) + seed.in + strings.Repeat(".", right))
				n, next := k.Scan(dst, b, 0, len(b))
				want := slices.Clone(seed.at)
				for i := range want {
					want[i] += uint32(left)
				}
				if next < len(b) {
					t.Fatalf("%q: got to %d of %d", seed.lit, next, len(b))
				}
				simdtest.Same(t, dst[:n], want, "%q in %q, %d bytes before and %d behind", seed.lit, seed.in, left, right)
			}
			for pad := 0; pad <= most; pad += step {
				check(pad, 0)
				check(pad, 7)
				check(0, pad)
				check(3, pad)
				check(pad, pad)
				check(pad, most-pad)
			}
		}
	})
}

// pieces draws memory: short runs from a small alphabet, so that literals
// occur, nearly occur, and overlap themselves.
func pieces(t *rapid.T, label string, most int) []byte {
	alphabet := rapid.SampledFrom([]string{"a", "ab", "\x00\x01", "\x00\xff\xcc", "abcdefgh"}).Draw(t, label+" alphabet")
	var b []byte
	for range rapid.IntRange(0, 12).Draw(t, label+" pieces") {
		piece := rapid.SliceOfN(rapid.SampledFrom([]byte(alphabet)), 1, 12).Draw(t, label)
		for range rapid.IntRange(1, most).Draw(t, label+" times") {
			b = append(b, piece...)
		}
	}
	return b
}

// TestLiteralRandom compares all levels with the reference, on drawn literals
// and memory.
func TestLiteralRandom(t *testing.T) {
	testenv.Check(t, func(t *rapid.T) {
		b := pieces(t, "memory", 60)
		lit := pieces(t, "literal", 3)
		if len(b) > 0 && rapid.Bool().Draw(t, "cut from memory") {
			at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
			lit = bytes.Clone(b[at : at+rapid.IntRange(1, len(b)-at).Draw(t, "size")])
		}
		if len(lit) == 0 {
			lit = []byte("a")
		}
		from := rapid.IntRange(0, len(b)).Draw(t, "from")
		to := rapid.IntRange(0, len(b)+2).Draw(t, "to")
		room := rapid.IntRange(MinDst, MinDst+70).Draw(t, "room")
		compareLiteral(t, lit, b, from, to, room)
	})
}

// compareLiteral compares all levels with the reference.
func compareLiteral(t simdtest.TB, lit, b []byte, from, to, room int) {
	t.Helper()
	var want []uint32
	for _, l := range here() {
		k, err := NewLiteral(l, lit)
		if err != nil {
			t.Fatal(err)
		}
		got := simdtest.ScanAll(t, k, b, from, to, room)
		if l == Reference {
			want = got
			continue
		}
		simdtest.Same(t, got, want, "%s: %q in %q from %d to %d", l, lit, b, from, to)
	}
}

// TestLiteralManyBlocks has blocks that take many calls of assembly, with
// hits next to and across the positions where these meet, resumed with the
// smallest dst, in sparse and in dense memory.
func TestLiteralManyBlocks(t *testing.T) {
	const size = 3*(128<<10) + 77
	rng := testenv.Seeded(t, 7, 8)
	some := testenv.Rand(t).IntN(4) // of four literals, where tests do not run at full length
	for name, fill := range map[string]func(b []byte){
		"sparse": func(b []byte) {
			for i := range b {
				b[i] = byte(rng.IntN(200))
			}
		},
		"zeros": func(b []byte) {},
		"regular": func(b []byte) {
			for i := range b {
				b[i] = "ab"[i%2]
			}
		},
		"runs": func(b []byte) {
			for i := 0; i < len(b); i++ {
				for n := rng.IntN(300); n > 0 && i < len(b); n-- {
					b[i] = 1
					i++
				}
			}
		},
	} {
		b := make([]byte, size)
		fill(b)
		for i, lit := range []string{"\xf7", "\xf7\xf8", "seven77", "\x00", "\x00\x00\x00\x00", "\x01\x01", "abab", "\x00\x01", strings.Repeat("\x01", 64), strings.Repeat("ab", 40), strings.Repeat("\x00", 5000)} {
			if !testenv.Long() && i%4 != some {
				continue
			}
			for i := 0; i < size; i += 32 << 10 {
				for _, d := range []int{-300, -1 - len(lit)/2, 1000} {
					if at := i + d; at >= 0 && at+len(lit) <= size && len(lit) < 300 {
						copy(b[at:], lit)
					}
				}
			}
			from := rng.IntN(100)
			ref, _ := NewLiteral(Generic, []byte(lit))
			if len(lit) < 300 {
				ref, _ = NewLiteral(Reference, []byte(lit))
			}
			want := simdtest.ScanAll(t, ref, b, from, size-50, 1<<16)
			for _, l := range here() {
				k, err := NewLiteral(l, []byte(lit))
				if err != nil {
					t.Fatal(err)
				}
				for _, room := range []int{MinDst, MinDst + 1, 4096} {
					simdtest.Same(t, simdtest.ScanAll(t, k, b, from, size-50, room), want, "%s memory: %q at %s by %d", name, lit, l, room)
				}
			}
		}
	}
}

func TestLiteralErrors(t *testing.T) {
	perLevel(t, func(t *testing.T, l Level) {
		if k, err := NewLiteral(l, nil); err == nil {
			t.Errorf("an empty literal made %v", k)
		}
		if k, err := NewLiteral(l, make([]byte, MaxLiteral+1)); err == nil {
			t.Errorf("a literal of more than MaxLiteral made a %s", k.Shape())
		}
	})
}

// A kernel does not depend on the slices that it was made of.
func TestLiteralCopies(t *testing.T) {
	perLevel(t, func(t *testing.T, l Level) {
		lit := []byte("abc")
		k, err := NewLiteral(l, lit)
		if err != nil {
			t.Fatal(err)
		}
		lit[1] = 'x'
		simdtest.Same(t, simdtest.ScanAll(t, k, []byte("axc abc"), 0, 7, MinDst), []uint32{4}, "literal changed afterwards")
	})
}

// A scan allocates nothing on the heap.
func TestLiteralAllocs(t *testing.T) {
	b := bytes.Repeat([]byte("abcdefghijklmnop"), 100)
	dst := make([]uint32, 4096)
	perLevel(t, func(t *testing.T, l Level) {
		for _, lit := range []string{"a", "abc", strings.Repeat("abcdefghijklmnop", 9)} {
			k, err := NewLiteral(l, []byte(lit))
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range []int{20, 150, len(b)} {
				if allocs := testing.AllocsPerRun(10, func() { k.Scan(dst, b[:n], 0, n) }); allocs > 0 {
					t.Errorf("%q in %d bytes: %v allocations", lit, n, allocs)
				}
			}
		}
	})
}

func FuzzLiteral(f *testing.F) {
	for _, seed := range literalSeeds {
		f.Add([]byte(seed.lit), []byte(seed.in), uint(0), uint(len(seed.in)), uint(0), uint(1))
		f.Add([]byte(seed.lit), []byte(seed.in), uint(3), uint(1000), uint(9), uint(70))
	}
	f.Fuzz(func(t *testing.T, lit, b []byte, from, to, room, times uint) {
		if len(lit) == 0 {
			return
		}
		b = bytes.Repeat(b, int(times%100))
		b = b[:min(len(b), 1<<13)] // the reference takes len(b) · len(lit)
		compareLiteral(t, lit, b, int(from%(1<<14)), int(to%(1<<14)), MinDst+int(room%100))
	})
}
