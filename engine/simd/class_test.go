package simd

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"vscan/engine/simd/simdtest"
	"vscan/internal/testenv"
)

// setOf returns the set of the bytes of s.
func setOf(s string) (set [4]uint64) {
	for i := range len(s) {
		set[s[i]/64] |= 1 << (s[i] % 64)
	}
	return set
}

// classSets are sets of bytes: few and many, in all quarters, with all nibbles.
var classSets = func() [][4]uint64 {
	all := ^uint64(0)
	sets := [][4]uint64{
		setOf("ab"), setOf("\x00\xff"), setOf("0123456789"), setOf("\x7f\x80"), setOf("\x0f\x1f\x2f\x3f\x4f\x5f\x6f\x7f\x8f\x9f\xaf\xbf\xcf\xdf\xef\xff"),
		{0, 0, all, all}, {all, 0, 0, 0}, {all, all, all, all}, {all &^ 1, all, all, all}, {0xffffffff00002600, all >> 1, 0, 0},
	}
	rng := testenv.From(11, 12)
	for range 6 {
		sets = append(sets, [4]uint64{rng.Uint64(), rng.Uint64(), rng.Uint64(), rng.Uint64()})
	}
	return sets
}()

// TestClassBytes looks for every byte, in and out of every set, at every position
// of a vector.
func TestClassBytes(t *testing.T) {
	perLevel(t, func(t *testing.T, l Level) {
		for _, set := range classSets {
			k, err := NewClass(l, set)
			if err != nil {
				t.Fatal(err)
			}
			if k.Level() != l || k.Shape() != Class || k.Len() != 1 {
				t.Fatalf("%x: %s, %s, %d bytes", set, k.Level(), k.Shape(), k.Len())
			}
			for shift := range 64 {
				b := make([]byte, 256)
				var want []uint32
				for i := range b {
					c := (i*7 + shift) % 256
					b[i] = byte(c)
					if set[c/64]>>(c%64)&1 != 0 {
						want = append(want, uint32(i))
					}
				}
				simdtest.Same(t, simdtest.ScanAll(t, k, b, 0, 256, MinDst), want, "class %x", set)
			}
		}
	})
}

// compareClass compares all levels with the reference.
func compareClass(t simdtest.TB, set [4]uint64, b []byte, from, to, room int) {
	t.Helper()
	var want []uint32
	for _, l := range here() {
		k, err := NewClass(l, set)
		if err != nil {
			t.Fatal(err)
		}
		got := simdtest.ScanAll(t, k, b, from, to, room)
		if l == Reference {
			want = got
			continue
		}
		simdtest.Same(t, got, want, "%s: %x in %x from %d to %d", l, set, b, from, to)
	}
}

// TestClassRandom compares all levels with the reference, on drawn sets and
// memory.
func TestClassRandom(t *testing.T) {
	testenv.Check(t, func(t *rapid.T) {
		b := pieces(t, "memory", 60)
		set := setOf(string(rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "set")))
		if rapid.Bool().Draw(t, "of memory") {
			set[0], set[1] = set[0]|1, set[1]|2<<32
		}
		from := rapid.IntRange(0, len(b)).Draw(t, "from")
		to := rapid.IntRange(0, len(b)+2).Draw(t, "to")
		compareClass(t, set, b, from, to, rapid.IntRange(MinDst, MinDst+70).Draw(t, "room"))
	})
}

// TestClassManyBlocks has blocks that take many calls of assembly, resumed with
// the smallest dst, in sparse and in dense memory.
func TestClassManyBlocks(t *testing.T) {
	const size = 2*(128<<10) + 77
	rng := testenv.Seeded(t, 13, 14)
	some := testenv.Rand(t).IntN(4) // of four sets, where tests do not run at full length
	for name, oneIn := range map[string]int{"sparse": 5000, "some": 50, "dense": 2} {
		b := make([]byte, size)
		for i := range b {
			if rng.IntN(oneIn) == 0 {
				b[i] = byte(rng.IntN(256))
			}
		}
		for i, set := range classSets {
			if !testenv.Long() && i%4 != some {
				continue
			}
			ref, _ := NewClass(Reference, set)
			from := rng.IntN(100)
			want := simdtest.ScanAll(t, ref, b, from, size-50, 1<<16)
			for _, l := range here()[1:] {
				k, err := NewClass(l, set)
				if err != nil {
					t.Fatal(err)
				}
				for _, room := range []int{MinDst, MinDst + 1, 4096} {
					simdtest.Same(t, simdtest.ScanAll(t, k, b, from, size-50, room), want, "%s memory: %x at %s by %d", name, set, l, room)
				}
			}
		}
	}
}

func TestClassConstructor(t *testing.T) {
	perLevel(t, func(t *testing.T, l Level) {
		if k, err := NewClass(l, [4]uint64{}); err == nil {
			t.Errorf("an empty set made a %s", k.Shape())
		}
		for c := range 256 {
			k, err := NewClass(l, setOf(string([]byte{byte(c)})))
			if err != nil || k.Shape() != Literal {
				t.Fatalf("one byte: %v, %v, want a literal", k, err)
			}
			simdtest.Same(t, simdtest.ScanAll(t, k, []byte{byte(c), byte(c) + 1, byte(c)}, 0, 3, MinDst), []uint32{0, 2}, "class of %#x", c)
		}
	})
}

// A scan allocates nothing on the heap.
func TestClassAllocs(t *testing.T) {
	b := bytes.Repeat([]byte("abcdefghijklmnop"), 100)
	dst := make([]uint32, 4096)
	perLevel(t, func(t *testing.T, l Level) {
		k, err := NewClass(l, setOf("bc"))
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{20, 150, len(b)} {
			if allocs := testing.AllocsPerRun(10, func() { k.Scan(dst, b[:n], 0, n) }); allocs > 0 {
				t.Errorf("%d bytes: %v allocations", n, allocs)
			}
		}
	})
}

func FuzzClass(f *testing.F) {
	for _, set := range classSets {
		f.Add(set[0], set[1], set[2], set[3], []byte("some\x00\xff\x80 bytes"), uint(0), uint(1000), uint(0), uint(9))
	}
	f.Fuzz(func(t *testing.T, w0, w1, w2, w3 uint64, b []byte, from, to, room, times uint) {
		set := [4]uint64{w0, w1, w2, w3}
		if set == ([4]uint64{}) {
			return
		}
		b = bytes.Repeat(b, int(times%100))
		b = b[:min(len(b), 1<<13)]
		compareClass(t, set, b, int(from%(1<<14)), int(to%(1<<14)), MinDst+int(room%100))
	})
}
