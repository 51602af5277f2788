package graph

import (
	"cmp"
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

// fillSparse makes a level full if it has few edges. It is false where it has
// many, and nothing has changed then.
func (c *Chains) fillSparse(l *level) bool {
	if c.opt.noSparse {
		return false
	}
	var windows []addr.Range
	back := Window{c.low, c.high}
	switch {
	case c.full == 0:
		windows = []addr.Range{back.Before(c.opt.Target)}
	case c.sparse == nil || len(c.sparse.edges) > sparseWindows:
		return false
	default:
		at := 0
		for _, n := range c.sparse.numbers {
			a := c.f.g.sources.at(n, &at)
			windows = append(windows, back.Before(addr.Range{First: a, Last: a}))
		}
		windows = addr.Merge(windows)
	}
	type arrival struct {
		edge   uint32
		number uint64
		walks  uint64
	}
	var found []arrival
	most := len(c.f.targets)/sparseShare + sparseWindows
	w := walk{g: c.f.g}
	for _, r := range windows {
		fits := true
		w.targets(r, func(_ addr.Addr, entries []entry) bool {
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

// dense turns the sums of a sparse level into those of all edges.
func (c *Chains) dense() {
	s := c.sparse
	c.sparse = nil
	c.sums = make([]uint64, len(c.f.targets)+1)
	from := 0
	for i, e := range s.edges {
		for ; from <= int(e); from++ {
			c.sums[from] = s.sums[i]
		}
	}
	for ; from < len(c.sums); from++ {
		c.sums[from] = s.sums[len(s.edges)]
	}
}
