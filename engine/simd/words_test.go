package simd

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"vscan/engine/addr"
	"vscan/engine/simd/simdtest"
	"vscan/internal/testenv"
)

// aligned returns a spec for little-endian words at multiples of their size.
func aligned(size int, lo, hi uint64) WordSpec {
	return WordSpec{Size: size, Stride: size, Ranges: []WordRange{{lo, hi}}}
}

// guardSpecs are for memory of bytes 0 to 2.
var guardSpecs = []WordSpec{
	aligned(4, 0x00010000, 0x01ffffff),
	aligned(8, 0x0001000000000000, 0x01ffffffffffffff),
	{Size: 4, Stride: 4, Order: addr.Big, Ranges: []WordRange{{0x00010000, 0x01ffffff}}},
	{Size: 8, Stride: 8, Order: addr.Big, Ranges: []WordRange{{0x0001000000000000, 0x01ffffffffffffff}}},
	aligned(8, 0, math.MaxUint64),
	aligned(1, 1, 1),
	{Size: 2, Stride: 2, Ranges: []WordRange{{0x100, 0x101}}},
	{Size: 4, Stride: 1, Ranges: []WordRange{{0x00010000, 0x00ffffff}, {0x01000100, 0x01010000}}},
	{Size: 8, Stride: 4, Ranges: []WordRange{{0x0001000000000000, 0x01ffffffffffffff}}},
	{Size: 2, Stride: 5, Order: addr.Big, Ranges: []WordRange{{0, 1}, {0x100, 0x1ff}}},
	{Size: 1, Stride: 1, Ranges: []WordRange{{0, 0}, {2, 2}}},
	{Size: 1, Stride: 4, Ranges: []WordRange{{1, 2}}},
	{Size: 2, Stride: 1, Ranges: []WordRange{{0x100, 0x101}}},
	{Size: 2, Stride: 1, Order: addr.Big, Ranges: every(20, 0, 11, 3)},
	{Size: 4, Stride: 1, Order: addr.Big, Ranges: []WordRange{{0x00010000, 0x00ffffff}, {0x01000100, 0x01010000}}},
	{Size: 4, Stride: 2, Ranges: every(300, 0, 0xd000, 0x6000)},
	{Size: 4, Stride: 4, Ranges: someOf012(4)},
	{Size: 4, Stride: 32, Ranges: []WordRange{{0x00010000, 0x01ffffff}}},
	{Size: 8, Stride: 1, Ranges: []WordRange{{0x0001000000000000, 0x01ffffffffffffff}}},
	{Size: 8, Stride: 2, Order: addr.Big, Ranges: []WordRange{{0x0001020000000000, 0x00010202ffffffff}}},
	{Size: 8, Stride: 8, Ranges: every(300, 0, 0xd000<<32, 0x6000<<32)},
	{Size: 8, Stride: 1, Ranges: every(300, 0, 0xd000<<32, 0x6000<<32)},
	{Size: 8, Stride: 8, Order: addr.Big, Ranges: someOf012(8)},
	{Size: 8, Stride: 4, Ranges: someOf012(8)},
	{Size: 8, Stride: 16, Ranges: every(300, 0, 0xd000<<32, 0x6000<<32)},
	{Size: 8, Stride: 64, Order: addr.Big, Ranges: []WordRange{{0x0001000000000000, 0x01ffffffffffffff}}},
}

// every returns n ranges of so many numbers, the first from lo on, step
// apart.
func every(n int, lo, step, numbers uint64) []WordRange {
	var out []WordRange
	for i := range uint64(n) {
		out = append(out, WordRange{lo + i*step, lo + i*step + numbers - 1})
	}
	return out
}

// someOf012 returns every other one of the numbers of size bytes, each 0 to
// 2.
func someOf012(size int) []WordRange {
	numbers := []uint64{0}
	for range size {
		var longer []uint64
		for _, v := range numbers {
			longer = append(longer, v<<8, v<<8+1, v<<8+2)
		}
		numbers = longer
	}
	var out []WordRange
	for i := 0; i < len(numbers); i += 2 {
		out = append(out, WordRange{numbers[i], numbers[i]})
	}
	return out
}

