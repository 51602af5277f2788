package segtree

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"vscan/engine/addr"
	"vscan/internal/testenv"
)

// byteMap is the model: for each address of a small universe, the layers that hold it, the
// topmost first.
type byteMap [][]int32

func newByteMap(size int, base addr.Addr, ranges []addr.Range) byteMap {
	m := make(byteMap, size)
	for layer, r := range ranges {
		for i := range m {
			if r.Contains(base + addr.Addr(i)) {
				m[i] = append([]int32{int32(layer)}, m[i]...)
			}
		}
	}
	return m
}

func (m byteMap) top(i int) int32 {
	if len(m[i]) == 0 {
		return None
	}
	return m[i][0]
}

// check compares every answer of the tree with the model, whose first byte is at base.
func check(t *testing.T, ranges []addr.Range, base addr.Addr, size int) {
	t.Helper()
	tree, model := build(ranges), newByteMap(size, base, ranges)
	for i := range model {
		a := base + addr.Addr(i)
		layer, interval := tree.At(a)
		if layer != model.top(i) {
			t.Fatalf("%v: at %v layer %d shows, want %d", ranges, a, layer, model.top(i))
		}
		lo, hi := i, i
		for lo > 0 && model.top(lo-1) == layer {
			lo--
		}
		for hi < size-1 && model.top(hi+1) == layer {
			hi++
		}
		wantFirst, wantLast := base+addr.Addr(lo), base+addr.Addr(hi)
		// At the rim of the universe a hole goes on to the ends of the address space.
		if lo == 0 && layer == None {
			wantFirst = 0
		}
		if hi == size-1 && layer == None {
			wantLast = addr.Max
		}
		if interval.First != wantFirst || interval.Last != wantLast {
			t.Fatalf("%v: at %v the interval is %v, want %v..%v", ranges, a, interval, wantFirst, wantLast)
		}
		if got := tree.Layers(nil, a); !slices.Equal(got, model[i]) {
			t.Fatalf("%v: layers at %v: %v, want %v", ranges, a, got, model[i])
		}
	}
	for lo := range model {
		for _, hi := range []int{lo, lo + 1, size - 1} {
			hi = min(hi, size-1)
			var want []int32
			for i := lo; i <= hi; i++ {
				want = append(want, model[i]...)
			}
			slices.Sort(want)
			want = slices.Compact(want)
			q := addr.Range{First: base + addr.Addr(lo), Last: base + addr.Addr(hi)}
			if got := tree.Overlapping(nil, q); !slices.Equal(got, want) {
				t.Fatalf("%v: overlapping %v: %v, want %v", ranges, q, got, want)
			}
		}
	}
	checkElementary(t, tree, ranges)
}

// checkElementary checks that the intervals are the whole space in order, that all addresses
// of one lie in the same ranges, and that those of neighbours do not.
func checkElementary(t *testing.T, tree *Tree, ranges []addr.Range) {
	t.Helper()
	next, wrapped := addr.Addr(0), false
	var before []int32
	for r, owner := range tree.Elementary() {
		if wrapped || r.First != next || !r.Valid() {
			t.Fatalf("%v: elementary interval %v, want one from %v", ranges, r, next)
		}
		stack := tree.Layers(nil, r.First)
		if !slices.Equal(stack, tree.Layers(nil, r.Last)) {
			t.Fatalf("%v: elementary interval %v is not uniform", ranges, r)
		}
		if r.First > 0 && slices.Equal(stack, before) && !touchesAt(ranges, r.First) {
			t.Fatalf("%v: elementary interval %v is not maximal", ranges, r)
		}
		if (owner == None) != (len(stack) == 0) || owner != None && owner != stack[0] {
			t.Fatalf("%v: elementary interval %v: owner %d of %v", ranges, r, owner, stack)
		}
		before, next = stack, r.Last+1
		wrapped = r.Last == addr.Max
	}
	if !wrapped {
		t.Fatalf("%v: the elementary intervals end at %v", ranges, next)
	}
}

