package graph

import (
	"math/bits"
	"sort"

	"vscan/engine/addr"
	"vscan/engine/heap"
)

// objectIndex finds the object that an address is in. It has a bit for each object, at
// the unit of memory that the object begins in, and for each word of bits how many bits
// are set before it. Objects far from one another are in clusters of their own, so the
// memory between them takes nothing.
//
//	units    |    |    |    |    |    |    |    |
//	objects   aaaaa      bbbbbbbbb  cc
//	bits     1    0    1    0    0  1 …
//
// The object at an address is the one with as many bits before it as there are at or
// below the address's unit, less one.
type objectIndex struct {
	objects  []heap.Object
	shift    uint // units have 2^shift bytes, so few that two objects never begin in one
	clusters []indexCluster
}

// indexCluster is objects that lie near one another.
type indexCluster struct {
	addr.Range        // from the first byte of the first object to the last byte of the last one
	unit       uint64 // the unit that Range.First is in
	from       int    // the index of the first object
	bits       []uint64
	before     []uint32 // for each word of bits: how many bits are set in the words before it
}

// indexGap is the farthest apart, in bytes, that two neighbours in one cluster begin.
const indexGap = 64 << 10

// newObjectIndex indexes objects, which are ascending and disjoint.
func newObjectIndex(objects []heap.Object) *objectIndex {
	x := &objectIndex{objects: objects, shift: 4}
	for i := range objects {
		if i > 0 && objects[i].First-objects[i-1].First < 16 {
			x.shift = 0
		} else if objects[i].First%16 != 0 {
			x.shift = min(x.shift, 3)
		}
	}
	for lo := 0; lo < len(objects); {
		hi := lo + 1
		for hi < len(objects) && objects[hi].First-objects[hi-1].First <= indexGap {
			hi++
		}
		x.clusters = append(x.clusters, x.newCluster(lo, hi))
		lo = hi
	}
	return x
}

// newCluster indexes the objects lo ≤ index < hi.
func (x *objectIndex) newCluster(lo, hi int) indexCluster {
	first, last := x.objects[lo].First, x.objects[hi-1].First
	r := indexCluster{Range: addr.Range{First: first, Last: x.objects[hi-1].Last}, unit: uint64(first) >> x.shift, from: lo}
	words := (uint64(last)>>x.shift-r.unit)/64 + 1
	r.bits, r.before = make([]uint64, words), make([]uint32, words)
	for _, o := range x.objects[lo:hi] {
		u := uint64(o.First)>>x.shift - r.unit
		r.bits[u/64] |= 1 << (u % 64)
	}
	n := 0
	for i, w := range r.bits {
		r.before[i] = uint32(n)
		n += bits.OnesCount64(w)
	}
	return r
}

// find returns the index of the object that an address is in, or −1 where it is in none.
// hint is the index of the cluster to look in first, and is set to the one that holds
// the address.
func (x *objectIndex) find(a addr.Addr, hint *int) int {
	k := *hint
	if k >= len(x.clusters) || !x.clusters[k].Contains(a) {
		k = sort.Search(len(x.clusters), func(i int) bool { return x.clusters[i].Last >= a })
		if k == len(x.clusters) || x.clusters[k].First > a {
			return -1
		}
		*hint = k
	}
	r := &x.clusters[k]
	u := min(uint64(a)>>x.shift-r.unit, uint64(len(r.bits))*64-1)
	i := r.from + int(r.before[u/64]) + bits.OnesCount64(r.bits[u/64]&(2<<(u%64)-1)) - 1
	if x.objects[i].First > a { // it begins behind the address, in the same unit
		i--
	}
	if i < r.from || x.objects[i].Last < a {
		return -1
	}
	return i
}

// near reports whether a range touches a cluster.
func (x *objectIndex) near(r addr.Range) bool {
	k := sort.Search(len(x.clusters), func(i int) bool { return x.clusters[i].Last >= r.First })
	return k < len(x.clusters) && x.clusters[k].First <= r.Last
}
