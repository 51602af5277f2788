package sets

import "vscan/engine/simd"

// windowRate returns how often memory is expected to be in the sets, one after
// another, from 0 to 1: as often as each byte is, but more often where bytes go
// together, the same or text.
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
