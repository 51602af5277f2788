package sets

import "math/bits"

// hashTable is a hash table from keys to numbers above 0.
type hashTable struct {
	slots []hashSlot
	shift uint32
}

type hashSlot struct {
	key   uint32
	value uint32 // 0: empty
}

const (
	slotMul = 0xc2b2ae35 // hash of a key to its slot

	slotMoved = 1 << 31 // in a value: another key should be in this slot
	slotValue = slotMoved - 1
)

// newHashTable makes a table for n keys at most.
func newHashTable(n int) hashTable {
	width := max(bits.Len(uint(n+n/2)), 4)
	return hashTable{slots: make([]hashSlot, 1<<width), shift: uint32(32 - width)}
}

// index is the key's slot, or the free one where it would have to be.
func (t *hashTable) index(key uint32) uint32 {
	for i := key * slotMul >> t.shift; ; i = (i + 1) & uint32(len(t.slots)-1) {
		if s := &t.slots[i]; s.value&slotValue == 0 || s.key == key {
			return i
		}
	}
}

// slot is where the key's value is to be put; what is there has to become
// more than 0, and to keep slotMoved, before the next call.
func (t *hashTable) slot(key uint32) *uint32 { return &t.slots[t.place(key)].value }

// place is the number of that slot.
func (t *hashTable) place(key uint32) uint32 {
	home := key * slotMul >> t.shift
	i := t.index(key)
	if i != home {
		t.slots[home].value |= slotMoved
	}
	t.slots[i].key = key
	return i
}

// find is the key's value, 0 where it has none.
func (t *hashTable) find(key uint32) uint32 {
	return t.slots[t.index(key)].value & slotValue
}
