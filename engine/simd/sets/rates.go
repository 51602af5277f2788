package sets

import "vscan/engine/simd"

// windowRate returns the share of places, from 0 to 1, at which memory is
// expected to have a byte of each of the sets, one after another: the product
// of their rates, but more where a byte follows itself or text follows text
// (see NextRate).
func windowRate(window []simd.ByteSet) float64 {
	rate := 1.
	for i := range window {
		r := window[i].Rate()
		if i > 0 {
			r = window[i].NextRate(&window[i-1], r)
		}
		rate *= r
	}
	return rate
}
