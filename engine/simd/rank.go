package simd

import "slices"

// frequency (rank_table.go) is how often each byte value occurs in memory
// images, in parts of 65,536 and at least 1. It was counted by mkrank.go over
// four samples of equal weight, without the pages that are zero throughout: the
// memory of a virtual machine running Linux; a Python and a Node.js process
// busy with strings, numbers and a database; and 122 small process cores and
// minidumps of many systems and machines, from the test data of debuggers and
// dump readers.
//
// Memory is not text: zero is the commonest byte by far, then 0xcc (padding
// between functions), 0xff and '0', while most of the upper half is rare. The
// table only decides which bytes of a literal are compared first. What is found
// does not depend on it.

// oneIn returns the frequency, in parts of 65,536, of what occurs once in n
// bytes.
func oneIn(n float64) float64 { return 65536 / n }

// repeated is the frequency that a byte value is taken to have at a position where
// the same value stands at another position of the literal: runs and fill patterns
// make that far commoner than the table says, yet not as common as zeros.
var repeated = oneIn(8)

// maxSpread is the length of a literal up to which every position is weighed.
// Of a longer one, the first and the last position of each value and evenly
// spaced ones are.
const maxSpread = 512

// agreement returns how often, in parts of 65,536, a byte of memory equals val
// in the bits of mask. val must have no bits outside mask.
func agreement(val, mask byte) float64 {
	if mask == 0xff {
		return float64(frequency[val])
	}
	total := 0
	for c, f := range frequency {
		if byte(c)&mask == val {
			total += int(f)
		}
	}
	return float64(total)
}

// byRarity returns up to n distinct positions of lit. The first is the one that
// tells most about whether lit is there, the next the one that adds most to
// that, and so on: rare bytes come before common ones, values not taken yet
// before repeated ones, and of those alike the one furthest from all before it.
// mask has the bits of each byte that count, and lit must have no others; a nil
// mask is all bits. Bytes of which no bit counts are left out.
func byRarity(lit, mask []byte, n int) []int {
	type value struct{ val, mask byte }
	at := func(i int) value {
		if mask == nil {
			return value{lit[i], 0xff}
		}
		return value{lit[i], mask[i]}
	}
	type position struct {
		off    int
		dist   int     // to the nearest position chosen, in bytes
		weight float64 // how often memory agrees there
	}
	var room [32]position // on the stack: sets ask this of each of their literals
	positions := room[:0]
	weigh := func(i int) {
		if v := at(i); v.mask != 0 {
			positions = append(positions, position{i, len(lit), agreement(v.val, v.mask)})
		}
	}
	if len(lit) <= maxSpread {
		for i := range lit {
			weigh(i)
		}
	} else {
		for _, i := range spread(len(lit), at) {
			weigh(i)
		}
	}
	out := make([]int, 0, min(n, len(positions)))
	for len(out) < n && len(positions) > 0 {
		best := 0
		for i, p := range positions[1:] {
			w, bw := p.weight, positions[best].weight
			if w < bw || w == bw && p.dist > positions[best].dist {
				best = i + 1
			}
		}
		chosen := positions[best].off
		out = append(out, chosen)
		positions = append(positions[:best], positions[best+1:]...)
		for i := range positions {
			p := &positions[i]
			p.dist = min(p.dist, max(p.off-chosen, chosen-p.off))
			if at(p.off) == at(chosen) {
				p.weight = max(p.weight, repeated)
			}
		}
	}
	return out
}

// spread returns the positions to weigh, ascending, of a literal of n bytes, more than
// maxSpread, that has value at(i) at position i.
func spread[V comparable](n int, at func(i int) V) []int {
	var out []int
	first, last := map[V]int{}, map[V]int{}
	for i := range n {
		v := at(i)
		if _, seen := first[v]; !seen {
			first[v] = i
			out = append(out, i)
		}
		last[v] = i
	}
	for _, i := range last {
		out = append(out, i)
	}
	for i := range 64 {
		out = append(out, i*(n-1)/63)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
