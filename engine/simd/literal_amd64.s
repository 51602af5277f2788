//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "scan_amd64.h"

// These kernels look for a packed pair, after BurntSushi/memchr
// src/arch/generic/packedpair.rs: the two most telling bytes of the literal are
// compared with memory at every start,
//
//	start s       s+0 s+1 s+2 …              (a vector of starts)
//	probe 0       load at s+off0 = val0 ?
//	probe 1       load at s+off1 = val1 ?
//
// and the starts where both agree are compared further. It differs from memchr in
// this:
//
//  1. All starts are reported, into a buffer; no call returns at a hit.
//  2. The loop over pairs has two loads of 32 bytes for each 32 starts, with AVX-512,
//     too. The one that comes first in memory is not aligned: it reads lines that the
//     other load has brought. On Zen 4 that reached 0.99 of a plain read. Loads of 64 bytes
//     are faster in caches and slower from main memory: on Zen 5, of a plain read, 0.75
//     where both are such loads, 0.80 where each byte is loaded once and the masks of both
//     probes are moved over each other, as Hyperscan's Noodle does
//     (src/hwlm/noodle_engine_avx512.c), and 0.90 to 0.95 this way.
//  3. There is one branch for a group of vectors. A group that has the pair is gone
//     through vector by vector. How many groups that were is counted: see
//     literal_tune.go.
//  4. The starts of a vector that have the pair are compared with the other probes,
//     one probe after the other at all starts at once, until no start or no probe
//     is left. So the cost of a vector has a bound, however many candidates it has,
//     and a literal of up to 64 bytes is verified in full.
//  5. The last starts, fewer than a vector, are looked at by a vector that ends
//     with the last of them, and in which the starts that were looked at before do
//     not count. With AVX-512, the block may begin too near for such a vector; then
//     a mask keeps lanes behind the last start from being read.
//
// Registers: see scan_amd64.h. BX is base + off0, CX base + off1.

// PAIR leaves zeros in t where both probes agree with the 32 starts from R8 + at.
#define PAIR(at, t) \
	VPXOR      at(BX)(R8*1), Y0, t          \
	VPTERNLOGQ $0xf6, at(CX)(R8*1), Y1, t   // t | (memory ^ Y1)

#define LOAD_LANES \
	LANES
#define EMIT \
	EMIT_FEW_MANY

// func scanLiteralAVX512(st *literalState)
TEXT ·scanLiteralAVX512(SB), NOSPLIT, $0-8
#include "literal512_amd64.h"

#undef LOAD_LANES
#undef EMIT
#define LOAD_LANES \
	BYTE_LANES
#define EMIT \
	EMIT_PACKED

// func scanLiteralVBMI2(st *literalState)
TEXT ·scanLiteralVBMI2(SB), NOSPLIT, $0-8
#include "literal512_amd64.h"

// PAIR256 leaves ones in t where both probes agree with the 32 starts from R8 + at.
#define PAIR256(at, t, u) \
	VPCMPEQB at(BX)(R8*1), Y0, t   \
	VPCMPEQB at(CX)(R8*1), Y1, u   \
	VPAND    t, u, t

// func scanLiteralAVX2(st *literalState)
TEXT ·scanLiteralAVX2(SB), NOSPLIT, $0-8
	MOVQ         st+0(FP), DI
	LOAD_BLOCK
	MOVQ         literalState_probes(DI), DX
	MOVL         probe_off(DX), BX
	ADDQ         SI, BX
	VPBROADCASTD probe_val(DX), Y0
	MOVQ         BX, CX
	VMOVDQA      Y0, Y1
	CMPQ         literalState_count(DI), $1
	JE           start256
	MOVL         (probe__size+probe_off)(DX), CX
	ADDQ         SI, CX
	VPBROADCASTD (probe__size+probe_val)(DX), Y1

start256:
	// The first starts are looked at by a vector of their own, up to the start whose
	// probe 0 is at a multiple of 32.
	TO_ALIGNED(31)
	JMP vector256

