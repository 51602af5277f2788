//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// These kernels look for numbers of 1, 2, 4 and 8 bytes in envelopes: v is from lo to
// lo + span if, and only if, v − lo ≤ span in unsigned arithmetic, which wraps round.
// The macro WORDS is the kernel for all widths.
//
// The loop takes a group of 512 bytes at a time, and asks once whether any number in it
// is in an envelope: for each envelope, whether the least of all v − lo is at most span.
// Where starts are closer to each other than numbers are wide, that is asked
// once a phase: of the numbers that begin 0, step, 2·step … bytes behind lane
// ends. Loads of the first phase are aligned, and mask registers used
// sparingly, for the reasons given in literal_amd64.s. A group with a number
// in an envelope is gone through by chunks of 64 bytes. Their mask has a bit for
// each slot: a position where a number may start, a lane or the part of it that is
// a step. Offsets are stored by packing 16 slots at a time.
//
// Where starts are further apart than numbers are wide, only some of the lanes
// count. The bytes of big-endian numbers are put in order first. In chunks that is done
// to numbers of either order, by a table which leaves little-endian ones as they are.
//
// What is left before the first aligned group and after the last one is less
// than a chunk at times: only the numbers that are there are loaded, by a mask.
//
//	DI  the state             R8   first start of the chunk or group
//	SI  base                  R9   end of starts
//	AX  mask, scratch         R10  out
//	BX  the phase under way   R11  offsets in out
//	CX  scratch               R12  most offsets in out that leave room for a chunk
//	DX  envelope, from R14    R13  end of the starts under way
//	R15 slots, then offset    R14  end of the envelopes
//	Z0  −lo, Z1 span, in all lanes; Z31 the order of bytes; Z16 offsets of slots
//	K6  lanes that count, K7 lanes in an envelope

#define LOAD_STATE \
	MOVQ wordsState_blk+block_base(DI), SI   \
	MOVQ wordsState_blk+block_pos(DI), R8    \
	MOVQ wordsState_blk+block_end(DI), R9    \
	MOVQ wordsState_blk+block_out(DI), R10   \
	MOVQ wordsState_blk+block_n(DI), R11     \
	MOVQ wordsState_blk+block_cap(DI), R12   \
	SUBQ $const_slack, R12                   \
	LEAQ (SI)(R8*1), DX                      \ // R13 becomes the first aligned start, if starts can be aligned
	NEGQ DX                                  \
	ANDQ wordsState_align(DI), DX            \
	LEAQ (R8)(DX*1), R13                     \
	CMPQ R13, R9                             \
	CMOVQGT R9, R13                          \
	MOVQ wordsState_envelopes(DI), R14       \
	SUBQ wordsState_minusSize(DI), R14

#define STORE_STATE \
	MOVQ R8, wordsState_blk+block_pos(DI)    \
	MOVQ R11, wordsState_blk+block_n(DI)

// AHEAD asks for two groups of memory that come later, as FETCH of scan_amd64.h does.
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

// FETCH asks for memory that comes later, as much as a group has: several envelopes or
// phases take so long that the processor does not fetch far ahead by itself.
#define FETCH \
	PREFETCHT0 4096(SI)(R8*1) \
	PREFETCHT0 4160(SI)(R8*1) \
	PREFETCHT0 4224(SI)(R8*1) \
	PREFETCHT0 4288(SI)(R8*1) \
	PREFETCHT0 4352(SI)(R8*1) \
	PREFETCHT0 4416(SI)(R8*1) \
	PREFETCHT0 4480(SI)(R8*1) \
	PREFETCHT0 4544(SI)(R8*1)

// LOAD8 loads 512 bytes.
#define LOAD8 \
	VMOVDQU64 0(BX), Z2    \
	VMOVDQU64 64(BX), Z3   \
	VMOVDQU64 128(BX), Z4  \
	VMOVDQU64 192(BX), Z5  \
	VMOVDQU64 256(BX), Z6  \
	VMOVDQU64 320(BX), Z7  \
	VMOVDQU64 384(BX), Z8  \
	VMOVDQU64 448(BX), Z9

