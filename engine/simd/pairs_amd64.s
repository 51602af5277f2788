//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// The kernels of Pairs look up its buckets. With VBMI, there is a table of 256 entries
// for each byte of an excerpt, which lies in four registers. One instruction looks up
// 64 bytes in two of these, by their low seven bits, and another one in the other two,
// whose result counts where the eighth bit is set. The four bytes of 64 excerpts are
// four loads, each a byte further on. AVX2 has tables of 16 entries by nibble, as
// Teddy has, but two sets of them; those of the second set are loaded when they are
// needed.
//
//	SI  base                  R8   first start of the vector
//	DI  the state             R9   end of starts
//	AX, DX scratch            R10  out
//	                          R11  offsets in out
//	                          R12  most offsets in out that leave room for a vector
//	R13 end of the group of vectors, or of the only one
//	Z15 numbers of the lanes  Z16 to Z31 the tables

#define LOAD_STATE \
	MOVQ st+0(FP), DI                      \
	MOVQ pairState_blk+block_base(DI), SI  \
	MOVQ pairState_blk+block_pos(DI), R8   \
	MOVQ pairState_blk+block_end(DI), R9   \
	MOVQ pairState_blk+block_out(DI), R10  \
	MOVQ pairState_blk+block_n(DI), R11    \
	MOVQ pairState_blk+block_cap(DI), R12  \
	SUBQ $const_slack, R12

// BUCKETS sets R to the buckets that may have the bytes at off as byte i of an
// excerpt. It overwrites X and K.
#define BUCKETS(off, T0, T1, T2, T3, X, R, K) \
	VMOVDQU64 off(SI)(R8*1), X   \
	VPMOVB2M  X, K               \
	VMOVDQA64 X, R               \
	VPERMI2B  T1, T0, R          \
	VPERMI2B  T3, T2, X          \
	VPBLENDMB X, R, K, R

// PACKED16 stores the offsets for the 16 bytes of packed, the first at out bytes from
// the next free offset on.
#define PACKED16(packed, out) \
	VPMOVZXBD packed, Z4            \
	VPADDD    Z3, Z4, Z4            \
	VMOVDQU32 Z4, out(R10)(R11*4)

// func scanPairsVBMI(st *pairState)
TEXT ·scanPairsVBMI(SB), NOSPLIT, $0-8
	LOAD_STATE
	MOVQ pairState_bytes(DI), AX
	VMOVDQU64 0(AX), Z16
	VMOVDQU64 64(AX), Z17
	VMOVDQU64 128(AX), Z18
	VMOVDQU64 192(AX), Z19
	VMOVDQU64 256(AX), Z20
	VMOVDQU64 320(AX), Z21
	VMOVDQU64 384(AX), Z22
	VMOVDQU64 448(AX), Z23
	VMOVDQU64 512(AX), Z24
	VMOVDQU64 576(AX), Z25
	VMOVDQU64 640(AX), Z26
	VMOVDQU64 704(AX), Z27
	VMOVDQU64 768(AX), Z28
	VMOVDQU64 832(AX), Z29
	VMOVDQU64 896(AX), Z30
	VMOVDQU64 960(AX), Z31
	VMOVDQU64 ·byteLanes(SB), Z15

group:
	LEAQ      256(R8), R13
	CMPQ      R13, R9
	JGT       last
	CMPB      pairState_zeros(DI), $0
	JNE       vector
	VMOVDQU64 0(SI)(R8*1), Z0
	VMOVDQU64 64(SI)(R8*1), Z1
	VPORQ     128(SI)(R8*1), Z0, Z0
	VPORQ     192(SI)(R8*1), Z1, Z1
	VPORQ     195(SI)(R8*1), Z0, Z0 // the bytes that the last excerpts have behind the last start
	VPORQ     Z0, Z1, Z0
	VPTESTMB  Z0, Z0, K1
	KORTESTQ  K1, K1
	JNZ       vector
	MOVQ      R13, R8
	JMP       group

vector:
	CMPQ R11, R12
	JGT  full
	BUCKETS(0, Z16, Z17, Z18, Z19, Z0, Z1, K1)
	BUCKETS(1, Z20, Z21, Z22, Z23, Z2, Z3, K2)
	BUCKETS(2, Z24, Z25, Z26, Z27, Z4, Z5, K3)
	BUCKETS(3, Z28, Z29, Z30, Z31, Z6, Z7, K4)
	VPTERNLOGQ $0x80, Z1, Z3, Z5
	VPTESTMB   Z5, Z7, K1
	KORTESTQ   K1, K1
	JZ         none

	// There is no branch where there are at most 16, since it cannot be predicted how
	// many there are.
	KMOVQ         K1, AX
	POPCNTQ       AX, DX
	VPCOMPRESSB.Z Z15, K1, Z2
	VPBROADCASTD  R8, Z3
	PACKED16(X2, 0)
	CMPQ          DX, $16
	JLE           packed
	VEXTRACTI32X4 $1, Z2, X5
	PACKED16(X5, 64)
	VEXTRACTI64X4 $1, Z2, Y5
	PACKED16(X5, 128)
	VEXTRACTI32X4 $3, Z2, X5
	PACKED16(X5, 192)

