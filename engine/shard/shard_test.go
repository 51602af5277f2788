package shard

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"vscan/engine/addr"
	"vscan/internal/testenv"
)

// For every layout of runs in a universe of eight bytes, every shard size and
// every overlap, each byte is in one core, and each core sees its overlap.
func TestCutEveryLayout(t *testing.T) {
	const size = 8
	for _, base := range []addr.Addr{0, 0x1000, addr.Max - size + 1} {
		for bits := range 1 << size {
			var ranges []addr.Range
			for i := range size {
				if bits>>i&1 == 1 {
					ranges = append(ranges, addr.Range{First: base + addr.Addr(i), Last: base + addr.Addr(i)})
				}
			}
			runs := addr.Merge(ranges)
			for shard := uint64(0); shard <= size+1; shard++ {
				for overlap := uint64(0); overlap <= size; overlap++ {
					checkCut(t, runs, shard, overlap)
				}
			}
		}
	}
}

func checkCut(t *testing.T, runs []addr.Range, size, overlap uint64) {
	t.Helper()
	c := NewCutter(whole(runs), size, overlap)
	var cores []addr.Range
	for {
		spans := c.Next(nil)
		if len(spans) == 0 {
			break
		}
		total := uint64(0)
		for _, s := range spans {
			if n := len(cores); n > 0 && s.Core.First <= cores[n-1].Last {
				t.Fatalf("%v, size %d: core %v out of order", runs, size, s.Core)
			}
			cores = append(cores, s.Core)
			total += s.Core.Size()
			i := slices.IndexFunc(runs, func(r addr.Range) bool { return r.Covers(s.Core) })
			if i < 0 {
				t.Fatalf("%v, size %d: core %v is in no run", runs, size, s.Core)
			}
			want := runs[i].Last
			if uint64(want-s.Core.Last) > overlap {
				want = s.Core.Last + addr.Addr(overlap)
			}
			if s.Last != want {
				t.Fatalf("%v, size %d, overlap %d: window of %v ends at %v, want %v", runs, size, overlap, s.Core, s.Last, want)
			}
		}
		if total > max(size, 1) {
			t.Fatalf("%v, size %d: a shard of %d bytes", runs, size, total)
		}
	}
	if got := addr.Merge(cores); !slices.Equal(got, runs) {
		t.Fatalf("%v, size %d: the cores are %v", runs, size, got)
	}
}

// whole returns runs as stretches.
func whole(runs []addr.Range) []Stretch {
	var out []Stretch
	for _, r := range runs {
		out = append(out, Stretch{r, r.Last})
	}
	return out
}

// The windows of a stretch go on towards the end of its run, over addresses
// that are in no core.
func TestCutPartsOfARun(t *testing.T) {
	at := func(first, last addr.Addr) addr.Range { return addr.Range{First: first, Last: last} }
	c := NewCutter([]Stretch{{at(0x1000, 0x1009), 0x102f}, {at(0x1010, 0x1015), 0x102f}, {at(0x2000, 0x2003), 0x2003}}, 8, 12)
	want := [][]Span{
		{{at(0x1000, 0x1007), 0x1013}},
		{{at(0x1008, 0x1009), 0x1015}, {at(0x1010, 0x1015), 0x1021}},
		{{at(0x2000, 0x2003), 0x2003}},
		nil,
	}
	for i, w := range want {
		if got := c.Next(nil); !slices.Equal(got, w) {
			t.Errorf("shard %d: %v, want %v", i, got, w)
		}
	}
}

func TestCutTheWholeSpace(t *testing.T) {
	c := NewCutter(whole([]addr.Range{addr.All}), 1<<63, 7)
	want := []Span{
		{addr.Range{First: 0, Last: 1<<63 - 1}, 1<<63 + 6},
		{addr.Range{First: 1 << 63, Last: addr.Max}, addr.Max},
	}
	for _, w := range want {
		if got := c.Next(nil); !slices.Equal(got, []Span{w}) {
			t.Fatalf("got %v, want %v", got, w)
		}
	}
	if got := c.Next(nil); got != nil {
		t.Fatalf("got %v after the end", got)
	}
}

// stitch runs workers over n shards of random size and delay.
func stitch(ctx context.Context, rnd *rand.Rand, n, workers, ahead, depth int, yield func([]int) bool) bool {
	ctx, cancel := context.WithCancel(ctx)
	s := NewStitcher[[]int](ctx, ahead, depth)
	var g errgroup.Group
	shards := 0
	for range workers {
		rnd := testenv.From(rnd.Uint64(), 1) // one for each, so that draws do not depend on who is first
		g.Go(func() error {
			for {
				mine := 0
				lane := s.Claim(func() bool { mine = shards; shards++; return mine < n })
				if lane == nil {
					return nil
				}
				for k := range rnd.IntN(6) {
					if rnd.IntN(20) == 0 {
						time.Sleep(time.Duration(rnd.IntN(300)) * time.Microsecond)
					}
					if !lane.Send([]int{mine, k}) {
						return nil
					}
				}
				lane.Close()
			}
		})
	}
	all := s.Deliver(yield)
	cancel()
	g.Wait()
	return all
}

func TestStitchOrder(t *testing.T) {
	rnd := testenv.Rand(t)
	for _, workers := range []int{1, 2, 7, 64} {
		for _, ahead := range []int{1, 2, 2 * workers} {
			for _, depth := range []int{1, 3} {
				var got [][]int
				if !stitch(t.Context(), rnd, 300, workers, ahead, depth, func(b []int) bool { got = append(got, b); return true }) {
					t.Fatal("not all delivered")
				}
				if !slices.IsSortedFunc(got, slices.Compare[[]int]) || len(got) < 300 {
					t.Fatalf("workers %d: %d batches, sorted %v", workers, len(got), slices.IsSortedFunc(got, slices.Compare[[]int]))
				}
			}
		}
	}
}

func TestStitchStops(t *testing.T) {
	rnd := testenv.Rand(t)
	n := 0
	if stitch(t.Context(), rnd, 1000, 7, 14, 2, func([]int) bool { n++; return n < 50 }) || n != 50 {
		t.Fatalf("delivered %d after a stop at 50", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n = 0
	if stitch(ctx, rnd, 1000, 7, 14, 2, func([]int) bool {
		if n++; n == 50 {
			cancel()
		}
		return true
	}) || n != 50 {
		t.Fatalf("delivered %d after a cancel at 50", n)
	}
}
