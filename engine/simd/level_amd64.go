//go:build !purego

package simd

// buildNote is added to the error about a level that is not in this program.
const buildNote = ""

// assembled lists the levels with assembly in this program, ascending.
var assembled = []assembledLevel{
	{AVX2, features{fAVX, fAVX2, fBMI1, fBMI2, fLZCNT, fPOPCNT}},
	{AVX512, features{fAVX, fAVX2, fBMI1, fBMI2, fLZCNT, fPOPCNT, fAVX512F, fAVX512BW, fAVX512DQ, fAVX512VL}},
}
