//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "scan_amd64.h"

// The loops of literal_amd64.s, under masks: a byte of memory agrees with a
// probe where (memory ^ value) & mask = 0. Differences:
//
//  1. One probe is seldom enough where only some bits of it count, so a group
//     is asked for the pair from the start, and where it was foreseen that the
//     pair lets through too much, for four probes.
//  2. Groups that pass are gone through vector by vector: first the pair, then
//     the other probes one after the other, until no start is left.
//
// Registers: see scan_amd64.h. BX is base + off0, CX base + off1; within groups
// that are asked for four, AX is base + off2 and DX base + off3.
//
//	values of the first four probes   Z0 Z1 Z24 Z25   Y0 Y1 Y10 Y11
//	their masks                       Z20 to Z23      Y12 to Y15

// PROBE loads the probe of that number.
#define PROBE(i, val, mask) \
	VPBROADCASTD (maskedState_first+i*probe__size+probe_val)(DI), val   \
	VPBROADCASTD (maskedState_first+i*probe__size+probe_mask)(DI), mask

// NEAR loads the base, and the addresses of the first two probes.
#define NEAR \
	MOVQ (maskedState_blk+block_base)(DI), SI                      \
	MOVL (maskedState_first+probe_off)(DI), BX                     \
	MOVL (maskedState_first+probe__size+probe_off)(DI), CX         \
	ADDQ SI, BX                                                    \
	ADDQ SI, CX

// CARRY512 puts in carry where probe i agrees with the 64 starts from R8.
#define CARRY512(i, val, mask, carry) \
	MOVL     (maskedState_first+i*probe__size+probe_off)(DI), AX   \
	ADDQ     R8, AX                                                \
	VPANDQ   (SI)(AX*1), mask, Z2                                  \
	VPCMPEQB Z2, val, K1                                           \
	KMOVQ    K1, carry

// FOUR512 sets bits in CX where four probes agree with the vector at: a byte of
// it is probe 0, and those the distances before it are the others.
#define FOUR512(at) \
	VMOVDQA64 at(BX)(R8*1), Z2              \
	VPANDQ    Z2, Z20, Z3                   \
	VPCMPEQB  Z3, Z0, K1                    \
	KMOVQ     K1, SI                        \
	ALSO512(1, Z1, Z21, R13)                \
	ALSO512(2, Z24, Z22, R14)               \
	ALSO512(3, Z25, Z23, R15)               \
	ORQ       SI, CX

#define ALSO512(i, val, mask, carry) \
	VPANDQ   Z2, mask, Z3                      \
	VPCMPEQB Z3, val, K1                       \
	KMOVQ    K1, DX                            \
	MULXQ    (maskedState_shift+i*8)(DI), AX, DX  \
	ORQ      carry, AX                         \
	ANDQ     AX, SI                            \
	MOVQ     DX, carry

#define LOAD_LANES \
	LANES
#define EMIT \
	EMIT_FEW_MANY

// func scanMaskedAVX512(st *maskedState)
TEXT ·scanMaskedAVX512(SB), NOSPLIT, $0-8
#include "masked512_amd64.h"

#undef LOAD_LANES
#undef EMIT
#define LOAD_LANES \
	BYTE_LANES
#define EMIT \
	EMIT_PACKED

// func scanMaskedVBMI2(st *maskedState)
TEXT ·scanMaskedVBMI2(SB), NOSPLIT, $0-8
#include "masked512_amd64.h"

// EQUAL256 leaves ones in t where memory agrees with a probe.
#define EQUAL256(memory, val, mask, t) \
	VPAND    memory, mask, t   \
	VPCMPEQB val, t, t

// MASK64 is the mask of two vectors, lo and hi, by way of tmp.
#define MASK64(lo, hi, mask, tmp) \
	VPMOVMSKB lo, mask    \
	VPMOVMSKB hi, tmp     \
	SHLQ      $32, tmp    \
	ORQ       tmp, mask

#define CARRY256(i, val, mask, carry) \
	MOVL (maskedState_first+i*probe__size+probe_off)(DI), AX    \
	ADDQ R8, AX                                                 \
	EQUAL256((SI)(AX*1), val, mask, Y2)                         \
	EQUAL256(32(SI)(AX*1), val, mask, Y3)                       \
	MASK64(Y2, Y3, carry, AX)

