package simd

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// pairPart looks for hundreds of literals that are too short for sampling, or of
// which too many bits do not count, by a pair of bytes that stand side by side
// and count in full. At every place of memory a bitmap says whether any literal
// has the pair that stands there:
//
//	literal    4? 8b 3? ?? 5? c0 07 9?
//	pair                      c0 07       at offset 5
//	memory     . . . . . . . c0 07 . .    the literal may begin 5 bytes before
//
// This costs more a byte than sampling does, but the bitmap stays in the nearest
// cache, and masks do not multiply what it holds. It is good as long as few of
// the pairs are all over memory.
type pairPart struct {
	set     *literalSet
	pairs   pairBits
	first   []uint32 // by pair: where its entries begin, and those of the next
	entries []pairEntry

	minOff, maxOff int     // of a pair in its literal
	rate           float64 // at which share of places a pair is expected
}

// pairEntry is a literal that has the pair.
type pairEntry struct {
	head, mask uint64 // the first bytes, up to eight, little-endian, and which bits of them count
	lit        uint32
	off        uint32 // of the pair
}

const (
	// minPairs is the least literals that a pairPart is for.
	minPairs = 24

	// maxPairRate is in how many places, at most, a pair may be expected.
	maxPairRate = 1. / 12

	// maxPairOff is how far into a literal its pair may be.
	maxPairOff = 255
)

// bestPair is where the rarest pair of a literal is, and at how many places of
// 65,536 it is to be expected. It is false where no two bytes side by side count
// in full.
func bestPair(lit Lit) (off int, rate float64, ok bool) {
	for i := range min(len(lit.Bytes)-1, maxPairOff+1) {
		if lit.Mask != nil && lit.Mask[i]&lit.Mask[i+1] != 0xff {
			continue
		}
		if r := pairRate(lit.Bytes[i], lit.Bytes[i+1]); !ok || r < rate {
			off, rate, ok = i, r, true
		}
	}
	return off, rate, ok
}

// pairRate is about how many places of 65,536 have byte a and then b. Bytes are
// not independent: those of text stand beside each other, and so do those of
// runs and of addresses.
func pairRate(a, b byte) float64 {
	rate := float64(frequency[a]) * float64(frequency[b]) / 65536
	text := func(c byte) bool { return ' ' <= c && c <= '~' }
	switch {
	case a == 0 && b == 0:
		return 65536 / 2
	case a == b:
		rate += float64(frequency[a]) / 8
	case text(a) && text(b):
		rate *= 8
	case a == 0 || b == 0:
		rate *= 2
	}
	return rate
}

// newPairPart makes the part for those of the literals that have a pair, and
// returns the others. The part is nil where it would be of no use.
func newPairPart(set *literalSet, lits []uint32) (p *pairPart, rest []uint32) {
	type found struct {
		pair uint32
		pairEntry
	}
	var all []found
	rates := map[uint32]float64{}
	sum := 0.0
	for _, u := range lits {
		lit := set.lit(u)
		off, rate, ok := bestPair(lit)
		if !ok {
			rest = append(rest, u)
			continue
		}
		e := pairEntry{head: upTo8(lit.Bytes, 0), mask: ^uint64(0), lit: u, off: uint32(off)}
		if lit.Mask != nil {
			e.mask = upTo8(lit.Mask, 0)
		} else if n := len(lit.Bytes); n < 8 {
			e.mask >>= 64 - 8*n
		}
		pair := uint32(binary.LittleEndian.Uint16(lit.Bytes[off:]))
		if _, seen := rates[pair]; !seen {
			rates[pair] = rate
			sum += rate
		}
		all = append(all, found{pair, e})
	}
	if len(all) < minPairs || sum > 65536*maxPairRate {
		return nil, lits
	}
	slices.SortStableFunc(all, func(a, b found) int { return int(a.pair) - int(b.pair) })
	p = &pairPart{set: set, first: make([]uint32, 1<<16+1), minOff: maxPairOff, rate: sum / 65536}
	for _, f := range all {
		p.pairs.set(f.pair)
		p.first[f.pair+1]++
		p.entries = append(p.entries, f.pairEntry)
		p.minOff, p.maxOff = min(p.minOff, int(f.off)), max(p.maxOff, int(f.off))
	}
	for i := range 1 << 16 {
		p.first[i+1] += p.first[i]
	}
	return p, rest
}

func (p *pairPart) level() Level { return Generic }

func (p *pairPart) find(sc *Scratch, b []byte, lo, hi int) bool {
	at, to := lo+p.minOff, min(hi+p.maxOff, len(b)-1)
	for at < to {
		n, next := p.pairs.candidates(sc.cand, b, at, to)
		for _, c := range sc.cand[:n] {
			pair := binary.LittleEndian.Uint16(b[c:])
			for i := p.first[pair]; i < p.first[int(pair)+1]; i++ {
				e := &p.entries[i]
				s := int(c) - int(e.off)
				if s < lo || s >= hi || (upTo8(b, s)^e.head)&e.mask != 0 {
					continue
				}
				if p.stands(b[s:], e.lit) {
					sc.hits = append(sc.hits, uint64(s)<<32|uint64(e.lit))
				}
			}
		}
		if len(sc.hits) > sc.limit {
			return false
		}
		at = next
	}
	return len(sc.hits) <= sc.limit
}

// stands says whether a literal stands at the beginning of b.
func (p *pairPart) stands(b []byte, u uint32) bool {
	lit, mask := p.set.bytes(u), p.set.mask(u)
	switch {
	case len(b) < len(lit):
		return false
	case mask == nil:
		return string(b[:len(lit)]) == string(lit)
	}
	return maskedEqual(b[:len(lit)], lit, mask)
}

// pairBits says which pairs of bytes, as little-endian numbers, are in a set.
type pairBits [1 << 16]uint8

func (p *pairBits) set(pair uint32) { p[pair] = 1 }

func (p *pairBits) has(pair uint32) bool { return p[pair] != 0 }

// candidates is the places from lo on whose pair is in the bitmap. It stops
// at hi, or where there may be no more room, and returns where.
func (p *pairBits) candidates(cand []uint32, b []byte, lo, hi int) (n, next int) {
	zeros := p[0] != 0
	s := lo
	for ; s+8 < hi; s += 8 {
		x := binary.LittleEndian.Uint64(b[s:])
		if x == 0 && b[s+8] == 0 && !zeros {
			continue
		}
		if len(cand)-n < 8 {
			return n, s
		}
		y := x>>8 | uint64(b[s+8])<<56
		any := uint32(p[uint16(x)]) | uint32(p[uint16(x>>16)])<<2 | uint32(p[uint16(x>>32)])<<4 | uint32(p[uint16(x>>48)])<<6 |
			uint32(p[uint16(y)])<<1 | uint32(p[uint16(y>>16)])<<3 | uint32(p[uint16(y>>32)])<<5 | uint32(p[uint16(y>>48)])<<7
		for ; any != 0; any &= any - 1 {
			cand[n] = uint32(s + bits.TrailingZeros32(any))
			n++
		}
	}
	for ; s < hi; s++ {
		if n == len(cand) {
			return n, s
		}
		cand[n] = uint32(s)
		pair := uint32(binary.LittleEndian.Uint16(b[s:]))
		n += int(p[pair])
	}
	return n, s
}
