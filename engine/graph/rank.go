package graph

import (
	"math/bits"
	"sort"
	"sync/atomic"
)

// rankSet is a set of numbers that is made once, by several goroutines, and then tells
// how many of its numbers are below one, and which is the n-th. It has bits only for
// blocks of numbers that have any, so that a terabyte with few edges takes little.
//
//	blocks   | 4096 numbers | none | none | 4096 numbers | …
//	base     0              812    812    812            1377
//	word     its bits, and how many are set in the words before it in the block
type rankSet struct {
	blocks []rankBlock // one more than there are, whose base is count
	count  uint64      // how many numbers are in the set
}

// rankBlock is rankBits numbers that follow one another.
type rankBlock struct {
	words atomic.Pointer[rankWords] // nil where the block has none
	base  uint32                    // how many numbers are in the blocks before
}

// rankWords is the bits of a block, and for each word how many bits are set in the words before it.
type rankWords struct {
	bits  [rankBits / 64]uint64
	ranks [rankBits / 64]uint16
}

const rankBits = 1 << 12

// newRankSet returns an empty set of numbers from 0 to most, both included.
func newRankSet(most uint64) *rankSet { return &rankSet{blocks: make([]rankBlock, most/rankBits+2)} }

// add adds a number. Several goroutines may call it.
func (s *rankSet) add(n uint64) {
	b := &s.blocks[n/rankBits]
	w := b.words.Load()
	if w == nil {
		if w = new(rankWords); !b.words.CompareAndSwap(nil, w) {
			w = b.words.Load()
		}
	}
	atomic.OrUint64(&w.bits[n%rankBits/64], 1<<(n%64))
}

// index makes the set ready to be asked, once all numbers have been added.
func (s *rankSet) index() {
	s.count = 0
	for i := range s.blocks {
		b := &s.blocks[i]
		b.base = uint32(s.count)
		if w := b.words.Load(); w != nil {
			in := 0
			for k, word := range w.bits {
				w.ranks[k] = uint16(in)
				in += bits.OnesCount64(word)
			}
			s.count += uint64(in)
		}
	}
}

// has reports whether a number is in the set.
func (s *rankSet) has(n uint64) bool {
	w := s.blocks[n/rankBits].words.Load()
	return w != nil && w.bits[n%rankBits/64]>>(n%64)&1 == 1
}

// rank returns how many numbers of the set are below n.
func (s *rankSet) rank(n uint64) uint32 {
	b := &s.blocks[n/rankBits]
	w := b.words.Load()
	if w == nil {
		return b.base
	}
	k := n % rankBits / 64
	return b.base + uint32(w.ranks[k]) + uint32(bits.OnesCount64(w.bits[k]&(1<<(n%64)-1)))
}

// at returns the number that has so many others of the set below it. There has to be
// one. near is a number at or below it: the nearer it is, the quicker.
func (s *rankSet) at(rank uint32, near uint64) uint64 {
	i := int(near / rankBits)
	if s.blocks[i+1].base <= rank { // the number is in a later block
		i += sort.Search(len(s.blocks)-1-i, func(k int) bool { return s.blocks[i+k+1].base > rank })
		near = 0
	}
	b := &s.blocks[i]
	w := b.words.Load()
	left := rank - b.base
	k := int(near % rankBits / 64)
	for k+1 < len(w.ranks) && uint32(w.ranks[k+1]) <= left {
		k++
	}
	word := w.bits[k]
	for range left - uint32(w.ranks[k]) {
		word &= word - 1
	}
	return uint64(i)*rankBits + uint64(k)*64 + uint64(bits.TrailingZeros64(word))
}