// ORDER8 puts the bytes of the numbers in order.
#define ORDER8 \
	VPSHUFB Z31, Z2, Z2    \
	VPSHUFB Z31, Z3, Z3    \
	VPSHUFB Z31, Z4, Z4    \
	VPSHUFB Z31, Z5, Z5    \
	VPSHUFB Z31, Z6, Z6    \
	VPSHUFB Z31, Z7, Z7    \
	VPSHUFB Z31, Z8, Z8    \
	VPSHUFB Z31, Z9, Z9

// LEAST8 sets each lane of Z17 to the least v − lo of the 8 vectors.
#define LEAST8(add, min) \
	add Z2, Z0, Z17        \
	add Z3, Z0, Z18        \
	add Z4, Z0, Z19        \
	add Z5, Z0, Z20        \
	add Z6, Z0, Z21        \
	add Z7, Z0, Z22        \
	add Z8, Z0, Z23        \
	add Z9, Z0, Z24        \
	min Z17, Z18, Z17      \
	min Z19, Z20, Z19      \
	min Z21, Z22, Z21      \
	min Z23, Z24, Z23      \
	min Z17, Z19, Z17      \
	min Z21, Z23, Z21      \
	min Z17, Z21, Z17

// ENVELOPE loads the envelope in hand.
#define ENVELOPE \
	VPBROADCASTQ 0(R14)(DX*1), Z0 \
	VPBROADCASTQ 8(R14)(DX*1), Z1

// INSIDE sets K7 to the lanes of Z2 that are in an envelope.
#define INSIDE(loop, add, compare) \
	VPSHUFB Z31, Z2, Z2                  \
	KXORQ   K7, K7, K7                   \
	MOVQ    wordsState_minusSize(DI), DX \
loop:                                    \
	ENVELOPE                             \
	add     Z2, Z0, Z3                   \
	compare $2, Z1, Z3, K1               \
	KORQ    K1, K7, K7                   \
	ADDQ    $const_envelopeSize, DX      \
	JNZ     loop                         \
	KANDQ   K6, K7, K7

// STORE16 stores the offsets R15 + slot for the lowest 16 slots of AX.
#define STORE16 \
	KMOVW        AX, K1            \
	VPBROADCASTD R15, Z2           \
	VPADDD       Z16, Z2, Z2       \
	VPCOMPRESSD  Z2, K1, Z2        \
	VMOVDQU32    Z2, (R10)(R11*4)  \
	MOVWLZX      AX, CX            \
	POPCNTL      CX, CX            \
	ADDQ         CX, R11

// WORDS is a kernel: width is that of a lane, its logarithm log; load, add,
// min and compare are the instructions on such lanes.
#define WORDS(width, log, load, add, min, compare) \
	MOVQ         st+0(FP), DI                 \
	LOAD_STATE                                \
	MOVQ         wordsState_order(DI), AX     \
	VMOVDQU64    (AX), Z31                    \
	KMOVQ        wordsState_lanes(DI), K6     \
	VMOVDQU32    ·lanes(SB), Z16              \
	MOVQ         wordsState_scale(DI), AX     \
	VMOVQ        AX, X2                       \
	VPSLLD       X2, Z16, Z16                 \
	JMP          chunk                        \
group:                                        \
	LEAQ         512(R8), R13                 \
	CMPQ         R13, R9                      \
	JGT          rest                         \
	FETCH                                     \
	LEAQ         (SI)(R8*1), BX               \
	LEAQ         width(BX), CX                \
	KXORQ        K7, K7, K7                   \
phase:                                        \
	LOAD8                                     \
	CMPQ         wordsState_swap(DI), $0      \
	JE           ordered                      \
	ORDER8                                    \
ordered:                                      \
	MOVQ         wordsState_minusSize(DI), DX \
envelope:                                     \
	ENVELOPE                                  \
	LEAST8(add, min)                          \
	compare      $2, Z1, Z17, K1              \
	KORQ         K1, K7, K7                   \
	ADDQ         $const_envelopeSize, DX      \
	JNZ          envelope                     \
	ADDQ         wordsState_step(DI), BX      \
	CMPQ         BX, CX                       \
	JLT          phase                        \
	KTESTQ       K6, K7                       \
	JNZ          near                         \
	MOVQ         R13, R8                      \
	JMP          group                        \
