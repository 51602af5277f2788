package sets

import (
	"slices"

	"vscan/internal/interrupt"
)

// A listTable has a list of entries for every key, side by side:
// entries[table.find(key):] up to the first with gramLast, included.
type listTable struct {
	table   hashTable
	entries []gramEntry
}

// A keyedEntry is an entry and its key.
type keyedEntry struct {
	key   uint32
	entry gramEntry
}

// newListTable makes a table of items; the entries of a list stay in their order.
// It also returns where the lists of more than maxList entries begin. It overwrites the keys
// of items.
func newListTable(items []keyedEntry, check *interrupt.Checker) (lt listTable, crowded []uint32) {
	t := newHashTable(len(items))
	for i, it := range items {
		check.Step(1)
		at := t.take(it.key)
		t.slots[at].value++
		items[i].key = at
	}
	// A value of the table is the number of a key's entries so far. It
	// becomes their end, and as they are filled in from the back, their
	// beginning.
	end := uint32(1)
	entries := make([]gramEntry, 1+len(items)+maxList) // so that maxList can be loaded from any
	for i := range t.slots {
		s := &t.slots[i]
		n := s.value & slotValue
		if n == 0 {
			continue
		}
		if n > maxList {
			crowded = append(crowded, end)
		}
		end += n
		entries[end-1].off = gramLast
		entries[end-n].off |= min(n, maxList+1) << gramCount
		s.value = end | s.value&slotMoved
	}
	for _, it := range slices.Backward(items) {
		check.Step(1)
		s := &t.slots[it.key]
		s.value--
		e := &entries[s.value&slotValue]
		e.lit = it.entry.lit
		e.off |= it.entry.off
	}
	return listTable{t, entries}, crowded
}
