package simd

import (
	"encoding/binary"
	"math/bits"
)

// PairBits is a set of pairs of bytes, taken as little-endian numbers: pair p is
// in it where bit p%64 of word p/64 is set.
type PairBits [1 << 16 / 64]uint64

// Set puts a pair into the set. Bits of pair above the low 16 do not count.
func (p *PairBits) Set(pair uint32) { p[uint16(pair)>>6] |= 1 << (pair & 63) }

// Has reports whether a pair is in the set. Bits of pair above the low 16 do not
// count.
func (p *PairBits) Has(pair uint32) bool { return p.bit(uint16(pair)) != 0 }

// bit returns 1 where the pair is in the set, else 0.
func (p *PairBits) bit(pair uint16) uint64 { return p[pair>>6] >> (pair & 63) & 1 }

// Candidates writes to cand, which must have room for at least MinDst, the positions
// from lo on, ascending, at which a pair of the set stands. It stops at hi,
// exclusive, or where there may be no more room. b must have a byte at hi. It
// returns how many positions it wrote and the first that it has not looked at.
func (p *PairBits) Candidates(cand []uint32, b []byte, lo, hi int) (n, next int) {
	zeros := p.Has(0)
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
		found := p.bit(uint16(x)) | p.bit(uint16(x>>16))<<2 | p.bit(uint16(x>>32))<<4 | p.bit(uint16(x>>48))<<6 |
			p.bit(uint16(y))<<1 | p.bit(uint16(y>>16))<<3 | p.bit(uint16(y>>32))<<5 | p.bit(uint16(y>>48))<<7
		for ; found != 0; found &= found - 1 {
			cand[n] = uint32(s + bits.TrailingZeros64(found))
			n++
		}
	}
	for ; s < hi; s++ {
		if n == len(cand) {
			return n, s
		}
		cand[n] = uint32(s)
		n += int(p.bit(binary.LittleEndian.Uint16(b[s:])))
	}
	return n, s
}
