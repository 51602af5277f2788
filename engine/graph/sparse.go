package graph

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"vscan/engine/addr"
)

// The first levels of walks, counted from the target, have few edges. They are found
// by asking the graph who refers to the words of the level before, so that the first
// chains are there before any pass over all edges:
//
//	level 1     edges whose value, plus the window, meets the target
//	level k     edges whose value, plus the window, meets the source of an edge of level k−1

// sparseSums is the prefix sums of a level, by the edges that arrive.
type sparseSums struct {
	edges   []uint32 // the edges that arrive, ascending
	numbers []uint64 // the numbers of their sources
	sums    []uint64 // the walks of all edges before each, and of all: one more than edges
}

const (
	sparseWindows = 2048 // the most ranges that the graph is asked about; each costs some microseconds
	sparseShare   = 16   // a level is sparse if at most one of so many edges arrives
)

// before returns the walks of the edges with numbers below e.
func (s *sparseSums) before(e uint32) uint64 {
	i, _ := slices.BinarySearch(s.edges, e)
	return s.sums[i]
}

// sparseCursor has the same method before, for numbers that ascend.
type sparseCursor struct {
	s  *sparseSums
	at int
}

// cursor returns a sparseCursor for numbers from e on.
func (s *sparseSums) cursor(e uint32) sparseCursor {
	i, _ := slices.BinarySearch(s.edges, e)
	return sparseCursor{s, i}
}

// before returns the walks of the edges with numbers below e, which is not below the one asked for last.
func (c *sparseCursor) before(e uint32) uint64 {
	for c.at < len(c.s.edges) && c.s.edges[c.at] < e {
		c.at++
	}
	return c.s.sums[c.at]
}

// fillSparse computes the first level that is not full, if few edges arrive at it.
// Otherwise it returns false, for this level and all later ones.
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

// findSparse finds the edges of a level and sums up their walks. It returns false
// where there are many; then nothing but some bits of l.arrives has changed.
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
		if !fits || w.err != nil { // Forward has read all edges before, and met no error
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

// fillNear computes what follows the last full level for the successors of roots
// alone, which is what the walks of one pointer more from roots need. It returns
// false where these are hardly fewer than all edges.
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

// nearShare is how few the successors of roots have to be: at most one of so many
// edges, or telling them from the others is of no use.
const nearShare = 8

// findNear finds the successors of roots. It returns false where there are many.
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
