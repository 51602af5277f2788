// Package segtree tells which range shows at an address where ranges of
// addresses lie over one another, the one added last on top. It is for the
// engine, and may change.
//
// The ends of all ranges cut the address space into elementary intervals:
// maximal ranges of addresses that lie in the same ranges.
//
//	layer 2          e-------g
//	layer 1    c-------f
//	layer 0  a-----d
//	         | |  | | |      |
//	         a-c--d-e-f------g      elementary intervals
//	         0 1    2                who shows there
//
// A segment tree has these intervals as leaves. A range is stored at the few
// inner nodes, at most 2·log2(n), whose leaves it covers and whose parent's it
// does not; the owner of a leaf is the newest range on its way to the root.
// See Berg, Cheong, Kreveld, Overmars, "Computational Geometry", 3rd edition,
// section 10.3. Where this differs from the book:
//
//  1. A node keeps only the newest of its ranges: more is not needed to tell
//     what shows, and a node is four bytes then.
//  2. Nothing is inserted after the build, so once all ranges are in, the
//     nodes are pushed down to the leaves in one pass, equal neighbours are
//     joined, and the inner nodes are dropped. What remains is a sorted array
//     of intervals (a Partition): a lookup is a search in it, and it knows how far
//     an owner shows even where that crosses many leaves.
//  3. All layers at an address, and all ranges that overlap another, are found
//     in the ranges themselves, sorted by first address as an implicit balanced
//     tree in which every node knows the highest last address below it (an
//     interval tree: Cormen et al., section 17.3 in the 4th edition). Lists at
//     the nodes of the segment tree would cost up to 2·log2(n) entries a range;
//     this costs three words.
//  4. Ranges of which none overlaps another, as those of nearly all images, need no
//     tree: the elementary intervals are the ranges and the holes between them, and the
//     Partition of what shows tells the layers at an address, too.
package segtree

import (
	"cmp"
	"context"
	"iter"
	"math"
	"slices"

	"vscan/engine/addr"
	"vscan/internal/interrupt"
)

// A Tree is an immutable stack of ranges, safe for concurrent readers. Building
// it takes O(n log n) time; it occupies about 90 bytes a range, or up to 36 where no range
// overlaps another.
type Tree struct {
	n       int
	shows   *Partition // by owner
	stacked *stacked   // nil where no range overlaps another
}

// stacked is what a tree has besides if ranges overlap.
type stacked struct {
	ranges []addr.Range // by layer, the newest last
	cuts   []addr.Addr  // first addresses of the elementary intervals; cuts[0] is 0

	byFirst []int32     // layers in order of their first address
	maxLast []addr.Addr // highest last address in the subtree of byFirst's node
}

// maxRanges is the most ranges whose nodes, up to four a range, have numbers
// that fit in an int32.
const maxRanges = math.MaxInt32/4 - 1

