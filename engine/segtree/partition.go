package segtree

import (
	"iter"
	"math/bits"
	"slices"

	"vscan/engine/addr"
)

// None is the owner of a hole.
const None int32 = -1

// A Partition divides the whole address space, 0 to 2^64 − 1, into intervals and
// gives each interval an owner, which may be None. INVARIANT: the first interval
// starts at 0, and neighbouring intervals have different owners.
//
//	a-----b---c----------   first addresses: a b c
//	None  3   None          owners
//
// It is immutable and safe for concurrent readers. An interval costs 18 bytes, and
// a lookup O(log n) with two or three cache misses.
type Partition struct {
	intervals []interval
	// levels is a static B-tree over the first addresses, the root last: levels[0]
	// has that of every leafIntervals-th interval, levels[k+1] every fanout-th entry of
	// levels[k]. A node is one cache line. A leaf is larger, so that the levels of
	// even two million intervals fit a level-2 cache; the cache misses within a leaf
	// overlap, since no compare waits for another.
	levels [][]addr.Addr
}

const (
	leafIntervals = 32 // of 16 bytes
	fanout        = 8  // addresses of 8 bytes
)

// An interval is the addresses from first to the byte before the next interval's first.
type interval struct {
	first addr.Addr
	owner int32
}

// NewPartition makes a partition of intervals that are given by first address and owner,
// ascending; the first has to start at 0. It joins neighbours that have the same owner. most
// is about how many there are before that: what append leaves behind of millions is more than
// what is kept.
func NewPartition(most int, intervals iter.Seq2[addr.Addr, int32]) *Partition {
	p := &Partition{intervals: make([]interval, 0, most)}
	for first, owner := range intervals {
		if n := len(p.intervals); n == 0 || p.intervals[n-1].owner != owner {
			p.intervals = append(p.intervals, interval{first, owner})
		}
	}
	if n := len(p.intervals); cap(p.intervals)-n > n/16 { // a part of the array is unused
		p.intervals = slices.Clip(slices.Clone(p.intervals))
	}

	level := make([]addr.Addr, 0, len(p.intervals)/leafIntervals+1)
	for i := 0; i < len(p.intervals); i += leafIntervals {
		level = append(level, p.intervals[i].first)
	}
	for {
		p.levels = append(p.levels, level)
		if len(level) <= fanout {
			return p
		}
		above := make([]addr.Addr, 0, len(level)/fanout+1)
		for i := 0; i < len(level); i += fanout {
			above = append(above, level[i])
		}
		level = above
	}
}

// Len returns the number of intervals.
func (p *Partition) Len() int { return len(p.intervals) }

// Interval returns the interval of number i and its owner. Intervals are numbered
// from 0, by ascending addresses.
func (p *Partition) Interval(i int) (addr.Range, int32) {
	r := addr.Range{First: p.intervals[i].first, Last: addr.Max}
	if i+1 < len(p.intervals) {
		r.Last = p.intervals[i+1].first - 1
	}
	return r, p.intervals[i].owner
}

// Find returns the number of the interval that holds a.
func (p *Partition) Find(a addr.Addr) int {
	i := 0
	for k := len(p.levels) - 1; k >= 0; k-- {
		level := p.levels[k]
		i *= fanout
		if i+fanout <= len(level) {
			// Seven compares without a branch: their outcome is random, and a
			// mispredicted one costs more than all of them.
			node := (*[fanout]addr.Addr)(level[i:])
			i += notAbove(node[1], a) + notAbove(node[2], a) + notAbove(node[3], a) + notAbove(node[4], a) +
				notAbove(node[5], a) + notAbove(node[6], a) + notAbove(node[7], a)
			continue
		}
		for _, first := range level[i+1:] {
			i += notAbove(first, a)
		}
	}
	i *= leafIntervals
	above := 0
	for _, r := range p.intervals[i+1 : min(i+leafIntervals, len(p.intervals))] {
		above += notAbove(r.first, a)
	}
	return i + above
}

// notAbove returns 1 where first ≤ a, else 0.
func notAbove(first, a addr.Addr) int {
	_, borrow := bits.Sub64(uint64(a), uint64(first), 0)
	return int(1 - borrow)
}

// Intervals yields the intervals that overlap r, cut to r, ascending, with their
// owners. Together they are all of r.
func (p *Partition) Intervals(r addr.Range) iter.Seq2[addr.Range, int32] {
	return func(yield func(addr.Range, int32) bool) {
		for i := p.Find(r.First); i < len(p.intervals) && p.intervals[i].first <= r.Last; i++ {
			whole, owner := p.Interval(i)
			if part, ok := whole.Intersect(r); ok && !yield(part, owner) {
				return
			}
		}
	}
}
