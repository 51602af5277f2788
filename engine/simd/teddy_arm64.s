//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "scan_arm64.h"

// This is the filter of Teddy: see teddy_amd64.s. Loads need not be aligned here,
// so each byte of the excerpt is loaded from where it is, and nothing has to be
// moved along.
//
// Registers: see scan_arm64.h. V16 to V21 are the tables, V30 masks nibbles.

// BUCKETS replaces the bytes of v by the buckets that may have them, by two tables.
#define BUCKETS(v, low, high) \
	VUSHR $4, v.B16, V8.B16               \
	VAND  V30.B16, v.B16, v.B16           \
	VTBL  v.B16, [low.B16], v.B16         \
	VTBL  V8.B16, [high.B16], V8.B16      \
	VAND  V8.B16, v.B16, v.B16

// func scanTeddyNEON(st *teddyState)
TEXT ·scanTeddyNEON(SB), NOSPLIT, $0-8
	MOVD   st+0(FP), R0
	LOAD_BLOCK
	ADD    $teddyState_tables, R0, R9
	VLD1.P 64(R9), [V16.B16, V17.B16, V18.B16, V19.B16]
	VLD1   (R9), [V20.B16, V21.B16]
	MOVD   $0x0f0f0f0f0f0f0f0f, R9
	VMOV   R9, V30.D2

vector:
	NEXT(done)
	ADD   R2, R1, R10
	VLD1  (R10), [V0.B16, V1.B16, V2.B16, V3.B16]
	BUCKETS(V0, V16, V17)
	BUCKETS(V1, V16, V17)
	BUCKETS(V2, V16, V17)
	BUCKETS(V3, V16, V17)
	ADD   $1, R10
	VLD1  (R10), [V4.B16, V5.B16, V6.B16, V7.B16]
	BUCKETS(V4, V18, V19)
	BUCKETS(V5, V18, V19)
	BUCKETS(V6, V18, V19)
	BUCKETS(V7, V18, V19)
	BOTH
	ADD   $1, R10
	VLD1  (R10), [V4.B16, V5.B16, V6.B16, V7.B16]
	BUCKETS(V4, V20, V21)
	BUCKETS(V5, V20, V21)
	BUCKETS(V6, V20, V21)
	BUCKETS(V7, V20, V21)
	BOTH
	VCMTST V0.B16, V0.B16, V0.B16
	VCMTST V1.B16, V1.B16, V1.B16
	VCMTST V2.B16, V2.B16, V2.B16
	VCMTST V3.B16, V3.B16, V3.B16
	ANY
	CBZ   R9, next
	MASK64(R12)
	ANDS  R13, R12, R12
	BEQ   next
	EMIT

next:
	ADD $64, R2
	B   vector

done:
	STORE_BLOCK
	RET
