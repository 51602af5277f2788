package main

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"vscan/engine/addr"
)

func TestReadHits(t *testing.T) {
	for _, test := range []struct {
		text string
		want addrSet
		err  string
	}{
		{"", addrSet{}, ""},
		{`{"type":"hit","image":"a","addr":"0x10","pattern":"x","len":1,"mapping":"m","offset":0,"bytes":"00"}` + "\n", addrSet{16}, ""},
		{`{"type":"hit","image":"a","addr":"0xffffffffffffffff"}   ` + "\n\n" + `{"type":"hit","addr":"1"}` + "\r\n" + `{"addr":"1","type":"hit"}`,
			addrSet{1, addr.Max}, ""},
		// Keys in strings and in other objects are none of the line's.
		{`{"type":"hit","image":",\"addr\":\"0x1\",","addr":"0x2"}`, addrSet{2}, ""},
		{`{"type":"hit","x":{"y":1,"addr":"0x1"},"addr":"0x2"}`, addrSet{2}, ""},
		{`{"type":"summary","addr":"x"}` + "\n" + `{"type":"news","addr":7}`, addrSet{}, "f:2: "},
		{`{"type":"summary"}` + "\n" + `{"type":"mapping","first":"0x0"}`, addrSet{}, ""},
		{`{"type":"hit"}`, nil, "f:1: a hit without an address: "},
		{`{"type":"hit","addr":"12z"}`, nil, "f:1: "},
		{`{"type":"hit","image":"a","addr":"0x10","pattern":"x`, nil, "f:1: no line of JSON: "},
		{"\n" + `{"type":"hit","image":"a","addr":"0x10",}`, nil, "f:2: no line of JSON: "},
		{`[1]`, nil, "f:1: "},
		{`{}`, nil, "f:1: an object without a type"},
		{"0x10\tHELLO\ta+0x2\tHELLO\n", nil, "f:1: no line of JSON: "},
		{strings.Repeat(" ", 1<<17) + `{"type":"hit","addr":"3"}`, addrSet{3}, ""},
		{strings.Repeat(" ", longestLine+1<<17), nil, "f:1: a line of more than"},
	} {
		got, err := addrSet{}.read("f", strings.NewReader(test.text))
		if test.err != "" {
			if err == nil || !strings.HasPrefix(err.Error(), test.err) {
				t.Errorf("%.80q: error %v, want %s", test.text, err, test.err)
			}
			continue
		}
		slices.Sort(got)
		if got = slices.Compact(got); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%.80q: %v, %v, want %v", test.text, got, err, test.want)
		}
	}
}

func TestCursor(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range 2000 {
		var set addrSet
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
		var set addrSet
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
		if got := intersect(a, test.b); !slices.Equal(got, test.want) {
			t.Errorf("%v: %v, want %v", test.b, got, test.want)
		}
	}
}

func FuzzHitAddr(f *testing.F) {
	f.Add([]byte(`{"type":"hit","image":"a","addr":"0x10"}`))
	f.Add([]byte(`{"type":"hit","image":"{","x":[{"addr":"1","addr":"2"}]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		plain, ok := plainHit(line)
		if !ok {
			hitAddr(line)
			return
		}
		// What is read fast is what is read slowly.
		slow, ok, err := hitAddr(append([]byte(" "), line...))
		if err != nil || !ok || slow != plain {
			t.Fatalf("%q: %v, but %v, %v, %v", line, plain, slow, ok, err)
		}
	})
}
