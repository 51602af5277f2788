package search

import (
	"slices"
	"testing"

	"vscan/engine/addr"
	"vscan/internal/testenv"
)

func TestCursor(t *testing.T) {
	rnd := testenv.Rand(t)
	for range 2000 {
		var set Addresses
		for range rnd.IntN(40) {
			set = append(set, addr.Addr(rnd.IntN(60)))
		}
		slices.Sort(set)
		set = slices.Compact(set)
		c := cursor{set}
		for a := addr.Addr(0); a < 64; a += addr.Addr(rnd.IntN(1 + rnd.IntN(5))) {
			if got := c.has(a); got != slices.Contains(set, a) {
				t.Fatalf("%v has %d: %v", set, a, got)
			}
		}
	}
}

// The ranges of a set hold all that matches can lie in, and are not too many.
func TestAtRanges(t *testing.T) {
	for _, n := range []int{1, 9, 5000} {
		var set Addresses
		for i := range addr.Addr(300000) {
			set = append(set, i*5000+i/8*1e6) // near ones, and far ones
		}
		set = append(set, addr.Max-4, addr.Max)
		ranges := set.ranges(n)
		if len(ranges) > maxAtRanges || len(ranges) < 1000 {
			t.Errorf("%d ranges", len(ranges))
		}
		i := 0
		for _, a := range set {
			for ranges[i].Last < a {
				i++
			}
			last, ok := a.Add(uint64(n - 1))
			if !ok {
				last = addr.Max
			}
			if !ranges[i].Covers(addr.Range{First: a, Last: last}) {
				t.Fatalf("%v and %d bytes are not in %v", a, n, ranges[i])
			}
		}
		for i, r := range ranges[1:] {
			if r.First <= ranges[i].Last {
				t.Fatalf("%v, then %v", ranges[i], r)
			}
		}
	}
	a := []addr.Range{{First: 1, Last: 5}, {First: 8, Last: 20}}
	for _, test := range []struct{ b, want []addr.Range }{
		{nil, a},
		{[]addr.Range{{First: 6, Last: 7}}, nil},
		{[]addr.Range{{First: 10, Last: 11}, {First: 4, Last: 9}}, []addr.Range{{First: 4, Last: 5}, {First: 8, Last: 11}}},
		{[]addr.Range{{First: 20, Last: addr.Max}, {First: 0, Last: 1}}, []addr.Range{{First: 1, Last: 1}, {First: 20, Last: 20}}},
	} {
		if got := within(a, test.b); !slices.Equal(got, test.want) {
			t.Errorf("%v: %v, want %v", test.b, got, test.want)
		}
	}
}
