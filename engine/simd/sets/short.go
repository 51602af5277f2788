package sets

import (
	"encoding/binary"

	"vscan/engine/simd"
)

// A shortPart looks for many literals of 1 to 3 bytes. The tables of Teddy, with
// all literals in its eight buckets, find candidates; then a bitmap of all pairs of
// bytes tells whether any literal can begin with the two that stand there, and
// tables tell which. Where the tables of Teddy let through too much, or there are
// no vectors, the bitmap is looked up at every start.
type shortPart struct {
	filter simd.Kernel // nil: only the bitmap is used
	lits   []uint32

	pairs simd.PairBits
	one   [256]uint32 // 1 + the number of the literal that is this byte, or 0
	more  hashTable   // 1 + the number of the literals of 2 and 3 bytes, by shortKey
}

// shortKey returns the key of a literal of size bytes, 2 or 3; x has its bytes,
// little-endian, and may have more.
func shortKey(x uint32, size int) uint32 {
	return x&(1<<(8*size)-1) | uint32(size)<<24
}

const (
	// maxShort is the most literals that Teddy's tables are filled with:
	// putting literals into buckets takes time, and thousands let through
	// everything.
	maxShort = 1024

	// maxShortRate is the largest share of all positions that the tables may be
	// expected to let through; with more, only the bitmap is used.
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
	whole := min(hi, len(b)-simd.TeddyExcerpt+1) // from there on, excerpts do not fit into b
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
		if next == len(b)-1 && next < hi { // the last byte of b begins no pair
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

// verify appends to sc.hits the literals that stand at s.
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
