package graph

import (
	"math"
	"math/bits"
	"slices"

	"vscan/engine/heap"
)

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
func (g *objectGraph) retained(roots []uint32, objects []heap.Object, sizes []uint64) {
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
		size, carry := bits.Add64(sizes[o], objects[o].Size(), 0)
		if carry > 0 {
			size = math.MaxUint64
		}
		sizes[o] = size
		if d := idom[p]; d > 0 {
			sizes[vertex[d]] += size
		}
	}
}