// wordSeeds are words and which of them, by number, are in the ranges.
var wordSeeds = []struct {
	name   string
	ranges []WordRange
	words  []uint64
	at     []int
}{
	{"one number", []WordRange{{7, 7}}, []uint64{7, 6, 8, 7, 0, 7 << 56}, []int{0, 3}},
	{"a range", []WordRange{{10, 20}}, []uint64{9, 10, 11, 20, 21, 0, math.MaxUint64}, []int{1, 2, 3}},
	{"from zero", []WordRange{{0, 1}}, []uint64{0, 1, 2, math.MaxUint64}, []int{0, 1}},
	{"to the end", []WordRange{{math.MaxUint64 - 1, math.MaxUint64}}, []uint64{0, math.MaxUint64 - 2, math.MaxUint64 - 1, math.MaxUint64}, []int{2, 3}},
	{"everything", []WordRange{{0, math.MaxUint64}}, []uint64{0, 1, math.MaxUint64, 1 << 63}, []int{0, 1, 2, 3}},
	{"over the sign", []WordRange{{1<<63 - 1, 1 << 63}}, []uint64{1<<63 - 2, 1<<63 - 1, 1 << 63, 1<<63 + 1, 0, math.MaxUint64}, []int{1, 2}},
	{"upper half", []WordRange{{0xffff800000000000, math.MaxUint64}}, []uint64{0xffff800000000000, 0xffff7fffffffffff, 0x7fff00000000, math.MaxUint64}, []int{0, 3}},
	{"two ranges", []WordRange{{5, 6}, {8, 9}}, []uint64{4, 5, 6, 7, 8, 9, 10}, []int{1, 2, 4, 5}},
	{"touching", []WordRange{{5, 6}, {7, 9}}, []uint64{4, 5, 6, 7, 8, 9, 10}, []int{1, 2, 3, 4, 5}},
	{"ends of two", []WordRange{{0, 0}, {math.MaxUint64, math.MaxUint64}}, []uint64{0, 1, math.MaxUint64, math.MaxUint64 - 1}, []int{0, 2}},
}

// narrow returns a number of 64 bits squeezed into size bytes, such that
// numbers near either end of the line stay near it.
func narrow(v uint64, size int) uint64 {
	largest := ^uint64(0) >> (64 - 8*size)
	if half := uint64(1) << (8*size - 1); v-(1<<63-16) < 32 {
		return half + (v - 1<<63)
	}
	return v & largest
}

// TestWordsSeeds looks for every seed at every size that holds it, in both
// byte orders, moved through the vectors by words before and behind it that
// are in no range.
func TestWordsSeeds(t *testing.T) {
	perLevel(t, func(t *testing.T, l Level) {
		dst := make([]uint32, MinDst)
		for _, seed := range wordSeeds {
			for _, size := range []int{1, 2, 4, 8} {
				if size < 8 && (seed.name == "upper half" || seed.name == "one number") {
					continue
				}
				for _, order := range []addr.ByteOrder{addr.Little, addr.Big} {
					spec := WordSpec{Size: size, Order: order, Stride: size}
					largest := ^uint64(0) >> (64 - 8*size)
					for _, r := range seed.ranges {
						spec.Ranges = append(spec.Ranges, WordRange{narrow(r.Lo, size), narrow(r.Hi, size)})
					}
					k, err := NewWords(l, spec)
					if err != nil {
						t.Fatalf("%s, %d bytes: %v", seed.name, size, err)
					}
					pad, padded := uint64(0x33333333_33333333)&largest, true
					if seed.name == "everything" {
						padded = false
					}
					for left := 0; left <= 4*64/size+3; left++ {
						for _, right := range []int{0, 1, 5, 4*64/size + 1} {
							if !padded && left+right > 0 {
								continue
							}
							var b []byte
							for range left {
								b = appendWord(b, order, size, pad)
							}
							for _, w := range seed.words {
								b = appendWord(b, order, size, narrow(w, size))
							}
							for range right {
								b = appendWord(b, order, size, pad)
							}
							var want []uint32
							for _, i := range seed.at {
								want = append(want, uint32((left+i)*size))
							}
							n, next := k.Scan(dst, b, 0, len(b))
							if next < len(b) {
								t.Fatalf("got to %d of %d", next, len(b))
							}
							simdtest.Same(t, dst[:n], want, "%s, %d bytes %s, %d before, %d behind", seed.name, size, order, left, right)
						}
						if testing.Short() {
							left += 6
						}
					}
				}
			}
		}
	})
}

func appendWord(b []byte, order addr.ByteOrder, size int, v uint64) []byte {
	b = append(b, make([]byte, size)...)
	order.PutUint(b[len(b)-size:], v)
	return b
}

