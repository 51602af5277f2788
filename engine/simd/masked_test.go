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

// maskedSeeds are small enough to be checked by eye. A '?' in mask is a
// wildcard, 'h' a high nibble, 'l' a low one, 'c' a letter in either case, '=' a
// whole byte. Padding is '.', 0x2e, which no byte that counts agrees with.
var maskedSeeds = []struct {
	lit, mask, in string
	at            []uint32
}{
	{"a", "c", "aAbBa", []uint32{0, 1, 4}},
	{"0", "h", "0?@5/", []uint32{0, 1, 3}},
	{"\x07", "l", "\x07\x17\x18\xf7", []uint32{0, 1, 3}},
	{"a_b", "=?=", "aab aaabb a.b ab", []uint32{0, 5, 6, 10}},
	{"ab", "cc", "abABaBAb.ba", []uint32{0, 2, 4, 6}},
	{"\x41\x05", "hl", "\x41\x05\x4f\xf5\x15\x45", []uint32{0, 2}},
	{"key=__!", "ccc=??=", "KEY=12!key=ab!kEy=  ! key=1!", []uint32{0, 7, 14}},
	{"aaaa", "=?=c", "aaaaaaAba", []uint32{0, 1, 2, 3}},
	{"\x00\x00\x00", "=l=", "\x00\x00\x00\x30\x00\x00\x03\x00", []uint32{0, 2}},
	{"twelve bytes", "cccccc?ccccc", "TWELVE BYTEStwelve_bytes", []uint32{0, 12}},
	{"0123456789abcdef!", "hhhhhhhhhh======?", "0000000000abcdef.9999999999abcdef!", []uint32{0, 17}},
}

// maskOf returns the mask that a seed's letters stand for.
func maskOf(s string) []byte {
	m := make([]byte, len(s))
	for i := range m {
		m[i] = map[byte]byte{'?': 0, 'h': 0xf0, 'l': 0x0f, 'c': 0xdf, '=': 0xff}[s[i]]
	}
	return m
}

// TestMaskedSeeds moves every seed through the vectors by padding on both sides.
func TestMaskedSeeds(t *testing.T) {
	const most = 4*64 + 3
	step := 1
	if testing.Short() {
		step = 13
	}
	perLevel(t, func(t *testing.T, l Level) {
		dst := make([]uint32, MinDst)
		for _, seed := range maskedSeeds {
			k, err := NewMasked(l, []byte(seed.lit), maskOf(seed.mask))
			if err != nil {
				t.Fatal(err)
			}
			if k.Level() != l || k.Shape() != Masked || k.Len() != len(seed.lit) {
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
				simdtest.Same(t, dst[:n], want, "%q under %s in %q, %d bytes before and %d behind", seed.lit, seed.mask, seed.in, left, right)
			}
			for pad := 0; pad <= most; pad += step {
				check(pad, 0)
				check(pad, 7)
				check(0, pad)
				check(pad, pad)
				check(pad, most-pad)
			}
		}
	})
}

// A wildcard at either end is part of the match: it has to be in the block, and
// nothing beyond it is.
func TestMaskedEnds(t *testing.T) {
	perLevel(t, func(t *testing.T, l Level) {
		for _, size := range []int{9, 64, 65, 200, 5000} {
			b := bytes.Repeat([]byte("x"), size)
			for wild := 1; wild < 8; wild++ {
				lit := bytes.Repeat([]byte("x"), 8)
				mask := bytes.Repeat([]byte{0xff}, 8)
				clear(mask[wild:])
				for _, reversed := range []bool{false, true} {
					if reversed {
						slices.Reverse(mask)
					}
					k, err := NewMasked(l, lit, mask)
					if err != nil {
						t.Fatal(err)
					}
					var want []uint32
					for s := range size - 7 {
						want = append(want, uint32(s))
					}
					simdtest.Same(t, simdtest.ScanAll(t, k, b, 0, size, MinDst), want, "%d bytes under %x", size, mask)
				}
			}
		}
	})
}

