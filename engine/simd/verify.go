package simd

import (
	"encoding/binary"
	"math/bits"
)

// A Verifier tells which candidates are hits, in time that stays short on regular data: in a page
// of zeros that is searched for a literal of many zeros, every byte is a candidate.
//
// Most candidates fail at the first eight bytes. For the others it keeps, from one candidate to the
// next, the box: of the stretches of memory that are known to equal a prefix of the literal, the
// one that ends last.
//
//	memory    . . . . . . . . . . . . . . . . . . .
//	box             lo-----------------hi             memory[lo:hi] = lit[:hi-lo]
//	candidate             s------------------- - -
//
// For a candidate s in the box, memory need not be read up to hi, since the literal has been
// compared with itself beforehand: z[i] is how many bytes lit[i:] has in common with lit. Where
// s + z[s-lo] < hi, the candidate fails there. Else all up to hi is known to agree, and the
// comparison goes on at hi. So memory that was found to agree is compared once, however many
// candidates there are. This is the Z algorithm (Gusfield, "Algorithms on Strings, Trees and
// Sequences", 1.4), done at candidates only.
type Verifier struct {
	head uint64  // the first bytes of the literal, up to eight, little-endian
	mask uint64  // which bytes of head count
	tail uint64  // the last eight bytes, little-endian, where there are more than eight
	z    []int32 // see above; nil for a literal of up to eight bytes
}

// A VerifierBox is the box that a Verifier keeps; it begins empty.
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

// zArray returns, for each i, how many bytes lit[i:] and lit have in common from their beginnings
// on.
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

// Keep moves the candidates at which lit stands to the front of cand, and returns how many they
// are. lit must be that of NewVerifier. Candidates must ascend, also from one call with the same
// box to the next, and lit must fit into b at each of them.
func (v *Verifier) Keep(lit, b []byte, cand []uint32, box *VerifierBox) int {
	if v.z == nil {
		return v.keepShort(lit, b, cand)
	}
	n, size := 0, len(lit)
	lo, hi := box.lo, box.hi
	for _, c := range cand {
		s := int(c)
		k := 0 // how many bytes are known to agree
		if s < hi {
			if k = hi - s; int(v.z[s-lo]) < k {
				continue
			}
			if k >= size-8 { // most often, the candidate is one period behind the last hit
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

// keepShort does what Keep does, for literals of up to eight bytes.
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

// commonPrefix returns how many bytes two strings have in common from their beginnings on. b must
// be as long as a.
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
