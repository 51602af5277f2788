package automaton

import "math/bits"

// Set is a set of byte values, one bit each. The zero Set is empty.
type Set [4]uint64

// All is the set of every byte.
var All = Set{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}

// SetOf returns the set of some bytes.
func SetOf(bytes ...byte) Set {
	var s Set
	for _, b := range bytes {
		s.Add(b)
	}
	return s
}

// Masked returns the set of the bytes that agree with value in the bits of mask.
func Masked(value, mask byte) Set {
	var s Set
	switch mask {
	case 0xff:
		s.Add(value)
		return s
	case 0:
		return All
	}
	value &= mask
	for free := ^mask; ; free = (free - 1) & ^mask { // each choice of the bits that do not count
		s.Add(value | free)
		if free == 0 {
			return s
		}
	}
}

// Add adds a byte to the set.
func (s *Set) Add(b byte) { s[b>>6] |= 1 << (b & 63) }

// AddRange adds the bytes lo to hi, both included.
func (s *Set) AddRange(lo, hi byte) {
	for b := int(lo); b <= int(hi); b++ {
		s.Add(byte(b))
	}
}

// Has reports whether a byte is in the set.
func (s *Set) Has(b byte) bool { return s[b>>6]>>(b&63)&1 != 0 }

// Not returns the set of the bytes that are not in s.
func (s Set) Not() Set { return Set{^s[0], ^s[1], ^s[2], ^s[3]} }

// Or returns the set of the bytes that are in s, in t or in both.
func (s Set) Or(t Set) Set { return Set{s[0] | t[0], s[1] | t[1], s[2] | t[2], s[3] | t[3]} }

// Len returns the number of bytes in the set.
func (s Set) Len() int {
	return bits.OnesCount64(s[0]) + bits.OnesCount64(s[1]) + bits.OnesCount64(s[2]) + bits.OnesCount64(s[3])
}

// one returns the byte of a set that has one.
func (s Set) one() (b byte, ok bool) {
	for i, word := range s {
		switch {
		case word == 0:
		case ok || word&(word-1) != 0:
			return 0, false
		default:
			b, ok = byte(64*i+bits.TrailingZeros64(word)), true
		}
	}
	return b, ok
}

// Fold returns s with both cases of every ASCII letter that is in it.
func (s Set) Fold() Set {
	const letters = 0x07fffffe // bits 1 to 26: A to Z in the half from 0x40 on, a to z in the half from 0x60 on
	low, high := s[1]&letters, s[1]>>32&letters
	s[1] |= (low|high)<<32 | low | high
	return s
}

// Mask returns the smallest set of the form (value, mask) that includes s: mask has the
// bits in which all bytes of s agree, and value what they are there. s must not be empty.
func (s Set) Mask() (value, mask byte) {
	if s == All {
		return 0, 0
	}
	and, or := byte(0xff), byte(0)
	for i, word := range s {
		for ; word != 0; word &= word - 1 {
			b := byte(64*i + bits.TrailingZeros64(word))
			and &= b
			or |= b
		}
	}
	mask = ^(and ^ or)
	return and & mask, mask
}
