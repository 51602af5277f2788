//go:build !purego

package simd

import "unsafe"

// These are all CPU features that the instructions of each variant need.
var (
	windowsBMI2Needs = features{fAVX, fBMI2}
)

//go:noescape
func lookWindowsBMI2(st *windowsState)

// windowsState is what the assembly is handed.
type windowsState struct {
	base   *byte
	cand   *uint32
	n      int // the number of candidates, and after the call of offsets in out
	out    *uint32
	words  *uint32
	toBit  uint64 // from the product with windowMul to the number of a bit
	fold   uint64
	mask   uint64
	stride int
}

// lookAssembled returns the variant for a level, nil for the portable one.
func lookAssembled(level Level) func(w *Windows, dst []uint32, b []byte, cand []uint32) int {
	switch {
	case level != Auto && level < AVX2 || len(windowsBMI2Needs.missing()) > 0:
		return nil
	}
	return (*Windows).lookBMI2
}

// lookBMI2 does what Look does for candidates, at most lookBlock, before which there are Stride − 1
// bytes of b, and behind which there are WindowSize.
func (w *Windows) lookBMI2(dst []uint32, b []byte, cand []uint32) int {
	st := w.state(dst, b, cand)
	lookWindowsBMI2(&st)
	return st.n
}

// state returns what the assembly is handed for candidates, of which there must be some.
func (w *Windows) state(dst []uint32, b []byte, cand []uint32) windowsState {
	_ = dst[:w.Stride*len(cand)+LookRoom]
	return windowsState{
		base: unsafe.SliceData(b), cand: unsafe.SliceData(cand), n: len(cand), out: unsafe.SliceData(dst),
		words: unsafe.SliceData(w.words), toBit: uint64(w.toBit) + 32, fold: w.Fold, mask: w.Mask, stride: w.Stride,
	}
}