// compareMasked compares all levels with the reference.
func compareMasked(t simdtest.TB, lit, mask, b []byte, from, to, room int) {
	t.Helper()
	var want []uint32
	for _, l := range here() {
		k, err := NewMasked(l, lit, mask)
		if err != nil {
			t.Fatal(err)
		}
		got := simdtest.ScanAll(t, k, b, from, to, room)
		if l == Reference {
			want = got
			continue
		}
		simdtest.Same(t, got, want, "%s: %x under %x in %x from %d to %d", l, lit, mask, b, from, to)
	}
}

// someBit sets a bit in a mask that has none, so that NewMasked accepts it.
func someBit(mask []byte) {
	if bytes.Count(mask, []byte{0}) == len(mask) {
		mask[len(mask)/2] = 0x11
	}
}

// TestMaskedRandom compares all levels with the reference, on drawn literals,
// masks and memory.
func TestMaskedRandom(t *testing.T) {
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
		masks := rapid.SampledFrom([]string{"\x00\xff", "\xff\xff\xff\xff\x00", "\xf0\x0f\xff", "\x00\x00\x00\x01", "\xdf", "\x00\x0f\xf0\xdf\xff\x80\x01"}).Draw(t, "masks")
		mask := rapid.SliceOfN(rapid.SampledFrom([]byte(masks)), len(lit), len(lit)).Draw(t, "mask")
		someBit(mask)
		from := rapid.IntRange(0, len(b)).Draw(t, "from")
		to := rapid.IntRange(0, len(b)+2).Draw(t, "to")
		room := rapid.IntRange(MinDst, MinDst+70).Draw(t, "room")
		compareMasked(t, lit, mask, b, from, to, room)
	})
}

// TestMaskedManyBlocks has blocks that take many calls of assembly, resumed with
// the smallest dst, in sparse and in dense memory.
func TestMaskedManyBlocks(t *testing.T) {
	const size = 2*(128<<10) + 77
	rng := testenv.Seeded(t, 9, 10)
	wild := func(lit string, masks ...byte) [2]string {
		mask := make([]byte, len(lit))
		for i := range mask {
			mask[i] = masks[i%len(masks)]
		}
		return [2]string{lit, string(mask)}
	}
	literals := [][2]string{
		wild("\xf7\xf8\xf9", 0xff, 0, 0xff),
		wild("\x35\x46\x57\x68", 0xf0, 0x0f),
		wild("\x35\x46\x57", 0xf0),
		wild("sevenSEVEN", 0xdf),
		wild("\x00", 0x0f),
		wild("\x00\x00\x00\x00\x00", 0xff, 0),
		wild("\x01\x01", 0xf0, 0xff),
		wild(strings.Repeat("ab", 40), 0xff, 0xfe),
		wild(strings.Repeat("ab", 90), 0xff, 0, 0),
		wild(strings.Repeat("\x00", 1000), 0xff, 0, 0xf0),
		wild(strings.Repeat("\x00", 77)+"\x01"+strings.Repeat("\x00", 90), 0xff),
	}
	literals[len(literals)-1][1] = "\x00" + literals[len(literals)-1][1][1:]
	some := testenv.Rand(t).IntN(4) // of four literals, where tests do not run at full length
	for name, fill := range map[string]func(b []byte){
		"sparse": func(b []byte) {
			for i := range b {
				b[i] = byte(rng.IntN(200))
			}
		},
		"zeros":   func(b []byte) {},
		"regular": func(b []byte) { copy(b, strings.Repeat("ab", size)) },
		"period":  func(b []byte) { copy(b, strings.Repeat("ab\x00a\x00\x00b", size)) },
		"runs": func(b []byte) {
			for i := 0; i < len(b); i++ {
				for n := rng.IntN(3000); n > 0 && i < len(b); n-- {
					b[i] = 0
					i++
				}
				if i < len(b) {
					b[i] = 1
				}
			}
		},
	} {
		b := make([]byte, size)
		fill(b)
		for i, p := range literals {
			if !testenv.Long() && i%4 != some {
				continue
			}
			lit, mask := []byte(p[0]), []byte(p[1])
			for i := 0; i < size; i += 32 << 10 {
				for _, d := range []int{-300, -1 - len(lit)/2, 1000} {
					if at := i + d; at >= 0 && at+len(lit) <= size && len(lit) < 30 {
						copy(b[at:], lit)
					}
				}
			}
			from := rng.IntN(100)
			ref, err := NewMasked(Reference, lit, mask)
			if err != nil {
				t.Fatal(err)
			}
			want := simdtest.ScanAll(t, ref, b, from, size-50, 1<<16)
			for _, l := range here()[1:] {
				k, err := NewMasked(l, lit, mask)
				if err != nil {
					t.Fatal(err)
				}
				for _, room := range []int{MinDst, MinDst + 1, 4096} {
					simdtest.Same(t, simdtest.ScanAll(t, k, b, from, size-50, room), want, "%s memory: %.20q at %s by %d", name, lit, l, room)
				}
			}
		}
	}
}

