package yara

import (
	"math"
	"slices"
	"sort"

	"vscan/engine/addr"
)

// hits are the hits of a string, in the order of their addresses, one at an address. A hit
// takes 8 bytes, and 4 more if the string has hits of several lengths, and 4 more again if
// one of them has 4 GiB or more.
type hits struct {
	addrs       []uint64
	lengths     []uint32 // nil where all have the same length
	high        []uint32 // the upper halves of the lengths; nil where all are 0
	length      uint32
	count       uint64 // how many there were; the first of them are kept
	last        uint64 // the address of the latest
	unknownFrom uint64 // there may be others at this address or behind; noLimit where it is not so
	emptyOnly   bool   // unknownFrom is for hits of length 0 alone
	cutLen      uint64 // a hit of this length or more may go on beyond it; 0 where none does
}

// add adds a hit, and reports whether it came in order. Of two at one address the longer
// one counts if longer is set, else the shorter one. It calls keep, which reports whether
// there is room.
func (h *hits) add(a uint64, n uint32, longer bool, keep func() bool) bool {
	if h.count > 0 && a <= h.last {
		if a == h.last && len(h.addrs) == int(h.count) {
			i := len(h.addrs) - 1
			if old := uint32(h.lengthOf(i)); n != old && (n > old) == longer {
				h.setLength(i, n)
			}
		}
		return a == h.last
	}
	h.count++
	h.last = a
	if h.count-1 > uint64(len(h.addrs)) || !keep() {
		return true
	}
	h.addrs = append(h.addrs, a)
	switch i := len(h.addrs) - 1; {
	case i == 0:
		h.length = n
	case h.lengths != nil:
		h.lengths = append(h.lengths, n)
	case n != h.length:
		h.setLength(i, n)
	}
	return true
}

// insert adds a hit of a split string. Hits at lower addresses may come later, but no two
// are at one address. It calls keep, which reports whether there is room.
func (h *hits) insert(a, n uint64, keep func() bool) {
	i := len(h.addrs)
	if h.count > 0 && a < h.last {
		i, _ = slices.BinarySearch(h.addrs, a)
	}
	switch all := h.count == uint64(len(h.addrs)); {
	case !all && i == len(h.addrs):
	case all && keep():
		h.put(i, a, n)
	case i < len(h.addrs): // this hit takes the room of the last one
		h.put(i, a, n)
		h.addrs = h.addrs[:len(h.addrs)-1]
		if h.lengths != nil {
			h.lengths = h.lengths[:len(h.addrs)]
		}
		if h.high != nil {
			h.high = h.high[:len(h.addrs)]
		}
	}
	h.count++
	h.last = max(h.last, a)
}

// put makes a hit the one with index i.
func (h *hits) put(i int, a, n uint64) {
	if len(h.addrs) == 0 && h.lengths == nil {
		h.length = uint32(n)
	}
	if h.lengths == nil && (uint32(n) != h.length || n > math.MaxUint32) {
		h.setLength(-1, 0)
	}
	if h.high == nil && n > math.MaxUint32 {
		h.high = make([]uint32, len(h.addrs))
	}
	h.addrs = slices.Insert(h.addrs, i, a)
	if h.lengths != nil {
		h.lengths = slices.Insert(h.lengths, i, uint32(n))
	}
	if h.high != nil {
		h.high = slices.Insert(h.high, i, uint32(n>>32))
	}
}

func (h *hits) lengthOf(i int) uint64 {
	switch {
	case h.lengths == nil:
		return uint64(h.length)
	case h.high == nil:
		return uint64(h.lengths[i])
	}
	return uint64(h.high[i])<<32 | uint64(h.lengths[i])
}

// setLength sets the length of hit i. If all had one length, it first stores the length of
// each; with i = −1 it does only that.
func (h *hits) setLength(i int, n uint32) {
	if h.lengths == nil {
		h.lengths = make([]uint32, len(h.addrs), cap(h.addrs))
		for j := range h.lengths {
			h.lengths[j] = h.length
		}
	}
	if i < 0 {
		return
	}
	for len(h.lengths) <= i {
		h.lengths = append(h.lengths, h.length)
	}
	h.lengths[i] = n
}

func (h *hits) reset() {
	kept := h.addrs[:0]
	if cap(kept) > roomStep/4 { // what is kept in the next scope may be of other strings
		kept = nil
	}
	*h = hits{addrs: kept, unknownFrom: noLimit}
}

