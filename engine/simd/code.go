package simd

import (
	"math/bits"
	"sync"
)

// codeBytes and codePairs (code_table.go) are how often each byte value occurs in machine
// code of x86-64 and i386, and two of them side by side, in parts of 65,536. They were
// counted by mkcode.go over four samples: libraries and programs of Debian for either,
// made by GCC, and programs for Windows for either, made by Microsoft's compiler; of the
// four, the most counts. codePairs has those pairs that are far more common than
// their bytes, ascending.
//
// Code is unlike other memory: 8b, 48 and e8 are rare in text, tables and pointers, and
// the most common bytes there. Patterns of code are made of these.

// A codePair is two bytes, the first in the upper half of pair, and the share of positions at
// which they stand.
type codePair struct{ pair, share uint16 }

// codeUnit is what the shares of the tables are counted in.
const codeUnit = 65536

// pairOfCode returns the share of positions of code at which a stands with b behind it.
func pairOfCode(a, b byte) float64 {
	if share := commonInCode()[uint16(a)<<8|uint16(b)]; share > 0 {
		return float64(share) / codeUnit
	}
	return byteOfCode(a) * byteOfCode(b)
}

// commonInCode returns the shares of codePairs by pair, 0 for all others.
var commonInCode = sync.OnceValue(func() *[1 << 16]uint16 {
	shares := new([1 << 16]uint16)
	for _, p := range codePairs {
		shares[p.pair] = p.share
	}
	return shares
})

func byteOfCode(c byte) float64 { return float64(codeBytes[c]) / codeUnit }

// CodeRate returns how often bytes are expected to stand at a position in machine code, from 0 to 1, as if each
// depended on the one before it alone. mask has the bits of each that count, and the bytes must have no others; a nil
// mask is all bits.
func CodeRate(lit, mask []byte) float64 {
	const mostFree = 6 // bits of two bytes that do not count, up to which all pairs are looked up
	p := 1.0
	before, freeBefore := 0.0, byte(0) // the share of the byte before; 0 where nothing is known of it
	for i, c := range lit {
		free := byte(0)
		if mask != nil {
			free = ^mask[i]
		}
		if free == 0xff {
			before = 0
			continue
		}
		here := 0.0
		if free == 0 { // most often
			here = byteOfCode(c)
		} else {
			for v := range choices(free) {
				here += byteOfCode(c | v)
			}
		}
		switch {
		case before > 0 && free|freeBefore == 0:
			p *= min(1, pairOfCode(lit[i-1], c)/before)
		case before > 0 && bits.OnesCount8(free)+bits.OnesCount8(freeBefore) <= mostFree:
			both := 0.0
			for u := range choices(freeBefore) {
				for v := range choices(free) {
					both += pairOfCode(lit[i-1]|u, c|v)
				}
			}
			p *= min(1, both/before)
		default:
			p *= here
		}
		before, freeBefore = here, free
	}
	return p
}

// choices yields all bytes that have no bits outside free.
func choices(free byte) func(yield func(byte) bool) {
	return func(yield func(byte) bool) {
		for v := byte(0); yield(v); {
			if v = (v - free) & free; v == 0 {
				return
			}
		}
	}
}
