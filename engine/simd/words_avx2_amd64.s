//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// These are the kernels of words_avx512_amd64.s for vectors of 32 bytes. Groups have 256
// bytes, and chunks 64 as there. They differ in this:
//
//   - There are only signed comparisons, and none for "at most". Both −lo and
//     span + 1 have the top bit of each lane inverted, and v is in the envelope
//     where the second is greater than v plus the first. No envelope has all
//     numbers of a width.
//   - There is no instruction for the lesser of two lanes of 8 bytes, so each lane
//     is compared.
//   - A chunk's slots are brought together in a vector, of which each phase
//     selects its part of each lane, before they become a mask.
//   - There are no loads under a mask. A chunk that would go beyond the end of
//     starts is moved back to end with it, and those of its slots that were
//     looked at before are taken out of the mask.
//
// Registers are as there, except for
//
//	AX  in phases: the bytes of lanes that are theirs; else mask, scratch
//	Y0  −lo, Y1 span + 1, as said; Y15 the order of bytes; X14 logarithm of slot size
//	Y12 slots in an envelope: of the group, of the first half of the chunk
//	Y13 those of its second half

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
	CMOVQGT R9, R13

// ENVELOPES sets R14 to the end of the envelopes.
#define ENVELOPES \
	MOVQ wordsState_envelopes(DI), R14       \
	SUBQ wordsState_minusSize(DI), R14

#define STORE_STATE \
	MOVQ R8, wordsState_blk+block_pos(DI)    \
	MOVQ R11, wordsState_blk+block_n(DI)

// AHEAD asks for groups of memory that come later, as FETCH of scan_amd64.h does.
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
	PREFETCHT0 4288(SI)(R8*1)

// LOAD8 loads 256 bytes.
#define LOAD8 \
	VMOVDQU 0(BX), Y2    \
	VMOVDQU 32(BX), Y3   \
	VMOVDQU 64(BX), Y4   \
	VMOVDQU 96(BX), Y5   \
	VMOVDQU 128(BX), Y6  \
	VMOVDQU 160(BX), Y7  \
	VMOVDQU 192(BX), Y8  \
	VMOVDQU 224(BX), Y9

// ORDER8 puts the bytes of the numbers in order.
#define ORDER8 \
	VPSHUFB Y15, Y2, Y2  \
	VPSHUFB Y15, Y3, Y3  \
	VPSHUFB Y15, Y4, Y4  \
	VPSHUFB Y15, Y5, Y5  \
	VPSHUFB Y15, Y6, Y6  \
	VPSHUFB Y15, Y7, Y7  \
	VPSHUFB Y15, Y8, Y8  \
	VPSHUFB Y15, Y9, Y9

// LEAST8 adds to Y11 the lanes in which a number of one of the 8 vectors is in the
// envelope: the least v − lo is compared.
#define LEAST8(add, min, greater) \
	add     Y2, Y0, Y10    \
	add     Y3, Y0, Y13    \
	min     Y13, Y10, Y10  \
	add     Y4, Y0, Y13    \
	min     Y13, Y10, Y10  \
	add     Y5, Y0, Y13    \
	min     Y13, Y10, Y10  \
	add     Y6, Y0, Y13    \
	min     Y13, Y10, Y10  \
	add     Y7, Y0, Y13    \
	min     Y13, Y10, Y10  \
	add     Y8, Y0, Y13    \
	min     Y13, Y10, Y10  \
	add     Y9, Y0, Y13    \
	min     Y13, Y10, Y10  \
	greater Y10, Y1, Y10   \
	VPOR    Y10, Y11, Y11

// EACH8 does the same by comparing each vector; min is not used.
#define EACH8(add, min, greater) \
	add     Y2, Y0, Y10    \
	greater Y10, Y1, Y10   \
	add     Y3, Y0, Y13    \
	greater Y13, Y1, Y13   \
	VPOR    Y10, Y11, Y11  \
	VPOR    Y13, Y11, Y11  \
	add     Y4, Y0, Y10    \
	greater Y10, Y1, Y10   \
	add     Y5, Y0, Y13    \
	greater Y13, Y1, Y13   \
	VPOR    Y10, Y11, Y11  \
	VPOR    Y13, Y11, Y11  \
	add     Y6, Y0, Y10    \
	greater Y10, Y1, Y10   \
	add     Y7, Y0, Y13    \
	greater Y13, Y1, Y13   \
	VPOR    Y10, Y11, Y11  \
	VPOR    Y13, Y11, Y11  \
	add     Y8, Y0, Y10    \
	greater Y10, Y1, Y10   \
	add     Y9, Y0, Y13    \
	greater Y13, Y1, Y13   \
	VPOR    Y10, Y11, Y11  \
	VPOR    Y13, Y11, Y11

// ENVELOPE loads the envelope in hand.
#define ENVELOPE \
	VPBROADCASTQ 0(R14)(DX*1), Y0 \
	VPBROADCASTQ 8(R14)(DX*1), Y1

