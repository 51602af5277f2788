package heap

import (
	"math/bits"
	"sort"

	"vscan/engine/addr"
)

// runIndex is a run of chunks with a table that finds the object at an address. The run is
// cut into parts of equal size, and the table has, for each part, the first object that ends
// in it or later:
//
//	objects  | 0      | 1 | 2 | 3               |
//	parts    |      |      |      |      |      |
//	table    0      0      2      3      3
//
// There are no more parts than objects, or than pages if these are fewer.
type runIndex struct {
	addr.Range
	lo, hi int
	mapped bool  // it is one chunk that was mapped on its own
	shift  uint8 // a part has 1 << shift bytes
	table  []int32
}

// newRunIndex indexes the objects of a run, which are those from lo on.
func newRunIndex(r addr.Range, lo int, objects []Object) runIndex {
	x := runIndex{Range: r, lo: lo, hi: len(objects), shift: 12}
	span := uint64(r.Last - r.First)
	if n := uint64(x.hi - x.lo); span>>12 > n {
		x.shift = uint8(bits.Len64(span / (n + 1)))
	}
	x.table = make([]int32, span>>x.shift+1)
	part := 0
	for i := x.lo; i < x.hi; i++ {
		for last := int(uint64(objects[i].Last-r.First) >> x.shift); part <= last && part < len(x.table); part++ {
			x.table[part] = int32(i - x.lo)
		}
	}
	for ; part < len(x.table); part++ { // the object of a heap's top ends a word before its chunk
		x.table[part] = int32(x.hi - x.lo)
	}
	return x
}

// find returns the first object of the run that ends at an address of the run or later.
func (x *runIndex) find(objects []Object, a addr.Addr) int {
	part := uint64(a-x.First) >> x.shift
	lo, hi := x.lo+int(x.table[part]), x.hi
	if part+1 < uint64(len(x.table)) {
		hi = min(hi, x.lo+int(x.table[part+1])+1)
	}
	return lo + sort.Search(hi-lo, func(i int) bool { return objects[lo+i].Last >= a })
}

// Index returns the index in Objects of the object that an address is in, −1
// where it is in none.
func (h *Heaps) Index(a addr.Addr) int {
	hint := 0
	return h.indexNear(a, &hint)
}

// indexNear is Index for callers that ask for addresses near one another. hint
// is the index of the run to look in first, 0 at the start, and is set to the
// run that holds the address.
func (h *Heaps) indexNear(a addr.Addr, hint *int) int {
	k := *hint
	if k < 0 || k >= len(h.runs) || !h.runs[k].Contains(a) {
		if k = h.runAt(a); k < 0 {
			return -1
		}
		*hint = k
	}
	r := &h.runs[k]
	if i := r.find(h.objects, a); i < r.hi && h.objects[i].First <= a {
		return i
	}
	return -1
}

// runAt returns the index of the run that an address is in, or −1 where it is in none. The
// last object of a run holds the word behind it, which is of the next chunk's head.
func (h *Heaps) runAt(a addr.Addr) int {
	k := sort.Search(len(h.runs), func(i int) bool { return h.runs[i].Last >= a })
	if k == len(h.runs) || h.runs[k].First > a {
		return -1
	}
	return k
}

// Contains reports whether an address is in a heap that was understood there: in a chunk, its
// head included, and in no gap.
func (h *Heaps) Contains(a addr.Addr) bool { return h.runAt(a) >= 0 }
