package sets

import "slices"

// A runTable has a run of entries for every key: entries[table.find(key):] up to
// the first with gramLast, included.
type runTable struct {
	table   hashTable
	entries []gramEntry
}

// A runItem is an entry and its key.
type runItem struct {
	key   uint32
	entry gramEntry
}

// newRunTable makes a table of items; the entries of a run stay in their order.
// It also returns the runs of more than maxRun entries. It overwrites the keys
// of items.
func newRunTable(items []runItem) (rt runTable, crowded []uint32) {
	t := newHashTable(len(items))
	for i, it := range items {
		at := t.place(it.key)
		t.slots[at].value++
		items[i].key = at
	}
	// A value of the table is the number of a key's entries so far. It
	// becomes their end, and as they are filled in from the back, their
	// beginning.
	end := uint32(1)
	entries := make([]gramEntry, 1+len(items)+maxRun) // so that maxRun can be loaded from any
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
