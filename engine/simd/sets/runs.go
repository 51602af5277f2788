package sets

import "slices"

// runTable has a run of entries for every key: entries[table.find(key):] up to
// the first with gramLast.
type runTable struct {
	table   hashTable
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
	t := newHashTable(len(items))
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
		n := s.value & slotValue
		if n == 0 {
			continue
		}
		if n > maxRun {
			crowded = append(crowded, end)
		}
		end += n
		entries[end-1].off = gramLast
		entries[end-n].off |= min(n, maxRun+1) << gramCount
		s.value = end | s.value&slotMoved
	}
	for _, it := range slices.Backward(items) {
		s := &t.slots[it.key]
		s.value--
		e := &entries[s.value&slotValue]
		e.lit = it.entry.lit
		e.off |= it.entry.off
	}
	return runTable{t, entries}, crowded
}
