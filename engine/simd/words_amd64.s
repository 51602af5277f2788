//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// Words in a range: v is from lo to lo + span if, and only if, v − lo ≤ span
// in unsigned arithmetic, which wraps round.
//
// The loops go a group at a time, 512 bytes with AVX-512 and 256 with AVX2, and
// ask once whether there is any such word in it: whether the least of all
// v − lo is one. (AVX2 cannot take the lesser of two 64-bit words; it compares
// each, and asks whether all are out.) Loads are aligned, and mask registers used sparingly, for the reasons given in
// literal_amd64.s. A group with a word in range is gone through by units, of
// 16 words with AVX-512 and of 8 with AVX2, and their offsets are stored one
// after the other where they are few, else by packing the lanes of the mask.
//
// Big-endian words have their bytes put in order first. In units, words of
// either order go through the shuffle, by a table that for little-endian ones
// leaves all as it is.
//
// What is left before the first aligned group and after the last one is less
// than a unit at times. AVX-512 reads the words that are there by a mask; AVX2
// reads a unit that ends with the last word and masks out those that it has in
// common with what was before.
//
//	DI  the state             R8   first word of the unit or group
//	SI  base                  R9   end of words
//	AX  mask, scratch         R10  out
//	DX  scratch               R11  offsets in out
//	R14 scratch               R12  most offsets in out that leave room for a vector
//	                          R13  end of the words under way
//	V0  −lo, V1 span, in all lanes (V is Z or Y); V31, V15 the order of bytes

#define LOAD_STATE(align, size) \
	MOVQ st+0(FP), DI                        \
	MOVQ wordsState_blk+block_base(DI), SI   \
	MOVQ wordsState_blk+block_pos(DI), R8    \
	MOVQ wordsState_blk+block_end(DI), R9    \
	MOVQ wordsState_blk+block_out(DI), R10   \
	MOVQ wordsState_blk+block_n(DI), R11     \
	MOVQ wordsState_blk+block_cap(DI), R12   \
	SUBQ $const_slack, R12                   \
	LEAQ (SI)(R8*1), DX                      \ // to the first aligned word, if words can be aligned
	NEGQ DX                                  \
	ANDQ $(align-size), DX                   \
	LEAQ (R8)(DX*1), R13                     \
	CMPQ R13, R9                             \
	CMOVQGT R9, R13

#define STORE_STATE \
	MOVQ R8, wordsState_blk+block_pos(DI)    \
	MOVQ R11, wordsState_blk+block_n(DI)

// FEW stores the offset R8 + size·i for every bit i of AX, which is not zero.
#define FEW(again, size) \
again:                              \
	TZCNTL AX, DX               \
	LEAL   (R8)(DX*size), DX    \
	MOVL   DX, (R10)(R11*4)     \
	INCQ   R11                  \
	BLSRL  AX, AX               \
	JNZ again

// AHEAD is that of literal_amd64.s.
#define AHEAD \
	PREFETCHT0 4096(SI)(R8*1) \
	PREFETCHT0 4160(SI)(R8*1) \
	PREFETCHT0 4224(SI)(R8*1) \
	PREFETCHT0 4288(SI)(R8*1) \
	PREFETCHT0 4352(SI)(R8*1) \
	PREFETCHT0 4416(SI)(R8*1) \
	PREFETCHT0 4480(SI)(R8*1) \
	PREFETCHT0 4544(SI)(R8*1) \
	PREFETCHT0 4608(SI)(R8*1) \
	PREFETCHT0 4672(SI)(R8*1) \
	PREFETCHT0 4736(SI)(R8*1) \
	PREFETCHT0 4800(SI)(R8*1) \
	PREFETCHT0 4864(SI)(R8*1) \
	PREFETCHT0 4928(SI)(R8*1) \
	PREFETCHT0 4992(SI)(R8*1) \
	PREFETCHT0 5056(SI)(R8*1)

