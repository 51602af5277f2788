package graph

import (
	"context"
	"fmt"
	"iter"
	"math"
	"math/bits"
	"slices"

	"golang.org/x/sync/errgroup"

	"vscan/engine/addr"
	"vscan/internal/interrupt"
)

// Forward is the edges of a graph by source, in memory: what chains and reach work
// on. It takes 4 bytes for each edge, 8 for each address that edges lead to, and 1.25
// bits for each word near an edge. It is immutable and safe for concurrent use.
//
//	sources  numbered     +     +  +        +      bits of those that have an edge
//	edges    numbered     0     1  2        3      by rank among these
//	to                    1     0  1        2      indexes in targets
type Forward struct {
	g       *Graph
	numbers *rankSet    // the numbers of the sources that have an edge
	targets []addr.Addr // the addresses that edges lead to, ascending
	to      []uint32    // for each edge, by source: the index of its target
	workers int
	grain   int // how much of something is worth a goroutine: see parallel
}

// maxForward is the most words that a Forward numbers: 2^36, which are 512 GiB of
// words of 8 bytes.
const maxForward = 1 << 36

// Forward turns the edges round, with so many workers; 0 is one for each processor.
// The error is that of reading the graph, or the cause of the context's end.
func (g *Graph) Forward(ctx context.Context, workers int) (*Forward, error) {
	workers = workersOr(workers)
	if g.edges > math.MaxUint32 {
		return nil, fmt.Errorf("%s: %d edges are more than the 2^32 − 1 that can be turned round: build a graph of fewer mappings or ranges", g.data.name(), g.edges)
	}
	if g.sources.count > maxForward {
		return nil, fmt.Errorf("%s: %d words are more than the 2^36 that can be turned round: build a graph of fewer mappings or ranges", g.data.name(), g.sources.count)
	}
	if err := g.take(rankSetBytes(g.sources.count, g.edges)+4*g.edges, forForward); err != nil {
		return nil, err
	}
	f := &Forward{g: g, workers: workers, grain: 4096}
	f.numbers = newRankSet(g.sources.count)
	firsts := make([]uint32, len(g.groups.lines)) // for each group: at first how many targets it has, then the index of the first of them
	_, err := parallelGroups(ctx, g, workers, func() struct{} { return struct{}{} }, func(_ struct{}, group int, _ uint64, entries []entry) error {
		for _, e := range entries {
			f.numbers.add(e.source())
		}
		var set offsetSet
		set.add(entries)
		for _, w := range &set {
			firsts[group] += uint32(bits.OnesCount64(w))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	f.numbers.index()
	n := f.numbers.count
	if n != g.edges { // each source has one edge
		return nil, fmt.Errorf("%s: %d sources have %d edges: the file is damaged; build the graph again", g.data.name(), n, g.edges)
	}
	targets := uint32(0)
	for i, n := range firsts {
		firsts[i] = targets
		targets += n
	}
	if err := g.take(8*uint64(targets), forForward); err != nil {
		return nil, err
	}
	f.to, f.targets = make([]uint32, n), make([]addr.Addr, targets)
	type place struct{ group, next int }
	_, err = parallelGroups(ctx, g, workers, func() *place { return &place{group: -1} }, func(p *place, group int, page uint64, entries []entry) error {
		if group != p.group {
			p.group, p.next = group, int(firsts[group])
		}
		hint := 0
		at := g.targets.at(page, &hint)
		var set offsetSet
		set.add(entries)
		var before [len(set)]uint32 // for each word of set: the index of its first target
		n := uint32(p.next)
		for i, w := range &set {
			before[i] = n
			for ; w != 0; w &= w - 1 {
				f.targets[n] = at + addr.Addr(64*i+bits.TrailingZeros64(w))
				n++
			}
		}
		p.next = int(n)
		for _, e := range entries {
			o := e.offset()
			f.to[f.rank(e.source())] = before[o/64] + uint32(bits.OnesCount64(set[o/64]&(1<<(o%64)-1)))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !slices.IsSorted(f.targets) {
		return nil, fmt.Errorf("%s: pages do not ascend: the file is damaged; build the graph again", g.data.name())
	}
	return f, nil
}

// offsetSet has one bit for each offset in a page.
type offsetSet [pageSize / 64]uint64

// add adds the offsets of entries.
func (set *offsetSet) add(entries []entry) {
	for _, e := range entries {
		o := e.offset()
		set[o/64] |= 1 << (o % 64)
	}
}

// target returns where an edge leads to.
func (f *Forward) target(edge uint32) addr.Addr { return f.targets[f.to[edge]] }

// parallel calls fn with the parts of 0 to n on several goroutines. Parts are
// numbered from 0, at most f.workers.
func (f *Forward) parallel(n int, fn func(part, lo, hi int)) {
	parts := min(f.workers, n/f.grain+1)
	var group errgroup.Group
	for i := range parts {
		group.Go(func() error {
			fn(i, n/parts*i+min(i, n%parts), n/parts*(i+1)+min(i+1, n%parts))
			return nil
		})
	}
	group.Wait()
}

// rank returns how many edges have a source whose number is below s.
func (f *Forward) rank(s uint64) uint32 { return f.numbers.rank(s) }

// below returns how many edges have their source below a.
func (f *Forward) below(a addr.Addr, hint *int) uint32 {
	return f.rank(f.g.sources.below(a, hint))
}

// span returns the edges, by number, whose sources lie in r: lo ≤ number < hi.
func (f *Forward) span(r addr.Range, hint *int) (lo, hi uint32) {
	lo = f.below(r.First, hint)
	if r.Last == addr.Max {
		return lo, uint32(len(f.to))
	}
	return lo, f.below(r.Last+1, hint)
}

// number returns the number of an edge's source. near is a number at or below it:
// the nearer it is, the quicker.
func (f *Forward) number(edge uint32, near uint64) uint64 { return f.numbers.at(edge, near) }

// Target returns what the word at a source refers to, and false where it has no
// edge.
func (f *Forward) Target(source addr.Addr) (addr.Addr, bool) {
	hint := 0
	if uint64(source)&(1<<f.g.sources.shift-1) != 0 {
		return 0, false
	}
	s, ok := f.g.sources.number(source, &hint)
	if !ok || !f.numbers.has(s) {
		return 0, false
	}
	return f.target(f.rank(s)), true
}

// From yields the edges whose source lies in r, ascending by source.
func (f *Forward) From(r addr.Range) iter.Seq[Edge] {
	return func(yield func(Edge) bool) {
		hint := 0
		lo, hi := f.span(r, &hint)
		near, at := f.g.sources.below(r.First, &hint), 0
		for e := lo; e < hi; e++ {
			near = f.number(e, near)
			if !yield(Edge{f.g.sources.at(near, &at), f.target(e)}) {
				return
			}
		}
	}
}

// From yields the edges whose source lies in r, ascending by source. It does not
// need the image, but it reads all of the graph and collects the edges in memory
// first: to ask for many ranges, use Forward.From. An error, which may be the cause of
// ctx, comes in a last pair.
func (g *Graph) From(ctx context.Context, r addr.Range) iter.Seq2[Edge, error] {
	return func(yield func(Edge, error) bool) {
		edges, err := g.collectFrom(ctx, r)
		for _, e := range edges {
			if !yield(e, nil) {
				return
			}
		}
		if err != nil {
			yield(Edge{}, err)
		}
	}
}

// collectFrom returns the edges whose source lies in r, ascending by source.
func (g *Graph) collectFrom(ctx context.Context, r addr.Range) ([]Edge, error) {
	hint, at, page := 0, 0, 0
	lo, hi := g.sources.below(r.First, &hint), g.sources.count
	if r.Last < addr.Max {
		hi = g.sources.below(r.Last+1, &hint)
	}
	var edges []Edge
	w := pageReader{g: g}
	watch := interrupt.New(ctx)
	err := w.eachPage(0, len(g.groups.lines), func(p uint64, entries []entry) error {
		if err := watch.Step(1 + len(entries)/16); err != nil {
			return err
		}
		for _, e := range entries {
			if s := e.source(); s >= lo && s < hi {
				edges = append(edges, Edge{g.sources.at(s, &at), g.targets.at(p, &page) + addr.Addr(e.offset())})
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = interrupt.SortFunc(ctx, edges, func(a, b Edge) int {
		switch {
		case a.Source < b.Source:
			return -1
		case a.Source > b.Source:
			return 1
		}
		return 0
	})
	return edges, err
}
