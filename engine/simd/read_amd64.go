//go:build !purego

package simd

import "unsafe"

// Every CPU feature that the instructions of the two loops need; all of them
// are among those of the level.
var (
	readAVX2Needs   = features{fAVX, fAVX2}
	readAVX512Needs = features{fAVX, fAVX2, fAVX512F}
)

// readAVX2 and readAVX512 are the exclusive or of the words of n bytes from p
// on, n a multiple of 512 above 0.
//
//go:noescape
func readAVX2(p *byte, n int) uint64

//go:noescape
func readAVX512(p *byte, n int) uint64

// readAssembled reads the first n bytes of b, all but less than 512 of them,
// and returns n and the exclusive or of their words.
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
