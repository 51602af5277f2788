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
func (og *objectGraph) retained(objects []heap.Object, sizes []uint64) {
	t := og.numberAll()
	count := len(t.vertex)
	// Predecessors by place, and the places of edges are found by number.
	semi, label, ancestor := make([]uint32, count), make([]uint32, count), slices.Clone(t.parent)
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
		s := t.parent[p]
		o := t.vertex[p]
		if og.marks[o]&markRoots != 0 {
			s = 0
		}
		for _, e := range og.from[og.first[o]:og.first[o+1]] {
			if u := t.number[e>>1]; u > 0 {
				s = min(s, semi[eval(u, p)])
			}
		}
		semi[p] = s
	}
	idom := t.parent
	for p := uint32(1); p < uint32(count); p++ {
		for idom[p] > semi[p] {
			idom[p] = idom[idom[p]]
		}
	}
	for p := count - 1; p > 0; p-- { // whom a place dominates comes after it
		o := t.vertex[p]
		size, carry := bits.Add64(sizes[o], objects[o].Size(), 0)
		if carry > 0 {
			size = math.MaxUint64
		}
		sizes[o] = size
		if d := idom[p]; d > 0 {
			sizes[t.vertex[d]] += size
		}
	}
}

// searchTree is the objects that roots reach, numbered in the order of a
// depth-first search.
type searchTree struct {
	number []uint32 // of an object: its place, from 1; 0: not reached
	vertex []uint32 // the object at a place; place 0 is the root of all
	parent []uint32 // of a place: the one it was reached from
}

func (og *objectGraph) numberAll() searchTree {
	n := len(og.marks)
	t := searchTree{make([]uint32, n), make([]uint32, 1, n+1), make([]uint32, 1, n+1)}
	next := make([]uint32, n) // of an object: the edge to go on with
	enter := func(o, from uint32) uint32 {
		place := uint32(len(t.vertex))
		t.number[o], next[o] = place, og.starts[o]
		t.vertex, t.parent = append(t.vertex, o), append(t.parent, from)
		return place
	}
	for root, m := range og.marks {
		if m&markRoots == 0 || t.number[root] > 0 {
			continue
		}
		for place := enter(uint32(root), 0); place > 0; {
			o := t.vertex[place]
			if next[o] == og.starts[o+1] {
				place = t.parent[place]
				continue
			}
			to := og.to[next[o]] >> 1
			next[o]++
			if t.number[to] == 0 {
				place = enter(to, place)
			}
		}
	}
	return t
}
