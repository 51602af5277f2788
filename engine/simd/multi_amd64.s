//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// The filter of gramPart, 16 grams at a time: hash, gather the words of the
// bitmap, and look for grams that have both their bits there. A group of 512
// bytes is first asked whether there is anything but zeros in it, where these
// can be passed over; see zeroMode. Beyond whole groups, all zeros are looked at
// unless none need be. Loads are aligned but for the grams that are asked
// for, other than every 4th; less than a vector, before the first aligned one
// and after the last group, is read by a mask.
//
//	DI  the state             R8   first gram of the vector
//	SI  base                  R9   end of grams
//	BX  bitmap                R10  out
//	AX, DX scratch            R11  offsets in out
//	                          R12  most offsets in out that leave room for a vector
//	CX  zeroMode              R13  end of the grams under way
//	K5  all lanes if zeroAll, else none; K6 the same if zeroEdge as well
//	Z16 4 × lane  Z20, Z21 multipliers  Z22 one  Z24 shift to a word
//	Z25, Z26 shifts to the bits

// GRAMS leaves in K1 which of the lanes of K1 hold grams that may be in the
// set. Z0 has the grams.
#define GRAMS \
	VPMULLD    Z20, Z0, Z1          \
	VPMULLD    Z21, Z0, Z3          \
	VPSRLVD    Z24, Z1, Z1          \
	KMOVW      K1, K2               \
	VPXORQ     Z2, Z2, Z2           \
	VPGATHERDD (BX)(Z1*4), K2, Z2   \
	VPSRLD     $27, Z3, Z4          \
	VPSRLD     $22, Z3, Z3          \ // modulo 32: what a rotation takes of it
	VPROLVD    Z4, Z22, Z4          \
	VPROLVD    Z3, Z22, Z3          \
	VPORQ      Z3, Z4, Z3           \
	VPANDNQ    Z3, Z2, Z2           \ // bits that are missing
	VPTESTNMD  Z2, Z2, K1, K1       \
	KORTESTW   K1, K1

// STORE stores the offsets R8 + 4·lane for the lanes of K1.
#define STORE \
	VPBROADCASTD R8, Z5             \
	VPADDD       Z16, Z5, Z5        \
	VPCOMPRESSD  Z5, K1, Z5         \
	VMOVDQU32    Z5, (R10)(R11*4)   \
	KMOVW        K1, AX             \
	POPCNTL      AX, AX             \
	ADDQ         AX, R11

// func scanGramsAVX512(st *gramState)
TEXT ·scanGramsAVX512(SB), NOSPLIT, $0-8
	MOVQ         st+0(FP), DI
	MOVQ         gramState_blk+block_base(DI), SI
	MOVQ         gramState_blk+block_pos(DI), R8
	MOVQ         gramState_blk+block_end(DI), R9
	MOVQ         gramState_blk+block_out(DI), R10
	MOVQ         gramState_blk+block_n(DI), R11
	MOVQ         gramState_blk+block_cap(DI), R12
	SUBQ         $const_slack, R12
	MOVQ         gramState_words(DI), BX
	XORL         AX, AX
	XORL         DX, DX
	MOVQ         gramState_zeros(DI), CX
	CMPQ         CX, $const_zeroEdge
	JLT          masks
	MOVL         $0xffff, AX
	JE           masks
	MOVL         AX, DX

masks:
	KMOVW        AX, K6
	KMOVW        DX, K5
	VPBROADCASTD gramState_shift(DI), Z24
	MOVL         $const_gramMul, AX
	VPBROADCASTD AX, Z20
	MOVL         $const_gramMul2, AX
	VPBROADCASTD AX, Z21
	MOVL         $1, AX
	VPBROADCASTD AX, Z22
	VMOVDQU32    ·lanes(SB), Z16
	VPSLLD       $2, Z16, Z16

	// To the first vector that is aligned, or would be if grams were.
	LEAQ (SI)(R8*1), DX
	NEGQ DX
	ANDQ $60, DX
	LEAQ (R8)(DX*1), R13
	CMPQ R13, R9
	JLE  part
	MOVQ R9, R13

part:
	// The grams from R8 up to R13, fewer than a vector's, or at the end.
	CMPQ      R8, R13
	JGE       group
	CMPQ      R11, R12
	JGT       done
	MOVQ      R13, DX
	SUBQ      R8, DX
	ADDQ      $3, DX
	SHRQ      $2, DX
	CMPQ      DX, $16
	JLE       lanes
	MOVL      $16, DX

lanes:
	MOVL        $0xffff, AX
	BZHIL       DX, AX, AX
	KMOVW       AX, K3
	VMOVDQU32.Z (SI)(R8*1), K3, Z0
	VPTESTMD    Z0, Z0, K1
	KORW        K6, K1, K1
	KANDW       K3, K1, K1
	GRAMS
	JZ          next
	STORE

next:
	LEAQ (R8)(DX*4), R8
	JMP  part

group:
	CMPQ     R8, R9
	JGE      done
	CMPQ     R8, $4
	JLT      first
	LEAQ     512(R8), R13
	LEAQ     4(R13), AX  // the gram after the group is looked at as well
	CMPQ     AX, R9
	JGT      rest
	VMOVDQU64 (SI)(R8*1), Z0
	VMOVDQU64 64(SI)(R8*1), Z1
	VPORQ    128(SI)(R8*1), Z0, Z0
	VPORQ    192(SI)(R8*1), Z1, Z1
	VPORQ    256(SI)(R8*1), Z0, Z0
	VPORQ    320(SI)(R8*1), Z1, Z1
	VPORQ    384(SI)(R8*1), Z0, Z0
	VPORQ    448(SI)(R8*1), Z1, Z1
	VPORQ    Z1, Z0, Z0
	VPTESTMD Z0, Z0, K1
	KORW     K5, K1, K1
	KORTESTW K1, K1
	JNZ      vector
	CMPQ     CX, $const_zeroEdge
	JNE      skip
	MOVL     -4(SI)(R8*1), AX
	ORL      512(SI)(R8*1), AX
	JNZ      vector

skip:
	MOVQ     R13, R8
	JMP      group

vector:
	CMPQ      R11, R12
	JGT       done
	VMOVDQU32 (SI)(R8*1), Z0
	VMOVDQA64 Z0, Z1
	CMPQ      CX, $const_zeroEdge
	JNE       inner
	VPORQ     -4(SI)(R8*1), Z0, Z1
	VPORQ     4(SI)(R8*1), Z1, Z1

inner:
	VPTESTMD  Z1, Z1, K1
	KORW      K5, K1, K1
	KORTESTW  K1, K1
	JZ        zero
	GRAMS
	JZ        zero
	STORE

zero:
	ADDQ $64, R8
	CMPQ R8, R13
	JNE  vector
	JMP  group

first:
	LEAQ 64(R8), R13
	CMPQ R13, R9
	JLE  part

rest:
	MOVQ R9, R13
	JMP  part

done:
	MOVQ R8, gramState_blk+block_pos(DI)
	MOVQ R11, gramState_blk+block_n(DI)
	VZEROUPPER
	RET
