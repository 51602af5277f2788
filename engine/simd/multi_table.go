package simd

import (
	"bytes"
	"cmp"
	"math/bits"
	"slices"
)

// runTable has a run of entries for every key: entries[table.find(key):] up to
// the first with gramLast.
type runTable struct {
	table   gramTable
	entries []gramEntry
}

// runItem is an entry, and what it is found by.
type runItem struct {
	key   uint32
	entry gramEntry
}

// newRunTable makes a table; entries stay in the order of the items. It also
// returns the runs of more than maxRun entries. Items are used up.
func newRunTable(items []runItem) (rt runTable, crowded []uint32) {
	t := newGramTable(len(items))
	for i, it := range items {
		at := t.place(it.key)
		t.slots[at].value++
		items[i].key = at
	}
	// The table has the number of entries of each key; now their end, and in
	// the end, filled from the back, where they begin.
	end := uint32(1)
	entries := make([]gramEntry, 1+len(items)+maxRun) // maxRun can be loaded from any
	for i := range t.slots {
		s := &t.slots[i]
		n := s.value & gramValue
		if n == 0 {
			continue
		}
		if n > maxRun {
			crowded = append(crowded, end)
		}
		end += n
		entries[end-1].off = gramLast
		entries[end-n].off |= min(n, maxRun+1) << gramCount
		s.value = end | s.value&gramMoved
	}
	for _, it := range slices.Backward(items) {
		s := &t.slots[it.key]
		s.value--
		e := &entries[s.value&gramValue]
		e.lit = it.entry.lit
		e.off |= it.entry.off
	}
	return runTable{t, entries}, crowded
}

// gramTable is a hash table from keys to numbers above 0.
type gramTable struct {
	slots []gramSlot
	shift uint32
}

type gramSlot struct {
	key   uint32
	value uint32 // 0: empty
}

const (
	slotMul = 0xc2b2ae35 // hash of a key to its slot

	gramMoved = 1 << 31 // in a value: another key should be in this slot
	gramValue = gramMoved - 1
)

// newGramTable makes a table for n keys at most.
func newGramTable(n int) gramTable {
	width := max(bits.Len(uint(n+n/2)), 4)
	return gramTable{slots: make([]gramSlot, 1<<width), shift: uint32(32 - width)}
}

// index is the key's slot, or the free one where it would have to be.
func (t *gramTable) index(key uint32) uint32 {
	for i := key * slotMul >> t.shift; ; i = (i + 1) & uint32(len(t.slots)-1) {
		if s := &t.slots[i]; s.value&gramValue == 0 || s.key == key {
			return i
		}
	}
}

// slot is where the key's value is to be put; what is there has to become
// more than 0, and to keep gramMoved, before the next call.
func (t *gramTable) slot(key uint32) *uint32 { return &t.slots[t.place(key)].value }

// place is the number of that slot.
func (t *gramTable) place(key uint32) uint32 {
	home := key * slotMul >> t.shift
	i := t.index(key)
	if i != home {
		t.slots[home].value |= gramMoved
	}
	t.slots[i].key = key
	return i
}

// find is the key's value, 0 where it has none.
func (t *gramTable) find(key uint32) uint32 {
	return t.slots[t.index(key)].value & gramValue
}

// crowd is the literals that have a window at the same offset, where many
// literals have it: ascending, so that those that stand at a place of memory
// are found by binary search. What is a prefix of memory is not above it; and
// of the greatest literal that is not, it is a prefix too, if not the same.
// Masked literals have no such order, and are compared one by one.
type crowd struct {
	off    int
	lits   []uint32
	prefix []int32 // index of the longest other one that is a prefix, or −1
	masked []uint32
}

// crowd turns a run of windows into crowds.
func (p *gramPlan) crowd(run uint32) {
	n := uint32(1)
	for p.windows.entries[run+n-1].off&gramLast == 0 {
		n++
	}
	entries := p.windows.entries[run : run+n]
	slices.SortFunc(entries, func(a, b gramEntry) int {
		return cmp.Or(int(a.off&gramOff)-int(b.off&gramOff), cmp.Compare(a.lit, b.lit)) // a part's literals may be in any order
	})
	var crowds []crowd
	for _, e := range entries {
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
	entries[0] = gramEntry{uint32(len(p.crowds)), gramCrowd}
	p.crowds = append(p.crowds, crowds)
}

// find adds the literals of the crowd that stand at s.
func (c *crowd) find(set *literalSet, sc *Scratch, b []byte, s int) {
	text := b[s:]
	for _, u := range c.masked {
		if set.lit(u).standsAt(text) {
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
