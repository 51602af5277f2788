//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "scan_amd64.h"

// These are the loops of literal_amd64.s under masks: a byte of memory agrees with a
// probe where (memory ^ value) & mask = 0. They differ in this:
//
//  1. One probe is seldom enough where only some bits of it count, so there is
//     no loop for one alone; it stands for both of a pair.
//  2. Where it has been learnt that pairs let through too much, or where no two
//     probes are near each other, four probes are asked for at once, each by a load
//     of its own.
//  3. Groups that pass are gone through vector by vector: first the pair, then
//     the other probes one after the other, until no start is left.
//
// Registers: see scan_amd64.h. BX is base + off0, CX base + off1; within groups
// that are asked for four, AX is base + off2 and DX base + off3.
//
//	values of the first four probes   Z0 Z1 Z24 Z25   Y0 Y1 Y10 Y11
//	their masks                       Z20 to Z23      Y12 to Y15

// PROBE loads the value and the mask of probe i.
#define PROBE(i, val, mask) \
	VPBROADCASTD (maskedState_first+i*probe__size+probe_val)(DI), val   \
	VPBROADCASTD (maskedState_first+i*probe__size+probe_mask)(DI), mask

// NEAR loads the addresses at which the first two probes stand for the start 0, and
// FAR those of the third and the fourth.
#define NEAR \
	MOVL (maskedState_first+probe_off)(DI), BX               \
	MOVL (maskedState_first+probe__size+probe_off)(DI), CX   \
	ADDQ SI, BX                                              \
	ADDQ SI, CX

#define FAR \
	MOVL (maskedState_first+2*probe__size+probe_off)(DI), AX \
	MOVL (maskedState_first+3*probe__size+probe_off)(DI), DX \
	ADDQ SI, AX                                              \
	ADDQ SI, DX

// PAIR512 does what that of literal_amd64.s does, under masks.
#define PAIR512(at) \
	VMOVDQA64 (at)(BX)(R8*1), Z2   \
	VPANDQ    Z2, Z21, Z3          \
	VPANDQ    Z2, Z20, Z4          \
	VPCMPEQB  Z3, Z1, K2           \
	VPCMPEQB  Z4, Z0, K1           \
	SHRXQ     R15, R14, R14        \
	KMOVQ     K2, DX               \
	SHLXQ     R13, DX, AX          \
	ORQ       AX, R14              \
	KMOVQ     K1, AX               \
	ANDQ      AX, R14              \
	ORQ       R14, DI              \
	MOVQ      DX, R14

// DIFFER512 adds to acc the bits in which memory differs from a probe.
#define DIFFER512(memory, val, mask, acc, t) \
	VPANDQ     memory, mask, t              \
	VPTERNLOGQ $0xf6, val, t, acc             // acc | t ^ val

// FOUR512 clears a byte of least where all four probes agree at a start of the 32 from
// R8 + at. It loads 32 bytes at a time: loads of 64 would all straddle cache lines, but
// for those of the first probe, and halve the bandwidth; of these every other one does.
#define FOUR512(at, least, acc, t) \
	VPANDQ  at(BX)(R8*1), Y20, acc          \
	VPXORQ  acc, Y0, acc                    \
	DIFFER512(at(CX)(R8*1), Y1, Y21, acc, t) \
	DIFFER512(at(AX)(R8*1), Y24, Y22, acc, t) \
	DIFFER512(at(DX)(R8*1), Y25, Y23, acc, t) \
	VPMINUB acc, least, least

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

// PAIR256 adds to acc where both probes agree in the 32 starts from R8 + at.
#define PAIR256(at, acc, t, u) \
	EQUAL256(at(BX)(R8*1), Y0, Y12, t)      \
	EQUAL256(at(CX)(R8*1), Y1, Y13, u)      \
	VPAND t, u, t                           \
	VPOR  t, acc, acc

// FOUR256 adds to acc where four probes agree in the 32 starts from R8 + at.
#define FOUR256(at, acc, t, u) \
	EQUAL256(at(BX)(R8*1), Y0, Y12, t)      \
	EQUAL256(at(CX)(R8*1), Y1, Y13, u)      \
	VPAND t, u, t                           \
	EQUAL256(at(AX)(R8*1), Y10, Y14, u)     \
	VPAND t, u, t                           \
	EQUAL256(at(DX)(R8*1), Y11, Y15, u)     \
	VPAND t, u, t                           \
	VPOR  t, acc, acc

// func scanMaskedAVX2(st *maskedState)
TEXT ·scanMaskedAVX2(SB), NOSPLIT, $0-8
	MOVQ st+0(FP), DI
	LOAD_BLOCK
	NEAR
	PROBE(0, Y0, Y12)
	PROBE(1, Y1, Y13)
	PROBE(2, Y10, Y14)
	PROBE(3, Y11, Y15)

	// The first starts are looked at by a vector of their own, up to the start whose
	// probe 0 is at a multiple of 32.
	TO_ALIGNED(31)
	JMP vector256

group256:
	CMPQ maskedState_wide(DI), $0
	JNE  wide256

pair256:
	LEAQ   256(R8), R13
	CMPQ   R13, R9
	JGT    rest256
	VPXOR  Y2, Y2, Y2
	VPXOR  Y3, Y3, Y3
	PAIR256(0, Y2, Y4, Y5)
	PAIR256(32, Y3, Y6, Y7)
	PAIR256(64, Y2, Y8, Y9)
	PAIR256(96, Y3, Y4, Y5)
	PAIR256(128, Y2, Y6, Y7)
	PAIR256(160, Y3, Y8, Y9)
	PAIR256(192, Y2, Y4, Y5)
	PAIR256(224, Y3, Y6, Y7)
	VPOR   Y2, Y3, Y2
	VPTEST Y2, Y2
	JNZ    near256
	MOVQ   R13, R8
	JMP    pair256

	// Four probes are asked for.
wide256:
	FAR

four256:
	LEAQ  512(R8), R13
	CMPQ  R13, R9
	JGT   rest256
	FETCH
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	FOUR256(0, Y2, Y4, Y5)
	FOUR256(32, Y3, Y6, Y7)
	FOUR256(64, Y2, Y8, Y9)
	FOUR256(96, Y3, Y4, Y5)
	FOUR256(128, Y2, Y6, Y7)
	FOUR256(160, Y3, Y8, Y9)
	FOUR256(192, Y2, Y4, Y5)
	FOUR256(224, Y3, Y6, Y7)
	FOUR256(256, Y2, Y8, Y9)
	FOUR256(288, Y3, Y4, Y5)
	FOUR256(320, Y2, Y6, Y7)
	FOUR256(352, Y3, Y8, Y9)
	FOUR256(384, Y2, Y4, Y5)
	FOUR256(416, Y3, Y6, Y7)
	FOUR256(448, Y2, Y8, Y9)
	FOUR256(480, Y3, Y4, Y5)
	VPOR   Y2, Y3, Y2
	VPTEST Y2, Y2
	JNZ    near256
	MOVQ   R13, R8
	JMP    four256

near256:
	INCQ maskedState_near(DI)
	JMP  vector256

rest256:
	MOVQ R9, R13

	EACH_VECTOR256
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

	REST256(group256)