// drawSpec draws a spec whose ranges have ends near the words of b.
func drawSpec(t *rapid.T, b []byte) WordSpec {
	spec := WordSpec{
		Size:   rapid.SampledFrom([]int{1, 2, 4, 8}).Draw(t, "size"),
		Order:  rapid.SampledFrom([]addr.ByteOrder{addr.Little, addr.Big}).Draw(t, "order"),
		Stride: rapid.IntRange(1, 20).Draw(t, "stride"),
	}
	switch rapid.IntRange(0, 3).Draw(t, "kind of stride") {
	case 0, 1:
		spec.Stride = 1 << rapid.IntRange(0, 6).Draw(t, "logarithm")
	case 2:
		spec.Stride = spec.Size
	}
	largest := ^uint64(0) >> (64 - 8*spec.Size)
	var ends []uint64
	single := rapid.Bool().Draw(t, "single numbers")
	for range rapid.SampledFrom([]int{1, 1, 2, 3, 4, 5, 8, 9, 30}).Draw(t, "ranges") * 2 {
		v := rapid.Uint64Range(0, largest).Draw(t, "end")
		if len(b) >= spec.Size && rapid.Bool().Draw(t, "from memory") {
			at := rapid.IntRange(0, len(b)-spec.Size).Draw(t, "at")
			v = spec.Order.Uint(b[at:at+spec.Size]) + rapid.SampledFrom([]uint64{0, 1, math.MaxUint64}).Draw(t, "off by")
		}
		if single {
			ends = append(ends, v&largest)
		}
		ends = append(ends, v&largest)
	}
	spec.Ranges = rangesOf(ends)
	return spec
}

// rangesOf sorts ends, and returns a range from each one to the next, by
// twos, with those that overlap joined.
func rangesOf(ends []uint64) []WordRange {
	slices.Sort(ends)
	var ranges []WordRange
	for i := 0; i+1 < len(ends); i += 2 {
		if len(ranges) > 0 && ranges[len(ranges)-1].Hi >= ends[i] {
			ranges[len(ranges)-1].Hi = ends[i+1]
			continue
		}
		ranges = append(ranges, WordRange{ends[i], ends[i+1]})
	}
	return ranges
}

// TestWordsRandom compares all levels with the reference, on drawn specs and
// memory.
func TestWordsRandom(t *testing.T) {
	testenv.Check(t, func(t *rapid.T) {
		b := pieces(t, "memory", 60)
		spec := drawSpec(t, b)
		from := rapid.IntRange(0, len(b)).Draw(t, "from")
		to := rapid.IntRange(0, len(b)+20).Draw(t, "to")
		room := rapid.IntRange(MinDst, MinDst+70).Draw(t, "room")
		compareWords(t, spec, b, from, to, room)
	})
}

// compareWords compares all levels with the reference.
func compareWords(t simdtest.TB, spec WordSpec, b []byte, from, to, room int) {
	t.Helper()
	var want []uint32
	for _, l := range here() {
		k, err := NewWords(l, spec)
		if err != nil {
			t.Fatal(err)
		}
		if k.Shape() != Words || k.Len() != spec.Size {
			t.Fatalf("%s, %d bytes", k.Shape(), k.Len())
		}
		got := simdtest.ScanAll(t, k, b, from, to, room)
		if l == Reference {
			want = got
			continue
		}
		simdtest.Same(t, got, want, "%s: %+v in %x from %d to %d", l, spec, b, from, to)
	}
}