// func scanWords8AVX512(st *wordsState)
TEXT ·scanWords8AVX512(SB), NOSPLIT, $0-8
	LOAD_STATE(64, 8)
	VPBROADCASTQ wordsState_minusLo(DI), Z0
	VPBROADCASTQ wordsState_span(DI), Z1
	MOVQ         wordsState_order(DI), AX
	VMOVDQU64    (AX), Z31
	VMOVDQU32    ·lanes(SB), Z16
	VPSLLD       $3, Z16, Z16
	JMP          unit8z

group8z:
	LEAQ   512(R8), R13
	CMPQ   R13, R9
	JGT    rest8z
	CMPQ   wordsState_swap(DI), $0
	JNE    swap8z
	VPADDQ 0(SI)(R8*1), Z0, Z2
	VPADDQ 64(SI)(R8*1), Z0, Z3
	VPADDQ 128(SI)(R8*1), Z0, Z4
	VPADDQ 192(SI)(R8*1), Z0, Z5
	VPADDQ 256(SI)(R8*1), Z0, Z6
	VPADDQ 320(SI)(R8*1), Z0, Z7
	VPADDQ 384(SI)(R8*1), Z0, Z8
	VPADDQ 448(SI)(R8*1), Z0, Z9

least8z:
	VPMINUQ  Z2, Z3, Z2
	VPMINUQ  Z4, Z5, Z4
	VPMINUQ  Z6, Z7, Z6
	VPMINUQ  Z8, Z9, Z8
	VPMINUQ  Z2, Z4, Z2
	VPMINUQ  Z6, Z8, Z6
	VPMINUQ  Z2, Z6, Z2
	VPCMPUQ  $2, Z1, Z2, K1
	KORTESTW K1, K1
	JNZ      near8z
	MOVQ     R13, R8
	JMP      group8z

swap8z:
	VMOVDQU64 0(SI)(R8*1), Z2
	VMOVDQU64 64(SI)(R8*1), Z3
	VMOVDQU64 128(SI)(R8*1), Z4
	VMOVDQU64 192(SI)(R8*1), Z5
	VMOVDQU64 256(SI)(R8*1), Z6
	VMOVDQU64 320(SI)(R8*1), Z7
	VMOVDQU64 384(SI)(R8*1), Z8
	VMOVDQU64 448(SI)(R8*1), Z9
	VPSHUFB   Z31, Z2, Z2
	VPSHUFB   Z31, Z3, Z3
	VPSHUFB   Z31, Z4, Z4
	VPSHUFB   Z31, Z5, Z5
	VPSHUFB   Z31, Z6, Z6
	VPSHUFB   Z31, Z7, Z7
	VPSHUFB   Z31, Z8, Z8
	VPSHUFB   Z31, Z9, Z9
	VPADDQ    Z2, Z0, Z2
	VPADDQ    Z3, Z0, Z3
	VPADDQ    Z4, Z0, Z4
	VPADDQ    Z5, Z0, Z5
	VPADDQ    Z6, Z0, Z6
	VPADDQ    Z7, Z0, Z7
	VPADDQ    Z8, Z0, Z8
	VPADDQ    Z9, Z0, Z9
	JMP       least8z

near8z:
	AHEAD
	JMP unit8z

rest8z:
	MOVQ R9, R13

unit8z:
	CMPQ  R8, R13
	JGE   more8z
	CMPQ  R11, R12
	JGT   done8z
	MOVL  $-1, AX
	MOVQ  R13, DX
	SUBQ  R8, DX
	SHRQ  $3, DX
	CMPQ  DX, $16
	JGE   body8z
	BZHIL DX, AX, AX

body8z:
	KMOVW       AX, K1
	KSHIFTRW    $8, K1, K2
	VMOVDQU64.Z (SI)(R8*1), K1, Z2
	VMOVDQU64.Z 64(SI)(R8*1), K2, Z3
	VPSHUFB     Z31, Z2, Z2
	VPSHUFB     Z31, Z3, Z3
	VPADDQ      Z2, Z0, Z2
	VPADDQ      Z3, Z0, Z3
	VPCMPUQ     $2, Z1, Z2, K1, K1
	VPCMPUQ     $2, Z1, Z3, K2, K2
	KUNPCKBW    K1, K2, K1
	KMOVW       K1, AX
	TESTL       AX, AX
	JZ          next8z
	POPCNTL     AX, DX
	CMPL        DX, $4
	JGT         many8z
	FEW(few8z, 8)

