package graph

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"vscan/engine/addr"
	"vscan/internal/testenv"
)

// For every layout of ranges in a universe of twelve bytes, at both ends of the address space, numbers
// are those that counting gives.
func TestNumberingEveryLayout(t *testing.T) {
	const size = 12
	rnd := testenv.Rand(t)
	for _, base := range []addr.Addr{0, 0x1000 - 6, addr.Max - size + 1} {
		for bits := range 1 << size {
			var ranges []addr.Range
			for i := range addr.Addr(size) {
				if bits>>i&1 == 1 {
					ranges = append(ranges, addr.Range{First: base + i, Last: base + i})
				}
			}
			for _, shift := range []uint{0, 1, 2, 3} {
				checkNumbering(t, rnd, shift, addr.Merge(ranges), base, size)
			}
		}
	}
}

func checkNumbering(t *testing.T, rnd *rand.Rand, shift uint, ranges []addr.Range, base addr.Addr, size addr.Addr) {
	t.Helper()
	n, err := newNumbering(t.Context(), shift, ranges)
	if err != nil {
		t.Fatal(err)
	}
	want := map[addr.Addr]uint64{} // units by their first address
	var units []addr.Addr
	for _, r := range ranges {
		for a := r.First; ; a++ {
			u := a >> shift << shift
			if _, known := want[u]; !known {
				want[u] = uint64(len(units))
				units = append(units, u)
			}
			if a == r.Last {
				break
			}
		}
	}
	if n.count != uint64(len(units)) {
		t.Fatalf("%v by %d: %d units, want %d", ranges, 1<<shift, n.count, len(units))
	}
	hint, at := rnd.IntN(3), rnd.IntN(3)
	for i, u := range units {
		if got := n.at(uint64(i), &at); got != u {
			t.Fatalf("%v by %d: unit %d at %v, want %v", ranges, 1<<shift, i, got, u)
		}
	}
	for i := range size {
		a := base + i
		in := false
		for _, r := range ranges {
			in = in || r.Contains(a)
		}
		got, ok := n.number(a, &hint)
		if ok != in || ok && got != want[a>>shift<<shift] {
			t.Fatalf("%v by %d: %v has number %d (%v), want %d (%v)", ranges, 1<<shift, a, got, ok, want[a>>shift<<shift], in)
		}
		below := uint64(0)
		for _, u := range units {
			if u < a {
				below++
			}
		}
		if got := n.below(a, &hint); got != below {
			t.Fatalf("%v by %d: %d units below %v, want %d", ranges, 1<<shift, got, a, below)
		}
	}
}

// Partitions cover all targets, each page is in one, and offsets fit into their bytes.
func TestPartitions(t *testing.T) {
	rnd := testenv.Rand(t)
	for range 300 {
		var ranges, present []addr.Range
		at := addr.Addr(rnd.IntN(0x10000))
		for range 1 + rnd.IntN(40) {
			r := addr.Range{First: at, Last: at + addr.Addr(rnd.Uint64N(1<<(1+rnd.IntN(42))))}
			ranges = append(ranges, r)
			if rnd.IntN(2) == 0 {
				p := r
				p.Last -= addr.Addr(rnd.Uint64N(uint64(r.Last-r.First) + 1))
				present = append(present, p)
			}
			at = r.Last + 2 + addr.Addr(rnd.IntN(0x3000))
		}
		n, err := newNumbering(t.Context(), pageShift, ranges)
		if err != nil {
			t.Fatal(err)
		}
		parts, cut, err := partitions(t.Context(), n, addr.Merge(present))
		if err != nil {
			t.Fatal(err)
		}
		if len(parts) > 2*maxParts+len(ranges) {
			t.Errorf("%d partitions", len(parts))
		}
		page := uint64(0)
		for i, p := range parts {
			if p.first != page || p.pages == 0 {
				t.Fatalf("partition %d: %+v, want it to begin at %d", i, p, page)
			}
			page += p.pages
		}
		if page != n.count {
			t.Fatalf("%d pages of %d", page, n.count)
		}
		var all []addr.Range
		hint := 0
		for i, c := range cut {
			all = append(all, c.Range)
			p := parts[c.part]
			for _, a := range []addr.Addr{c.First, c.Last} {
				number, _ := n.number(a, &hint)
				place := c.base + uint64(a-c.First)
				if number < p.first || number >= p.first+p.pages || place>>pageShift != number-p.first || place&offsetMask != uint64(a&offsetMask) {
					t.Fatalf("cut %d %+v of %+v: %v on page %d has place %#x", i, c, p, a, number, place)
				}
				if c.bytes < 8 && place>>(8*c.bytes) != 0 {
					t.Fatalf("cut %d: place %#x in %d bytes", i, place, c.bytes)
				}
			}
		}
		if merged := addr.Merge(all); len(merged) != len(addr.Merge(ranges)) {
			t.Fatalf("%v, want %v", merged, ranges)
		}
	}
}

// A set of numbers answers as a plain list does.
func TestRankSet(t *testing.T) {
	rnd := testenv.Rand(t)
	for range 200 {
		most := rnd.Uint64N(1 << (1 + rnd.IntN(22)))
		s := newRankSet(most)
		in := map[uint64]bool{}
		for range rnd.IntN(300) {
			n := rnd.Uint64N(most + 1)
			if rnd.IntN(2) == 0 {
				n = min(most, n/rankBits*rankBits+rnd.Uint64N(70))
			}
			s.add(n)
			in[n] = true
		}
		s.index()
		all := slices.Sorted(maps.Keys(in))
		if s.count != uint64(len(all)) {
			t.Fatalf("%d numbers, want %d", s.count, len(all))
		}
		for i, n := range all {
			near := uint64(0)
			if rnd.IntN(2) == 0 {
				near = all[rnd.IntN(i+1)]
			}
			if got := s.at(uint32(i), near); got != n {
				t.Fatalf("number %d from %d on is %d, want %d", i, near, got, n)
			}
		}
		for range 300 {
			n := rnd.Uint64N(most + 1)
			if len(all) > 0 && rnd.IntN(2) == 0 {
				n = min(most, all[rnd.IntN(len(all))]+rnd.Uint64N(2))
			}
			rank, _ := slices.BinarySearch(all, n)
			if got := s.rank(n); got != uint32(rank) || s.has(n) != in[n] {
				t.Fatalf("%d has rank %d (%v), want %d (%v)", n, got, s.has(n), rank, in[n])
			}
		}
	}
}
