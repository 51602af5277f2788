package graph

import (
	"context"
	"math"
	"math/bits"
	"slices"

	"vscan/engine/heap"
	"vscan/internal/interrupt"
)

// retainedSizes computes the sizes that objects retain, which are 0 before. An
// object retains itself and all objects that are reached by way of it alone, which
// are those below it in the tree of dominators. The tree is found with SEMI-NCA
// (Georgiadis, "Linear-Time Algorithms for Dominators and Related Problems",
// Princeton 2005). Vertices are numbered in the order of a depth-first
// search from a root that refers to all roots. Then, in pseudo-code,
//
//	for v from the last to the first:  semi[v] = min over predecessors u of semi[eval(u)]
//	for v from the first to the last:  idom[v] = parent[v]; while idom[v] > semi[v]: idom[v] = idom[idom[v]]
//	for v from the last to the first:  retained[idom[v]] += retained[v]
//
// where eval(u) is the vertex with the least semi on the way from u up to, but not
// including, the first ancestor that has not been linked yet. A vertex is linked once
// its semi has been computed. eval compresses the ways that it goes.
//
// With millions of objects each array counts. So sizes first holds the numbers and
// the next edges of the search, and the arrays of edges to targets are used again
// once all objects have been numbered: afterwards the graph has sources alone.
//
// The error is that of ctx, and nothing can be asked of the graph and the sizes then.
func (og *objectGraph) retainedSizes(ctx context.Context, objects []heap.Object, sizes []uint64) error {
	watch := interrupt.New(ctx)
	vertex, parent, err := og.numberAll(watch, sizes)
	if err != nil {
		return err
	}
	number := func(o uint32) uint32 { return uint32(sizes[o]) }
	count := len(vertex)
	spare := [][]uint32{og.to, og.toStart}
	og.to, og.toStart = nil, nil
	array := func() []uint32 {
		for i := range spare {
			if len(spare[i]) >= count {
				some := spare[i][:count:count]
				spare[i] = spare[i][count:]
				return some
			}
		}
		return make([]uint32, count)
	}
	semi, label, ancestor := array(), array(), array()
	copy(ancestor, parent)
	for p := range semi {
		semi[p], label[p] = uint32(p), uint32(p)
	}
	var path []uint32
	// eval(u), where the vertices with numbers above last have been linked.
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
		o := vertex[p]
		if err := watch.Step(1 + int(og.fromStart[o+1]-og.fromStart[o])); err != nil {
			return err
		}
		if og.marks[o]&markRoots != 0 {
			s = 0
		}
		for _, e := range og.from[og.fromStart[o]:og.fromStart[o+1]] {
			if u := number(e >> 1); u > 0 {
				s = min(s, semi[eval(u, p)])
			}
		}
		semi[p] = s
	}
	idom := parent
	for p := uint32(1); p < uint32(count); p++ {
		if err := watch.Step(1); err != nil {
			return err
		}
		for idom[p] > semi[p] {
			idom[p] = idom[idom[p]]
		}
	}
	clear(sizes)
	for p := count - 1; p > 0; p-- { // a vertex has a lower number than those that it dominates
		if err := watch.Step(1); err != nil {
			return err
		}
		o := vertex[p]
		sizes[o] = addSizes(sizes[o], objects[o].Size())
		if d := idom[p]; d > 0 {
			sizes[vertex[d]] = addSizes(sizes[vertex[d]], sizes[o])
		}
	}
	return nil
}

// addSizes returns a + b, or the largest number where that is too large.
func addSizes(a, b uint64) uint64 {
	sum, carry := bits.Add64(a, b, 0)
	if carry > 0 {
		return math.MaxUint64
	}
	return sum
}

// numberAll numbers the objects that roots reach in the order of a depth-first
// search, from 1. vertex[n] is the object with the number n, and parent[n] is the
// number of the object that it was reached from, 0 for a root. Of scratch, which has
// a word for each object, the lower half becomes the object's number, 0 where it is
// not reached, and the upper half is the edge that the search goes on with. The error is
// that of the context that is watched.
func (og *objectGraph) numberAll(watch *interrupt.Watch, scratch []uint64) (vertex, parent []uint32, err error) {
	vertex, parent = make([]uint32, 1, og.reached+1), make([]uint32, 1, og.reached+1)
	enter := func(o, from uint32) uint32 {
		number := uint32(len(vertex))
		scratch[o] = uint64(og.toStart[o])<<32 | uint64(number)
		vertex, parent = append(vertex, o), append(parent, from)
		return number
	}
	for root, m := range og.marks {
		if err := watch.Step(1); err != nil {
			return nil, nil, err
		}
		if m&markRoots == 0 || scratch[root] != 0 {
			continue
		}
		for at := enter(uint32(root), 0); at > 0; {
			if err := watch.Step(1); err != nil {
				return nil, nil, err
			}
			o := vertex[at]
			next := scratch[o] >> 32
			if next == uint64(og.toStart[o+1]) {
				at = parent[at]
				continue
			}
			scratch[o] += 1 << 32
			if to := og.to[next] >> 1; scratch[to] == 0 {
				at = enter(to, at)
			}
		}
	}
	return vertex, parent, nil
}