next8z:
	ADDQ $128, R8
	JMP  unit8z

many8z:
	VPBROADCASTD R8, Z2
	VPADDD       Z16, Z2, Z2
	VPCOMPRESSD  Z2, K1, Z2
	VMOVDQU32    Z2, (R10)(R11*4)
	ADDQ         DX, R11
	ADDQ         $128, R8
	JMP          unit8z

more8z:
	MOVQ R13, R8
	CMPQ R8, R9
	JLT  group8z

done8z:
	STORE_STATE
	VZEROUPPER
	RET

// func scanWords4AVX512(st *wordsState)
TEXT ·scanWords4AVX512(SB), NOSPLIT, $0-8
	LOAD_STATE(64, 4)
	VPBROADCASTQ wordsState_minusLo(DI), Z0
	VPBROADCASTQ wordsState_span(DI), Z1
	MOVQ         wordsState_order(DI), AX
	VMOVDQU64    (AX), Z31
	VMOVDQU32    ·lanes(SB), Z16
	VPSLLD       $2, Z16, Z16
	JMP          unit4z

group4z:
	LEAQ   512(R8), R13
	CMPQ   R13, R9
	JGT    rest4z
	CMPQ   wordsState_swap(DI), $0
	JNE    swap4z
	VPADDD 0(SI)(R8*1), Z0, Z2
	VPADDD 64(SI)(R8*1), Z0, Z3
	VPADDD 128(SI)(R8*1), Z0, Z4
	VPADDD 192(SI)(R8*1), Z0, Z5
	VPADDD 256(SI)(R8*1), Z0, Z6
	VPADDD 320(SI)(R8*1), Z0, Z7
	VPADDD 384(SI)(R8*1), Z0, Z8
	VPADDD 448(SI)(R8*1), Z0, Z9

least4z:
	VPMINUD  Z2, Z3, Z2
	VPMINUD  Z4, Z5, Z4
	VPMINUD  Z6, Z7, Z6
	VPMINUD  Z8, Z9, Z8
	VPMINUD  Z2, Z4, Z2
	VPMINUD  Z6, Z8, Z6
	VPMINUD  Z2, Z6, Z2
	VPCMPUD  $2, Z1, Z2, K1
	KORTESTW K1, K1
	JNZ      near4z
	MOVQ     R13, R8
	JMP      group4z

swap4z:
	VMOVDQU32 0(SI)(R8*1), Z2
	VMOVDQU32 64(SI)(R8*1), Z3
	VMOVDQU32 128(SI)(R8*1), Z4
	VMOVDQU32 192(SI)(R8*1), Z5
	VMOVDQU32 256(SI)(R8*1), Z6
	VMOVDQU32 320(SI)(R8*1), Z7
	VMOVDQU32 384(SI)(R8*1), Z8
	VMOVDQU32 448(SI)(R8*1), Z9
	VPSHUFB   Z31, Z2, Z2
	VPSHUFB   Z31, Z3, Z3
	VPSHUFB   Z31, Z4, Z4
	VPSHUFB   Z31, Z5, Z5
	VPSHUFB   Z31, Z6, Z6
	VPSHUFB   Z31, Z7, Z7
	VPSHUFB   Z31, Z8, Z8
	VPSHUFB   Z31, Z9, Z9
	VPADDD    Z2, Z0, Z2
	VPADDD    Z3, Z0, Z3
	VPADDD    Z4, Z0, Z4
	VPADDD    Z5, Z0, Z5
	VPADDD    Z6, Z0, Z6
	VPADDD    Z7, Z0, Z7
	VPADDD    Z8, Z0, Z8
	VPADDD    Z9, Z0, Z9
	JMP       least4z

near4z:
	AHEAD
	JMP unit4z

rest4z:
	MOVQ R9, R13

unit4z:
	CMPQ  R8, R13
	JGE   more4z
	CMPQ  R11, R12
	JGT   done4z
	MOVL  $-1, AX
	MOVQ  R13, DX
	SUBQ  R8, DX
	SHRQ  $2, DX
	CMPQ  DX, $16
	JGE   body4z
	BZHIL DX, AX, AX

