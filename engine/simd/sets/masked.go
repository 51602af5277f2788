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
	return (simd.UpTo8(b, i)^simd.UpTo8(lit, i))&simd.UpTo8(mask, i) == 0
}
