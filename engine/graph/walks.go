package graph

import (
	"cmp"
	"context"
	"math/big"
	"math/bits"
)

// How walks are counted. chains.go has what is counted; this is when:
//
//	to know the walks of k pointers, levels are computed from the target back
//
//	level 1 … k−2   for all edges: sparse while few arrive, else by two passes over all edges
//	level k−1       for the successors of roots only; for all edges where these are many
//	level k         for the edges at roots only
//
//	next[e] = the edges whose sources are in the window of e's value = lo ≤ number < hi
//	walks[k][e] = sums[hi] − sums[lo], with sums the prefix sums of level k−1

// level computes the walks of k pointers, and of fewer, where they are not known
// yet. The error is the cause of the context's end.
func (c *Chains) level(ctx context.Context, k int) (*level, error) {
	for n := len(c.levels) + 1; n <= k; n++ {
		for c.full < n-1 {
			if err := context.Cause(ctx); err != nil {
				return nil, err
			}
			if err := c.f.g.take(uint64(len(c.f.to)/8), forChains); err != nil { // of a level: which edges arrive
				return nil, err
			}
			if c.fillSparse() {
				continue
			}
			if n == k && c.full == n-2 && c.fillNear() {
				break
			}
			if err := c.fillDense(); err != nil {
				return nil, err
			}
		}
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		if err := c.f.g.take(4*c.RootCount(), forChains); err != nil { // the edges at roots that walks begin with
			return nil, err
		}
		c.addRoots()
		c.near = nil
	}
	return &c.levels[k-1], nil
}

// addRoots adds the next level, for the edges at roots only. The level before is
// known for all edges, or for the successors of roots.
func (c *Chains) addRoots() {
	l := level{exact: !c.inexact}
	for class := range l.roots {
		of := &l.roots[class]
		of.walks = new(big.Int)
		var low, high uint64 // the lower and the upper half of the sum
		over := new(big.Int)
		for _, r := range c.roots[class] {
			for e := r.lo; e < r.hi; e++ {
				v, h := c.walks(e)
				if v|h == 0 {
					continue
				}
				of.starts = append(of.starts, e)
				var carry uint64
				low, carry = bits.Add64(low, v, 0)
				if high, carry = bits.Add64(high, h, carry); carry > 0 {
					over.Add(over, big.NewInt(1))
				}
			}
		}
		of.walks.Lsh(over, 64).Add(of.walks, new(big.Int).SetUint64(high))
		of.walks.Lsh(of.walks, 64).Add(of.walks, new(big.Int).SetUint64(low))
	}
	c.levels = append(c.levels, l)
}

// walks returns how many walks begin with edge e, as a number of 128 bits, of one
// pointer more than the last full level, or than c.near where there is one.
func (c *Chains) walks(e uint32) (low, high uint64) {
	if c.full == 0 && c.near == nil {
		if w, ok := windowAt(c.f.target(e), c.low, c.high); ok && w.Overlaps(c.opt.Target) {
			return 1, 0
		}
		return 0, 0
	}
	lo, hi := c.successors(e)
	if s := cmp.Or(c.near, c.sparse); s != nil {
		return s.before(hi) - s.before(lo), 0
	}
	low, borrow := bits.Sub64(c.sums[hi], c.sums[lo], 0)
	if c.sumsHigh != nil {
		high, _ = bits.Sub64(c.sumsHigh[hi], c.sumsHigh[lo], borrow)
	}
	return low, high
}

// successors returns the edges that can follow an edge, those whose sources are in
// the window of its value: lo ≤ number < hi.
func (c *Chains) successors(e uint32) (lo, hi uint32) {
	if t := c.f.to[e]; c.succLow != nil {
		return c.succLow[t], c.succHigh[t]
	}
	return c.finder.find(c.f, c.f.target(e), c.low, c.high)
}

// findSuccessors finds the successors of the edges to each target.
func (c *Chains) findSuccessors() {
	n := len(c.f.targets)
	c.succLow, c.succHigh = make([]uint32, n), make([]uint32, n)
	c.f.parallel(n, func(_, from, to int) {
		var finder successorFinder
		for t := from; t < to; t++ {
			c.succLow[t], c.succHigh[t] = finder.find(c.f, c.f.targets[t], c.low, c.high)
		}
	})
}

// fillDense computes the first level that is not full, by a pass over all targets
// and one over all edges. Successors lie anywhere in memory, and edges lead
// anywhere. But targets ascend, and so do the ranges of their successors: the first
// pass goes through the sums once, in order, and only the second one jumps about, in
// the walks of targets, which are fewer than edges.
func (c *Chains) fillDense() error {
	edges, targets := uint64(len(c.f.to)), uint64(len(c.f.targets))
	need := uint64(0)
	if c.sums == nil {
		need += 8 * edges
	}
	if c.targetWalks == nil {
		need += 8 * targets
	}
	if c.full > 0 && c.succLow == nil {
		need += 8 * targets
	}
	if err := c.f.g.take(need, forChains); err != nil {
		return err
	}
	l := &c.levels[c.full]
	if l.arrives == nil {
		l.arrives = make([]uint64, len(c.f.to)/64+1)
	}
	c.countTargetWalks()
	c.sparse = nil
	if c.sums == nil {
		c.sums = make([]uint64, len(c.f.to)+1)
	}
	fits := false
	if c.sumsHigh == nil {
		fits = c.count(l, false)
	}
	if !fits && !c.inexact {
		if c.sumsHigh == nil {
			if err := c.f.g.take(8*(edges+targets), forChains); err != nil {
				return err
			}
			c.sumsHigh = make([]uint64, len(c.f.to)+1)
		}
		fits = c.count(l, true)
	}
	if !fits { // from here on it is only known whether there are walks
		c.inexact, c.sumsHigh, c.targetWalksHigh = true, nil, nil
		n := uint64(0)
		for e := range c.f.to {
			n += l.arrives[e/64] >> (e % 64) & 1
			c.sums[e+1] = n
		}
	}
	c.full++
	return nil
}

