package addr

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestArithmeticStopsAtTheEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		got  func() (Addr, bool)
		want Addr
		ok   bool
	}{
		{"last byte", func() (Addr, bool) { return Addr(Max - 1).Add(1) }, Max, true},
		{"one further", func() (Addr, bool) { return Max.Add(1) }, 0, false},
		{"whole space", func() (Addr, bool) { return Addr(0).Add(1<<64 - 1) }, Max, true},
		{"down to 0", func() (Addr, bool) { return Addr(5).Sub(5) }, 0, true},
		{"below 0", func() (Addr, bool) { return Addr(5).Sub(6) }, Max, false},
		{"aligned already", func() (Addr, bool) { return Addr(16).AlignUp(8) }, 16, true},
		{"aligned up", func() (Addr, bool) { return Addr(17).AlignUp(8) }, 24, true},
		{"aligned by 3", func() (Addr, bool) { return Addr(17).AlignUp(3) }, 18, true},
		{"the highest word", func() (Addr, bool) { return Addr(Max - 7).AlignUp(8) }, Max - 7, true},
		{"no word above", func() (Addr, bool) { return Addr(Max - 6).AlignUp(8) }, 0, false},
		{"aligned by 0", func() (Addr, bool) { return Max.AlignUp(0) }, Max, true},
	} {
		if got, ok := c.got(); ok != c.ok || ok && got != c.want {
			t.Errorf("%s: %v, %v, want %v, %v", c.name, got, ok, c.want, c.ok)
		}
	}
	if got := Max.AlignDown(4096); got != 0xfffffffffffff000 {
		t.Errorf("aligned down: %v", got)
	}
	if !Addr(18).IsAligned(3) || Addr(18).IsAligned(4) || !Addr(1).IsAligned(0) {
		t.Error("IsAligned")
	}
}

// TestRangesAgainstSets compares every pair of ranges in a universe of eight
// bytes with sets of bytes.
func TestRangesAgainstSets(t *testing.T) {
	const size = 8
	for _, base := range []Addr{0, Max - size + 1} {
		var all []Range
		for lo := range Addr(size) {
			for hi := lo; hi < size; hi++ {
				all = append(all, Range{base + lo, base + hi})
			}
		}
		for _, a := range all {
			for _, b := range all {
				var both, either []Addr
				for i := range Addr(size) {
					x := base + i
					if a.Contains(x) && b.Contains(x) {
						both = append(both, x)
					}
					if a.Contains(x) || b.Contains(x) {
						either = append(either, x)
					}
				}
				x, ok := a.Intersect(b)
				if ok != (len(both) > 0) || a.Overlaps(b) != ok || ok && (x.First != both[0] || x.Last != both[len(both)-1]) {
					t.Fatalf("%v and %v: %v, %v", a, b, x, ok)
				}
				if a.Covers(b) != (len(both) == int(b.Size())) {
					t.Fatalf("%v covers %v: %v", a, b, a.Covers(b))
				}
				var merged []Addr
				m := Merge([]Range{a, b})
				for i, r := range m {
					if i > 0 && r.First-1 <= m[i-1].Last {
						t.Fatalf("merge of %v and %v: %v", a, b, m)
					}
					for y := r.First; ; y++ {
						merged = append(merged, y)
						if y == r.Last {
							break
						}
					}
				}
				if !slices.Equal(merged, either) {
					t.Fatalf("merge of %v and %v: %v", a, b, m)
				}
			}
		}
	}
	if All.Size() != 1<<64-1 || (Range{1, Max}).Size() != 1<<64-1 || (Range{2, 2}).Size() != 1 {
		t.Error("Size")
	}
}