// STORE8 stores the offsets R15 + slot for the lowest 8 slots of AX; R14 has
// compress8.
#define STORE8 \
	MOVBLZX      AX, CX           \
	VPMOVZXBD    (R14)(CX*8), Y2  \
	VPSLLD       X14, Y2, Y2      \
	VMOVD        R15, X3          \
	VPBROADCASTD X3, Y3           \
	VPADDD       Y2, Y3, Y2       \
	VMOVDQU      Y2, (R10)(R11*4) \
	POPCNTL      CX, CX           \
	ADDQ         CX, R11

// WORDS is a kernel: width is that of a lane; group8 is LEAST8 or EACH8; add,
// min and greater are the instructions on such lanes.
#define WORDS(width, group8, add, min, greater) \
	MOVQ      st+0(FP), DI                 \
	LOAD_STATE                             \
	ENVELOPES                              \
	MOVQ      wordsState_order(DI), AX     \
	VMOVDQU   (AX), Y15                    \
	VMOVQ     wordsState_scale(DI), X14    \
	JMP       chunk                        \
group:                                     \
	CMPQ      wordsState_plain(DI), $0     \
	JNE       plain                        \
	LEAQ      256(R8), R13                 \
	CMPQ      R13, R9                      \
	JGT       rest                         \
	FETCH                                  \
	LEAQ      (SI)(R8*1), BX               \
	LEAQ      width(BX), CX                \
	MOVQ      wordsState_selects(DI), AX   \
	VPXOR     Y12, Y12, Y12                \
phase:                                     \
	LOAD8                                  \
	CMPQ      wordsState_swap(DI), $0      \
	JE        ordered                      \
	ORDER8                                 \
ordered:                                   \
	VPXOR     Y11, Y11, Y11                \
	MOVQ      wordsState_minusSize(DI), DX \
envelope:                                  \
	ENVELOPE                               \
	group8(add, min, greater)              \
	ADDQ      $const_envelopeSize, DX      \
	JNZ       envelope                     \
	VPAND     (AX), Y11, Y11               \
	VPOR      Y11, Y12, Y12                \
	ADDQ      $32, AX                      \
	ADDQ      wordsState_step(DI), BX      \
	CMPQ      BX, CX                       \
	JLT       phase                        \
	VPTEST    Y12, Y12                     \
	JNZ       near                         \
	MOVQ      R13, R8                      \
	JMP       group                        \
near:                                      \
	AHEAD                                  \
	JMP       chunk                        \
plain:                                     \ // one phase, one envelope
	MOVQ      wordsState_selects(DI), AX   \
	MOVQ      wordsState_minusSize(DI), DX \
	ENVELOPE                               \
plainGroup:                                \
	LEAQ      256(R8), R13                 \
	CMPQ      R13, R9                      \
	JGT       rest                         \
	add       0(SI)(R8*1), Y0, Y2          \
	add       32(SI)(R8*1), Y0, Y3         \
	add       64(SI)(R8*1), Y0, Y4         \
	add       96(SI)(R8*1), Y0, Y5         \
	add       128(SI)(R8*1), Y0, Y6        \
	add       160(SI)(R8*1), Y0, Y7        \
	add       192(SI)(R8*1), Y0, Y8        \
	add       224(SI)(R8*1), Y0, Y9        \
	greater   Y2, Y1, Y2                   \
	greater   Y3, Y1, Y3                   \
	greater   Y4, Y1, Y4                   \
	greater   Y5, Y1, Y5                   \
	greater   Y6, Y1, Y6                   \
	greater   Y7, Y1, Y7                   \
	greater   Y8, Y1, Y8                   \
	greater   Y9, Y1, Y9                   \
	VPOR      Y2, Y3, Y2                   \
	VPOR      Y4, Y5, Y4                   \
	VPOR      Y6, Y7, Y6                   \
	VPOR      Y8, Y9, Y8                   \
	VPOR      Y2, Y4, Y2                   \
	VPOR      Y6, Y8, Y6                   \
	VPOR      Y2, Y6, Y2                   \
	VPAND     (AX), Y2, Y2                 \
	VPTEST    Y2, Y2                       \
	JNZ       near                         \
	MOVQ      R13, R8                      \
	JMP       plainGroup                   \
rest:                                      \
	MOVQ      R9, R13                      \
chunk:                                     \
	CMPQ      R8, R13                      \
	JGE       more                         \
	CMPQ      R11, R12                     \
	JGT       done                         \
	MOVQ      $-1, R15                     \ // slots to look at
	MOVQ      wordsState_scale(DI), BX     \
	MOVQ      R9, DX                       \
	SUBQ      R8, DX                       \
	MOVL      $64, CX                      \
	CMPQ      DX, CX                       \
	JLT       last                         \
	MOVQ      R13, DX                      \
	SUBQ      R8, DX                       \
	CMPQ      DX, CX                       \
	CMOVQGT   CX, DX                       \
	SHRXQ     BX, DX, DX                   \
	BZHIQ     DX, R15, R15                 \
