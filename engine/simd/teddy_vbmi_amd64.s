//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "scan_amd64.h"

// This is the filter of Teddy by tables of 128 entries, for AVX-512 VBMI. A lane is a
// start. Byte 1 of its excerpt is loaded from one byte further on, byte 2 from two:
//
//	memory       x x a b c x
//	as byte 0        A             A = sevens0[a]
//	as byte 1        B             B = sevens1[b]
//	as byte 2        C             C = sevens2[c]
//
// A start passes where A & B & C has a bucket. Four vectors are looked at before it is
// asked whether any start has passed. If one has, the offsets and masks of all four
// are stored, and a vector without a start is overwritten by the next: which vectors
// have one cannot be predicted.
//
// Vectors are aligned. Masks keep memory before the first start and behind the last
// excerpt from being read.
//
// Registers: see scan_amd64.h, except that out has the offsets of vectors. CX points
// to where their masks go. Z16 to Z21 are the tables.

// EXCERPTS sets R to the buckets that may have an excerpt at each start of the vector at
// R8 + off. VPERMI2B overwrites the bytes that it looks up by what it finds.
#define EXCERPTS(off, R) \
	VMOVDQU64  off(SI)(R8*1), R             \
	VMOVDQU64  (off+1)(SI)(R8*1), Z8        \
	VMOVDQU64  (off+2)(SI)(R8*1), Z9        \
	BUCKETS(R)

#define BUCKETS(R) \
	VPERMI2B   Z17, Z16, R                  \
	VPERMI2B   Z19, Z18, Z8                 \
	VPERMI2B   Z21, Z20, Z9                 \
	VPTERNLOGQ $0x80, Z8, Z9, R             // what all three tables have

// STORE stores the vector at R8 + off with the starts in K1, if there are any.
#define STORE(off) \
	KMOVQ K1, DX            \
	LEAL  off(R8), AX       \
	MOVL  AX, (R10)(R11*4)  \
	MOVQ  DX, (CX)(R11*8)   \
	NEGQ  DX                \ // sets the carry where DX is not 0
	ADCQ  $0, R11

// func scanTeddyVBMI(st *sevensState)
TEXT ·scanTeddyVBMI(SB), NOSPLIT, $0-8
	MOVQ      st+0(FP), DI
	LOAD_BLOCK
	MOVQ      sevensState_masks(DI), CX
	MOVQ      sevensState_tables(DI), DX
	VMOVDQU64 0(DX), Z16
	VMOVDQU64 64(DX), Z17
	VMOVDQU64 128(DX), Z18
	VMOVDQU64 192(DX), Z19
	VMOVDQU64 256(DX), Z20
	VMOVDQU64 320(DX), Z21

	// The first starts are looked at alone, up to one that is aligned.
	MOVQ SI, BX
	TO_ALIGNED(63)
	CMPQ R8, R13
	JLT  single

	// Memory is asked for ahead, by 4 KiB, as in literal512_amd64.h.
next:
	CMPQ       R11, R12
	JGT        done
	LEAQ       256(R8), R13
	CMPQ       R13, R9
	JGT        last
	PREFETCHT0 4096(SI)(R8*1)
	PREFETCHT0 4160(SI)(R8*1)
	PREFETCHT0 4224(SI)(R8*1)
	PREFETCHT0 4288(SI)(R8*1)
	EXCERPTS(0, Z10)
	EXCERPTS(64, Z11)
	EXCERPTS(128, Z12)
	EXCERPTS(192, Z13)
	VPORQ      Z10, Z11, Z14
	VPTERNLOGQ $0xfe, Z12, Z13, Z14
	VPTESTMB   Z14, Z14, K1
	KORTESTQ   K1, K1
	JNZ        found
	MOVQ       R13, R8
	JMP        next

found:
	VPTESTMB Z10, Z10, K1
	STORE(0)
	VPTESTMB Z11, Z11, K1
	STORE(64)
	VPTESTMB Z12, Z12, K1
	STORE(128)
	VPTESTMB Z13, Z13, K1
	STORE(192)
	MOVQ     R13, R8
	JMP      next

	// These are the last starts, fewer than 256.
last:
	MOVQ R9, R13

	// One vector is looked at, or what there is of it before R13.
single:
	MOVQ       R13, DX
	SUBQ       R8, DX
	JLE        done
	MOVQ       $-1, AX
	CMPQ       DX, $64
	JGE        whole
	BZHIQ      DX, AX, AX

whole:
	KMOVQ      AX, K2
	VMOVDQU8.Z (SI)(R8*1), K2, Z10
	VMOVDQU8.Z 1(SI)(R8*1), K2, Z8
	VMOVDQU8.Z 2(SI)(R8*1), K2, Z9
	BUCKETS(Z10)
	VPTESTMB   Z10, Z10, K2, K1
	STORE(0)
	ADDQ       $64, R8
	CMPQ       R8, R13
	JLT        single
	MOVQ       R13, R8
	CMPQ       R8, R9
	JLT        next

done:
	STORE_BLOCK
	VZEROUPPER
	RET