// New builds the tree of ranges; a range's index is its layer, and the last is
// on top. The tree may keep the slice, which must not change afterwards. New
// panics on a range that is not valid, and on 2^29 − 1 ranges or more. Its error is
// that of ctx, once that has ended: five million ranges take seconds.
func New(ctx context.Context, ranges []addr.Range) (*Tree, error) {
	if len(ranges) > maxRanges {
		panic("segtree: too many ranges")
	}
	watch := interrupt.New(ctx)
	byFirst, ascending := make([]int32, len(ranges)), true
	for i, r := range ranges {
		if err := watch.Step(1); err != nil {
			return nil, err
		}
		if !r.Valid() {
			panic("segtree: range " + r.String() + " ends before it begins")
		}
		byFirst[i] = int32(i)
		ascending = ascending && (i == 0 || ranges[i-1].First <= r.First)
	}
	if !ascending {
		if err := interrupt.SortFunc(ctx, byFirst, func(a, b int32) int { return cmp.Compare(ranges[a].First, ranges[b].First) }); err != nil {
			return nil, err
		}
	}
	t := &Tree{n: len(ranges)}
	holes, disjoint := 2, true // one may be in front of all, and one behind them
	for i := 1; i < len(byFirst) && disjoint; i++ {
		if err := watch.Step(1); err != nil {
			return nil, err
		}
		last, first := ranges[byFirst[i-1]].Last, ranges[byFirst[i]].First
		disjoint = last < first
		if first-last > 1 {
			holes++
		}
	}
	if !disjoint {
		if err := t.stack(ctx, ranges, byFirst); err != nil {
			return nil, err
		}
		return t, nil
	}
	t.shows = NewPartition(len(ranges)+holes, func(yield func(addr.Addr, int32) bool) {
		next, ok := addr.Addr(0), true // the address behind the last range, if there is one
		for _, layer := range byFirst {
			r := ranges[layer]
			if watch.Step(1) != nil || next < r.First && !yield(next, None) || !yield(r.First, layer) {
				return
			}
			next, ok = r.Last+1, r.Last != addr.Max
		}
		if ok {
			yield(next, None)
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err // the partition may end early
	}
	return t, nil
}

// stack builds the tree of ranges of which some overlap; byFirst are their layers in order of
// their first address. The error is that of ctx.
func (t *Tree) stack(ctx context.Context, ranges []addr.Range, byFirst []int32) error {
	s := &stacked{ranges: ranges, byFirst: byFirst}
	t.stacked = s
	watch := interrupt.New(ctx)

	// The addresses where ranges begin, and those behind their ends,
	// ascending.
	events := make([]event, 0, 2*len(ranges))
	for i, r := range ranges {
		if err := watch.Step(1); err != nil {
			return err
		}
		events = append(events, event{r.First, uint32(i) << 1})
		if r.Last != addr.Max {
			events = append(events, event{r.Last + 1, uint32(i)<<1 | 1})
		}
	}
	if err := interrupt.SortFunc(ctx, events, func(a, b event) int { return cmp.Compare(a.at, b.at) }); err != nil {
		return err
	}

	// The elementary intervals, and for each range those that it consists
	// of: from included, to excluded.
	distinct := 1
	for i, e := range events {
		if e.at != 0 && (i == 0 || e.at != events[i-1].at) {
			distinct++
		}
	}
	s.cuts = make([]addr.Addr, 1, distinct)
	leaves := make([]struct{ from, to int32 }, len(ranges))
	for i := range leaves {
		leaves[i].to = int32(distinct)
	}
	for _, e := range events {
		if err := watch.Step(1); err != nil {
			return err
		}
		if e.at != s.cuts[len(s.cuts)-1] {
			s.cuts = append(s.cuts, e.at)
		}
		leaf, layer := int32(len(s.cuts)-1), int32(e.ref>>1)
		if e.ref&1 == 0 {
			leaves[layer].from = leaf
		} else {
			leaves[layer].to = leaf
		}
	}

	// In the segment tree, leaf i is node n+i, and the parent of node k is
	// k/2.
	n := int32(len(s.cuts))
	newest := make([]int32, 2*n)
	for i := range newest {
		newest[i] = None
	}
	for layer, l := range leaves {
		if err := watch.Step(1); err != nil {
			return err
		}
		for lo, hi := l.from+n, l.to+n; lo < hi; lo, hi = lo/2, hi/2 {
			if lo&1 == 1 {
				newest[lo] = int32(layer)
				lo++
			}
			if hi&1 == 1 {
				hi--
				newest[hi] = int32(layer)
			}
		}
	}
	for k := int32(2); k < 2*n; k++ {
		if err := watch.Step(1); err != nil {
			return err
		}
		newest[k] = max(newest[k], newest[k/2])
	}
	t.shows = NewPartition(len(s.cuts), func(yield func(addr.Addr, int32) bool) {
		for i, first := range s.cuts {
			if watch.Step(1) != nil || !yield(first, newest[n+int32(i)]) {
				return
			}
		}
	})
	if err := ctx.Err(); err != nil {
		return err // the partition may end early
	}

	s.maxLast = make([]addr.Addr, len(ranges))
	s.fillMaxLast(0, len(ranges))
	return nil
}

// An event is an address where a range begins (ref = layer·2), or the one
// behind its last (ref = layer·2 + 1).
type event struct {
	at  addr.Addr
	ref uint32
}

// fillMaxLast fills maxLast[lo:hi], a subtree whose root is in the middle, and
// returns the root's entry.
func (s *stacked) fillMaxLast(lo, hi int) addr.Addr {
	if lo >= hi {
		return 0
	}
	mid := lo + (hi-lo)/2
	last := s.ranges[s.byFirst[mid]].Last
	last = max(last, s.fillMaxLast(lo, mid), s.fillMaxLast(mid+1, hi))
	s.maxLast[mid] = last
	return last
}

// Len returns the number of ranges.
func (t *Tree) Len() int { return t.n }

// Disjoint reports whether no range overlaps another.
func (t *Tree) Disjoint() bool { return t.stacked == nil }

// Shows returns the address space, divided by which layer shows; the owner of a
// hole is None.
func (t *Tree) Shows() *Partition { return t.shows }

// At returns the topmost layer at a, or None, and the range around a in which
// it shows without a break.
func (t *Tree) At(a addr.Addr) (layer int32, r addr.Range) {
	r, layer = t.shows.Interval(t.shows.Find(a))
	return layer, r
}

// Layers appends to dst the layers of all ranges that hold a, the topmost
// first, and returns it.
func (t *Tree) Layers(dst []int32, a addr.Addr) []int32 {
	n := len(dst)
	dst = t.Overlapping(dst, addr.Range{First: a, Last: a})
	slices.Reverse(dst[n:])
	return dst
}

// Overlapping appends to dst the layers of all ranges that share a byte with r,
// the lowest first, and returns it. It costs O((k + 1)·log n) for k results.
func (t *Tree) Overlapping(dst []int32, r addr.Range) []int32 {
	n := len(dst)
	if t.stacked != nil {
		dst = t.stacked.overlapping(dst, r, 0, t.n)
	} else {
		for _, layer := range t.shows.Intervals(r) {
			if layer != None {
				dst = append(dst, layer)
			}
		}
	}
	slices.Sort(dst[n:])
	return dst
}

func (s *stacked) overlapping(dst []int32, r addr.Range, lo, hi int) []int32 {
	for lo < hi {
		mid := lo + (hi-lo)/2
		if s.maxLast[mid] < r.First {
			return dst // all of this subtree end before r begins
		}
		dst = s.overlapping(dst, r, lo, mid)
		layer := s.byFirst[mid]
		if s.ranges[layer].First > r.Last {
			return dst // all to the right begin after r has ended
		}
		if s.ranges[layer].Last >= r.First {
			dst = append(dst, layer)
		}
		lo = mid + 1
	}
	return dst
}

// Elementary yields the elementary intervals of the whole address space,
// ascending, holes included, with the layer that shows there, or None. All
// addresses of an interval lie in the same ranges, which Layers tells for any
// of them.
func (t *Tree) Elementary() iter.Seq2[addr.Range, int32] { return t.ElementaryIn(addr.All) }

// ElementaryIn yields the elementary intervals that overlap r, cut to r, as
// Elementary does.
func (t *Tree) ElementaryIn(r addr.Range) iter.Seq2[addr.Range, int32] {
	if t.stacked == nil {
		return t.shows.Intervals(r)
	}
	cuts := t.stacked.cuts
	return func(yield func(addr.Range, int32) bool) {
		shown := t.shows.Find(r.First)
		i, found := slices.BinarySearch(cuts, r.First)
		if !found {
			i--
		}
		for ; i < len(cuts) && cuts[i] <= r.Last; i++ {
			part := addr.Range{First: max(cuts[i], r.First), Last: r.Last}
			if i+1 < len(cuts) {
				part.Last = min(r.Last, cuts[i+1]-1)
			}
			for shown+1 < t.shows.Len() && t.shows.intervals[shown+1].first <= part.First {
				shown++
			}
			if !yield(part, t.shows.intervals[shown].owner) {
				return
			}
		}
	}
}
