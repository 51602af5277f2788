//go:build !purego

package simd

import "unsafe"

// These are all CPU features that the instructions of the two loops need. All
// of them are among those of the level.
var (
	readAVX2Needs   = features{fAVX, fAVX2}
	readAVX512Needs = features{fAVX, fAVX2, fAVX512F}
)

// readAVX2 and readAVX512 return the exclusive or of the words of the n bytes
// from p on. n must be a multiple of 512 above 0.
//
//go:noescape
func readAVX2(p *byte, n int) uint64

//go:noescape
func readAVX512(p *byte, n int) uint64

// readAssembled reads the first n bytes of b, a multiple of 512 that leaves
// fewer than 512, and returns n and the exclusive or of their words. Below
// AVX2 it reads nothing.
func readAssembled(level Level, b []byte) (n int, x uint64) {
	if level < AVX2 {
		return 0, 0
	}
	for len(b)-n >= 512 {
		size := min(len(b)-n, asmBlock) &^ 511
		p := unsafe.SliceData(b[n:])
		if level == AVX512 {
			x ^= readAVX512(p, size)
		} else {
			x ^= readAVX2(p, size)
		}
		n += size
	}
	return n, x
}
