package patterns

import (
	"fmt"
	"strings"

	"vscan/engine/addr"
)

// number is a type of numbers: how many bits it has, and whether it is signed.
//
// Its values are handled as ordinals: unsigned numbers of 64 bits in the order of the
// values, so that one comparison serves all types. The ordinal of an unsigned value is the
// value itself; that of a signed one has the top bit flipped.
//
//	signed value   −2^63 … −1         0 … 2^63−1
//	ordinal            0 … 2^63−1  2^63 … 2^64−1
type number struct {
	name   string
	bits   uint
	signed bool
	hex    bool // whether messages show it in hexadecimal
}

const signBit = 1 << 63

// An ordinalRange is the values from lo to hi, both included, as ordinals.
type ordinalRange struct {
	lo, hi     uint64
	loAt, hiAt int  // offsets in the pattern of the ends
	hiOmitted  bool // whether hi was left out; it is the type's highest value then
}

func (n number) minOrdinal() uint64 {
	if n.signed {
		return signBit - 1<<(n.bits-1)
	}
	return 0
}

func (n number) maxOrdinal() uint64 {
	if n.signed {
		return signBit + (1<<(n.bits-1) - 1)
	}
	return 1<<n.bits - 1 // a shift by 64 bits is 0 in Go
}

// stored returns a value as memory holds it: two's complement in the type's bits.
func (n number) stored(ordinal uint64) uint64 {
	if n.signed {
		ordinal ^= signBit
	}
	return ordinal & (1<<n.bits - 1)
}

// storedRanges returns the values of a range as memory holds them: ascending, disjoint, not
// touching. Negative numbers are stored above the others, so a signed range that holds both
// comes apart:
//
//	value   −3 −2 −1  0  1  2          word (i8)   0  1  2  …  fd fe ff
//	         a--------------b     →                a-----a      b-----b
func (n number) storedRanges(s ordinalRange) []ValueRange {
	if !n.signed || s.lo >= signBit || s.hi < signBit {
		return []ValueRange{{n.stored(s.lo), n.stored(s.hi)}}
	}
	low, high := ValueRange{0, n.stored(s.hi)}, ValueRange{n.stored(s.lo), 1<<n.bits - 1}
	if low.Hi+1 == high.Lo {
		return []ValueRange{{0, high.Hi}}
	}
	return []ValueRange{low, high}
}

// show returns a value as messages have it.
func (n number) show(ordinal uint64) string {
	switch {
	case n.signed:
		return fmt.Sprint(int64(ordinal ^ signBit))
	case n.hex:
		return fmt.Sprintf("%#x", ordinal)
	}
	return fmt.Sprint(ordinal)
}

// parse reads VALUE, LO..HI or LO+LEN.
func (n number) parse(in input) (ordinalRange, error) {
	in = in.trim()
	s := ordinalRange{lo: n.minOrdinal(), hi: n.maxOrdinal(), loAt: in.pos, hiAt: in.pos}
	if in.pos == in.end {
		return ordinalRange{}, in.fault(in.pos, "want a number, LO..HI or LO+LEN, found the end")
	}
	var err error
	if i := strings.Index(in.body(), ".."); i >= 0 {
		lo, hi := in, in
		lo.end, hi.pos = in.pos+i, in.pos+i+2
		s.hiAt, s.hiOmitted = hi.pos, hi.pos == hi.end
		if lo.pos < lo.end {
			if s.lo, err = n.value(lo); err != nil {
				return ordinalRange{}, err
			}
		}
		if !s.hiOmitted {
			if s.hi, err = n.value(hi); err != nil {
				return ordinalRange{}, err
			}
		}
		if s.lo > s.hi {
			return ordinalRange{}, in.fault(in.pos, "range %s..%s: its first value is above its last", n.show(s.lo), n.show(s.hi))
		}
		return s, nil
	}
	i := strings.IndexByte(in.body(), '+')
	if i < 0 {
		s.lo, err = n.value(in)
		s.hi = s.lo
		return s, err
	}
	lo := in
	lo.end, in.pos = in.pos+i, in.pos+i+1
	if s.lo, err = n.value(lo); err != nil {
		return ordinalRange{}, err
	}
	s.hiAt = in.pos
	size, err := addr.ParseSize(in.body())
	if err != nil {
		size, err = n.digits(in) // digits has the error with its place
	}
	switch {
	case err != nil:
		return ordinalRange{}, err
	case size == 0:
		return ordinalRange{}, in.fault(in.pos, "a length of 0 holds nothing")
	case size-1 > n.maxOrdinal()-s.lo:
		return ordinalRange{}, in.fault(in.pos, "%d values from %s run past the highest of %s, %s", size, n.show(s.lo), n.name, n.show(n.maxOrdinal()))
	}
	s.hi = s.lo + (size - 1)
	return s, nil
}

// value reads one number, decimal or hexadecimal with 0x, and returns its ordinal.
func (n number) value(in input) (uint64, error) {
	at := in.pos
	negative := in.pos < in.end && in.text[in.pos] == '-'
	if negative {
		in.pos++
	}
	v, err := n.digits(in)
	if err != nil {
		return 0, err
	}
	outside := v > n.maxOrdinal()
	if n.signed {
		outside = v > 1<<(n.bits-1)-1
	}
	if negative {
		outside = v > 0 && (!n.signed || v > 1<<(n.bits-1))
	}
	if outside {
		return 0, n.outside(in, at)
	}
	if negative {
		v = -v
	}
	if n.signed {
		v ^= signBit
	}
	return v, nil
}

// digits reads an unsigned number below 2^64.
func (n number) digits(in input) (uint64, error) {
	v, err := addr.ParseUint(in.body())
	if err == nil {
		return v, nil
	}
	// ParseUint has failed either because this is no number or because it is too large.
	digits, isDigit := in.pos, func(c byte) bool { return c >= '0' && c <= '9' }
	if b := in.body(); len(b) > 2 && (b[:2] == "0x" || b[:2] == "0X") {
		digits, isDigit = in.pos+2, func(c byte) bool { return unhex(c) >= 0 }
	}
	for i := digits; i < in.end; i++ {
		if !isDigit(in.text[i]) {
			return 0, in.fault(i, "want decimal digits, or 0x and hexadecimal ones, found %s", in.found(i))
		}
	}
	if digits == in.end {
		return 0, in.fault(in.pos, "want decimal digits, or 0x and hexadecimal ones, found %s", in.found(in.pos))
	}
	return 0, n.outside(in, in.pos)
}

func (n number) outside(in input, at int) *Error {
	shown, _ := excerpt(in.text[at:in.end], 0)
	return in.fault(at, "%s is outside %s, which holds %s to %s", shown, n.name, n.show(n.minOrdinal()), n.show(n.maxOrdinal()))
}
