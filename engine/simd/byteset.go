package simd

import "math/bits"

// A ByteSet is a set of bytes: c is in it where bit c%64 of word c/64 is set.
type ByteSet [4]uint64

// Add adds a byte to the set.
func (s *ByteSet) Add(c byte) { s[c>>6] |= 1 << (c & 63) }

// Has reports whether a byte is in the set.
func (s *ByteSet) Has(c byte) bool { return s[c>>6]>>(c&63)&1 != 0 }

// Union returns the bytes that are in either set.
func (s ByteSet) Union(t ByteSet) ByteSet {
	return ByteSet{s[0] | t[0], s[1] | t[1], s[2] | t[2], s[3] | t[3]}
}

// Len returns how many bytes are in the set.
func (s *ByteSet) Len() int {
	return bits.OnesCount64(s[0]) + bits.OnesCount64(s[1]) + bits.OnesCount64(s[2]) + bits.OnesCount64(s[3])
}

// All yields the bytes of the set, ascending; it is the function of a range
// loop.
func (s *ByteSet) All(yield func(byte) bool) {
	for i, some := range s {
		for ; some != 0; some &= some - 1 {
			if !yield(byte(i*64 + bits.TrailingZeros64(some))) {
				return
			}
		}
	}
}

// Rate returns how often a byte of memory is expected to be in the set, from 0
// to 1: see [ByteRate].
func (s *ByteSet) Rate() float64 {
	sum := 0.
	for i, word := range s {
		for ; word != 0; word &= word - 1 {
			sum += float64(ByteRate[64*i+bits.TrailingZeros64(word)])
		}
	}
	return sum
}

// text returns how many printable characters of ASCII are in the set.
func (s *ByteSet) text() int {
	return bits.OnesCount64(s[0]>>32) + bits.OnesCount64(s[1]<<1)
}

// ByteRate is how often each byte occurs in memory images, from 0 to 1: see
// rank.go. It must not be changed.
var ByteRate = func() (t [256]float32) {
	for c, f := range frequency {
		t[c] = float32(f) / 65536
	}
	return t
}()

// NextRate returns how often a byte that follows one of the set last is expected
// to be in the set s, from 0 to 1; rate is how often a byte anywhere is. Equal
// bytes stand side by side more often than that, and so do printable characters.
func (s *ByteSet) NextRate(last *ByteSet, rate float64) float64 {
	if *s == *last {
		rate = max(rate, 1./4)
	}
	if n := s.text(); n > 0 && last.text() > 0 {
		rate = max(rate, min(float64(n)/64, 1))
	}
	return rate
}
