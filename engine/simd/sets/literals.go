package sets

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"

	"vscan/engine/simd"
	"vscan/internal/interrupt"
)

// A literalSet is the literals of a set, each once, numbered: first those of
// which every bit counts, in lexicographic order, then the masked ones.
type literalSet struct {
	lits  []setLiteral
	plain int    // lits[:plain] have no mask
	text  []byte // the bytes of all literals, each masked one followed by its mask, between textPad zeros

	// Literal u was given at indexes[first[u]:first[u+1]], ascending. first
	// is nil where each was given once, at indexes[u].
	indexes []uint32
	first   []uint32

	most int // the most indexes that can match at one offset

	differences bool // they are differences of neighbouring bytes, see NewKeyed

	check *interrupt.Checker // while New runs, else nil
}

// A setLiteral is one literal. A set may have millions of them.
type setLiteral struct {
	head uint64 // its first bytes, up to eight, little-endian
	at   uint32 // the index of its first byte in text
	size uint32
}

// bytes returns the bytes of literal u. Bits that do not count are zero.
func (set *literalSet) bytes(u uint32) []byte {
	l := &set.lits[u]
	return set.text[l.at : l.at+l.size : l.at+l.size]
}

// standsIn reports whether literal u stands at the beginning of b, which may be shorter.
func (set *literalSet) standsIn(b []byte, u uint32) bool {
	l := &set.lits[u]
	size := int(l.size)
	switch {
	case size > len(b):
		return false
	case len(b) < 8:
		return set.stands(b[:size], u)
	}
	mask := ^uint64(0)
	if int(u) >= set.plain {
		mask = binary.LittleEndian.Uint64(set.from(u, size))
	}
	if size <= 8 {
		return (binary.LittleEndian.Uint64(b)^l.head)&(mask<<(64-8*size)>>(64-8*size)) == 0
	}
	return (binary.LittleEndian.Uint64(b)^l.head)&mask == 0 && set.stands(b[:size], u)
}

// textPad is so large that eight bytes can be loaded that begin or end with any
// byte of a literal.
const textPad = 8

// from returns the text from offset off of literal u on. It goes on behind the
// literal, and has at least eight bytes.
func (set *literalSet) from(u uint32, off int) []byte {
	return set.text[int(set.lits[u].at)+off:]
}

// mask returns which bits of literal u count, nil where all do.
func (set *literalSet) mask(u uint32) []byte {
	if int(u) < set.plain {
		return nil
	}
	l := &set.lits[u]
	return set.text[l.at+l.size : l.at+2*l.size : l.at+2*l.size]
}

// lit returns literal u.
func (set *literalSet) lit(u uint32) simd.Lit {
	return simd.Lit{Bytes: set.bytes(u), Mask: set.mask(u)}
}

// count returns how often literal u was given.
func (set *literalSet) count(u uint32) int {
	if set.first == nil {
		return 1
	}
	return int(set.first[u+1] - set.first[u])
}

func newLiteralSet(lits []simd.Lit, check *interrupt.Checker) *literalSet {
	items, plain := sortLiterals(lits, check)
	set := &literalSet{
		lits:    make([]setLiteral, 0, len(lits)),
		indexes: make([]uint32, len(lits)),
		check:   check,
	}
	numbers := make([]uint32, len(lits)) // by index
	size := textPad                      // of text
	for i, it := range items {
		check.Step(1)
		set.indexes[i] = it.index
		if i > 0 && it.key == items[i-1].key && i != plain {
			lit, last := lits[it.index], lits[items[i-1].index]
			if bytes.Equal(lit.Bytes, last.Bytes) && (i < plain || bytes.Equal(lit.Mask, last.Mask)) {
				if set.first == nil { // the first literal that was given twice
					set.first = make([]uint32, 0, len(lits)+1)
					for u := range i {
						set.first = append(set.first, uint32(u))
					}
				}
				numbers[it.index] = numbers[items[i-1].index]
				continue
			}
		}
		if set.first != nil {
			set.first = append(set.first, uint32(i))
		}
		numbers[it.index] = uint32(len(set.lits))
		set.lits = append(set.lits, setLiteral{at: uint32(size), size: it.size})
		if size += int(it.size); i < plain {
			set.plain++
		} else {
			size += int(it.size)
		}
	}
	if set.first != nil {
		set.first = append(set.first, uint32(len(lits)))
	}
	// Text is written in the order of lits, in which they are likely to lie
	// in memory.
	set.text = make([]byte, size+textPad)
	for i, lit := range lits {
		check.Step(1 + len(lit.Bytes)/256)
		set.put(numbers[i], lit)
	}
	set.most = set.mostAtOnce()
	return set
}