// TestWordsManyBlocks has blocks that take many calls of assembly, resumed
// with the smallest dst, with none, some, and all of the words in range.
func TestWordsManyBlocks(t *testing.T) {
	const size = 3*(128<<10) + 77
	rng := testenv.Seeded(t, 9, 10)
	b := make([]byte, size)
	for i := 0; i+8 <= size; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], 0x7f0000000000+rng.Uint64N(1<<20))
	}
	some := testenv.Rand(t).IntN(3) // of three specs, where tests do not run at full length
	for i, spec := range []WordSpec{
		aligned(8, 0x7f0000000000, 0x7f0000000010),
		aligned(8, 0x7f0000000000, 0x7f0000080000),
		aligned(8, 0, math.MaxUint64),
		aligned(4, 0x7f00, 0x7f00),
		aligned(4, 0, math.MaxUint32),
		{Size: 8, Stride: 8, Order: addr.Big, Ranges: []WordRange{{0, 0x10ffffffffffffff}}},
		{Size: 4, Stride: 4, Order: addr.Big, Ranges: []WordRange{{0x007f0000, 0x10ffffff}}},
		{Size: 4, Stride: 2, Ranges: []WordRange{{0x7f00, 0x7f00}, {0x8000, 0x90000000}}},
		{Size: 8, Stride: 8, Ranges: every(200, 0x7f0000000000, 1<<11, 1<<10)},
		{Size: 8, Stride: 1, Ranges: every(200, 0x7f0000000000, 1<<11, 1<<10)},
		{Size: 8, Stride: 1, Ranges: []WordRange{{0, math.MaxUint64}}},
		{Size: 4, Stride: 1, Ranges: []WordRange{{0x7f00, 0x7f00}, {0x8000, 0x90000000}}},
		{Size: 2, Stride: 1, Ranges: every(20, 0, 500, 100)},
		{Size: 1, Stride: 1, Ranges: []WordRange{{0, 0}, {0x7f, 0x90}}},
		{Size: 8, Stride: 16, Ranges: []WordRange{{0x7f0000000000, 0x7f0000080000}}},
		{Size: 4, Stride: 64, Ranges: []WordRange{{0, math.MaxUint32}}},
	} {
		if !testenv.Long() && i%3 != some {
			continue
		}
		for _, from := range []int{0, 1, 4, 8}[:testenv.Rounds(2, 2, 4)] {
			ref, err := NewWords(Reference, spec)
			if err != nil {
				t.Fatal(err)
			}
			want := simdtest.ScanAll(t, ref, b, from, size-5, 1<<18)
			for _, l := range here() {
				k, err := NewWords(l, spec)
				if err != nil {
					t.Fatal(err)
				}
				for _, room := range []int{MinDst, MinDst + 1, 4096, 1 << 17} {
					simdtest.Same(t, simdtest.ScanAll(t, k, b, from, size-5, room), want, "%+v at %s from %d by %d", spec, l, from, room)
				}
			}
		}
	}
}

// setRanges draws ranges of numbers of so many bytes, about n of them, in
// several ways: anywhere, in heaps, of pages, over the whole line.
func setRanges(rng *rand.Rand, kind string, size, n int) []WordRange {
	largest := ^uint64(0) >> (64 - 8*size)
	var ends []uint64
	for i := range n {
		lo := rng.Uint64() & largest
		hi := lo
		switch kind {
		case "numbers":
		case "numbers in heaps":
			lo = largest/8*uint64(i%7) + rng.Uint64N(largest>>(4*size)+uint64(n))
			hi = lo
		case "pages in heaps":
			lo = largest/8*uint64(i%3) + rng.Uint64N(1<<10+uint64(n)*4)<<8&(largest>>3)
			hi = lo | 0xff
		case "ranges in many heaps":
			lo = (largest/64*uint64(i%50) + rng.Uint64N(uint64(n)*64)) & (largest - 15)
			hi = lo + rng.Uint64N(16)
		case "ranges and the ends of the line":
			if i < 2 {
				lo = largest * uint64(i)
			}
			hi = lo + min(largest-lo, rng.Uint64N(largest/uint64(n)))
		}
		ends = append(ends, lo, hi)
	}
	// Ranges that overlap are joined.
	ranges := make([]WordRange, 0, n)
	for i := 0; i < len(ends); i += 2 {
		ranges = append(ranges, WordRange{ends[i], ends[i+1]})
	}
	slices.SortFunc(ranges, func(a, b WordRange) int { return cmp.Compare(a.Lo, b.Lo) })
	out := ranges[:1]
	for _, r := range ranges[1:] {
		if last := &out[len(out)-1]; r.Lo <= last.Hi {
			last.Hi = max(last.Hi, r.Hi)
		} else {
			out = append(out, r)
		}
	}
	return out
}

var setKinds = []string{"numbers", "numbers in heaps", "pages in heaps", "ranges in many heaps", "ranges and the ends of the line"}

// nearMisses returns numbers at the ends of ranges and beside them.
func nearMisses(rng *rand.Rand, ranges []WordRange, n int) []uint64 {
	var out []uint64
	for range n {
		r := ranges[rng.IntN(len(ranges))]
		out = append(out, [...]uint64{r.Lo - 1, r.Lo, r.Lo + (r.Hi-r.Lo)/2, r.Hi, r.Hi + 1, rng.Uint64()}[rng.IntN(6)])
	}
	return append(out, ranges[0].Lo, ranges[0].Lo-1, ranges[len(ranges)-1].Hi, ranges[len(ranges)-1].Hi+1, 0, math.MaxUint64)
}

