package sets

import (
	"bytes"
	"cmp"
	"slices"
)

// A crowd is the literals that have a window at the same offset, where many
// literals have that window. They ascend, so that those that stand at a position
// of memory are found by binary search: a literal that stands there is not
// above the memory, and it is the greatest literal that is not above it, or a
// prefix of that one. Masked literals have no such order, and are compared
// one by one.
type crowd struct {
	off    int
	lits   []uint32
	prefix []int32 // by index in lits: that of the longest other one that is a prefix, or −1
	masked []uint32
}

// crowd turns the list at index list of p.table.entries into crowds, one for each
// offset.
func (p *gramPart) crowd(list uint32) {
	n := uint32(1)
	for p.table.entries[list+n-1].off&gramLast == 0 {
		n++
	}
	entries := p.table.entries[list : list+n]
	slices.SortFunc(entries, func(a, b gramEntry) int {
		p.set.check.Step(1)
		return cmp.Or(int(a.off&gramOff)-int(b.off&gramOff), cmp.Compare(a.lit, b.lit)) // a part has them in any order
	})
	var crowds []crowd
	for _, e := range entries {
		p.set.check.Step(1)
		off := int(e.off & gramOff)
		if len(crowds) == 0 || crowds[len(crowds)-1].off != off {
			crowds = append(crowds, crowd{off: off})
		}
		c := &crowds[len(crowds)-1]
		if int(e.lit) >= p.set.plain {
			c.masked = append(c.masked, e.lit)
			continue
		}
		prefix := int32(len(c.lits)) - 1
		for prefix >= 0 && !bytes.HasPrefix(p.set.bytes(e.lit), p.set.bytes(c.lits[prefix])) {
			prefix = c.prefix[prefix]
		}
		c.lits, c.prefix = append(c.lits, e.lit), append(c.prefix, prefix)
	}
	entries[0] = gramEntry{uint32(len(p.crowds)), gramCrowd | (maxList+1)<<gramCount}
	p.crowds = append(p.crowds, crowds)
}

// find appends to sc.hits the literals of the crowd that stand at s.
func (c *crowd) find(set *literalSet, sc *Scratch, b []byte, s int) {
	text := b[s:]
	for _, u := range c.masked {
		if set.lit(u).StandsAt(text) {
			sc.hits = append(sc.hits, uint64(s)<<32|uint64(u))
		}
	}
	above, _ := slices.BinarySearchFunc(c.lits, text, func(u uint32, text []byte) int {
		if bytes.Compare(set.bytes(u), text) <= 0 {
			return -1
		}
		return 1
	})
	for i := int32(above) - 1; i >= 0; i = c.prefix[i] {
		if bytes.HasPrefix(text, set.bytes(c.lits[i])) {
			sc.hits = append(sc.hits, uint64(s)<<32|uint64(c.lits[i]))
		}
	}
}