// countTargetWalks computes c.targetWalks for the level after the last full one.
func (c *Chains) countTargetWalks() {
	n := len(c.f.targets)
	if c.targetWalks == nil {
		c.targetWalks = make([]uint64, n)
	}
	if c.full > 0 && c.succLow == nil {
		c.findSuccessors()
	}
	if c.sumsHigh != nil && c.targetWalksHigh == nil {
		c.targetWalksHigh = make([]uint64, n)
	}
	c.f.parallel(n, func(_, from, to int) {
		lo, hi, ways := c.succLow, c.succHigh, c.targetWalks
		switch {
		case c.full == 0:
			for t := from; t < to; t++ {
				ways[t] = 0
				if w, ok := windowAt(c.f.targets[t], c.low, c.high); ok && w.Overlaps(c.opt.Target) {
					ways[t] = 1
				}
			}
		case c.sparse != nil:
			if from < to {
				low, high := c.sparse.cursor(lo[from]), c.sparse.cursor(hi[from])
				for t := from; t < to; t++ {
					ways[t] = high.before(hi[t]) - low.before(lo[t])
				}
			}
		case c.sumsHigh != nil:
			for t := from; t < to; t++ {
				var borrow uint64
				ways[t], borrow = bits.Sub64(c.sums[hi[t]], c.sums[lo[t]], 0)
				c.targetWalksHigh[t], _ = bits.Sub64(c.sumsHigh[hi[t]], c.sumsHigh[lo[t]], borrow)
			}
		default:
			for t := from; t < to; t++ {
				ways[t] = c.sums[hi[t]] - c.sums[lo[t]]
			}
		}
	})
}

// count computes the prefix sums of a level from c.targetWalks, and which edges
// arrive. It reports whether sums fit: in 128 bits if wide is set, else in 64. Each
// goroutine sums up a part, and then adds what the parts before it have.
func (c *Chains) count(l *level, wide bool) (fits bool) {
	n := len(c.f.to)
	type part struct {
		lo, hi   int
		sum, top uint64
		over     bool
	}
	parts := make([]part, c.f.workers)
	// The parts are whole words of arrives, so that no two goroutines write to one.
	c.f.parallel(len(l.arrives), func(p, lo, hi int) {
		s := part{lo: min(lo*64, n), hi: min(hi*64, n)}
		if wide {
			s.sum, s.top, s.over = c.countWide(l.arrives, s.lo, s.hi)
		} else {
			s.sum, s.over = c.countNarrow(l.arrives, s.lo, s.hi)
		}
		parts[p] = s
	})
	var sum, top uint64 // the sum of the parts before
	fits = true
	for i := range parts {
		p := &parts[i]
		fits = fits && !p.over
		var next, nextTop, carry uint64
		next, carry = bits.Add64(sum, p.sum, 0)
		if wide {
			nextTop, carry = bits.Add64(top, p.top, carry)
		}
		fits = fits && carry == 0
		p.sum, p.top = sum, top
		sum, top = next, nextTop
	}
	if !fits {
		return false
	}
	c.f.parallel(len(l.arrives), func(p, _, _ int) {
		s := &parts[p]
		if s.sum|s.top == 0 {
			return
		}
		sums := c.sums[s.lo+1 : s.hi+1]
		if !wide {
			for i := range sums {
				sums[i] += s.sum
			}
			return
		}
		tops := c.sumsHigh[s.lo+1 : s.hi+1]
		for i := range sums {
			var carry uint64
			sums[i], carry = bits.Add64(sums[i], s.sum, 0)
			tops[i] += s.top + carry
		}
	})
	return true
}

// countNarrow sums up the walks of the edges from lo to below hi in 64 bits. lo is a
// multiple of 64. No branch depends on the numbers that are added, since a processor
// that need not guess waits for many edges at a time. It reports whether the sum has
// passed 2^64.
func (c *Chains) countNarrow(arrives []uint64, lo, hi int) (sum uint64, over bool) {
	ways := c.targetWalks
	carries := uint64(0)
	for e := lo; e < hi; e += 64 {
		word := uint64(0)
		to := c.f.to[e:min(e+64, hi)]
		sums := c.sums[e+1:][:len(to)]
		for i, t := range to {
			v := ways[t]
			word |= (v | -v) >> 63 << (i & 63)
			var carry uint64
			sum, carry = bits.Add64(sum, v, 0)
			carries |= carry
			sums[i] = sum
		}
		arrives[e/64] = word
	}
	return sum, carries != 0
}

// countWide is countNarrow in 128 bits.
func (c *Chains) countWide(arrives []uint64, lo, hi int) (sum, top uint64, over bool) {
	for e := lo; e < hi; e += 64 {
		word := uint64(0)
		for i, t := range c.f.to[e:min(e+64, hi)] {
			v, h := c.targetWalks[t], uint64(0)
			if c.targetWalksHigh != nil {
				h = c.targetWalksHigh[t]
			}
			if v|h != 0 {
				word |= 1 << i
			}
			var carry uint64
			sum, carry = bits.Add64(sum, v, 0)
			top, carry = bits.Add64(top, h, carry)
			over = over || carry > 0
			c.sums[e+1+i], c.sumsHigh[e+1+i] = sum, top
		}
		arrives[e/64] = word
	}
	return sum, top, over
}
