package graph

import (
	"context"
	"errors"
	"math"
	"math/bits"
	"slices"

	"vscan/engine/addr"
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
	Heaps    *Heaps
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
func (f *Forward) Retention(ctx context.Context, h *Heaps) (*Retention, error) {
	n := len(h.objects)
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
	og.retained(slices.Concat(roots[:]...), h, r.Retained)
	return r, nil
}

// objectGraph snaps edges to objects. What one object refers to comes once.
func (f *Forward) objectGraph(h *Heaps) objectGraph {
	n := len(h.objects)
	parts := make([][]uint32, f.workers)
	starts := make([]uint32, n+1) // first the counts
	f.parallel(n, func(p, lo, hi int) {
		var out []uint32
		hint, run := 0, 0
		for o := lo; o < hi; o++ {
			if h.objects[o].State != Used {
				continue
			}
			from := len(out)
			first, last := f.span(h.objects[o].Range, &hint)
			for e := first; e < last; e++ {
				if to := h.find(f.target(e), &run); to >= 0 && to != o && h.objects[to].State == Used {
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
func (f *Forward) anchors(ctx context.Context, h *Heaps) ([Nothing][]uint32, error) {
	var out [Nothing][]uint32
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
		seen := make([]uint64, len(h.objects)/64+1)
		for _, r := range some {
			lo, hi := f.span(r, &hint)
			near := f.g.sources.below(r.First, &hint)
			for e := lo; e < hi; e++ {
				if e&0xfffff == 0 && ctx.Err() != nil {
					return out, context.Cause(ctx)
				}
				near = f.number(e, near)
				to := h.find(f.target(e), &run)
				if to < 0 || h.objects[to].State != Used || seen[to/64]>>(to%64)&1 == 1 {
					continue
				}
				source := f.g.sources.at(near, &at)
				if h.find(source, &own) >= 0 || h.inHeap(source) {
					continue
				}
				seen[to/64] |= 1 << (to % 64)
				out[class] = append(out[class], uint32(to))
			}
		}
	}
	return out, nil
}

// inHeap says whether an address is in a heap, be it in the head of a chunk.
func (h *Heaps) inHeap(a addr.Addr) bool {
	_, ok := slices.BinarySearchFunc(h.runs, a, func(r heapRun, a addr.Addr) int {
		switch {
		case r.Last < a:
			return -1
		case r.First > a:
			return 1
		}
		return 0
	})
	return ok
}

// retained computes the sizes that objects retain, by the tree of dominators:
// SEMI-NCA (Georgiadis, Linear-Time Algorithms for Dominators and Related
// Problems, 2005). Vertices are numbered in the order of a depth-first search
// from a root that refers to all roots; then, in pseudo-code,
//
//	for v from the last to the first:  semi[v] = min over predecessors u of semi[eval(u)]
//	for v from the first to the last:  idom[v] = parent[v]; while idom[v] > semi[v]: idom[v] = idom[idom[v]]
//
// where eval(u) is the vertex with the least semi on the way from u up to, not
// including, the first ancestor that has not been linked yet; ways are
// compressed.
func (g *objectGraph) retained(roots []uint32, h *Heaps, sizes []uint64) {
	n := len(sizes)
	number := make([]uint32, n) // of an object: its place in the search from 1; 0: not reached
	vertex := []uint32{0}       // the object at a place; place 0 is the root of all
	parent := []uint32{0}
	type frame struct {
		place uint32
		next  uint32 // of og.to
	}
	var stack []frame
	for _, root := range roots {
		if number[root] > 0 {
			continue
		}
		enter := func(o, from uint32) {
			number[o] = uint32(len(vertex))
			vertex, parent = append(vertex, o), append(parent, from)
			stack = append(stack, frame{number[o], g.starts[o]})
		}
		enter(root, 0)
		for len(stack) > 0 {
			f := &stack[len(stack)-1]
			o := vertex[f.place]
			if f.next == g.starts[o+1] {
				stack = stack[:len(stack)-1]
				continue
			}
			to := g.to[f.next]
			f.next++
			if number[to] == 0 {
				enter(to, f.place)
			}
		}
	}
	count := len(vertex)
	// Predecessors, by place.
	isRoot := make([]uint64, count/64+1)
	for _, r := range roots {
		isRoot[number[r]/64] |= 1 << (number[r] % 64)
	}
	first := make([]uint32, count+1)
	for p := 1; p < count; p++ {
		o := vertex[p]
		for _, to := range g.to[g.starts[o]:g.starts[o+1]] {
			first[number[to]]++
		}
	}
	sum := uint32(0)
	for p := range first {
		sum, first[p] = sum+first[p], sum
	}
	preds := make([]uint32, sum)
	fill := slices.Clone(first)
	for p := 1; p < count; p++ {
		o := vertex[p]
		for _, to := range g.to[g.starts[o]:g.starts[o+1]] {
			preds[fill[number[to]]] = uint32(p)
			fill[number[to]]++
		}
	}
	semi, label, ancestor := make([]uint32, count), make([]uint32, count), slices.Clone(parent)
	for p := range semi {
		semi[p], label[p] = uint32(p), uint32(p)
	}
	var path []uint32
	// eval(u) where all places above last have been linked.
	eval := func(u, last uint32) uint32 {
		if u <= last {
			return u
		}
		path = path[:0]
		for ancestor[u] > last {
			path = append(path, u)
			u = ancestor[u]
		}
		for _, v := range slices.Backward(path) {
			a := ancestor[v]
			if semi[label[a]] < semi[label[v]] {
				label[v] = label[a]
			}
			ancestor[v] = ancestor[a]
		}
		if len(path) > 0 {
			return label[path[0]]
		}
		return label[u]
	}
	for p := uint32(count - 1); p > 0; p-- {
		s := parent[p]
		if isRoot[p/64]>>(p%64)&1 == 1 {
			s = 0
		}
		for _, u := range preds[first[p]:first[p+1]] {
			s = min(s, semi[eval(u, p)])
		}
		semi[p] = s
	}
	idom := parent
	for p := uint32(1); p < uint32(count); p++ {
		for idom[p] > semi[p] {
			idom[p] = idom[idom[p]]
		}
	}
	for p := count - 1; p > 0; p-- { // whom a place dominates comes after it
		o := vertex[p]
		size, carry := bits.Add64(sizes[o], h.objects[o].Size(), 0)
		if carry > 0 {
			size = math.MaxUint64
		}
		sizes[o] = size
		if d := idom[p]; d > 0 {
			sizes[vertex[d]] += size
		}
	}
}
