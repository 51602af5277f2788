//go:build !purego

package simd

import "unsafe"

// markTables are nil where there is no assembly for the level.
type markTables = *classTables

// These are all CPU features that the instructions of each need.
var (
	markAVX2Needs   = features{fAVX, fAVX2}
	markAVX512Needs = features{fAVX, fAVX512F, fAVX512BW}
)

// markAVX2 and markAVX512 set bit j of dst[i] where byte 64·i + j of the 64·n bytes from p on is in
// the set, and clear the others, for i below n, which is at least 1.
//
//go:noescape
func markAVX2(dst *uint64, p *byte, n int, tables *classTables)

//go:noescape
func markAVX512(dst *uint64, p *byte, n int, tables *classTables)

// assemble chooses the assembly for a level.
func (m *Marker) assemble(level Level, p *classPlan) {
	switch {
	case (level == Auto || level >= AVX512) && len(markAVX512Needs.missing()) == 0:
		m.level = AVX512
	case (level == Auto || level >= AVX2) && len(markAVX2Needs.missing()) == 0:
		m.level = AVX2
	default:
		return
	}
	m.fast = newClassTables(p)
}

// markFast marks the bytes of the first words, and returns how many words they are.
func (m *Marker) markFast(dst []uint64, b []byte) (n int) {
	if m.fast == nil {
		return 0
	}
	for whole := min(len(b)/64, len(dst)); n < whole; {
		size := min(whole-n, asmBlock/64)
		to, p := unsafe.SliceData(dst[n:]), unsafe.SliceData(b[64*n:])
		if m.level == AVX512 {
			markAVX512(to, p, size, m.fast)
		} else {
			markAVX2(to, p, size, m.fast)
		}
		n += size
	}
	return n
}
