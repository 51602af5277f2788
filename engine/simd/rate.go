package simd

import (
	"fmt"
	"slices"
	"strings"
)

// lookedAt is how many bytes of a literal are taken to be looked at first.
const lookedAt = 4

// Rate returns how often a literal's most telling bytes, up to four, are
// expected to stand at a place in memory, from 0 to 1: the product of how often
// each does, but text follows text, and a byte itself, more often than that. It
// is an estimate, from the frequency of bytes in memory images.
func Rate(lit Lit) float64 {
	places := byRarity(lit.masked(), lit.Mask, lookedAt)
	slices.Sort(places)
	rate := 1.
	var last ByteSet
	for i, off := range places {
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

// FirstLook says which bytes of a literal a kernel of its own compares first:
// the two that tell most.
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
