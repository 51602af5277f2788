package sets

import "vscan/engine/simd"

// excerptRate returns the share of positions, from 0 to 1, at which memory is
// expected to have a byte of each of the sets, one after another: the product
// of their rates, but more where a byte follows itself or text follows text
// (see NextRate).
func excerptRate(excerpt []simd.ByteSet) float64 {
	rate := 1.
	for i := range excerpt {
		r := excerpt[i].Rate()
		if i > 0 {
			r = excerpt[i].NextRate(&excerpt[i-1], r)
		}
		rate *= r
	}
	return rate
}
