package segtree

import (
	"iter"
	"slices"

	"vscan/engine/addr"
)

// None is the owner of a hole.
const None int32 = -1

// Partition divides the whole address space, 0 to 2^64 − 1, into runs and
// gives each run an owner, which may be None. Neighbouring runs have
// different owners.
//
//	a-----b---c----------   starts: a b c
//	None  3   None          owners
//
// It is immutable once built and safe for concurrent readers. A run costs 12
// bytes, and a lookup O(log n).
type Partition struct {
	starts []addr.Addr // first address of each run; starts[0] is 0
	owners []int32
	sample []addr.Addr // every stride-th start, so that a search touches few cache lines
}

// stride is how many runs one entry of the sample stands for: 64 starts are
// eight cache lines, and the sample of two million runs fits a level-2 cache.
const stride = 64

// Append adds the run that starts at first, which has to be above all starts
// so far; the first run starts at 0. A run of the same owner as the one before
// it is joined to that one.
func (p *Partition) Append(first addr.Addr, owner int32) {
	if n := len(p.owners); n > 0 && p.owners[n-1] == owner {
		return
	}
	if len(p.starts)%stride == 0 {
		p.sample = append(p.sample, first)
	}
	p.starts = append(p.starts, first)
	p.owners = append(p.owners, owner)
}

// Len is the number of runs.
func (p *Partition) Len() int { return len(p.starts) }

// Run is the i-th run, from the bottom, and its owner.
func (p *Partition) Run(i int) (addr.Range, int32) {
	r := addr.Range{First: p.starts[i], Last: addr.Max}
	if i+1 < len(p.starts) {
		r.Last = p.starts[i+1] - 1
	}
	return r, p.owners[i]
}

// Find is the number of the run that holds a.
func (p *Partition) Find(a addr.Addr) int {
	block := lastNotAbove(p.sample, a) * stride
	return block + lastNotAbove(p.starts[block:min(block+stride, len(p.starts))], a)
}

// lastNotAbove is the index of the last start ≤ a. starts[0] is one.
func lastNotAbove(starts []addr.Addr, a addr.Addr) int {
	lo := 0
	for n := len(starts); n > 1; {
		half := n / 2
		if starts[lo+half] <= a { // a conditional move: nothing to mispredict
			lo += half
		}
		n -= half
	}
	return lo
}

// Runs yields the parts of the runs that lie in r, ascending, with their
// owners; together they are all of r.
func (p *Partition) Runs(r addr.Range) iter.Seq2[addr.Range, int32] {
	return func(yield func(addr.Range, int32) bool) {
		for i := p.Find(r.First); i < len(p.starts) && p.starts[i] <= r.Last; i++ {
			run, owner := p.Run(i)
			if part, ok := run.Intersect(r); ok && !yield(part, owner) {
				return
			}
		}
	}
}

// clip gives back the memory that growing by doubling left unused.
func (p *Partition) clip() {
	p.starts = slices.Clip(slices.Clone(p.starts))
	p.owners = slices.Clip(slices.Clone(p.owners))
}