body4z:
	KMOVW       AX, K1
	VMOVDQU32.Z (SI)(R8*1), K1, Z2
	VPSHUFB     Z31, Z2, Z2
	VPADDD      Z2, Z0, Z2
	VPCMPUD     $2, Z1, Z2, K1, K1
	KMOVW       K1, AX
	TESTL       AX, AX
	JZ          next4z
	POPCNTL     AX, DX
	CMPL        DX, $4
	JGT         many4z
	FEW(few4z, 4)

next4z:
	ADDQ $64, R8
	JMP  unit4z

many4z:
	VPBROADCASTD R8, Z2
	VPADDD       Z16, Z2, Z2
	VPCOMPRESSD  Z2, K1, Z2
	VMOVDQU32    Z2, (R10)(R11*4)
	ADDQ         DX, R11
	ADDQ         $64, R8
	JMP          unit4z

more4z:
	MOVQ R13, R8
	CMPQ R8, R9
	JLT  group4z

done4z:
	STORE_STATE
	VZEROUPPER
	RET

// func scanWords8AVX2(st *wordsState)
TEXT ·scanWords8AVX2(SB), NOSPLIT, $0-8
	LOAD_STATE(32, 8)
	VPBROADCASTQ wordsState_minusLo(DI), Y0
	VPBROADCASTQ wordsState_span(DI), Y1
	MOVQ         wordsState_order(DI), AX
	VMOVDQU      (AX), Y15
	VPCMPEQB     Y14, Y14, Y14

	// There is only a signed comparison: both sides have their top bit
	// turned over, the left one by adding it to −lo.
	VPSLLQ $63, Y14, Y13
	VPXOR  Y13, Y0, Y0
	VPXOR  Y13, Y1, Y1
	JMP    unit8y

group8y:
	LEAQ   256(R8), R13
	CMPQ   R13, R9
	JGT    rest8y
	CMPQ   wordsState_swap(DI), $0
	JNE    swap8y
	VPADDQ 0(SI)(R8*1), Y0, Y2
	VPADDQ 32(SI)(R8*1), Y0, Y3
	VPADDQ 64(SI)(R8*1), Y0, Y4
	VPADDQ 96(SI)(R8*1), Y0, Y5
	VPADDQ 128(SI)(R8*1), Y0, Y6
	VPADDQ 160(SI)(R8*1), Y0, Y7
	VPADDQ 192(SI)(R8*1), Y0, Y8
	VPADDQ 224(SI)(R8*1), Y0, Y9

least8y:
	VPCMPGTQ Y1, Y2, Y2
	VPCMPGTQ Y1, Y3, Y3
	VPCMPGTQ Y1, Y4, Y4
	VPCMPGTQ Y1, Y5, Y5
	VPCMPGTQ Y1, Y6, Y6
	VPCMPGTQ Y1, Y7, Y7
	VPCMPGTQ Y1, Y8, Y8
	VPCMPGTQ Y1, Y9, Y9
	VPAND    Y2, Y3, Y2
	VPAND    Y4, Y5, Y4
	VPAND    Y6, Y7, Y6
	VPAND    Y8, Y9, Y8
	VPAND    Y2, Y4, Y2
	VPAND    Y6, Y8, Y6
	VPAND    Y2, Y6, Y2
	VPTEST   Y14, Y2    // the carry flag: no lane is out of Y2
	JCC      near8y
	MOVQ     R13, R8
	JMP      group8y

