package segtree

import (
	"iter"
	"math/bits"
	"slices"

	"vscan/engine/addr"
)

// None is the owner of a hole.
const None int32 = -1

// A Partition divides the whole address space, 0 to 2^64 − 1, into runs and gives each
// run an owner, which may be None. INVARIANT: the first run starts at 0, and neighbouring
// runs have different owners.
//
//	a-----b---c----------   first addresses: a b c
//	None  3   None          owners
//
// It is immutable and safe for concurrent readers. A run costs 18 bytes, and
// a lookup O(log n) with two or three cache misses.
type Partition struct {
	runs []run
	// levels is a static B-tree over the first addresses, the root last: levels[0]
	// has that of every leafRuns-th run, levels[k+1] every fanout-th entry of
	// levels[k]. A node is one cache line. A leaf is larger, so that the levels of
	// even two million runs fit a level-2 cache; the cache misses within a leaf
	// overlap, since no compare waits for another.
	levels [][]addr.Addr
}

const (
	leafRuns = 32 // of 16 bytes
	fanout   = 8  // addresses of 8 bytes
)

// A run is the addresses from first to the byte before the next run's first.
type run struct {
	first addr.Addr
	owner int32
}

// NewPartition makes a partition of runs that are given by first address and owner,
// ascending; the first has to start at 0. It joins neighbours that have the same owner.
func NewPartition(runs iter.Seq2[addr.Addr, int32]) *Partition {
	p := &Partition{}
	for first, owner := range runs {
		if n := len(p.runs); n == 0 || p.runs[n-1].owner != owner {
			p.runs = append(p.runs, run{first, owner})
		}
	}
	p.runs = slices.Clip(slices.Clone(p.runs)) // append has left up to half of the array unused

	level := make([]addr.Addr, 0, len(p.runs)/leafRuns+1)
	for i := 0; i < len(p.runs); i += leafRuns {
		level = append(level, p.runs[i].first)
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

// Len returns the number of runs.
func (p *Partition) Len() int { return len(p.runs) }

// Run returns the run of number i and its owner. Runs are numbered from 0, by ascending
// addresses.
func (p *Partition) Run(i int) (addr.Range, int32) {
	r := addr.Range{First: p.runs[i].first, Last: addr.Max}
	if i+1 < len(p.runs) {
		r.Last = p.runs[i+1].first - 1
	}
	return r, p.runs[i].owner
}

// Find returns the number of the run that holds a.
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
	i *= leafRuns
	above := 0
	for _, r := range p.runs[i+1 : min(i+leafRuns, len(p.runs))] {
		above += notAbove(r.first, a)
	}
	return i + above
}

// notAbove returns 1 where first ≤ a, else 0.
func notAbove(first, a addr.Addr) int {
	_, borrow := bits.Sub64(uint64(a), uint64(first), 0)
	return int(1 - borrow)
}

// Runs yields the runs that overlap r, cut to r, ascending, with their owners. Together
// they are all of r.
func (p *Partition) Runs(r addr.Range) iter.Seq2[addr.Range, int32] {
	return func(yield func(addr.Range, int32) bool) {
		for i := p.Find(r.First); i < len(p.runs) && p.runs[i].first <= r.Last; i++ {
			run, owner := p.Run(i)
			if part, ok := run.Intersect(r); ok && !yield(part, owner) {
				return
			}
		}
	}
}
