package sets

import (
	"encoding/binary"

	"vscan/engine/simd"
)

// shortPart looks for many literals of 1 to 3 bytes. What may be one is found by
// the tables of Teddy, all literals in its eight buckets; then a bitmap of all
// pairs of bytes says whether any literal can begin with the two that stand
// there, and hash tables which. Where the tables let through too much, and where
// there are no vectors, the bitmap is asked at every start.
type shortPart struct {
	filter simd.Kernel // nil: the bitmap alone
	lits   []uint32

	pairs simd.PairBits
	one   [256]uint32 // 1 + the number of the literal that is this byte
	more  hashTable   // those of 2 and 3 bytes, by shortKey
}

// shortKey is a literal of 2 or 3 bytes as a number.
func shortKey(x uint32, size int) uint32 {
	return x&(1<<(8*size)-1) | uint32(size)<<24
}

const (
	// maxShort is the most literals that Teddy's tables are filled with: to put
	// literals into buckets takes time, and thousands let through everything.
	maxShort = 1024

	// maxShortRate is how much the tables may be expected to let through, in
	// parts of memory's bytes, to be asked before the bitmap.
	maxShortRate = 1. / 4
)

func newShortPart(level simd.Level, set *literalSet, lits []uint32) (*shortPart, error) {
	p := &shortPart{lits: lits, more: newHashTable(len(lits))}
	if len(lits) <= maxShort {
		teddy := newTeddyPlan(set, lits, simd.ByNibbles, nil)
		filter, err := simd.NewTeddy(level, &teddy.Teddy)
		if err != nil {
			return nil, err
		}
		if filter.Level() > simd.Generic && teddy.rate <= maxShortRate {
			p.filter = filter
		}
	}
	for _, u := range lits {
		l := &set.lits[u]
		x := uint32(l.head)
		if l.size == 1 {
			p.one[x] = u + 1
			for second := range uint32(256) {
				p.pairs.Set(x | second<<8)
			}
			continue
		}
		p.pairs.Set(x & 0xffff)
		*p.more.slot(shortKey(x, int(l.size))) = u + 1
	}
	return p, nil
}

func (p *shortPart) level() simd.Level {
	if p.filter == nil {
		return simd.Generic
	}
	return p.filter.Level()
}

func (p *shortPart) find(sc *Scratch, b []byte, lo, hi int) bool {
	if p.filter == nil {
		return p.findByPairs(sc, b, lo, hi)
	}
	whole := min(hi, len(b)-simd.TeddyWindow+1) // behind that, windows are cut off
	for lo < whole {
		n, next := p.filter.Scan(sc.cand, b, lo, whole)
		sc.through += n
		for _, c := range sc.cand[:n] {
			pair := uint32(binary.LittleEndian.Uint16(b[c:]))
			if p.pairs.Has(pair) {
				p.verify(sc, b, int(c))
			}
		}
		if len(sc.hits) > sc.limit {
			return false
		}
		lo = next
	}
	for ; lo < hi; lo++ {
		p.verify(sc, b, lo)
	}
	return len(sc.hits) <= sc.limit
}

func (p *shortPart) findByPairs(sc *Scratch, b []byte, lo, hi int) bool {
	for lo < hi {
		n, next := p.pairs.Candidates(sc.cand, b, lo, min(hi, len(b)-1))
		sc.through += n
		for _, c := range sc.cand[:n] {
			p.verify(sc, b, int(c))
		}
		if next == len(b)-1 && next < hi { // a last byte makes no pair
			p.verify(sc, b, next)
			next++
		}
		if len(sc.hits) > sc.limit {
			return false
		}
		lo = next
	}
	return true
}

// verify adds the literals that stand at s.
func (p *shortPart) verify(sc *Scratch, b []byte, s int) {
	at := uint64(s) << 32
	if u := p.one[b[s]]; u != 0 {
		sc.hits = append(sc.hits, at|uint64(u-1))
	}
	if s+2 > len(b) {
		return
	}
	x := uint32(binary.LittleEndian.Uint16(b[s:]))
	if u := p.more.find(shortKey(x, 2)); u != 0 {
		sc.hits = append(sc.hits, at|uint64(u-1))
	}
	if s+3 > len(b) {
		return
	}
	if u := p.more.find(shortKey(x|uint32(b[s+2])<<16, 3)); u != 0 {
		sc.hits = append(sc.hits, at|uint64(u-1))
	}
}
