package graph

import (
	"context"
	"math/big"
	"math/bits"
)

// How walks are counted: see chains.go for the algorithm.

// level computes walks of k pointers, and of fewer, where they are not known
// yet. All edges count up to k − 1, and at k only the roots. The error is the
// cause of the context's end.
func (c *Chains) level(ctx context.Context, k int) (*level, error) {
	for len(c.levels) < k {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		if c.full < len(c.levels) {
			c.fill()
		}
		c.addRoots()
	}
	return &c.levels[k-1], nil
}

// addRoots adds a level that is known for roots only; the one before is full.
func (c *Chains) addRoots() {
	l := level{exact: !c.inexact}
	for class := range l.roots {
		of := &l.roots[class]
		of.walks = new(big.Int)
		var low, high uint64 // of the sum
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

// walks is how many walks begin with edge e, of one pointer more than the last
// full level.
func (c *Chains) walks(e uint32) (low, high uint64) {
	if c.full == 0 {
		if w, ok := window(c.f.targets[e], c.low, c.high); ok && w.Overlaps(c.opt.Target) {
			return 1, 0
		}
		return 0, 0
	}
	lo, hi := c.window(e)
	if s := c.sparse; s != nil {
		return s.before(hi) - s.before(lo), 0
	}
	low, borrow := bits.Sub64(c.sums[hi], c.sums[lo], 0)
	if c.tops != nil {
		high = c.tops[hi] - c.tops[lo] - borrow
	}
	return low, high
}

// window is the edges in the window of an edge's value, by number.
func (c *Chains) window(e uint32) (lo, hi uint32) {
	if c.lo != nil {
		return c.lo[e], c.hi[e]
	}
	return c.finder.find(c.f, c.f.targets[e], c.low, c.high)
}

// findWindows finds the windows of all edges.
func (c *Chains) findWindows() {
	n := len(c.f.targets)
	c.lo, c.hi = make([]uint32, n), make([]uint32, n)
	c.f.parallel(n, func(_, lo, hi int) {
		finders := make([]windowFinder, hintCount)
		for e := lo; e < hi; e++ {
			v := c.f.targets[e]
			c.lo[e], c.hi[e] = finders[(v>>hintShift)%hintCount].find(c.f, v, c.low, c.high)
		}
	})
}

// fill makes the first level full that is not.
func (c *Chains) fill() {
	l := &c.levels[c.full]
	l.arrives = make([]uint64, len(c.f.targets)/64+1)
	if c.fillSparse(l) {
		c.full++
		return
	}
	if c.sparse != nil {
		c.dense()
	}
	if c.full > 0 && c.lo == nil {
		c.findWindows()
	}
	sums, high, fits := c.count(l, c.tops != nil)
	if !fits && high == nil {
		sums, high, fits = c.count(l, true)
	}
	if !fits { // from here on only whether there are walks is known
		c.inexact = true
		high = nil
		n := uint64(0)
		for e := range c.f.targets {
			n += l.arrives[e/64] >> (e % 64) & 1
			sums[e+1] = n
		}
	}
	c.spare, c.sums, c.tops = c.sums, sums, high
	c.full++
}

// count computes the walks of a level and their prefix sums. It is false where
// these pass 2^128, or, unless wide, 2^64. What is computed for edges does not.
func (c *Chains) count(l *level, wide bool) (sums, high []uint64, fits bool) {
	n := len(c.f.targets)
	clear(l.arrives)
	if sums, c.spare = c.spare, nil; sums == nil {
		sums = make([]uint64, n+1)
	}
	if wide {
		high = make([]uint64, n+1)
	}
	type part struct {
		lo, hi    int
		sum, high uint64
		over      bool
	}
	parts := make([]part, c.f.workers)
	some := c.someArrive()
	// Whole words of arrives, so that no two goroutines write to one.
	c.f.parallel(len(l.arrives), func(p, lo, hi int) {
		s := &parts[p]
		s.lo, s.hi = lo*64, min(hi*64, n)
		switch {
		case c.full == 0:
			s.sum = c.countFirst(l.arrives, sums, s.lo, s.hi)
			if wide {
				clear(high[s.lo+1 : s.hi+1])
			}
		case wide:
			s.sum, s.high, s.over = c.countWide(l.arrives, sums, high, s.lo, s.hi)
		default:
			s.sum, s.over = c.countNarrow(l.arrives, sums, s.lo, s.hi, some)
		}
	})
	var sum, top uint64 // of the parts before
	fits = true
	for i := range parts {
		p := &parts[i]
		fits = fits && !p.over
		var carry uint64
		next, nextTop := uint64(0), uint64(0)
		next, carry = bits.Add64(sum, p.sum, 0)
		if wide {
			nextTop, carry = bits.Add64(top, p.high, carry)
		}
		fits = fits && carry == 0
		p.sum, p.high = sum, top
		sum, top = next, nextTop
	}
	if !fits {
		if !wide {
			c.spare = sums
		}
		return sums, high, false
	}
	sums[0] = 0
	c.f.parallel(len(l.arrives), func(p, _, _ int) {
		s := parts[p]
		if s.sum|s.high == 0 {
			return
		}
		for e := s.lo; e < s.hi; e++ {
			var carry uint64
			sums[e+1], carry = bits.Add64(sums[e+1], s.sum, 0)
			if wide {
				high[e+1] += s.high + carry
			}
		}
	})
	return sums, high, true
}

// countFirst marks and counts the edges from lo to hi, a multiple of 64 and an
// end, whose windows the target is in. sums[e+1] is how many up to e.
func (c *Chains) countFirst(arrives, sums []uint64, lo, hi int) (sum uint64) {
	for e := lo; e < hi; e++ {
		if w, ok := window(c.f.targets[e], c.low, c.high); ok && w.Overlaps(c.opt.Target) {
			arrives[e/64] |= 1 << (e % 64)
			sum++
		}
		sums[e+1] = sum
	}
	return sum
}

// someArrive has a bit for each 64 edges: some arrive at the last full level.
// It is nil where most of these bits are set, so that asking them is no use.
func (c *Chains) someArrive() []uint64 {
	if c.full == 0 {
		return nil
	}
	arrives := c.levels[c.full-1].arrives
	some, set := make([]uint64, len(arrives)/64+1), 0
	for i, w := range arrives {
		if w != 0 {
			some[i/64] |= 1 << (i % 64)
			set++
		}
	}
	if set > len(arrives)/4 {
		return nil
	}
	return some
}

// countNarrow sums up the walks of edges from lo to hi, in 64 bits. Windows lie
// anywhere in memory. Where few edges arrive, some, which the cache holds, says
// of most windows that nothing is to be had there. Else there is no branch that
// depends on what is added up: a processor that need not guess waits for many
// windows at a time.
func (c *Chains) countNarrow(arrives, sums []uint64, lo, hi int, some []uint64) (sum uint64, over bool) {
	last, los, his := c.sums, c.lo[:hi], c.hi[:hi]
	carries := uint64(0)
	for e := lo; e < hi; e += 64 {
		word := uint64(0)
		end := min(e+64, hi)
		l, h, s := los[e:end], his[e:end], sums[e+1:end+1]
		if some != nil {
			for i := range min(len(l), len(h), len(s)) {
				if a, b := l[i]/64, h[i]/64; some[a/64]>>(a%64)&(2<<min(b-a, 63)-1) != 0 || a/64 != b/64 {
					v := last[h[i]] - last[l[i]]
					word |= (v | -v) >> 63 << (i & 63)
					var carry uint64
					sum, carry = bits.Add64(sum, v, 0)
					carries |= carry
				}
				s[i] = sum
			}
			arrives[e/64] = word
			continue
		}
		for i := range min(len(l), len(h), len(s)) {
			v := last[h[i]] - last[l[i]]
			word |= (v | -v) >> 63 << (i & 63)
			var carry uint64
			sum, carry = bits.Add64(sum, v, 0)
			carries |= carry
			s[i] = sum
		}
		arrives[e/64] = word
	}
	return sum, carries != 0
}

// countWide is countNarrow in 128 bits.
func (c *Chains) countWide(arrives, sums, high []uint64, lo, hi int) (sum, top uint64, over bool) {
	for e := lo; e < hi; e++ {
		v, borrow := bits.Sub64(c.sums[c.hi[e]], c.sums[c.lo[e]], 0)
		h := uint64(0)
		if c.tops != nil {
			h = c.tops[c.hi[e]] - c.tops[c.lo[e]] - borrow
		}
		if v|h != 0 {
			arrives[e/64] |= 1 << (e % 64)
		}
		var carry uint64
		sum, carry = bits.Add64(sum, v, 0)
		top, carry = bits.Add64(top, h, carry)
		over = over || carry > 0
		sums[e+1], high[e+1] = sum, top
	}
	return sum, top, over
}
