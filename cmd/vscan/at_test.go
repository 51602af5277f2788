package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/search"
)

func TestReadHits(t *testing.T) {
	for _, test := range []struct {
		text string
		want search.Addresses
		err  string
	}{
		{"", search.Addresses{}, ""},
		{`{"type":"hit","image":"a","addr":"0x10","pattern":"x","len":1,"mapping":"m","offset":0,"bytes":"00"}` + "\n", search.Addresses{16}, ""},
		{`{"type":"hit","image":"a","addr":"0xffffffffffffffff"}   ` + "\n\n" + `{"type":"hit","addr":"1"}` + "\r\n" + `{"addr":"1","type":"hit"}`,
			search.Addresses{1, addr.Max}, ""},
		// A key within a string, or of an inner object, is no key of the line.
		{`{"type":"hit","image":",\"addr\":\"0x1\",","addr":"0x2"}`, search.Addresses{2}, ""},
		{`{"type":"hit","x":{"y":1,"addr":"0x1"},"addr":"0x2"}`, search.Addresses{2}, ""},
		{`{"type":"summary","addr":"x"}` + "\n" + `{"type":"news","addr":7}`, search.Addresses{}, "f:2: "},
		{`{"type":"summary"}` + "\n" + `{"type":"mapping","first":"0x0"}`, search.Addresses{}, ""},
		{`{"type":"hit"}`, nil, "f:1: a hit without an address: "},
		{`{"type":"hit","addr":"12z"}`, nil, "f:1: "},
		{`{"type":"hit","image":"a","addr":"0x10","pattern":"x`, nil, "f:1: no line of JSON: "},
		{"\n" + `{"type":"hit","image":"a","addr":"0x10",}`, nil, "f:2: no line of JSON: "},
		{`[1]`, nil, "f:1: "},
		{`{}`, nil, "f:1: an object without a type"},
		{"0x10\tHELLO\ta+0x2\tHELLO\n", nil, "f:1: no line of JSON: "},
		{strings.Repeat(" ", 1<<17) + `{"type":"hit","addr":"3"}`, search.Addresses{3}, ""},
		{strings.Repeat(" ", longestLine+1<<17), nil, "f:1: a line of more than"},
	} {
		got, err := appendHits(t.Context(), nil, "f", strings.NewReader(test.text), nil)
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

// The addresses of hits are asked for before they are kept, those of all files together.
func TestHitsWithinBudget(t *testing.T) {
	var file strings.Builder
	const n = 1 << 16
	for i := range n {
		fmt.Fprintf(&file, `{"type":"hit","addr":"%#x"}`+"\n", i)
	}
	for limit, fits := range map[uint64]bool{0: false, 8 * n: false, 16 * n: false, 3 * 8 * n: true} {
		b := budget.New(limit)
		s, err := appendHits(t.Context(), search.Addresses{}, "f", strings.NewReader(file.String()), b)
		if over := (*budget.Error)(nil); !fits && (!errors.As(err, &over) || !strings.HasPrefix(err.Error(), "f:")) || fits && (err != nil || b.Taken() != uint64(cap(s))*8) {
			t.Errorf("%d addresses with %d bytes: %d, %v; %d are taken", n, limit, len(s), err, b.Taken())
		}
	}
	b := budget.New(3 * 8 * n)
	s, err := appendHits(t.Context(), search.Addresses{}, "f", strings.NewReader(file.String()), b)
	for err == nil && len(s) < 4*n {
		s, err = appendHits(t.Context(), s, "g", strings.NewReader(file.String()), b)
	}
	if over := (*budget.Error)(nil); !errors.As(err, &over) || !strings.HasPrefix(err.Error(), "g:") {
		t.Errorf("of several files: %v", err)
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
		// plainHit reads what encoding/json reads.
		slow, ok, err := hitAddr(append([]byte(" "), line...))
		if err != nil || !ok || slow != plain {
			t.Fatalf("%q: %v, but %v, %v, %v", line, plain, slow, ok, err)
		}
	})
}
