package graph

import (
	"fmt"
	"math/bits"
	"sort"

	"vscan/engine/addr"
)

// numbering numbers units of memory: those of 2^shift bytes, aligned, that
// touch some ranges, ascending from 0. Two ranges that touch the same unit
// share its number.
//
//	units     |    |    |    |    |    |    |    |    |
//	ranges      aaaaaaa          bb  c    ddd
//	numbers     0    1            2         3
type numbering struct {
	shift  uint
	ranges []addr.Range // ascending, with gaps between
	first  []uint64     // of each range: the number of the unit that it begins in
	count  uint64       // of units
}

// maxUnits bounds what is numbered, so that numbers can be packed with 12 bits.
const maxUnits = 1 << 52

// newNumbering numbers the units that touch ranges, which are merged.
func newNumbering(shift uint, ranges []addr.Range) (numbering, error) {
	n := numbering{shift: shift, ranges: ranges, first: make([]uint64, len(ranges))}
	last := uint64(0) // the unit that was numbered last
	for i, r := range ranges {
		from, to := uint64(r.First)>>shift, uint64(r.Last)>>shift
		n.first[i] = n.count
		if i > 0 && from == last {
			n.first[i]--
		}
		size, carry := bits.Add64(n.first[i], to-from, 1)
		if carry > 0 || size > maxUnits {
			return numbering{}, fmt.Errorf("%v: more than 2^52 units of %d bytes up to there: restrict the graph to ranges or mappings", r, uint64(1)<<shift)
		}
		n.count, last = size, to
	}
	return n, nil
}

// find is the index of the range that holds a, or ends first after it; hint is
// where to look first, any index, and is set to the result.
func (n *numbering) find(a addr.Addr, hint *int) int {
	if h := *hint; h < len(n.ranges) && n.ranges[h].Last >= a && (h == 0 || n.ranges[h-1].Last < a) {
		return h
	}
	*hint = sort.Search(len(n.ranges), func(i int) bool { return n.ranges[i].Last >= a })
	return *hint
}

// number is that of the unit that a is in; false where a is in none of the ranges.
func (n *numbering) number(a addr.Addr, hint *int) (uint64, bool) {
	i := n.find(a, hint)
	if i == len(n.ranges) || n.ranges[i].First > a {
		return 0, false
	}
	return n.first[i] + (uint64(a)>>n.shift - uint64(n.ranges[i].First)>>n.shift), true
}

// below is how many units have their first byte below a.
func (n *numbering) below(a addr.Addr, hint *int) uint64 {
	i := n.find(a, hint)
	if i == len(n.ranges) {
		return n.count
	}
	from := uint64(n.ranges[i].First) >> n.shift
	unit := uint64(a) >> n.shift // the first that does not begin below a
	if uint64(a)&(1<<n.shift-1) != 0 {
		unit++
	}
	if unit <= from {
		return n.first[i]
	}
	return n.first[i] + (unit - from)
}

// run is the run of numbers that a number below count is in, whose units follow
// one another in memory: the first number, how many there are, and the address
// of the first unit. hint is as in find.
func (n *numbering) run(number uint64, hint *int) (first, count uint64, at addr.Addr) {
	at = n.at(number, hint) // which finds the range
	h := *hint
	first, count = n.first[h], n.count-n.first[h]
	if h+1 < len(n.first) {
		count = n.first[h+1] - first
	}
	return first, count, at - addr.Addr((number-first)<<n.shift)
}

// at is the first address of the unit with a number below count.
func (n *numbering) at(number uint64, hint *int) addr.Addr {
	h := *hint
	if !(h < len(n.first) && n.first[h] <= number && (h+1 == len(n.first) || number < n.first[h+1])) {
		h = sort.Search(len(n.first), func(i int) bool { return n.first[i] > number }) - 1
		*hint = h
	}
	return addr.Addr((uint64(n.ranges[h].First)>>n.shift + number - n.first[h]) << n.shift)
}
