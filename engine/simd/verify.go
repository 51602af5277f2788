package simd

import (
	"encoding/binary"
	"math/bits"
)

// A verifier says whether a literal stands at a candidate, in time that does
// not collapse on regular data: a page of zeros, searched for a literal of
// many zeros, is a candidate at every byte.
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
// there. Every byte of memory is thus compared once, however many candidates
// there are: this is Gusfield's Z algorithm ("Algorithms on Strings, Trees and
// Sequences", 1.4), asked at candidates only.
type verifier struct {
	head uint64  // the first bytes of the literal, up to eight, little-endian
	mask uint64  // which bytes of head count
	z    []int32 // see above; nil where len(lit) ≤ 8
}

// zbox is the box; it begins empty.
type zbox struct{ lo, hi int }

func newVerifier(lit []byte) verifier {
	var first [8]byte
	n := copy(first[:], lit)
	v := verifier{head: binary.LittleEndian.Uint64(first[:]), mask: ^uint64(0) >> (64 - 8*n)}
	if len(lit) > 8 {
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

// match says whether lit stands at b[s:], where there is room for it. From one
// call with the same box to the next, s ascends.
func (v *verifier) match(lit, b []byte, s int, box *zbox) bool {
	if s+8 <= len(b) {
		if (binary.LittleEndian.Uint64(b[s:])^v.head)&v.mask != 0 {
			return false
		}
		return len(lit) <= 8 || v.rest(lit, b, s, box)
	}
	return string(b[s:s+len(lit)]) == string(lit)
}

// rest is match for literals of more than eight bytes whose first eight agree.
func (v *verifier) rest(lit, b []byte, s int, box *zbox) bool {
	k := 8
	if s < box.hi {
		k = box.hi - s
		if int(v.z[s-box.lo]) < k {
			return false
		}
	}
	if k < len(lit) {
		k += commonPrefix(b[s+k:s+len(lit)], lit[k:])
	}
	if s+k > box.hi {
		box.lo, box.hi = s, s+k
	}
	return k >= len(lit)
}

// keep moves those candidates that are hits to the front of cand and returns
// how many there are.
func (v *verifier) keep(lit, b []byte, cand []uint32, box *zbox) int {
	n := 0
	for _, s := range cand {
		if v.match(lit, b, int(s), box) {
			cand[n] = s
			n++
		}
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