// put writes literal u, and its mask, to text, and sets its head.
func (set *literalSet) put(u uint32, lit simd.Lit) {
	copy(set.bytes(u), lit.Bytes)
	if mask := set.mask(u); mask != nil {
		copy(mask, lit.Mask)
		text := set.bytes(u)
		for i, m := range mask {
			text[i] &= m
		}
	}
	l := &set.lits[u]
	l.head = binary.LittleEndian.Uint64(set.from(u, 0))
	if l.size < 8 {
		l.head &= 1<<(8*l.size) - 1
	}
}

// A sortItem is a literal that is being sorted.
type sortItem struct {
	key   uint64 // its first eight bytes, big-endian, so that keys are in the order of the bytes
	index uint32 // in the slice that was given
	size  uint32 // in bytes
}

// sortLiterals returns the literals in the order in which a set numbers them,
// equal ones in the order given. items[:plain] are those without a mask.
func sortLiterals(lits []simd.Lit, check *interrupt.Checker) (items []sortItem, plain int) {
	items = make([]sortItem, len(lits))
	masked := len(lits)
	for i, lit := range lits {
		check.Step(1)
		var key uint64
		if len(lit.Bytes) >= 8 {
			key = binary.BigEndian.Uint64(lit.Bytes)
		} else {
			key = bits.ReverseBytes64(simd.UpTo8(lit.Bytes, 0))
		}
		if lit.IsPlain() {
			items[plain] = sortItem{key, uint32(i), uint32(len(lit.Bytes))}
			plain++
		} else {
			masked--
			items[masked] = sortItem{key, uint32(i), uint32(len(lit.Bytes))}
		}
	}
	slices.Reverse(items[plain:])
	for k, some := range [][]sortItem{items[:plain], items[plain:]} {
		sortByKey(some, check)
		for i := 0; i < len(some); {
			j := i + 1
			for j < len(some) && some[j].key == some[i].key {
				j++
			}
			if j-i > 1 {
				slices.SortFunc(some[i:j], func(a, b sortItem) int {
					check.Step(1)
					x, y := &lits[a.index], &lits[b.index]
					c := bytes.Compare(x.Bytes, y.Bytes)
					if c == 0 && k == 1 {
						c = bytes.Compare(x.Mask, y.Mask)
					}
					return cmp.Or(c, cmp.Compare(a.index, b.index))
				})
			}
			i = j
		}
	}
	return items, plain
}

// sortByKey sorts items by key: few by comparison, many by the bytes of their
// keys, the least significant first.
func sortByKey(items []sortItem, check *interrupt.Checker) {
	if len(items) < 1000 {
		slices.SortFunc(items, func(a, b sortItem) int { return cmp.Compare(a.key, b.key) })
		return
	}
	spare := make([]sortItem, len(items))
	var at [8][256]uint32 // how many keys have a byte; then where the next item with it goes
	for _, it := range items {
		check.Step(1)
		for digit := range at {
			at[digit][byte(it.key>>(8*digit))]++
		}
	}
	for digit := range at {
		at := &at[digit]
		sum := uint32(0)
		for c, n := range at {
			at[c] = sum
			sum += n
		}
		for _, it := range items {
			check.Step(1)
			i := &at[byte(it.key>>(8*digit))]
			spare[*i] = it
			*i++
		}
		items, spare = spare, items
	} // they were swapped an even number of times, so the result is in the items that were given
}

// mostAtOnce returns the most indexes that can match at one offset: those of the
// literals of one chain, in which each is a prefix of the next, and those of all
// masked literals. In lexicographic order, the literals that another one is a
// prefix of follow it at once.
func (set *literalSet) mostAtOnce() int {
	type link struct {
		lit uint32
		sum int // the indexes of the chain up to here
	}
	var chain []link
	most := 0
	for u := range uint32(set.plain) {
		set.check.Step(1)
		for len(chain) > 0 && !bytes.HasPrefix(set.bytes(u), set.bytes(chain[len(chain)-1].lit)) {
			chain = chain[:len(chain)-1]
		}
		sum := set.count(u)
		if len(chain) > 0 {
			sum += chain[len(chain)-1].sum
		}
		chain = append(chain, link{u, sum})
		most = max(most, sum)
	}
	for u := set.plain; u < len(set.lits); u++ {
		most += set.count(uint32(u))
	}
	return most
}