// touchesAt reports whether a range begins at a where another ends, so that a cut there is no
// fault.
func touchesAt(ranges []addr.Range, a addr.Addr) bool {
	return slices.ContainsFunc(ranges, func(r addr.Range) bool { return r.First == a || r.Last == a-1 })
}

func TestEveryLayoutOfThreeInEight(t *testing.T) {
	const size = 8
	some := addr.Addr(testenv.Rand(t).IntN(7)) // of seven layouts of three, where tests do not run at full length
	for _, base := range []addr.Addr{0, 0x1000, addr.Max - size + 1} {
		var all []addr.Range
		for lo := range size {
			for hi := lo; hi < size; hi++ {
				all = append(all, addr.Range{First: base + addr.Addr(lo), Last: base + addr.Addr(hi)})
			}
		}
		check(t, nil, base, size)
		for _, a := range all {
			check(t, []addr.Range{a}, base, size)
			for _, b := range all {
				check(t, []addr.Range{a, b}, base, size)
				for _, c := range all {
					if !testenv.Long() && (a.First+b.Last+c.Last)%7 != some {
						continue
					}
					check(t, []addr.Range{a, b, c}, base, size)
				}
			}
		}
	}
}

func TestRandomLayouts(t *testing.T) {
	rnd := testenv.Rand(t)
	for range testenv.Rounds(50, 60, 400) {
		size := 1 + rnd.IntN(300)
		base := []addr.Addr{0, 1 << 40, addr.Max - addr.Addr(size) + 1}[rnd.IntN(3)]
		ranges := make([]addr.Range, rnd.IntN(120))
		for i := range ranges {
			lo := rnd.IntN(size)
			hi := lo + rnd.IntN(min(size-lo, 1+rnd.IntN(size)))
			ranges[i] = addr.Range{First: base + addr.Addr(lo), Last: base + addr.Addr(hi)}
		}
		check(t, ranges, base, size)
	}
}

// Ranges that do not overlap, with holes between some of them and in any order.
func TestRandomDisjoint(t *testing.T) {
	rnd := testenv.Rand(t)
	for range 400 {
		size := 1 + rnd.IntN(300)
		base := []addr.Addr{0, 1 << 40, addr.Max - addr.Addr(size) + 1}[rnd.IntN(3)]
		var ranges []addr.Range
		for lo := 0; lo < size; {
			hi := min(size-1, lo+rnd.IntN(9))
			if rnd.IntN(3) > 0 {
				ranges = append(ranges, addr.Range{First: base + addr.Addr(lo), Last: base + addr.Addr(hi)})
			}
			lo = hi + 1
		}
		if rnd.IntN(2) == 0 {
			rnd.Shuffle(len(ranges), func(i, j int) { ranges[i], ranges[j] = ranges[j], ranges[i] })
		}
		check(t, ranges, base, size)
	}
}

