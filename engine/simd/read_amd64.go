//go:build !purego

package simd

import "unsafe"

// Every CPU feature that the instructions of the two loops need.
var (
	readAVX2Needs   = features{fAVX, fAVX2}
	readAVX512Needs = features{fAVX, fAVX2, fAVX512F}
)

// readAVX2 and readAVX512 are the exclusive or of n bytes from p on, a
// multiple of 512.
//
//go:noescape
func readAVX2(p *byte, n int) uint64

//go:noescape
func readAVX512(p *byte, n int) uint64

// readAssembled reads part of b, at most asmBlock bytes, and returns how much
// and the exclusive or of its words; 0 where it cannot.
func readAssembled(level Level, b []byte) (int, uint64) {
	n := min(len(b), asmBlock) &^ 511
	switch {
	case n == 0:
	case level == AVX512 && len(readAVX512Needs.missing()) == 0:
		return n, readAVX512(unsafe.SliceData(b), n)
	case level >= AVX2 && len(readAVX2Needs.missing()) == 0:
		return n, readAVX2(unsafe.SliceData(b), n)
	}
	return 0, 0
}