// TestWordsSets looks for sets of a few to 100,000 ranges in memory full of
// near misses.
func TestWordsSets(t *testing.T) {
	rng := testenv.Seeded(t, 17, 18)
	for _, n := range []int{2, 4, 5, 8, 9, 100, 3000, 100_000} {
		for _, kind := range setKinds {
			for _, size := range []int{1, 2, 4, 8} {
				if n > 1<<(8*size-2) || n > 3000 && !testenv.Long() {
					continue
				}
				spec := WordSpec{Size: size, Ranges: setRanges(rng, kind, size, n), Order: addr.ByteOrder(rng.IntN(2))}
				var b []byte
				for _, v := range nearMisses(rng, spec.Ranges, 400) {
					b = appendWord(b, spec.Order, size, v)
					if rng.IntN(20) == 0 { // some are out of phase, and groups without any
						b = append(b, make([]byte, rng.IntN(7)+rng.IntN(2)*600)...)
					}
				}
				// The reference is slow, so there are only
				// two strides.
				for _, stride := range []int{size, 1 << rng.IntN(4)} {
					spec.Stride = stride
					compareWords(t, spec, b, rng.IntN(8), len(b), 200)
				}
			}
		}
	}
}

// in reports whether v is in one of the ranges, which must ascend.
func in(ranges []WordRange, v uint64) bool {
	_, found := slices.BinarySearchFunc(ranges, v, func(r WordRange, v uint64) int {
		switch {
		case r.Hi < v:
			return -1
		case r.Lo > v:
			return 1
		}
		return 0
	})
	return found
}

// tables returns the bytes that a set takes for ranges and granules, without
// those of nested sets.
func tables(s *wordSet) int {
	return cap(s.states) + 4*cap(s.first) + 16*cap(s.ranges) + 4*cap(s.deeper)
}

// A wordSet tells its numbers from all others, and takes no more memory than
// NewWords says.
func TestWordSet(t *testing.T) {
	rng := testenv.Seeded(t, 19, 20)
	nested := map[string]int{}
	for _, n := range []int{1, 2, 3, 5, 70, 5000, 100_000} {
		for _, kind := range setKinds {
			for _, size := range []int{2, 4, 8} {
				if n > 1<<(8*size-2) {
					continue
				}
				ranges := setRanges(rng, kind, size, n)
				p, err := newWordsPlan(WordSpec{Size: size, Stride: 1, Ranges: ranges})
				if err != nil {
					t.Fatal(err)
				}
				s := newWordSet(p.spec.Ranges)
				for _, v := range nearMisses(rng, ranges, 3000) {
					if want := in(ranges, v); s.has(v) != want {
						t.Fatalf("%d %s of %d bytes: has(%#x), want %t", n, kind, size, v, want)
					}
				}
				if got, most := tables(s), min(max(2*rangeGranules*n, 1<<16), maxGranules)*3/2+32*n; got > most {
					t.Errorf("%d %s of %d bytes: tables of %d bytes, want at most %d", n, kind, size, got, most)
				}
				for _, sub := range s.subs {
					if got, most := tables(sub), 150*len(sub.ranges); got > most {
						t.Errorf("%d %s of %d bytes: a nested set of %d has tables of %d bytes, want at most %d", n, kind, size, len(sub.ranges), got, most)
					}
					nested[kind]++
				}
			}
		}
	}
	if nested["ranges in many heaps"] == 0 {
		t.Error("no set is nested in another")
	}
}

// The envelopes of a set leave out the gaps that are worth it, however many
// ranges lie between them.
func TestEnclose(t *testing.T) {
	for _, c := range []struct{ ranges, want []WordRange }{
		{[]WordRange{{5, 9}}, []WordRange{{5, 9}}},
		{[]WordRange{{0, 0}, {math.MaxUint64, math.MaxUint64}}, []WordRange{{0, 0}, {math.MaxUint64, math.MaxUint64}}},
		{every(1000, 0, 100, 50), []WordRange{{0, 99949}}},
		{append(every(10, 0, 10, 5), every(10, 10_000, 10, 5)...), []WordRange{{0, 94}, {10_000, 10_094}}},
		{every(5, 0, 1000, 1), []WordRange{{0, 1000}, {2000, 2000}, {3000, 3000}, {4000, 4000}}},
		{[]WordRange{{0, 0}, {100, 100}, {2000, 2000}, {30_000, 30_000}, {30_001, 30_001}, {400_000, 400_000}},
			[]WordRange{{0, 100}, {2000, 2000}, {30_000, 30_001}, {400_000, 400_000}}},
	} {
		got := enclose(c.ranges, maxEnvelopes)
		if len(got) != len(c.want) {
			t.Errorf("%v: %v, want %v", c.ranges, got, c.want)
			continue
		}
		if !slices.Equal(got, c.want) && len(c.ranges) != 5 { // of gaps of the same width any will do
			t.Errorf("%v: %v, want %v", c.ranges, got, c.want)
		}
	}
}