swap8y:
	VMOVDQU 0(SI)(R8*1), Y2
	VMOVDQU 32(SI)(R8*1), Y3
	VMOVDQU 64(SI)(R8*1), Y4
	VMOVDQU 96(SI)(R8*1), Y5
	VMOVDQU 128(SI)(R8*1), Y6
	VMOVDQU 160(SI)(R8*1), Y7
	VMOVDQU 192(SI)(R8*1), Y8
	VMOVDQU 224(SI)(R8*1), Y9
	VPSHUFB Y15, Y2, Y2
	VPSHUFB Y15, Y3, Y3
	VPSHUFB Y15, Y4, Y4
	VPSHUFB Y15, Y5, Y5
	VPSHUFB Y15, Y6, Y6
	VPSHUFB Y15, Y7, Y7
	VPSHUFB Y15, Y8, Y8
	VPSHUFB Y15, Y9, Y9
	VPADDQ  Y2, Y0, Y2
	VPADDQ  Y3, Y0, Y3
	VPADDQ  Y4, Y0, Y4
	VPADDQ  Y5, Y0, Y5
	VPADDQ  Y6, Y0, Y6
	VPADDQ  Y7, Y0, Y7
	VPADDQ  Y8, Y0, Y8
	VPADDQ  Y9, Y0, Y9
	JMP     least8y

near8y:
	AHEAD
	JMP unit8y

rest8y:
	MOVQ R9, R13

unit8y:
	CMPQ  R8, R13
	JGE   more8y
	CMPQ  R11, R12
	JGT   done8y
	MOVL  $0xff, AX
	MOVQ  R9, DX
	SUBQ  R8, DX
	CMPQ  DX, $64
	JLT   last8y
	MOVQ  R13, DX
	SUBQ  R8, DX
	SHRQ  $3, DX
	CMPQ  DX, $8
	JGE   body8y
	BZHIL DX, AX, AX

body8y:
	VMOVDQU   (SI)(R8*1), Y2
	VPSHUFB   Y15, Y2, Y2
	VPADDQ    Y2, Y0, Y2
	VMOVDQU   32(SI)(R8*1), Y3
	VPSHUFB   Y15, Y3, Y3
	VPADDQ    Y3, Y0, Y3
	VPCMPGTQ  Y1, Y2, Y2
	VPCMPGTQ  Y1, Y3, Y3
	VMOVMSKPD Y2, DX
	VMOVMSKPD Y3, R14
	SHLL      $4, R14
	ORL       R14, DX
	ANDNL     AX, DX, AX
	JZ        next8y
	POPCNTL   AX, DX
	CMPL      DX, $2
	JGT       many8y
	FEW(few8y, 8)

next8y:
	ADDQ $64, R8
	JMP  unit8y

many8y:
	LEAQ         ·compress8(SB), R14
	VPMOVZXBD    (R14)(AX*8), Y2
	VPSLLD       $3, Y2, Y2
	VMOVD        R8, X3
	VPBROADCASTD X3, Y3
	VPADDD       Y2, Y3, Y2
	VMOVDQU      Y2, (R10)(R11*4)
	ADDQ         DX, R11
	ADDQ         $64, R8
	JMP          unit8y

// The last 1 to 7 words, DX bytes of them; AX is 0xff.
last8y:
	MOVQ    R9, R13
	MOVQ    R9, R8
	SUBQ    $64, R8
	SHRL    $3, DX
	NEGL    DX
	ADDL    $8, DX
	SHLXL   DX, AX, AX
	MOVBLZX AX, AX
	JMP     body8y

more8y:
	MOVQ R13, R8
	CMPQ R8, R9
	JLT  group8y

done8y:
	STORE_STATE
	VZEROUPPER
	RET

// func scanWords4AVX2(st *wordsState)
TEXT ·scanWords4AVX2(SB), NOSPLIT, $0-8
	LOAD_STATE(32, 4)
	VPBROADCASTQ wordsState_minusLo(DI), Y0
	VPBROADCASTQ wordsState_span(DI), Y1
	MOVQ         wordsState_order(DI), AX
	VMOVDQU      (AX), Y15
	VPCMPEQB     Y14, Y14, Y14
	JMP          unit4y

group4y:
	LEAQ   256(R8), R13
	CMPQ   R13, R9
	JGT    rest4y
	CMPQ   wordsState_swap(DI), $0
	JNE    swap4y
	VPADDD 0(SI)(R8*1), Y0, Y2
	VPADDD 32(SI)(R8*1), Y0, Y3
	VPADDD 64(SI)(R8*1), Y0, Y4
	VPADDD 96(SI)(R8*1), Y0, Y5
	VPADDD 128(SI)(R8*1), Y0, Y6
	VPADDD 160(SI)(R8*1), Y0, Y7
	VPADDD 192(SI)(R8*1), Y0, Y8
	VPADDD 224(SI)(R8*1), Y0, Y9

