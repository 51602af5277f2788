package graph

import (
	"context"
	"fmt"
	"math/bits"
	"sort"

	"vscan/engine/addr"
	"vscan/internal/interrupt"
)

// numbering numbers units of memory: of all units, aligned blocks of 2^shift bytes,
// those that touch some ranges get numbers, ascending from 0. Two ranges that touch
// the same unit share its number.
//
//	units     |    |    |    |    |    |    |    |    |
//	ranges      aaaaaaa          bb  c    ddd
//	numbers     0    1            2         3
//
// In pseudo-code, with first[i] the number of the unit that range i begins in:
//
//	number(a)  = first[i] + (a>>shift − ranges[i].First>>shift), i the range that holds a
//	at(number) = (ranges[i].First>>shift + number − first[i]) << shift, i the last range with first[i] ≤ number
//
// INVARIANT: a higher address never has a lower number, so whatever ascends by
// number ascends by address.
type numbering struct {
	shift  uint
	ranges []addr.Range // ascending, with gaps between them
	first  []uint64     // for each range: the number of the unit that it begins in
	count  uint64       // how many units have numbers
}

// maxUnits is the most units that can be numbered, so that a number can be packed
// together with 12 bits.
const maxUnits = 1 << 52

// newNumbering numbers the units that touch ranges, which are merged. More than
// maxUnits are an error, and so is the end of ctx.
func newNumbering(ctx context.Context, shift uint, ranges []addr.Range) (numbering, error) {
	watch := interrupt.New(ctx)
	n := numbering{shift: shift, ranges: ranges, first: make([]uint64, len(ranges))}
	last := uint64(0) // the unit that the range before ends in
	for i, r := range ranges {
		if err := watch.Step(1); err != nil {
			return numbering{}, err
		}
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

// find returns the index of the range that holds a, or of the first one after it.
// hint is the index to look at first, any index, and is set to the result.
func (n *numbering) find(a addr.Addr, hint *int) int {
	if h := *hint; h < len(n.ranges) && n.ranges[h].Last >= a && (h == 0 || n.ranges[h-1].Last < a) {
		return h
	}
	*hint = sort.Search(len(n.ranges), func(i int) bool { return n.ranges[i].Last >= a })
	return *hint
}

// number returns the number of the unit that a is in, and false where a is in none
// of the ranges. hint is that of find.
func (n *numbering) number(a addr.Addr, hint *int) (uint64, bool) {
	i := n.find(a, hint)
	if i == len(n.ranges) || n.ranges[i].First > a {
		return 0, false
	}
	return n.first[i] + (uint64(a)>>n.shift - uint64(n.ranges[i].First)>>n.shift), true
}

// below returns how many units have their first byte below a. hint is that of find.
func (n *numbering) below(a addr.Addr, hint *int) uint64 {
	i := n.find(a, hint)
	if i == len(n.ranges) {
		return n.count
	}
	from := uint64(n.ranges[i].First) >> n.shift
	unit := uint64(a) >> n.shift // becomes the first unit that does not begin below a
	if uint64(a)&(1<<n.shift-1) != 0 {
		unit++
	}
	if unit <= from {
		return n.first[i]
	}
	return n.first[i] + (unit - from)
}

// run returns the run of numbers that a number is in, which has to be below count:
// numbers whose units follow one another in memory. It returns the first number, how
// many there are, and the address of the first unit. hint is that of at.
func (n *numbering) run(number uint64, hint *int) (first, count uint64, at addr.Addr) {
	at = n.at(number, hint) // sets hint to the range
	h := *hint
	first, count = n.first[h], n.count-n.first[h]
	if h+1 < len(n.first) {
		count = n.first[h+1] - first
	}
	return first, count, at - addr.Addr((number-first)<<n.shift)
}

// at returns the first address of the unit with a number, which has to be below
// count. hint is the index of the range to look at first, any index, and is set to
// the range that the unit begins in.
func (n *numbering) at(number uint64, hint *int) addr.Addr {
	h := *hint
	if !(h < len(n.first) && n.first[h] <= number && (h+1 == len(n.first) || number < n.first[h+1])) {
		h = sort.Search(len(n.first), func(i int) bool { return n.first[i] > number }) - 1
		*hint = h
	}
	return addr.Addr((uint64(n.ranges[h].First)>>n.shift + number - n.first[h]) << n.shift)
}