near:                                         \
	AHEAD                                     \
	JMP          chunk                        \
rest:                                         \
	MOVQ         R9, R13                      \
chunk:                                        \
	CMPQ         R8, R13                      \
	JGE          more                         \
	CMPQ         R11, R12                     \
	JGT          done                         \
	MOVQ         R13, CX                      \
	SUBQ         R8, CX                       \
	MOVL         $64, AX                      \
	CMPQ         CX, AX                       \
	JLT          phases                       \
	MOVQ         AX, CX                       \
	CMPQ         wordsState_step(DI), $width  \
	JNE          phases                       \
	VMOVDQU64    (SI)(R8*1), Z2               \ // a whole chunk, in one phase
	INSIDE(wholeEnvelope, add, compare)       \
	KMOVQ        K7, AX                       \
	TESTQ        AX, AX                       \
	JNZ          found                        \
	JMP          next                         \
phases:                                       \
	ADDQ         $(width-1), CX               \ // bytes of starts from the phase on, rounded up to lanes
	LEAQ         (SI)(R8*1), BX               \
	XORL         R15, R15                     \
unitPhase:                                    \
	MOVQ         CX, DX                       \
	SHRQ         $log, DX                     \
	MOVQ         $-1, AX                      \
	BZHIQ        DX, AX, AX                   \
	KMOVQ        AX, K5                       \
	load         (BX), K5, Z2                 \
	INSIDE(unitEnvelope, add, compare)        \
	KANDQ        K5, K7, K7                   \
	KMOVQ        K7, AX                       \
	MOVQ         BX, DX                       \ // the phase, in bytes
	SUBQ         SI, DX                       \
	SUBQ         R8, DX                       \
	PDEPQ        wordsState_spreads(DI)(DX*8), AX, AX \
	ORQ          AX, R15                      \
	MOVQ         wordsState_step(DI), DX      \
	ADDQ         DX, BX                       \
	SUBQ         DX, CX                       \
	LEAQ         width(SI)(R8*1), DX          \
	CMPQ         BX, DX                       \
	JLT          unitPhase                    \
	MOVQ         R15, AX                      \
	TESTQ        AX, AX                       \
	JZ           next                         \
found:                                        \
	MOVQ         R8, R15                      \
store:                                        \
	STORE16                                   \
	SHRQ         $16, AX                      \
	JZ           next                         \
	TZCNTQ       AX, CX                       \ // slots without a number are passed over
	ANDL         $48, CX                      \
	SHRXQ        CX, AX, AX                   \
	ADDL         $16, CX                      \
	MOVQ         wordsState_scale(DI), BX     \
	SHLXQ        BX, CX, CX                   \
	ADDQ         CX, R15                      \
	JMP          store                        \
next:                                         \
	ADDQ         $64, R8                      \
	JMP          chunk                        \
more:                                         \
	MOVQ         R13, R8                      \
	CMPQ         R8, R9                       \
	JLT          group                        \
done:                                         \
	STORE_STATE                               \
	VZEROUPPER                                \
	RET

// func scanWords1AVX512(st *wordsState)
TEXT ·scanWords1AVX512(SB), NOSPLIT, $0-8
	WORDS(1, 0, VMOVDQU8.Z, VPADDB, VPMINUB, VPCMPUB)

// func scanWords2AVX512(st *wordsState)
TEXT ·scanWords2AVX512(SB), NOSPLIT, $0-8
	WORDS(2, 1, VMOVDQU16.Z, VPADDW, VPMINUW, VPCMPUW)

// func scanWords4AVX512(st *wordsState)
TEXT ·scanWords4AVX512(SB), NOSPLIT, $0-8
	WORDS(4, 2, VMOVDQU32.Z, VPADDD, VPMINUD, VPCMPUD)

// func scanWords8AVX512(st *wordsState)
TEXT ·scanWords8AVX512(SB), NOSPLIT, $0-8
	WORDS(8, 3, VMOVDQU64.Z, VPADDQ, VPMINUQ, VPCMPUQ)