func TestParse(t *testing.T) {
	for in, want := range map[string]Addr{"0": 0, "10": 10, "0x10": 16, "0XfF": 255, "18446744073709551615": Max, "0xffffffffffffffff": Max, "010": 10} {
		if got, err := Parse(in); err != nil || got != want {
			t.Errorf("%q: %v, %v, want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "0x", "x", "-1", "+1", "0x+1", "1_0", " 1", "ff", "18446744073709551616", "0x10000000000000000"} {
		if got, err := Parse(in); err == nil {
			t.Errorf("%q: %v", in, got)
		}
	}
}

func TestParseSize(t *testing.T) {
	for in, want := range map[string]uint64{
		"0": 0, "17": 17, "0x10": 16, "4K": 4096, "4KiB": 4096, "4 KiB": 4096, "4 K": 4096, "3M": 3 << 20, "0x2G": 2 << 30, "1T": 1 << 40,
		"1 TiB": 1 << 40, "16777215T": 16777215 << 40, "18446744073709551615": 1<<64 - 1, "0K": 0, "0x1bK": 27 << 10,
	} {
		if got, err := ParseSize(in); err != nil || got != want {
			t.Errorf("%q: %v, %v, want %v", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"": "bytes", "K": "bytes", "iB": "bytes", "4iB": "bytes", "4KB": "bytes", "4k": "bytes", "-1K": "bytes", "1.5G": "bytes", "4  K": "bytes",
		"KiB": "bytes", "4 ": "bytes", "4P": "bytes", "4KK": "bytes", "16777216T": "64 bits", "18446744073709551616": "64 bits", "0x10000000000000000K": "64 bits",
	} {
		if got, err := ParseSize(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v, want %q", in, got, err, want)
		}
	}
}

func TestParseRange(t *testing.T) {
	for in, want := range map[string]Range{
		"1..2": {1, 2}, "0x10..": {16, Max}, "..7": {0, 7}, "..": All, "8+1": {8, 8}, "0x1000+0x1000": {0x1000, 0x1fff},
		"0xffffffffffffffff+1": {Max, Max}, "0x1000+4K": {0x1000, 0x1fff}, "0+1MiB": {0, 1<<20 - 1},
	} {
		got, err := ParseRange(in)
		if err != nil || got != want {
			t.Errorf("%q: %v, %v, want %v", in, got, err, want)
		}
		if again, err := ParseRange(got.String()); err != nil || again != got {
			t.Errorf("%v reads back as %v, %v", got, again, err)
		}
	}
	for in, want := range map[string]string{
		"2..1": "above its last", "5": "want LO..HI", "1+0": "holds no address", "0xffffffffffffffff+2": "past the last address",
		"x..1": "\"x\"", "1..y": "\"y\"", "1+z": "length", "z+1": "address",
	} {
		if _, err := ParseRange(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
}

func TestArch(t *testing.T) {
	for _, c := range []struct {
		word  int
		order ByteOrder
		want  Arch
	}{{8, Little, LE64}, {4, Little, LE32}, {8, Big, BE64}, {4, Big, BE32}} {
		got, err := NewArch(c.word, c.order)
		if err != nil || got != c.want || got.WordSize() != c.word || got.Order() != c.order {
			t.Errorf("%d %v: %v, %v", c.word, c.order, got, err)
		}
		if got.MaxAddr() != Max>>(64-8*c.word) {
			t.Errorf("%v: highest address %v", got, got.MaxAddr())
		}
		if o, err := ParseByteOrder(c.order.String()); err != nil || o != c.order {
			t.Errorf("%v: %v, %v", c.order, o, err)
		}
	}
	if _, err := NewArch(2, Little); err == nil {
		t.Error("a word size of 2")
	}
	if _, err := ParseByteOrder("middle"); err == nil {
		t.Error("middle-endian")
	}
	if (Arch{}) != LE64 {
		t.Error("the zero Arch")
	}
}

func TestNumbersInBothOrders(t *testing.T) {
	for n := 1; n <= 8; n++ {
		v := uint64(0x8182838485868788) >> (64 - 8*n)
		little, big := make([]byte, n), make([]byte, n)
		Little.PutUint(little, v)
		Big.PutUint(big, v)
		if want := []byte{0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88}[:n]; !bytes.Equal(big, want) {
			t.Errorf("%d bytes: %x", n, big)
		}
		if Little.Uint(little) != v || Big.Uint(big) != v {
			t.Errorf("%d bytes: %#x, %#x, want %#x", n, Little.Uint(little), Big.Uint(big), v)
		}
		slices.Reverse(little)
		if !bytes.Equal(little, big) {
			t.Errorf("%d bytes: %x reversed is not %x", n, little, big)
		}
	}
}

func ExampleMerge() {
	fmt.Println(Merge([]Range{{0x30, 0x3f}, {0x10, 0x1f}, {0x20, 0x2f}, {0x50, 0x5f}}))
	// Output: [0x10..0x3f 0x50..0x5f]
}

// TestWithoutAndIntersect checks what is left of a range, and what two lists
// share, in a universe of eight bytes at either end of all addresses.
func TestWithoutAndIntersect(t *testing.T) {
	const size = 8
	for _, base := range []Addr{0, Max - size + 1} {
		set := func(bits int) []Range {
			var out []Range
			for i := range size {
				if bits>>i&1 == 1 {
					out = append(out, Range{base + Addr(i), base + Addr(i)})
				}
			}
			return Merge(out)
		}
		for others := range 1 << size {
			for first := range size {
				for last := first; last < size; last++ {
					r := Range{base + Addr(first), base + Addr(last)}
					within := (1<<(last+1) - 1) &^ (1<<first - 1)
					var got []Range
					r.Without(set(others), func(part Range) { got = append(got, part) })
					if want := set(within &^ others); !slices.Equal(got, want) {
						t.Fatalf("%v without %v: %v, want %v", r, set(others), got, want)
					}
					if got, want := Intersect([]Range{r}, set(others)), set(within&others); !slices.Equal(got, want) {
						t.Fatalf("%v and %v: %v, want %v", r, set(others), got, want)
					}
				}
			}
		}
	}
}
