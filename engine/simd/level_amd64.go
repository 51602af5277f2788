//go:build !purego

package simd

// buildNote is what else there is to say of the build where a level is not in it.
const buildNote = ""

// assembled is the levels with assembly in this program, ascending.
var assembled = []assembledLevel{
	{AVX2, features{fAVX, fAVX2, fBMI1, fBMI2, fLZCNT, fPOPCNT}},
	{AVX512, features{fAVX, fAVX2, fBMI1, fBMI2, fLZCNT, fPOPCNT, fAVX512F, fAVX512BW, fAVX512DQ, fAVX512VL}},
}