func TestWordsErrors(t *testing.T) {
	one := []WordRange{{1, 2}}
	for name, spec := range map[string]WordSpec{
		"the zero value":  {},
		"size 3":          {Size: 3, Stride: 1, Ranges: one},
		"no stride":       {Size: 4, Ranges: one},
		"stride below 0":  {Size: 4, Stride: -4, Ranges: one},
		"no ranges":       {Size: 4, Stride: 4},
		"ends swapped":    {Size: 4, Stride: 4, Ranges: []WordRange{{2, 1}}},
		"too large":       {Size: 4, Stride: 4, Ranges: []WordRange{{0, 1 << 32}}},
		"overlapping":     {Size: 4, Stride: 4, Ranges: []WordRange{{0, 5}, {5, 6}}},
		"descending":      {Size: 4, Stride: 4, Ranges: []WordRange{{7, 8}, {5, 6}}},
		"more than a GiB": {Size: 4, Stride: MaxBlock + 1, Ranges: one},
	} {
		if k, err := NewWords(Auto, spec); err == nil {
			t.Errorf("%s: made %v", name, k)
		}
	}
}

// A scan allocates nothing on the heap.
func TestWordsAllocs(t *testing.T) {
	b := make([]byte, 2000)
	dst := make([]uint32, 4096)
	perLevel(t, func(t *testing.T, l Level) {
		for _, spec := range guardSpecs {
			k, err := NewWords(l, spec)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range []int{20, 150, len(b)} {
				if allocs := testing.AllocsPerRun(10, func() { k.Scan(dst, b[:n], 0, n) }); allocs > 0 {
					t.Errorf("%+v in %d bytes: %v allocations", spec, n, allocs)
				}
			}
		}
	})
}

func FuzzWords(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00"), uint8(2), false, uint(4), uint64(1), uint64(2), uint64(9), uint64(9), uint(0), uint(12), uint(1))
	f.Add([]byte("\x00\x00\x7f\xff\x00\x00\x7f\x00\x00\x00"), uint8(3), true, uint(8), uint64(0), ^uint64(0), uint64(5), uint64(5), uint(1), uint(500), uint(60))
	f.Add([]byte("\x00\x00\x7f\xff\x00\x00\x7f\x00\x00\x00"), uint8(3), false, uint(8), uint64(0), ^uint64(0), uint64(5), uint64(6), uint(1), uint(5000), uint(60))
	f.Add([]byte("\x00\x00\x7f\xff\x00\x00\x7f\x00\x00\x00"), uint8(3), false, uint(9), uint64(0), ^uint64(0), uint64(5), uint64(6), uint(1), uint(5000), uint(61))
	f.Fuzz(func(t *testing.T, b []byte, size uint8, big bool, stride uint, e0, e1, e2, e3 uint64, from, to, times uint) {
		spec := WordSpec{Size: 1 << (size % 4), Stride: 1 + int(stride%24)}
		if stride%3 == 0 {
			spec.Stride = 1 << (stride / 3 % 7)
		}
		if big {
			spec.Order = addr.Big
		}
		if stride%4 == 0 {
			spec.Stride = spec.Size
		}
		largest := ^uint64(0) >> (64 - 8*spec.Size)
		spec.Ranges = rangesOf([]uint64{e0 & largest, e1 & largest, e2 & largest, e3 & largest})
		switch {
		case e2 == e3:
			spec.Ranges = rangesOf([]uint64{e0 & largest, e1 & largest})
		case times >= 8 && spec.Size > 1:
			rng := testenv.From(e2, e3)
			spec.Ranges = setRanges(rng, setKinds[int(times)%len(setKinds)], spec.Size, 2+int(times%90))
			for _, v := range nearMisses(rng, spec.Ranges, 30) {
				b = appendWord(b, spec.Order, spec.Size, v)
			}
		}
		for range times % 8 {
			b = append(b[:len(b):len(b)], b...)
			b = b[:min(len(b), 1<<15)]
		}
		compareWords(t, spec, b, int(from%(1<<16)), int(to%(1<<16)), MinDst+int(times%100))
	})
}
