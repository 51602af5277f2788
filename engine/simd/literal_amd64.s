//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "scan_amd64.h"

// Packed pair, after BurntSushi/memchr src/arch/generic/packedpair.rs: the two
// most telling bytes of the literal are compared with memory at every start,
//
//	start s       s+0 s+1 s+2 …              (a vector of starts)
//	probe 0       load at s+off0 = val0 ?
//	probe 1       load at s+off1 = val1 ?
//
// and the starts where both agree go on. Differences:
//
//  1. All starts are reported, into a buffer; no call returns at a hit.
//  2. The loop goes eight vectors at a time, a group, and first asks only
//     whether the rarest byte of the literal, probe 0, is anywhere in it. These
//     loads are aligned: loads that straddle cache lines take two of the
//     misses that a core can have under way. For the same reason the AVX-512
//     loop has no mask registers in it but for one a group: there are few of
//     them to be renamed, and they would keep the core from running ahead.
//  3. Where a group has that byte in it, so will others nearby, and a guess that
//     is wrong every other group costs more than any compare. So from there on
//     groups are asked for the pair, until one has it; that is gone through
//     vector by vector. Memory is asked for well ahead of either loop, so the
//     loads that straddle lines find them in the cache.
//  4. What is left of a vector is compared with the other probes, one byte of
//     the literal after the other at all starts at once, until no start or no
//     probe is left. The cost of that has a bound, however many candidates
//     there are, and a literal of up to 64 bytes is then fully verified.
//  5. The last starts, fewer than a vector, are dealt with by a vector that
//     ends with the last of them; the starts it has in common with what was
//     before are masked out. With AVX-512, the first start in the block may be
//     too near for that: then by masks, which keep absent lanes from being
//     read.
//
// Registers: see scan_amd64.h. BX is base + off0, CX base + off1.

// PAIR512 leaves no zero byte in acc unless both probes agree somewhere in the
// 256 starts from R8 + at. A byte that is zero is one that agrees.
#define PAIR512(at, acc) \
	VPXORQ     (at+0)(BX)(R8*1), Z0, acc           \
	VPXORQ     (at+64)(BX)(R8*1), Z0, Z6           \
	VPXORQ     (at+128)(BX)(R8*1), Z0, Z7          \
	VPXORQ     (at+192)(BX)(R8*1), Z0, Z8          \
	VPTERNLOGQ $0xf6, (at+0)(CX)(R8*1), Z1, acc    \ // acc | (Z1 ^ memory)
	VPTERNLOGQ $0xf6, (at+64)(CX)(R8*1), Z1, Z6    \
	VPTERNLOGQ $0xf6, (at+128)(CX)(R8*1), Z1, Z7   \
	VPTERNLOGQ $0xf6, (at+192)(CX)(R8*1), Z1, Z8   \
	VPMINUB    acc, Z6, acc                        \
	VPMINUB    Z7, Z8, Z7                          \
	VPMINUB    acc, Z7, acc

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

// PAIR256 leaves zeros in acc unless both probes agree somewhere in the 128
// starts from R8 + at.
#define PAIR256(at, acc) \
	VPCMPEQB (at+0)(BX)(R8*1), Y0, acc     \
	VPCMPEQB (at+32)(BX)(R8*1), Y0, Y6     \
	VPCMPEQB (at+64)(BX)(R8*1), Y0, Y7     \
	VPCMPEQB (at+96)(BX)(R8*1), Y0, Y8     \
	VPCMPEQB (at+0)(CX)(R8*1), Y1, Y9      \
	VPCMPEQB (at+32)(CX)(R8*1), Y1, Y10    \
	VPCMPEQB (at+64)(CX)(R8*1), Y1, Y11    \
	VPCMPEQB (at+96)(CX)(R8*1), Y1, Y12    \
	VPAND    acc, Y9, acc                  \
	VPAND    Y6, Y10, Y6                   \
	VPAND    Y7, Y11, Y7                   \
	VPAND    Y8, Y12, Y8                   \
	VPOR     acc, Y6, acc                  \
	VPOR     Y7, Y8, Y7                    \
	VPOR     acc, Y7, acc

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
	// To the first start whose probe 0 is at a multiple of 32.
	TO_ALIGNED(31)
	JMP vector256

group256:
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
	JMP      group256

near256:
	CMPQ literalState_count(DI), $1
	JNE  pair256

	// One byte. Where it is often in the group, most guesses about which vector
	// has it would be wrong: all are taken as if they had it.
	VPMOVMSKB Y2, DX
	POPCNTL   DX, DX
	CMPQ      DX, $4
	JLE       vector256

dense256:
	CMPQ      R11, R12
	JGT       done256
	VPCMPEQB  (BX)(R8*1), Y0, Y2
	VPMOVMSKB Y2, AX
	MANY32
	ADDQ      $32, R8
	CMPQ      R8, R13
	JLT       dense256
	JMP       group256

pair256:
	FETCH
	PAIR256(0, Y2)
	PAIR256(128, Y3)
	PAIR256(256, Y4)
	PAIR256(384, Y5)
	VPOR   Y2, Y3, Y2
	VPOR   Y4, Y5, Y4
	VPOR   Y2, Y4, Y2
	VPTEST Y2, Y2
	JNZ    vector256
	MOVQ   R13, R8
	LEAQ   512(R8), R13
	CMPQ   R13, R9
	JLE    pair256

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
	VPCMPEQB  (BX)(R8*1), Y0, Y2
	VPCMPEQB  (CX)(R8*1), Y1, Y3
	VPAND     Y2, Y3, Y2
	VPMOVMSKB Y2, DX
	ANDL      DX, AX
	JZ        next256
	MOVQ      literalState_count(DI), R14
	CMPQ      R14, $2
	JLE       emit256
	MOVQ      literalState_probes(DI), DX
	LEAQ      (DX)(R14*probe__size), DI
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
