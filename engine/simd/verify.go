package simd

import (
	"encoding/binary"
	"math/bits"
)

// A Verifier says which candidates are hits, in time that does not collapse on
// regular data: a page of zeros, searched for a literal of many zeros, is a
// candidate at every byte.
//
// Most candidates fall at the first eight bytes. For the rest it keeps, from
// one candidate to the next, the stretch of memory furthest up that is known
// to equal a prefix of the literal, the box:
//
//	memory    . . . . . . . . . . . . . . . . . . .
//	box             lo-----------------hi             memory[lo:hi] = lit[:hi-lo]
//	candidate             s------------------- - -
//
// A candidate in the box is compared with the literal by comparing the
// literal with itself, which has been done beforehand: z[i] is how many bytes
// lit[i:] has in common with lit. Where z[s-lo] ends short of the box, so does
// the match. Else all up to hi is known to agree and the comparison goes on
// there. Memory that was found to agree is thus compared once, however many
// candidates there are: this is the Z algorithm (Gusfield, "Algorithms on
// Strings, Trees and Sequences", 1.4), asked at candidates only.
type Verifier struct {
	head uint64  // the first bytes of the literal, up to eight, little-endian
	mask uint64  // which bytes of head count
	tail uint64  // the last eight bytes, where there are more than eight
	z    []int32 // see above; nil where there are not more than eight
}

// VerifierBox is the box that a Verifier keeps; it begins empty.
type VerifierBox struct{ lo, hi int }

// NewVerifier returns the verifier of a literal, of at least one byte.
func NewVerifier(lit []byte) Verifier {
	var first [8]byte
	n := copy(first[:], lit)
	v := Verifier{head: binary.LittleEndian.Uint64(first[:]), mask: ^uint64(0) >> (64 - 8*n)}
	if len(lit) > 8 {
		v.tail = binary.LittleEndian.Uint64(lit[len(lit)-8:])
		v.z = zArray(lit)
	}
	return v
}

// zArray is, for each i, how many bytes lit[i:] and lit have in common.
func zArray(lit []byte) []int32 {
	z := make([]int32, len(lit))
	z[0] = int32(len(lit))
	lo, hi := 0, 0
	for i := 1; i < len(lit); i++ {
		k := 0
		if i < hi {
			k = min(int(z[i-lo]), hi-i)
		}
		for i+k < len(lit) && lit[k] == lit[i+k] {
			k++
		}
		if i+k > hi {
			lo, hi = i, i+k
		}
		z[i] = int32(k)
	}
	return z
}

// Keep moves those candidates at which lit stands to the front of cand and
// returns how many they are. lit is that of NewVerifier. Candidates ascend, also from one call with the
// same box to the next, and leave room for lit in b.
func (v *Verifier) Keep(lit, b []byte, cand []uint32, box *VerifierBox) int {
	if v.z == nil {
		return v.keepShort(lit, b, cand)
	}
	n, size := 0, len(lit)
	lo, hi := box.lo, box.hi
	for _, c := range cand {
		s := int(c)
		k := 0 // so many bytes are known to agree
		if s < hi {
			if k = hi - s; int(v.z[s-lo]) < k {
				continue
			}
			if k >= size-8 { // a period on from the last hit, most often
				if binary.LittleEndian.Uint64(b[s+size-8:]) == v.tail {
					lo, hi = s, s+size
					cand[n] = c
					n++
				}
				continue
			}
		} else {
			if binary.LittleEndian.Uint64(b[s:]) != v.head {
				continue
			}
			k = 8
		}
		k += commonPrefix(b[s+k:s+size], lit[k:])
		if s+k > hi {
			lo, hi = s, s+k
		}
		if k == size {
			cand[n] = c
			n++
		}
	}
	*box = VerifierBox{lo, hi}
	return n
}

// keepShort is Keep for literals of up to eight bytes.
func (v *Verifier) keepShort(lit, b []byte, cand []uint32) int {
	n := 0
	for _, c := range cand {
		s := int(c)
		if s+8 <= len(b) {
			if (binary.LittleEndian.Uint64(b[s:])^v.head)&v.mask != 0 {
				continue
			}
		} else if string(b[s:s+len(lit)]) != string(lit) {
			continue
		}
		cand[n] = c
		n++
	}
	return n
}

// commonPrefix is how many bytes two strings of equal length have in common.
func commonPrefix(a, b []byte) int {
	n := len(a)
	b = b[:n]
	i := 0
	for ; i+8 <= n; i += 8 {
		if x := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); x != 0 {
			return i + bits.TrailingZeros64(x)/8
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}
