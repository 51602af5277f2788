//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "scan_arm64.h"

// The set is a table of 32 bytes, which two registers hold: c >> 3 chooses the
// byte and c & 7 the bit.
//
// Registers: see scan_arm64.h. V16 and V17 are the set, V18 is 1 << i at i of
// each 8 bytes, V19 seven everywhere.

// IN sets the bytes of v that are in the set to ones, and the others to zero.
#define IN(v, t) \
	VUSHR  $3, v.B16, t.B16                     \
	VTBL   t.B16, [V16.B16, V17.B16], t.B16     \
	VAND   V19.B16, v.B16, v.B16                \
	VTBL   v.B16, [V18.B16], v.B16              \
	VCMTST t.B16, v.B16, v.B16

// func scanClassNEON(st *classState)
TEXT ·scanClassNEON(SB), NOSPLIT, $0-8
	MOVD st+0(FP), R0
	LOAD_BLOCK
	MOVD classState_set(R0), R9
	VLD1 (R9), [V16.B16, V17.B16]
	VMOV V31.B16, V18.B16
	MOVD $0x0707070707070707, R9
	VMOV R9, V19.D2

vector:
	NEXT(done)
	ADD  R2, R1, R10
	VLD1 (R10), [V0.B16, V1.B16, V2.B16, V3.B16]
	IN(V0, V4)
	IN(V1, V5)
	IN(V2, V6)
	IN(V3, V7)
	ANY
	CBZ  R9, next
	MASK64(R12)
	ANDS R13, R12, R12
	BEQ  next
	EMIT

next:
	ADD $64, R2
	B   vector

done:
	STORE_BLOCK
	RET
