package graph

import (
	"context"
	"errors"
	"math"
	"slices"

	"vscan/engine/addr"
	"vscan/engine/heap"
)

// Anchor says what keeps an object: the lowest class of root that reaches it.
type Anchor uint8

const (
	Static    Anchor = iota // the data of a module
	Stack                   // a mapping whose name begins with [stack
	Elsewhere               // other memory that is no object
	Nothing                 // nothing outside of objects: leaked, if it is in use
)

// String is "static", "stack", "other" or "none".
func (a Anchor) String() string { return []string{"static", "stack", "other", "none"}[min(a, Nothing)] }

// Retention is which objects roots reach, and what goes when an object goes.
//
// An edge to any byte of an object refers to the object, and one from any of its
// bytes comes from it. Objects that are not in use refer to nothing. Registers are no
// roots, since a graph does not have them: an object that only a register
// refers to counts as leaked.
type Retention struct {
	Heaps    *heap.Heaps
	Anchors  []Anchor // of each object
	Retained []uint64 // of each object: the bytes that are reached by way of it alone, its own included; 0 where nothing reaches it
	Edges    uint64   // from an object in use to another
}

var errObjects = errors.New("more than 2^31 objects: too many to follow")

// objectGraph is the edges between objects in use.
type objectGraph struct {
	starts []uint32 // of each object, and one more: of its targets in to
	to     []uint32
}

// Retention finds out what roots reach and what objects retain. It costs
// O(objects + edges), and some 40 bytes an object and 8 an edge.
func (f *Forward) Retention(ctx context.Context, h *heap.Heaps) (*Retention, error) {
	objects := h.Objects()
	n := len(objects)
	r := &Retention{Heaps: h, Anchors: slices.Repeat([]Anchor{Nothing}, n), Retained: make([]uint64, n)}
	if n == 0 {
		return r, nil
	}
	if n > math.MaxInt32 {
		return nil, errObjects
	}
	og := f.objectGraph(h)
	r.Edges = uint64(len(og.to))
	roots, err := f.anchors(ctx, h)
	if err != nil {
		return nil, err
	}
	for class := Static; class < Nothing; class++ {
		var todo []uint32
		visit := func(o uint32) {
			if r.Anchors[o] == Nothing {
				r.Anchors[o] = class
				todo = append(todo, o)
			}
		}
		for _, o := range roots[class] {
			visit(o)
		}
		for len(todo) > 0 {
			o := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			for _, to := range og.to[og.starts[o]:og.starts[o+1]] {
				visit(to)
			}
		}
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
	}
	og.retained(slices.Concat(roots[:]...), objects, r.Retained)
	return r, nil
}

// objectGraph snaps edges to objects. What one object refers to comes once.
func (f *Forward) objectGraph(h *heap.Heaps) objectGraph {
	objects := h.Objects()
	n := len(objects)
	parts := make([][]uint32, f.workers)
	starts := make([]uint32, n+1) // first the counts
	f.parallel(n, func(p, lo, hi int) {
		var out []uint32
		hint, run := 0, 0
		for o := lo; o < hi; o++ {
			if objects[o].State != heap.Used {
				continue
			}
			from := len(out)
			first, last := f.span(objects[o].Range, &hint)
			for e := first; e < last; e++ {
				if to := h.Index(f.target(e), &run); to >= 0 && to != o && objects[to].State == heap.Used {
					out = append(out, uint32(to))
				}
			}
			slices.Sort(out[from:])
			out = out[:from+len(slices.Compact(out[from:]))]
			starts[o+1] = uint32(len(out) - from)
		}
		parts[p] = out
	})
	for o := range n {
		starts[o+1] += starts[o]
	}
	return objectGraph{starts, slices.Concat(parts...)}
}

// anchors is the objects that words outside of objects refer to, by class.
func (f *Forward) anchors(ctx context.Context, h *heap.Heaps) ([Nothing][]uint32, error) {
	var out [Nothing][]uint32
	objects := h.Objects()
	var ranges [Nothing][]addr.Range
	var taken []addr.Range
	for class, want := range []Roots{Static: {Static: true}, Stack: {Stack: true}, Elsewhere: {Ranges: []addr.Range{addr.All}}} {
		all, err := f.g.Roots(want)
		if err != nil {
			return out, err
		}
		ranges[class] = without(all, taken)
		taken = addr.Merge(append(taken, all...))
	}
	hint, run, own, at := 0, 0, 0, 0
	for class, some := range ranges {
		seen := make([]uint64, len(objects)/64+1)
		for _, r := range some {
			lo, hi := f.span(r, &hint)
			near := f.g.sources.below(r.First, &hint)
			for e := lo; e < hi; e++ {
				if e&0xfffff == 0 && ctx.Err() != nil {
					return out, context.Cause(ctx)
				}
				near = f.number(e, near)
				to := h.Index(f.target(e), &run)
				if to < 0 || objects[to].State != heap.Used || seen[to/64]>>(to%64)&1 == 1 {
					continue
				}
				source := f.g.sources.at(near, &at)
				if h.Index(source, &own) >= 0 || h.Contains(source) {
					continue
				}
				seen[to/64] |= 1 << (to % 64)
				out[class] = append(out[class], uint32(to))
			}
		}
	}
	return out, nil
}