// unknown reports whether there may be hits that were not counted, and from which address
// on. Those of length 0, of strings that match the empty string, are no such hits.
func (h *hits) unknown() (bool, addr.Addr) {
	if h.unknownFrom == noLimit || h.emptyOnly {
		return false, 0
	}
	return true, addr.Addr(h.unknownFrom)
}

// within returns the indices [from, to) of the hits that are kept and lie at lo to hi, both
// included.
func (h *hits) within(lo, hi uint64) (from, to int) {
	from, _ = slices.BinarySearch(h.addrs, lo)
	to = from + sort.Search(len(h.addrs)-from, func(i int) bool { return h.addrs[from+i] > hi })
	return from, to
}

// A view is the hits of a string as a condition asks for them. Where the condition asks for
// a hit that was not kept, the evaluation is told, and the answer does not count.
type view struct {
	*hits
	s    *evaluation
	name string // of the string

	empty emptiness // where the string matches the empty string

	// If pinned is set, only a hit at pin counts.
	pinned bool
	pin    int64
}

// noCountLimit makes total and countIn count all hits.
const noCountLimit = math.MaxUint64

// total returns the number of hits. It may stop counting at limit.
func (v view) total(limit uint64) uint64 {
	if v.pinned {
		return v.countIn(math.MinInt64, math.MaxInt64, limit)
	}
	if limit == 1 && v.isEverywhere() {
		return 1
	}
	if v.count < limit && v.unknownFrom != noLimit {
		v.s.lacks(v)
	}
	return v.count
}

// countIn returns the number of hits at lo to hi, both included. These are signed: the
// upper half of the address space is below the lower half. It may stop counting at limit.
func (v view) countIn(lo, hi int64, limit uint64) uint64 {
	if v.pinned {
		lo, hi = max(lo, v.pin), min(hi, v.pin)
	}
	switch {
	case lo > hi:
		return 0
	case lo < 0 && hi >= 0:
		return v.countBetween(0, uint64(hi), limit) + v.countBetween(uint64(lo), math.MaxUint64, limit)
	}
	return v.countBetween(uint64(lo), uint64(hi), limit)
}

func (v view) countBetween(lo, hi, limit uint64) uint64 {
	from, to := v.within(lo, hi)
	n := uint64(to - from)
	if n < limit && (v.incomplete() && hi > v.highest() && lo <= v.last || v.unknownFrom != noLimit && hi >= v.unknownFrom) {
		v.s.lacks(v)
	}
	return n
}

// incomplete reports whether some hits were not kept.
func (v view) incomplete() bool { return v.count > uint64(len(v.addrs)) }

// highest returns the address of the last hit that was kept. All hits up to it were kept.
func (v view) highest() uint64 {
	if len(v.addrs) == 0 {
		return 0
	}
	return v.addrs[len(v.addrs)-1]
}

// hit returns the hit with an index, from 0. ok is false where there is none.
func (v view) hit(i uint64) (at, length uint64, ok bool) {
	switch {
	case i < uint64(len(v.addrs)) && (v.unknownFrom == noLimit || v.addrs[i] < v.unknownFrom):
		return v.addrs[i], v.lengthOf(int(i)), true
	case i < v.count || v.unknownFrom != noLimit:
		v.s.lacks(v)
	}
	return 0, 0, false
}

// Hits is the hits of a string of a rule, one at an address, in the order of their
// addresses. They are valid until the Evaluator is used again.
type Hits struct {
	Name    string // RULE.$a
	Rule    *Rule
	Pattern int    // index in Rules.Patterns
	Count   uint64 // the number of all hits; more than Len where not all were kept

	// Partial says that there may be more hits, which were not counted, at UnknownFrom or
	// behind: more parts of a string with long jumps waited for others than Limits.Total.
	Partial     bool
	UnknownFrom addr.Addr

	hits     *hits
	from, to int
}

// Len returns the number of hits that were kept: those with the lowest addresses.
func (h Hits) Len() int { return h.to - h.from }

// At returns the address and the length in bytes of hit i of those that were kept, 0 ≤ i <
// Len.
func (h Hits) At(i int) (addr.Addr, int) {
	i += h.from
	return addr.Addr(h.hits.addrs[i]), int(h.hits.lengthOf(i))
}
