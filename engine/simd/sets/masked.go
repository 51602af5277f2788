package sets

import (
	"encoding/binary"

	"vscan/engine/simd"
)

// maskedEqual reports whether b and lit agree in the bits of mask. All three
// must have the same length.
func maskedEqual(b, lit, mask []byte) bool {
	i := 0
	for ; i+8 <= len(lit); i += 8 {
		if (binary.LittleEndian.Uint64(b[i:])^binary.LittleEndian.Uint64(lit[i:]))&binary.LittleEndian.Uint64(mask[i:]) != 0 {
			return false
		}
	}
	if i > 0 { // the last eight once more, rather than a few bytes one by one
		i = len(lit) - 8
		return (binary.LittleEndian.Uint64(b[i:])^binary.LittleEndian.Uint64(lit[i:]))&binary.LittleEndian.Uint64(mask[i:]) == 0
	}
	return (simd.UpTo8(b, 0)^simd.UpTo8(lit, 0))&simd.UpTo8(mask, 0) == 0
}
