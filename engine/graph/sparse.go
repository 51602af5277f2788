package graph

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"vscan/engine/addr"
)

// The first levels of walks, counted from the target, have few edges. They are
// found by asking the graph who refers to the windows before the words of the
// level before, so that the first chains are there before any pass over all
// edges.

// sparseSums is the prefix sums of a level, by the edges that arrive.
type sparseSums struct {
	edges   []uint32 // ascending
	numbers []uint64 // of their sources
	sums    []uint64 // of the walks of all edges before; one more than edges
}

const (
	sparseWindows = 2048 // the most windows that are asked for; each costs some microseconds
	sparseShare   = 16   // at most one of so many edges arrives
)

// before is the walks of the edges with numbers below e.
func (s *sparseSums) before(e uint32) uint64 {
	i, _ := slices.BinarySearch(s.edges, e)
	return s.sums[i]
}

// sparseCursor is before for numbers that ascend.
type sparseCursor struct {
	s  *sparseSums
	at int
}

func (s *sparseSums) cursor(e uint32) sparseCursor {
	i, _ := slices.BinarySearch(s.edges, e)
	return sparseCursor{s, i}
}

func (c *sparseCursor) before(e uint32) uint64 {
	for c.at < len(c.s.edges) && c.s.edges[c.at] < e {
		c.at++
	}
	return c.s.sums[c.at]
}

// fillSparse makes the first level full that is not, if it has few edges. It is
// false where it has many, and then for all levels after it.
func (c *Chains) fillSparse() bool {
	if c.opt.count == countDense || c.opt.count == countNear && c.full > 0 || c.manyArrive {
		return false
	}
	if !c.findSparse(&c.levels[c.full]) {
		c.manyArrive = true
		return false
	}
	c.full++
	return true
}

// findSparse is false where there are many edges, and nothing has changed then
// but some bits of l.arrives.
func (c *Chains) findSparse(l *level) bool {
	var windows []addr.Range
	back := Window{c.low, c.high}
	switch {
	case c.full == 0:
		windows = []addr.Range{back.ValuesNear(c.opt.Target)}
	case c.sparse == nil || len(c.sparse.edges) > sparseWindows:
		return false
	default:
		at := 0
		for _, n := range c.sparse.numbers {
			a := c.f.g.sources.at(n, &at)
			windows = append(windows, back.ValuesNear(addr.Range{First: a, Last: a}))
		}
		windows = addr.Merge(windows)
	}
	type arrival struct {
		edge   uint32
		number uint64
		walks  uint64
	}
	var found []arrival
	most := len(c.f.to)/sparseShare + sparseWindows
	w := pageReader{g: c.f.g}
	for _, r := range windows {
		fits := true
		w.entriesTo(r, func(_ addr.Addr, entries []entry) bool {
			for _, e := range entries {
				a := arrival{edge: c.f.rank(e.source()), number: e.source()}
				if a.walks, _ = c.walks(a.edge); a.walks > 0 {
					found = append(found, a)
				}
			}
			fits = len(found) <= most
			return fits
		})
		if !fits || w.err != nil { // all edges were read without an error before
			return false
		}
	}
	slices.SortFunc(found, func(a, b arrival) int { return cmp.Compare(a.edge, b.edge) })
	l.arrives = make([]uint64, len(c.f.to)/64+1)
	s := &sparseSums{sums: make([]uint64, 1, len(found)+1)}
	sum := uint64(0)
	for _, a := range found {
		var carry uint64
		if sum, carry = bits.Add64(sum, a.walks, 0); carry > 0 {
			return false
		}
		s.edges, s.numbers, s.sums = append(s.edges, a.edge), append(s.numbers, a.number), append(s.sums, sum)
		l.arrives[a.edge/64] |= 1 << (a.edge % 64)
	}
	c.sparse = s
	return true
}

// fillNear computes what follows the last full level for those edges alone that
// follow a root: what the walks of one pointer more from roots need. It is false
// where that is hardly less than all edges.
func (c *Chains) fillNear() bool {
	if c.opt.count == countDense || c.sumsHigh != nil || c.inexact || !c.findNear() {
		return false
	}
	l := &c.levels[c.full]
	l.arrives = make([]uint64, len(c.f.to)/64+1)
	s := &sparseSums{sums: make([]uint64, 1)}
	sum := uint64(0)
	for _, r := range c.nearRoots {
		for e := r.lo; e < r.hi; e++ {
			v, _ := c.walks(e)
			if v == 0 {
				continue
			}
			var carry uint64
			if sum, carry = bits.Add64(sum, v, 0); carry > 0 {
				return false
			}
			s.edges, s.sums = append(s.edges, e), append(s.sums, sum)
			l.arrives[e/64] |= 1 << (e % 64)
		}
	}
	c.near = s
	return true
}

// nearShare: at most one edge of so many follows a root, or there is no use in
// telling them from others.
const nearShare = 8

// findNear finds the edges in the windows of roots. It is false where there are
// many.
func (c *Chains) findNear() bool {
	most := uint64(len(c.f.to) / nearShare)
	if c.opt.count == countNear {
		most = math.MaxUint64
	}
	if c.nearKnown {
		return c.nearFew
	}
	c.nearKnown = true
	if c.RootCount() > most {
		return false
	}
	var all []edgeRange
	for _, class := range c.roots {
		for _, r := range class {
			for e := r.lo; e < r.hi; e++ {
				if lo, hi := c.successors(e); lo < hi {
					all = append(all, edgeRange{lo, hi})
				}
			}
		}
	}
	slices.SortFunc(all, func(a, b edgeRange) int { return cmp.Compare(a.lo, b.lo) })
	merged := all[:0]
	for _, r := range all {
		if n := len(merged); n > 0 && r.lo <= merged[n-1].hi {
			merged[n-1].hi = max(merged[n-1].hi, r.hi)
			continue
		}
		merged = append(merged, r)
	}
	total := uint64(0)
	for _, r := range merged {
		total += uint64(r.hi - r.lo)
	}
	c.nearRoots, c.nearFew = merged, total <= most
	return c.nearFew
}
