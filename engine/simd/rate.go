package simd

import (
	"fmt"
	"slices"
	"strings"
)

// lookedAt is how many bytes of a literal Rate takes into account.
const lookedAt = 4

// Rate returns how often a literal's most telling bytes, up to four, are
// expected to stand at a position in memory, from 0 to 1. It is an estimate from
// the frequency of bytes in memory images: the product of the frequency of
// each, but more where a printable character follows another, or a byte itself
// (see NextRate).
func Rate(lit Lit) float64 {
	positions := byRarity(lit.masked(), lit.Mask, lookedAt)
	slices.Sort(positions)
	rate := 1.
	var last ByteSet
	for i, off := range positions {
		set := lit.BytesAt(off)
		r := set.Rate()
		if i > 0 {
			r = set.NextRate(&last, r)
		}
		rate *= r
		last = set
	}
	return rate
}

// FirstLook returns, in words, which bytes of a literal a kernel for it alone
// compares first: the two that tell most.
func FirstLook(lit Lit) string {
	var offs []string
	for _, off := range byRarity(lit.masked(), lit.Mask, 2) {
		offs = append(offs, fmt.Sprint(off))
	}
	if len(offs) == 1 {
		return "byte " + offs[0] + " of it"
	}
	return "bytes " + strings.Join(offs, " and ") + " of it"
}
