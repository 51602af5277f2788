package simd

import (
	"encoding/binary"
	"math/bits"
)

// A maskedVerifier tells which candidates are hits of a masked literal. A
// Verifier need not compare memory twice, since two pieces of memory that equal
// the same piece of the literal are equal; under masks they need not be. So
// that regular memory, where every byte is a candidate, does not take too long,
// two observations are used instead:
//
//   - Candidates that fail tend to fail at the same position in memory, such as
//     the first byte that is not zero after many that are. That position is
//     compared first.
//
//   - Where memory repeats itself every 8 bytes (so it does where it repeats
//     itself every 1, 2 or 4) from a hit at s to the end of a possible hit at
//     s+8, there is one at s+8 too:
//
//     memory    . . . . . . . . . . . . . . . . .
//     repeats     ----------------------hi          memory[i] = memory[i+8]
//     hit             s------------
//     hit                   s+8------------
//
// All other candidates are compared 8 bytes at a time, up to the first
// difference.
type maskedVerifier struct {
	size     int
	vals     []byte // the literal; INVARIANT: no bit of it is outside masks
	masks    []byte
	head     uint64 // the first bytes of vals, up to eight, little-endian
	headMask uint64
}

// A maskedBox holds what is known of memory from one candidate to the next. It
// begins empty. Its offsets are in the b of keep.
type maskedBox struct {
	apart int   // where the last candidate that failed behind its first eight bytes differed
	hi    int   // memory repeats itself every 8 bytes up to here, exclusive
	hits  uint8 // bit s%8 is set where there was a hit at such an s since when memory has repeated itself
}

func newMaskedVerifier(lit, mask []byte) maskedVerifier {
	var vals, masks [8]byte
	copy(vals[:], lit)
	copy(masks[:], mask)
	return maskedVerifier{len(lit), lit, mask, binary.LittleEndian.Uint64(vals[:]), binary.LittleEndian.Uint64(masks[:])}
}

// keep moves the candidates at which the literal stands to the front of cand,
// and returns how many they are. Candidates must ascend, also from one call
// with the same box to the next, and the literal must fit into b at each of
// them.
func (v *maskedVerifier) keep(b []byte, cand []uint32, box *maskedBox) int {
	n := 0
	for _, c := range cand {
		if s := int(c); v.atHead(b, s) && (v.size <= 8 || v.atTail(b, s, box)) {
			cand[n] = c
			n++
		}
	}
	return n
}

// atHead reports whether the first eight bytes of the literal, or all where it
// has fewer, stand at b[s:].
func (v *maskedVerifier) atHead(b []byte, s int) bool {
	if s+8 <= len(b) {
		return binary.LittleEndian.Uint64(b[s:])&v.headMask == v.head
	}
	for i, m := range v.masks {
		if b[s+i]&m != v.vals[i] {
			return false
		}
	}
	return true
}

// atTail reports whether the literal, whose first eight bytes stand at b[s:]
// and which is longer, stands there.
func (v *maskedVerifier) atTail(b []byte, s int, box *maskedBox) bool {
	if i := box.apart - s; i >= 0 && i < v.size && b[box.apart]&v.masks[i] != v.vals[i] {
		return false
	}
	if s+8 > box.hi {
		box.hi, box.hits = s+8, 0
	}
	box.extend(b, s+v.size)
	if s+v.size <= box.hi && box.hits>>(s%8)&1 != 0 {
		return true
	}
	for i := 8; i < v.size; i += 8 {
		i = min(i, v.size-8) // the last eight may overlap those before
		x := binary.LittleEndian.Uint64(b[s+i:])&binary.LittleEndian.Uint64(v.masks[i:]) ^ binary.LittleEndian.Uint64(v.vals[i:])
		if x != 0 {
			box.apart = s + i + bits.TrailingZeros64(x)/8
			return false
		}
	}
	box.hits |= 1 << (s % 8)
	return true
}

// extend moves hi on as far as memory goes on to repeat itself, to end or a
// little beyond it.
func (box *maskedBox) extend(b []byte, end int) {
	for box.hi < end && box.hi+8 <= len(b) {
		x := binary.LittleEndian.Uint64(b[box.hi:]) ^ binary.LittleEndian.Uint64(b[box.hi-8:])
		if x != 0 {
			box.hi += bits.TrailingZeros64(x) / 8
			return
		}
		box.hi += 8
	}
}