// FOUR256 is FOUR512.
#define FOUR256(at) \
	VMOVDQA (at+0)(BX)(R8*1), Y2              \
	VMOVDQA (at+32)(BX)(R8*1), Y3             \
	EQUAL256(Y2, Y0, Y12, Y4)                 \
	EQUAL256(Y3, Y0, Y12, Y5)                 \
	MASK64(Y4, Y5, SI, AX)                    \
	ALSO256(1, Y1, Y13, R13)                  \
	ALSO256(2, Y10, Y14, R14)                 \
	ALSO256(3, Y11, Y15, R15)                 \
	ORQ     SI, CX

#define ALSO256(i, val, mask, carry) \
	EQUAL256(Y2, val, mask, Y4)               \
	EQUAL256(Y3, val, mask, Y5)               \
	MASK64(Y4, Y5, DX, AX)                    \
	MULXQ (maskedState_shift+i*8)(DI), AX, DX \
	ORQ   carry, AX                           \
	ANDQ  AX, SI                              \
	MOVQ  DX, carry

// func scanMaskedAVX2(st *maskedState)
TEXT ·scanMaskedAVX2(SB), NOSPLIT, $0-8
	MOVQ st+0(FP), DI
	LOAD_BLOCK
	NEAR
	PROBE(0, Y0, Y12)
	PROBE(1, Y1, Y13)
	PROBE(2, Y10, Y14)
	PROBE(3, Y11, Y15)

	// To the first start whose probe 0 is at a multiple of 32.
	TO_ALIGNED(31)
	JMP vector256

group256:
	LEAQ 256(R8), AX
	CMPQ AX, R9
	JGT  rest256
	CARRY256(1, Y1, Y13, R13)
	CARRY256(2, Y10, Y14, R14)
	CARRY256(3, Y11, Y15, R15)
	XORL CX, CX

four256:
	LEAQ  256(R8), AX
	CMPQ  AX, R9
	JGT   restfour256
	FOUR256(0)
	FOUR256(64)
	FOUR256(128)
	FOUR256(192)
	ADDQ  $256, R8
	TESTQ CX, CX
	JZ    four256
	NEAR
	INCQ  maskedState_near(DI)
	MOVQ  R8, R13
	SUBQ  $256, R8
	JMP   vector256

restfour256:
	NEAR

rest256:
	MOVQ R9, R13

vector256:
	CMPQ  R8, R13
	JGE   more256
	CMPQ  R11, R12
	JGT   done256
	MOVL  $-1, AX
	MOVQ  R9, DX
	SUBQ  R8, DX
	CMPQ  DX, $32
	JLT   last256
	MOVQ  R13, DX
	SUBQ  R8, DX
	CMPQ  DX, $32
	JGE   body256
	BZHIL DX, AX, AX

body256:
	EQUAL256((BX)(R8*1), Y0, Y12, Y2)
	EQUAL256((CX)(R8*1), Y1, Y13, Y3)
	VPAND     Y2, Y3, Y2
	VPMOVMSKB Y2, DX
	ANDL      DX, AX
	JZ        next256
	MOVQ      maskedState_count(DI), DX
	CMPQ      DX, $2
	JLE       emit256
	IMUL3Q    $probe__size, DX, R14
	MOVQ      maskedState_probes(DI), DX
	LEAQ      (DX)(R14*1), DI
	ADDQ      $(2*probe__size), DX

probe256:
	MOVL         probe_off(DX), R14
	ADDQ         R8, R14
	VPBROADCASTD probe_val(DX), Y2
	VPBROADCASTD probe_mask(DX), Y3
	EQUAL256((SI)(R14*1), Y2, Y3, Y4)
	VPMOVMSKB    Y4, R14
	ANDL         R14, AX
	JZ           none256
	ADDQ         $probe__size, DX
	CMPQ         DX, DI
	JNE          probe256
	MOVQ         st+0(FP), DI

emit256:
	POPCNTL AX, DX
	CMPQ    DX, $4
	JGT     many256
	FEW(few256)
	JMP     next256

none256:
	MOVQ st+0(FP), DI

next256:
	ADDQ $32, R8
	JMP  vector256

many256:
	MANY32
	ADDQ $32, R8
	JMP  vector256

// The last 1 to 31 starts, DX of them; AX is all ones.
last256:
	MOVQ  R9, R13
	MOVQ  R9, R8
	SUBQ  $32, R8
	NEGL  DX          // the shift is modulo 32: by 32 − DX
	SHLXL DX, AX, AX
	JMP   body256

more256:
	MOVQ R13, R8      // a vector may have gone beyond
	CMPQ R8, R9
	JLT  group256

done256:
	STORE_BLOCK
	VZEROUPPER
	RET