body:                                      \
	LEAQ      (SI)(R8*1), BX               \
	LEAQ      width(BX), CX                \
	MOVQ      wordsState_selects(DI), AX   \
	VPXOR     Y12, Y12, Y12                \
	VPXOR     Y13, Y13, Y13                \
unitPhase:                                 \
	VMOVDQU   (BX), Y2                     \
	VMOVDQU   32(BX), Y3                   \
	VPSHUFB   Y15, Y2, Y2                  \
	VPSHUFB   Y15, Y3, Y3                  \
	VPXOR     Y6, Y6, Y6                   \
	VPXOR     Y7, Y7, Y7                   \
	MOVQ      wordsState_minusSize(DI), DX \
unitEnvelope:                              \
	ENVELOPE                               \
	add       Y2, Y0, Y4                   \
	add       Y3, Y0, Y5                   \
	greater   Y4, Y1, Y4                   \
	greater   Y5, Y1, Y5                   \
	VPOR      Y4, Y6, Y6                   \
	VPOR      Y5, Y7, Y7                   \
	ADDQ      $const_envelopeSize, DX      \
	JNZ       unitEnvelope                 \
	VPAND     (AX), Y6, Y6                 \
	VPAND     (AX), Y7, Y7                 \
	VPOR      Y6, Y12, Y12                 \
	VPOR      Y7, Y13, Y13                 \
	ADDQ      $32, AX                      \
	ADDQ      wordsState_step(DI), BX      \
	CMPQ      BX, CX                       \
	JLT       unitPhase                    \
	MOVQ      wordsState_scale(DI), BX     \
	CMPQ      BX, $2                       \
	JGT       slots8                       \
	JE        slots4                       \
	CMPQ      BX, $1                       \
	JE        slots2                       \
	VPMOVMSKB Y12, AX                      \
	VPMOVMSKB Y13, DX                      \
	SHLQ      $32, DX                      \
	JMP       masked                       \
slots2:                                    \
	VPACKSSWB Y13, Y12, Y12                \ // by 16-byte lanes: 0 2 1 3
	VPERMQ    $0xd8, Y12, Y12              \
	VPMOVMSKB Y12, AX                      \
	XORL      DX, DX                       \
	JMP       masked                       \
slots4:                                    \
	VMOVMSKPS Y12, AX                      \
	VMOVMSKPS Y13, DX                      \
	SHLL      $8, DX                       \
	JMP       masked                       \
slots8:                                    \
	VMOVMSKPD Y12, AX                      \
	VMOVMSKPD Y13, DX                      \
	SHLL      $4, DX                       \
masked:                                    \
	ORQ       DX, AX                       \
	ANDQ      R15, AX                      \
	JZ        next                         \
	MOVQ      R8, R15                      \
	LEAQ      ·compress8(SB), R14          \
store:                                     \
	STORE8                                 \
	SHRQ      $8, AX                       \
	JZ        stored                       \
	TZCNTQ    AX, CX                       \ // slots without a number are passed over
	ANDL      $56, CX                      \
	SHRXQ     CX, AX, AX                   \
	ADDL      $8, CX                       \
	SHLXQ     BX, CX, CX                   \
	ADDQ      CX, R15                      \
	JMP       store                        \
stored:                                    \
	ENVELOPES                              \
next:                                      \
	ADDQ      $64, R8                      \
	JMP       chunk                        \
last:                                      \ // the last DX bytes of starts, fewer than 64
	MOVQ      R9, R13                      \
	LEAQ      -64(R9), R8                  \
	SUBQ      DX, CX                       \
	SHRXQ     BX, CX, CX                   \
	SHLXQ     CX, R15, R15                 \
	JMP       body                         \
more:                                      \
	MOVQ      R13, R8                      \
	CMPQ      R8, R9                       \
	JLT       group                        \
done:                                      \
	STORE_STATE                            \
	VZEROUPPER                             \
	RET

// func scanWords1AVX2(st *wordsState)
TEXT ·scanWords1AVX2(SB), NOSPLIT, $0-8
	WORDS(1, LEAST8, VPADDB, VPMINSB, VPCMPGTB)

// func scanWords2AVX2(st *wordsState)
TEXT ·scanWords2AVX2(SB), NOSPLIT, $0-8
	WORDS(2, LEAST8, VPADDW, VPMINSW, VPCMPGTW)

// func scanWords4AVX2(st *wordsState)
TEXT ·scanWords4AVX2(SB), NOSPLIT, $0-8
	WORDS(4, LEAST8, VPADDD, VPMINSD, VPCMPGTD)

// func scanWords8AVX2(st *wordsState)
TEXT ·scanWords8AVX2(SB), NOSPLIT, $0-8
	WORDS(8, EACH8, VPADDQ, VPOR, VPCMPGTQ)
