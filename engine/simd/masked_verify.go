package simd

import (
	"encoding/binary"
	"math/bits"
)

// A maskedVerifier says which candidates are hits of a masked literal. What
// spares a verifier from comparing memory twice, that what equals the literal
// equals one another, does not hold under masks. Regular memory, where there
// are candidates at every byte, is dealt with by two observations instead:
//
//   - Candidates that fail tend to fail at the same place in memory: the first
//     byte that is not zero after many that are. That place is looked at first.
//
//   - Where memory repeats itself every 8 bytes, and thus every 1, 2 or 4 as
//     well, from a hit at s on to the end of what would be a hit at s+8, that
//     is one:
//
//     memory    . . . . . . . . . . . . . . . . .
//     repeats     ----------------------hi          memory[i] = memory[i+8]
//     hit             s------------
//     hit                   s+8------------
//
// What is left is compared 8 bytes at a time, up to the first difference.
type maskedVerifier struct {
	size     int
	vals     []byte // the literal, of which no bit is outside masks
	masks    []byte
	head     uint64 // the first bytes, up to eight, little-endian
	headMask uint64
}

// maskedBox is what is known of memory from one candidate to the next. It
// begins empty.
type maskedBox struct {
	apart int   // where the last candidate that failed did
	hi    int   // up to where memory repeats itself every 8 bytes
	hits  uint8 // bit s%8: there was a hit at such an s, from where on it does
}

func newMaskedVerifier(lit, mask []byte) maskedVerifier {
	var vals, masks [8]byte
	copy(vals[:], lit)
	copy(masks[:], mask)
	return maskedVerifier{len(lit), lit, mask, binary.LittleEndian.Uint64(vals[:]), binary.LittleEndian.Uint64(masks[:])}
}

// keep moves those candidates at which the literal stands to the front of cand
// and returns how many they are. Candidates ascend, also from one call with the
// same box to the next, and leave room for the literal in b.
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

// atHead compares the first eight bytes.
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

// atTail compares all behind the first eight bytes, of which there are more.
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

// extend moves hi on, to end or a little beyond, as far as memory goes on to
// repeat itself.
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
