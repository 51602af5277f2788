package sets

import "math/bits"

// A hashTable maps keys to numbers above 0. A key that finds its slot taken
// is put into the next free one.
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

	slotMoved = 1 << 31 // in a value: a key that belongs in this slot is in another one
	slotValue = slotMoved - 1
)

// newHashTable makes a table for at most n keys.
func newHashTable(n int) hashTable {
	width := max(bits.Len(uint(n+n/2)), 4)
	return hashTable{slots: make([]hashSlot, 1<<width), shift: uint32(32 - width)}
}

// index returns the index of the key's slot, or of the free one where it
// would have to be.
func (t *hashTable) index(key uint32) uint32 {
	for i := key * slotMul >> t.shift; ; i = (i + 1) & uint32(len(t.slots)-1) {
		if s := &t.slots[i]; s.value&slotValue == 0 || s.key == key {
			return i
		}
	}
}

// slot returns where to put the key's value. Before the next call, the value
// has to become more than 0, and slotMoved has to stay as it is.
func (t *hashTable) slot(key uint32) *uint32 { return &t.slots[t.take(key)].value }

// take returns the index of that slot.
func (t *hashTable) take(key uint32) uint32 {
	home := key * slotMul >> t.shift
	i := t.index(key)
	if i != home {
		t.slots[home].value |= slotMoved
	}
	t.slots[i].key = key
	return i
}

// find returns the key's value, 0 where it has none.
func (t *hashTable) find(key uint32) uint32 {
	return t.slots[t.index(key)].value & slotValue
}