least4y:
	VPMINUD  Y2, Y3, Y2
	VPMINUD  Y4, Y5, Y4
	VPMINUD  Y6, Y7, Y6
	VPMINUD  Y8, Y9, Y8
	VPMINUD  Y2, Y4, Y2
	VPMINUD  Y6, Y8, Y6
	VPMINUD  Y2, Y6, Y2
	VPMINUD  Y1, Y2, Y3
	VPCMPEQD Y2, Y3, Y3
	VPTEST   Y3, Y3
	JNZ      near4y
	MOVQ     R13, R8
	JMP      group4y

swap4y:
	VMOVDQU 0(SI)(R8*1), Y2
	VMOVDQU 32(SI)(R8*1), Y3
	VMOVDQU 64(SI)(R8*1), Y4
	VMOVDQU 96(SI)(R8*1), Y5
	VMOVDQU 128(SI)(R8*1), Y6
	VMOVDQU 160(SI)(R8*1), Y7
	VMOVDQU 192(SI)(R8*1), Y8
	VMOVDQU 224(SI)(R8*1), Y9
	VPSHUFB Y15, Y2, Y2
	VPSHUFB Y15, Y3, Y3
	VPSHUFB Y15, Y4, Y4
	VPSHUFB Y15, Y5, Y5
	VPSHUFB Y15, Y6, Y6
	VPSHUFB Y15, Y7, Y7
	VPSHUFB Y15, Y8, Y8
	VPSHUFB Y15, Y9, Y9
	VPADDD  Y2, Y0, Y2
	VPADDD  Y3, Y0, Y3
	VPADDD  Y4, Y0, Y4
	VPADDD  Y5, Y0, Y5
	VPADDD  Y6, Y0, Y6
	VPADDD  Y7, Y0, Y7
	VPADDD  Y8, Y0, Y8
	VPADDD  Y9, Y0, Y9
	JMP     least4y

near4y:
	AHEAD
	JMP unit4y

rest4y:
	MOVQ R9, R13

unit4y:
	CMPQ  R8, R13
	JGE   more4y
	CMPQ  R11, R12
	JGT   done4y
	MOVL  $0xff, AX
	MOVQ  R9, DX
	SUBQ  R8, DX
	CMPQ  DX, $32
	JLT   last4y
	MOVQ  R13, DX
	SUBQ  R8, DX
	SHRQ  $2, DX
	CMPQ  DX, $8
	JGE   body4y
	BZHIL DX, AX, AX

body4y:
	VMOVDQU   (SI)(R8*1), Y2
	VPSHUFB   Y15, Y2, Y2
	VPADDD    Y2, Y0, Y2
	VPMINUD   Y1, Y2, Y3
	VPCMPEQD  Y2, Y3, Y3
	VMOVMSKPS Y3, DX
	ANDL      DX, AX
	JZ        next4y
	POPCNTL   AX, DX
	CMPL      DX, $2
	JGT       many4y
	FEW(few4y, 4)

next4y:
	ADDQ $32, R8
	JMP  unit4y

many4y:
	LEAQ         ·compress8(SB), R14
	VPMOVZXBD    (R14)(AX*8), Y2
	VPSLLD       $2, Y2, Y2
	VMOVD        R8, X3
	VPBROADCASTD X3, Y3
	VPADDD       Y2, Y3, Y2
	VMOVDQU      Y2, (R10)(R11*4)
	ADDQ         DX, R11
	ADDQ         $32, R8
	JMP          unit4y

// The last 1 to 7 words, DX bytes of them; AX is 0xff.
last4y:
	MOVQ    R9, R13
	MOVQ    R9, R8
	SUBQ    $32, R8
	SHRL    $2, DX
	NEGL    DX
	ADDL    $8, DX
	SHLXL   DX, AX, AX
	MOVBLZX AX, AX
	JMP     body4y

more4y:
	MOVQ R13, R8
	CMPQ R8, R9
	JLT  group4y

done4y:
	STORE_STATE
	VZEROUPPER
	RET
