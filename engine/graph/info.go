package graph

import (
	"cmp"
	"context"
	"slices"

	"vscan/engine"
	"vscan/engine/addr"
)

// Info is a graph in numbers.
type Info struct {
	Edges      uint64
	Pages      uint64 // pages of 4 KiB that edges lead into
	Bytes      uint64 // size of the index, edges and directory, in bytes
	Words      uint64 // words that edges could have come from
	Scanned    uint64 // bytes that were looked at when it was built
	Unreadable uint64 // bytes that could not be read then, or were missing from the image
	Present    uint64 // bytes that regions hold, zeros included
	Absent     uint64 // bytes that were mapped and not saved
	Regions    int
	// PresentOnly and Filtered report whether Options left edges out: those to
	// absent bytes, and those that Sources, Targets, SourceIn or TargetIn exclude.
	PresentOnly, Filtered bool
}

// Density returns the share of words that are edges, from 0 to 1.
func (i *Info) Density() float64 { return float64(i.Edges) / max(float64(i.Words), 1) }

// Info returns the graph in numbers. It reads no edges.
func (g *Graph) Info() Info {
	i := Info{
		Edges: g.edges, Words: g.sources.count, Scanned: g.scanned, Unreadable: g.unreadable,
		Regions: len(g.regions), PresentOnly: g.presentOnly, Filtered: g.filtered,
		Bytes: groupLineSize * uint64(len(g.groups.lines)),
	}
	for k := range g.groups.lines {
		at, end := g.groups.span(k)
		i.Bytes += end - at
		i.Pages += uint64(g.groups.lines[k].pages)
	}
	for _, r := range g.regions {
		if r.State == engine.Absent {
			i.Absent += r.Size()
		} else {
			i.Present += r.Size()
		}
	}
	return i
}

// RegionCell is how many edges lead from one region to another. From and To are
// indexes in Graph.Regions.
type RegionCell struct {
	From, To int
	Edges    uint64
}

// Matrix returns how many edges lead from each region to each other one, without
// the pairs that have none, ascending by From, then To. It reads the whole graph
// with so many workers; 0 is one for each processor.
func (g *Graph) Matrix(ctx context.Context, workers int) ([]RegionCell, error) {
	type pair struct{ from, to int32 }
	type counter struct {
		counts map[pair]uint64
		last   pair
		n      uint64
		from   int // the region of the last source
	}
	counters, err := parallelPages(ctx, g, workers, func() *counter { return &counter{counts: map[pair]uint64{}} },
		func(c *counter, page uint64, entries []entry) error {
			hint, at := 0, 0
			base := g.targets.at(page, &hint)
			to := g.RegionAt(base + addr.Addr(entries[0].offset()))
			for _, e := range entries {
				target, source := base+addr.Addr(e.offset()), g.sources.at(e.source(), &at)
				if to < 0 || !g.regions[to].Contains(target) {
					to = g.RegionAt(target)
				}
				if c.from < 0 || c.from >= len(g.regions) || !g.regions[c.from].Contains(source) {
					c.from = g.RegionAt(source)
				}
				if to < 0 || c.from < 0 {
					return errRegion
				}
				if p := (pair{int32(c.from), int32(to)}); p != c.last {
					c.counts[c.last] += c.n
					c.last, c.n = p, 0
				}
				c.n++
			}
			return nil
		})
	if err != nil {
		return nil, err
	}
	sum := map[pair]uint64{}
	for _, c := range counters {
		c.counts[c.last] += c.n
		for p, n := range c.counts {
			sum[p] += n
		}
	}
	var cells []RegionCell
	for p, n := range sum {
		if n > 0 {
			cells = append(cells, RegionCell{int(p.from), int(p.to), n})
		}
	}
	slices.SortFunc(cells, func(a, b RegionCell) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return cells, nil
}

// Ranked is a range of addresses, and how many edges lead into it.
type Ranked struct {
	addr.Range
	Edges uint64
}

// TopTargets returns the k addresses that most edges lead to: those with most edges
// first, and of those with as many the lowest first. It reads the whole graph with
// so many workers; 0 is one for each processor.
func (g *Graph) TopTargets(ctx context.Context, k, workers int) ([]Ranked, error) {
	type counter struct {
		top    ranking
		counts [pageSize]uint64
	}
	counters, err := parallelPages(ctx, g, workers, func() *counter { return &counter{top: ranking{k: k}} },
		func(c *counter, page uint64, entries []entry) error {
			hint := 0
			base := g.targets.at(page, &hint)
			for _, e := range entries {
				c.counts[e.offset()]++
			}
			for _, e := range entries {
				if n := c.counts[e.offset()]; n > 0 {
					a := base + addr.Addr(e.offset())
					c.top.add(Ranked{addr.Range{First: a, Last: a}, n})
					c.counts[e.offset()] = 0
				}
			}
			return nil
		})
	if err != nil {
		return nil, err
	}
	all := ranking{k: k}
	for _, c := range counters {
		for _, r := range c.top.best {
			all.add(r)
		}
	}
	return all.sorted(), nil
}

// TopPages returns the k pages of 4 KiB that most edges lead into, in the order of
// TopTargets.
func (g *Graph) TopPages(ctx context.Context, k int) ([]Ranked, error) {
	top := ranking{k: k}
	w := pageReader{g: g}
	hint := 0
	err := g.guard(func() error {
		for i := range g.groups.lines {
			if err := context.Cause(ctx); err != nil {
				return err
			}
			if err := w.load(i); err != nil {
				return err
			}
			for _, p := range w.pages {
				a := g.targets.at(p.page, &hint)
				top.add(Ranked{addr.Range{First: a, Last: a + offsetMask}, uint64(p.count)})
			}
		}
		return nil
	})
	return top.sorted(), err
}

// TopRegions returns the k regions that most edges lead into, in the order of
// TopTargets. It reads the whole graph with so many workers; 0 is one for each
// processor.
func (g *Graph) TopRegions(ctx context.Context, k, workers int) ([]Ranked, error) {
	cells, err := g.Matrix(ctx, workers)
	if err != nil {
		return nil, err
	}
	counts := make([]uint64, len(g.regions))
	for _, c := range cells {
		counts[c.To] += c.Edges
	}
	top := ranking{k: k}
	for i, n := range counts {
		if n > 0 {
			top.add(Ranked{g.regions[i].Range, n})
		}
	}
	return top.sorted(), nil
}

// ranking keeps the best k of what is added to it.
type ranking struct {
	k    int
	best []Ranked // not sorted, and up to 2k + 64
}

// compareRanked compares by most edges first, then by address.
func compareRanked(a, b Ranked) int {
	return cmp.Or(cmp.Compare(b.Edges, a.Edges), cmp.Compare(a.First, b.First))
}

// add adds something to be ranked.
func (t *ranking) add(r Ranked) {
	if t.best = append(t.best, r); len(t.best) >= 2*t.k+64 {
		t.sorted()
	}
}

// sorted drops all but the best k and returns these, best first.
func (t *ranking) sorted() []Ranked {
	slices.SortFunc(t.best, compareRanked)
	t.best = t.best[:min(len(t.best), max(t.k, 0))]
	return t.best
}