func TestMaskedErrors(t *testing.T) {
	perLevel(t, func(t *testing.T, l Level) {
		for name, c := range map[string][2][]byte{
			"nothing":         {nil, nil},
			"a short mask":    {[]byte("ab"), []byte{1}},
			"a long mask":     {[]byte("a"), []byte{1, 2}},
			"wildcards alone": {[]byte("ab"), []byte{0, 0}},
			"too much":        {make([]byte, MaxLiteral+1), make([]byte, MaxLiteral+1)},
		} {
			if k, err := NewMasked(l, c[0], c[1]); err == nil {
				t.Errorf("%s made a %s", name, k.Shape())
			}
		}
		k, err := NewMasked(l, []byte("abc"), []byte{0xff, 0xff, 0xff})
		if err != nil || k.Shape() != Literal {
			t.Errorf("a mask of all bits: %v, %v, want a literal", k, err)
		}
	})
}

// A kernel does not depend on the slices that it was made of.
func TestMaskedCopies(t *testing.T) {
	perLevel(t, func(t *testing.T, l Level) {
		lit, mask := []byte("abc"), []byte{0xff, 0xdf, 0xff}
		k, err := NewMasked(l, lit, mask)
		if err != nil {
			t.Fatal(err)
		}
		lit[1], mask[1] = 'x', 0
		simdtest.Same(t, simdtest.ScanAll(t, k, []byte("axc aBc"), 0, 7, MinDst), []uint32{4}, "masked literal changed afterwards")
	})
}

// A scan allocates nothing on the heap.
func TestMaskedAllocs(t *testing.T) {
	b := bytes.Repeat([]byte("abcdefghijklmnop"), 100)
	dst := make([]uint32, 4096)
	perLevel(t, func(t *testing.T, l Level) {
		for _, lit := range []string{"a", "abc", strings.Repeat("abcdefghijklmnop", 9)} {
			k, err := NewMasked(l, []byte(lit), bytes.Repeat([]byte{0xdf}, len(lit)))
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

func FuzzMasked(f *testing.F) {
	for _, seed := range maskedSeeds {
		f.Add([]byte(seed.lit), maskOf(seed.mask), []byte(seed.in), uint(0), uint(len(seed.in)), uint(0), uint(1))
		f.Add([]byte(seed.lit), maskOf(seed.mask), []byte(seed.in), uint(3), uint(1000), uint(9), uint(70))
	}
	f.Fuzz(func(t *testing.T, lit, mask, b []byte, from, to, room, times uint) {
		n := min(len(lit), len(mask))
		if n == 0 {
			return
		}
		lit, mask = lit[:n], bytes.Clone(mask[:n])
		someBit(mask)
		b = bytes.Repeat(b, int(times%100))
		b = b[:min(len(b), 1<<13)] // the reference takes len(b) · len(lit)
		compareMasked(t, lit, mask, b, int(from%(1<<14)), int(to%(1<<14)), MinDst+int(room%100))
	})
}
