package engine_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/internal/testenv"
	"vscan/patterns"
)

// Printable runs are found across mappings and cuts, never across holes, the
// same for any number of workers and size of shards; the part of a run that
// lies in scope is a run.
func TestRuns(t *testing.T) {
	rnd := testenv.Seeded(t, 19, 20)
	found, rounds := 0, testenv.Rounds(8, 8, 120)
	for range rounds {
		const end = 3000
		memory := make([]int, end) // −1: a hole
		for i := range memory {
			memory[i] = -1
		}
		var mappings []engine.Mapping
		for range 1 + rnd.IntN(12) {
			first := rnd.IntN(end - 1)
			b := make([]byte, 1+rnd.IntN(min(700, end-first)))
			odds := 1 + rnd.IntN(30)
			for i := range b {
				switch {
				case rnd.IntN(odds) == 0:
					b[i] = byte(rnd.IntN(256))
				case i > 1:
					b[i] = b[i-2]
				default:
					b[i] = "aZ \t\x00"[rnd.IntN(5)]
				}
				memory[first+i] = int(b[i])
			}
			r, _ := addr.Sized(addr.Addr(first), uint64(len(b)))
			mappings = append(mappings, engine.Mapping{Range: r, Source: engine.BytesSource(fmt.Sprint(first), b)})
		}
		space, err := engine.NewSpace(mappings...)
		if err != nil {
			t.Fatal(err)
		}
		opt := engine.Options{Workers: 1 + rnd.IntN(3), ShardSize: uint64(1 + rnd.IntN(500))}
		if rnd.IntN(2) == 0 {
			for range 1 + rnd.IntN(3) {
				first := addr.Addr(rnd.IntN(end))
				opt.Ranges = append(opt.Ranges, addr.Range{First: first, Last: first + addr.Addr(rnd.IntN(1000))})
			}
			for i := range memory {
				if !slices.ContainsFunc(opt.Ranges, func(r addr.Range) bool { return r.Contains(addr.Addr(i)) }) {
					memory[i] = -1
				}
			}
		}
		minimal := 1 + rnd.IntN(6)
		var pats []patterns.Pattern
		type hit struct{ at, pattern, size int }
		var want []hit
		for p, e := range patterns.ASCIIRunEncodings {
			pattern, err := patterns.ASCIIRuns(e, minimal)
			if err != nil {
				t.Fatal(err)
			}
			pats = append(pats, pattern)
			for i := range memory {
				if !printsAt(memory, i, e) || printsAt(memory, i-e.Width(), e) {
					continue
				}
				n := 0
				for printsAt(memory, i+n, e) {
					n += e.Width()
				}
				if n >= minimal*e.Width() {
					want = append(want, hit{i, p, n})
				}
			}
		}
		slices.SortFunc(want, func(a, b hit) int { return (a.at-b.at)*10 + a.pattern - b.pattern })
		found += len(want)
		set, err := patterns.Compile(context.Background(), pats, patterns.Target{})
		if err != nil {
			t.Fatal(err)
		}
		sc, err := engine.Compile(context.Background(), space, set, opt)
		if err != nil {
			t.Fatal(err)
		}
		var got []hit
		if _, err := sc.Scan(context.Background(), func(h engine.Hit) bool {
			got = append(got, hit{int(h.Addr), h.Pattern, h.Len})
			for i, c := range h.Bytes {
				if memory[int(h.Addr)+i] != int(c) {
					t.Fatalf("%v: byte %d is %#x", h, i, c)
				}
			}
			return true
		}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%d characters or more, %+v:\n got %v\nwant %v", minimal, opt, got, want)
		}
	}
	if found < 8*rounds {
		t.Errorf("only %d runs were there to find", found)
	}
}

// printsAt reports whether a printable character stands at i.
func printsAt(memory []int, i int, e patterns.Encoding) bool {
	at := func(i int) int {
		if i < 0 || i >= len(memory) {
			return -1
		}
		return memory[i]
	}
	c := at(i)
	switch e {
	case patterns.UTF16LE:
		if at(i+1) != 0 {
			return false
		}
	case patterns.UTF16BE:
		if c != 0 {
			return false
		}
		c = at(i + 1)
	}
	return c == '\t' || c >= ' ' && c <= '~'
}
