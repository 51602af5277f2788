package graph

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"vscan/engine/addr"
)

// Neighbourhood is a small part of a graph that can be drawn: units of memory, and
// which of them refer to which.
type Neighbourhood struct {
	Nodes []Node // ascending by address
	Links []Link // ascending by From, then To
}

// Node is a unit of memory.
type Node struct {
	addr.Range
	Hops int // edges on the shortest way from the ranges that were asked for, in either direction
}

// Link is the edges from one node to another. From and To are indexes in
// Neighbourhood.Nodes.
type Link struct {
	From, To int
	Edges    uint64
}

// ErrTooManyLinks is the error of a part of a graph that is too large to be drawn.
var ErrTooManyLinks = errors.New("too many links")

// Neighbourhood returns the units that are at most so many edges away from some
// ranges, in either direction, and the links between them. unit is the size of a
// unit in bytes as for Reach. Where there are more than limit units or links, the
// error wraps ErrTooManyLinks.
func (f *Forward) Neighbourhood(ctx context.Context, ranges []addr.Range, hops int, unit uint64, limit int) (*Neighbourhood, error) {
	units, err := f.g.units(ctx, cmp.Or(unit, DefaultUnit))
	if err != nil {
		return nil, err
	}
	hint, at := 0, 0
	of := func(a addr.Addr) (uint64, bool) { return units.number(a, &hint) }
	known := map[uint64]int{} // how many hops away each unit is
	var now []uint64
	if len(ranges) == 0 {
		return &Neighbourhood{}, nil
	}
	for _, r := range restrict(rangesOf(f.g.regions), ranges) {
		first, _ := of(r.First)
		last, _ := of(r.Last)
		if last-first > uint64(limit) {
			return nil, fmt.Errorf("%w: %v has %d units of %d bytes, more than %d", ErrTooManyLinks, r, last-first+1, uint64(1)<<units.shift, limit)
		}
		for u := first; u <= last; u++ {
			if _, seen := known[u]; !seen {
				known[u] = 0
				now = append(now, u)
			}
		}
	}
	type pair struct{ from, to uint64 }
	links := map[pair]uint64{}
	for hop := 1; hop <= hops; hop++ {
		var next []uint64
		meet := func(u uint64) {
			if _, seen := known[u]; !seen {
				known[u] = hop
				next = append(next, u)
			}
		}
		for _, u := range now {
			if err := context.Cause(ctx); err != nil {
				return nil, err
			}
			first := units.at(u, &at)
			r := addr.Range{First: first, Last: first + 1<<units.shift - 1}
			for e := range f.From(r) {
				if to, ok := of(e.Target); ok {
					meet(to)
				}
			}
			for e, err := range f.g.To(r) {
				if err != nil {
					return nil, err
				}
				if from, ok := of(e.Source); ok {
					meet(from)
				}
				if len(known) > limit+1 {
					return nil, fmt.Errorf("%w: more than %d nodes at %d hops", ErrTooManyLinks, limit, hop)
				}
			}
		}
		now = next
	}
	for u := range known {
		first := units.at(u, &at)
		for e := range f.From(addr.Range{First: first, Last: first + 1<<units.shift - 1}) {
			to, _ := of(e.Target)
			if _, in := known[to]; in {
				links[pair{u, to}]++
			}
		}
		if len(links) > limit {
			return nil, fmt.Errorf("%w: more than %d", ErrTooManyLinks, limit)
		}
	}
	n := &Neighbourhood{}
	numbers := make([]uint64, 0, len(known))
	for u := range known {
		numbers = append(numbers, u)
	}
	slices.Sort(numbers)
	index := map[uint64]int{}
	for i, u := range numbers {
		index[u] = i
		first := units.at(u, &at)
		n.Nodes = append(n.Nodes, Node{addr.Range{First: first, Last: first + 1<<units.shift - 1}, known[u]})
	}
	for p, count := range links {
		n.Links = append(n.Links, Link{index[p.from], index[p.to], count})
	}
	slices.SortFunc(n.Links, func(a, b Link) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return n, nil
}