packed:
	ADDQ DX, R11

none:
	ADDQ $64, R8
	CMPQ R8, R13
	JLT  vector
	JMP  group

	// These are the last vectors, fewer than four.
last:
	LEAQ 64(R8), R13
	CMPQ R13, R9
	JLE  vector

full:
	MOVQ R8, pairState_blk+block_pos(DI)
	MOVQ R11, pairState_blk+block_n(DI)
	VZEROUPPER
	RET

// NIBBLES clears in Y3 and Y4, the buckets of the first set and of the second, those
// that cannot have the bytes at off as byte i of an excerpt. The tables of the first
// set are in LOW and HIGH, those of the second at at(AX).
#define NIBBLES(off, LOW, HIGH, at) \
	VMOVDQU        off(SI)(R8*1), Y1 \
	VPSRLW         $4, Y1, Y2        \
	VPAND          Y0, Y1, Y1        \
	VPAND          Y0, Y2, Y2        \
	VPSHUFB        Y1, LOW, Y5       \
	VPSHUFB        Y2, HIGH, Y6      \
	VPAND          Y5, Y3, Y3        \
	VPAND          Y6, Y3, Y3        \
	VBROADCASTI128 at(AX), Y5        \
	VBROADCASTI128 at+16(AX), Y6     \
	VPSHUFB        Y1, Y5, Y5        \
	VPSHUFB        Y2, Y6, Y6        \
	VPAND          Y5, Y4, Y4        \
	VPAND          Y6, Y4, Y4

// ONE stores the offset for the lowest bit of BX, and clears the bit.
#define ONE(off) \
	TZCNTL BX, CX                    \
	ADDL   R8, CX                    \
	MOVL   CX, off(R10)(R11*4)       \
	BLSRL  BX, BX

// func scanPairsAVX2(st *pairState)
TEXT ·scanPairsAVX2(SB), NOSPLIT, $0-8
	LOAD_STATE
	MOVL           $0x0f0f0f0f, AX
	VMOVD          AX, X0
	VPBROADCASTD   X0, Y0
	MOVQ           pairState_nibbles(DI), AX
	VBROADCASTI128 0(AX), Y8
	VBROADCASTI128 16(AX), Y9
	VBROADCASTI128 32(AX), Y10
	VBROADCASTI128 48(AX), Y11
	VBROADCASTI128 64(AX), Y12
	VBROADCASTI128 80(AX), Y13
	VBROADCASTI128 96(AX), Y14
	VBROADCASTI128 112(AX), Y15

group256:
	LEAQ    128(R8), R13
	CMPQ    R13, R9
	JGT     last256
	CMPB    pairState_zeros(DI), $0
	JNE     vector256
	VMOVDQU 0(SI)(R8*1), Y1
	VPOR    32(SI)(R8*1), Y1, Y1
	VPOR    64(SI)(R8*1), Y1, Y1
	VPOR    96(SI)(R8*1), Y1, Y1
	VPOR    99(SI)(R8*1), Y1, Y1 // the bytes that the last excerpts have behind the last start
	VPTEST  Y1, Y1
	JNZ     vector256
	MOVQ    R13, R8
	JMP     group256

vector256:
	CMPQ      R11, R12
	JGT       full256
	VPCMPEQB  Y3, Y3, Y3
	VPCMPEQB  Y4, Y4, Y4
	NIBBLES(0, Y8, Y9, 128)
	NIBBLES(1, Y10, Y11, 160)
	NIBBLES(2, Y12, Y13, 192)
	NIBBLES(3, Y14, Y15, 224)
	VPXOR     Y5, Y5, Y5
	VPOR      Y3, Y4, Y3
	VPCMPEQB  Y3, Y5, Y3
	VPMOVMSKB Y3, BX
	NOTL      BX
	TESTL     BX, BX
	JZ        none256

	// Four are stored at a time, whether there are so many or not, since it cannot be
	// predicted how many there are.
	POPCNTL BX, DX
	ADDQ    R11, DX

four256:
	ONE(0)
	ONE(4)
	ONE(8)
	ONE(12)
	ADDQ  $4, R11
	TESTL BX, BX
	JNZ   four256
	MOVQ  DX, R11

none256:
	ADDQ $32, R8
	CMPQ R8, R13
	JLT  vector256
	JMP  group256

	// These are the last vectors, fewer than four.
last256:
	LEAQ 32(R8), R13
	CMPQ R13, R9
	JLE  vector256

full256:
	MOVQ R8, pairState_blk+block_pos(DI)
	MOVQ R11, pairState_blk+block_n(DI)
	VZEROUPPER
	RET