func TestRunsWithinARange(t *testing.T) {
	tree := build([]addr.Range{{First: 10, Last: 19}, {First: 15, Last: 29}, {First: 40, Last: 49}})
	var got []string
	for r, layer := range tree.Shows().Intervals(addr.Range{First: 12, Last: 44}) {
		got = append(got, fmt.Sprint(uint64(r.First), "-", uint64(r.Last), ":", layer))
	}
	want := []string{"12-14:0", "15-29:1", "30-39:-1", "40-44:2"}
	if !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

// randomRanges returns n overlapping ranges of all sizes, as in a layered image.
func randomRanges(n int) []addr.Range {
	rnd := testenv.From(42, 42)
	ranges := make([]addr.Range, n)
	for i := range ranges {
		first := addr.Addr(rnd.Uint64() >> 16)
		size := rnd.Uint64() >> (34 + rnd.IntN(20)) // up to 2^30, four times the mean distance
		ranges[i] = addr.Range{First: first, Last: first + addr.Addr(size)}
	}
	return ranges
}

// disjointRanges returns n ranges with holes between them, as those of a core are, ascending
// or in any order.
func disjointRanges(n int, ascending bool) []addr.Range {
	ranges := make([]addr.Range, n)
	for i := range ranges {
		first := addr.Addr(0x10000 + i<<12)
		ranges[i] = addr.Range{First: first, Last: first + 15}
	}
	if !ascending {
		testenv.From(7, 7).Shuffle(n, func(i, j int) { ranges[i], ranges[j] = ranges[j], ranges[i] })
	}
	return ranges
}

// A tree may have millions of ranges, so its size is part of the contract, and what is
// allocated while it is built, in bytes a range. What is given, 16 bytes a range, is counted as the tree's where it may keep
// it.
func TestBytesPerRange(t *testing.T) {
	const n = 200_000
	for name, c := range map[string]struct {
		ranges          []addr.Range
		keeps           float64
		most, allocated float64
	}{
		"overlapping":  {randomRanges(n), 16, 100, 200},
		"ascending":    {disjointRanges(n, true), 0, 34, 40},
		"in any order": {disjointRanges(n, false), 0, 34, 50},
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		tree := build(c.ranges)
		runtime.GC()
		runtime.ReadMemStats(&after)
		per, allocated := float64(after.HeapAlloc-before.HeapAlloc)/n+c.keeps, float64(after.TotalAlloc-before.TotalAlloc)/n
		if t.Logf("%s: %.0f bytes a range, %.0f allocated", name, per, allocated); per > c.most || allocated > c.allocated {
			t.Errorf("%s: %.0f bytes a range, %.0f allocated, want at most %.0f and %.0f", name, per, allocated, c.most, c.allocated)
		}
		runtime.KeepAlive(tree)
		runtime.KeepAlive(c.ranges)
	}
}

func BenchmarkBuildMillion(b *testing.B) {
	ranges := randomRanges(1_000_000)
	for b.Loop() {
		build(ranges)
	}
}

func BenchmarkLookupMillion(b *testing.B) {
	tree := build(randomRanges(1_000_000))
	rnd := testenv.From(1, 2)
	at := make([]addr.Addr, 1<<20)
	mapped := 0
	for i := range at {
		at[i] = addr.Addr(rnd.Uint64() >> 16)
	}
	b.ReportMetric(float64(tree.Shows().Len()), "intervals")
	i := 0
	for b.Loop() {
		if layer, _ := tree.At(at[i&(len(at)-1)]); layer != None {
			mapped++
		}
		i++
	}
	if mapped < i/20 {
		b.Fatalf("%d of %d lookups hit a range", mapped, i)
	}
}

// build builds a tree without an end.
func build(ranges []addr.Range) *Tree {
	t, err := New(context.Background(), ranges)
	if err != nil {
		panic(err) // the background never ends
	}
	return t
}

// askedContext ends when it has been asked for its error so many times.
type askedContext struct {
	context.Context
	left, asked int
}

func (c *askedContext) Err() error {
	if c.asked++; c.asked > c.left {
		return context.Canceled
	}
	return nil
}

// The build ends at whichever of its questions the context has ended, and asks no
// more than a few times after that.
func TestNewInterrupted(t *testing.T) {
	n := testenv.Rounds(20_000, 20_000, 100_000)
	for name, ranges := range map[string][]addr.Range{
		"overlapping": randomRanges(n), "ascending": disjointRanges(n, true), "in any order": disjointRanges(n, false),
	} {
		t.Run(name, func(t *testing.T) { newInterrupted(t, ranges) })
	}
}

func newInterrupted(t *testing.T, ranges []addr.Range) {
	whole := &askedContext{Context: t.Context(), left: 1 << 30}
	if _, err := New(whole, ranges); err != nil {
		t.Fatal(err)
	}
	if least := 2 * len(ranges) / (1 << 13); whole.asked < least {
		t.Fatalf("asked %d times, want %d or more", whole.asked, least)
	}
	for left := range whole.asked {
		ctx := &askedContext{Context: t.Context(), left: left}
		tree, err := New(ctx, ranges)
		if tree != nil || !errors.Is(err, context.Canceled) {
			t.Errorf("%v, %v after %d of %d questions", tree, err, left, whole.asked)
		}
		if more := ctx.asked - left; more > 3 {
			t.Errorf("ended at question %d of %d, and asked %d more times", left, whole.asked, more)
		}
	}
}