// There is one probe: a group is passed over where none of its bytes equals it.
one256:
	LEAQ     512(R8), R13
	CMPQ     R13, R9
	JGT      rest256
	FETCH
	VPCMPEQB 0(BX)(R8*1), Y0, Y2
	VPCMPEQB 32(BX)(R8*1), Y0, Y3
	VPCMPEQB 64(BX)(R8*1), Y0, Y4
	VPCMPEQB 96(BX)(R8*1), Y0, Y5
	VPCMPEQB 128(BX)(R8*1), Y0, Y6
	VPCMPEQB 160(BX)(R8*1), Y0, Y7
	VPCMPEQB 192(BX)(R8*1), Y0, Y8
	VPCMPEQB 224(BX)(R8*1), Y0, Y9
	VPOR     Y2, Y3, Y2
	VPOR     Y4, Y5, Y4
	VPOR     Y6, Y7, Y6
	VPOR     Y8, Y9, Y8
	VPCMPEQB 256(BX)(R8*1), Y0, Y3
	VPCMPEQB 288(BX)(R8*1), Y0, Y5
	VPCMPEQB 320(BX)(R8*1), Y0, Y7
	VPCMPEQB 352(BX)(R8*1), Y0, Y9
	VPCMPEQB 384(BX)(R8*1), Y0, Y10
	VPCMPEQB 416(BX)(R8*1), Y0, Y11
	VPCMPEQB 448(BX)(R8*1), Y0, Y12
	VPCMPEQB 480(BX)(R8*1), Y0, Y13
	VPOR     Y3, Y5, Y3
	VPOR     Y7, Y9, Y7
	VPOR     Y10, Y11, Y10
	VPOR     Y12, Y13, Y12
	VPOR     Y2, Y4, Y2
	VPOR     Y6, Y8, Y6
	VPOR     Y3, Y7, Y3
	VPOR     Y10, Y12, Y10
	VPOR     Y2, Y6, Y2
	VPOR     Y3, Y10, Y3
	VPOR     Y2, Y3, Y2
	VPTEST   Y2, Y2
	JNZ      near256
	MOVQ     R13, R8
	JMP      one256

	// Where many lanes of the group equal the probe, most predictions of which vector
	// has one would be wrong, so all vectors are gone through as if they had it. DX is
	// the number of lanes that equal it in any of the vectors.
near256:
	VPMOVMSKB Y2, DX
	POPCNTL   DX, DX
	CMPQ      DX, $const_fewLanes
	JLE       vector256
	CMPQ      DX, $const_someLanes
	JGT       dense256

some256:
	CMPQ      R11, R12
	JGT       done256
	VPCMPEQB  (BX)(R8*1), Y0, Y2
	VPCMPEQB  32(BX)(R8*1), Y0, Y3
	MASK64(Y2, Y3)
	SOME64(four256, enough256)
	ADDQ      $64, R8
	CMPQ      R8, R13
	JLT       some256
	JMP       one256

dense256:
	CMPQ      R11, R12
	JGT       done256
	VPCMPEQB  (BX)(R8*1), Y0, Y2
	VPMOVMSKB Y2, AX
	MANY32
	ADDQ      $32, R8
	CMPQ      R8, R13
	JLT       dense256
	JMP       one256

next_group256:
	CMPQ literalState_count(DI), $1
	JE   one256

pair256:
	LEAQ   256(R8), R13
	CMPQ   R13, R9
	JGT    rest256
	PAIR256(0, Y2, Y3)
	PAIR256(32, Y4, Y5)
	PAIR256(64, Y6, Y7)
	PAIR256(96, Y8, Y9)
	PAIR256(128, Y10, Y3)
	PAIR256(160, Y11, Y5)
	PAIR256(192, Y12, Y7)
	PAIR256(224, Y13, Y9)
	VPOR   Y2, Y4, Y2
	VPOR   Y6, Y8, Y6
	VPOR   Y10, Y11, Y10
	VPOR   Y12, Y13, Y12
	VPOR   Y2, Y6, Y2
	VPOR   Y10, Y12, Y10
	VPOR   Y2, Y10, Y2
	VPTEST Y2, Y2
	JNZ    found256
	MOVQ   R13, R8
	JMP    pair256

found256:
	INCQ literalState_near(DI)
	JMP  vector256

rest256:
	MOVQ R9, R13

	EACH_VECTOR256
	VPCMPEQB  (BX)(R8*1), Y0, Y2
	VPCMPEQB  (CX)(R8*1), Y1, Y3
	VPAND     Y2, Y3, Y2
	VPMOVMSKB Y2, DX
	ANDL      DX, AX
	JZ        next256
	MOVQ      literalState_count(DI), R14
	CMPQ      R14, $2
	JLE       emit256
	IMUL3Q    $probe__size, R14, R14
	MOVQ      literalState_probes(DI), DX
	LEAQ      (DX)(R14*1), DI
	ADDQ      $(2*probe__size), DX

probe256:
	MOVL         probe_off(DX), R14
	ADDQ         R8, R14
	VPBROADCASTD probe_val(DX), Y3
	VPCMPEQB     (SI)(R14*1), Y3, Y3
	VPMOVMSKB    Y3, R14
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

	REST256(next_group256)
