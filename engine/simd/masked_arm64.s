//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "scan_arm64.h"

// This is the kernel of literal_arm64.s under masks: a byte of memory agrees with a
// probe where memory & mask is the probe's value.
//
// Registers: see scan_arm64.h and literal_arm64.s. V18 and V19 are the masks of
// the first two probes.

// func scanMaskedNEON(st *maskedState)
TEXT ·scanMaskedNEON(SB), NOSPLIT, $0-8
	MOVD  st+0(FP), R0
	LOAD_BLOCK
	MOVD  maskedState_probes(R0), R11
	MOVD  maskedState_count(R0), R10
	MOVD  $probe__size, R9
	MADD  R9, R11, R10, R15
	ADD   $maskedState_first, R0, R10
	MOVWU probe_off(R10), R7
	ADD   R1, R7
	MOVWU probe_val(R10), R9
	VMOV  R9, V16.S4
	MOVWU probe_mask(R10), R9
	VMOV  R9, V18.S4
	MOVWU (probe__size+probe_off)(R10), R8
	ADD   R1, R8
	MOVWU (probe__size+probe_val)(R10), R9
	VMOV  R9, V17.S4
	MOVWU (probe__size+probe_mask)(R10), R9
	VMOV  R9, V19.S4

vector:
	NEXT(done)
	ADD   R2, R8, R10
	VLD1  (R10), [V0.B16, V1.B16, V2.B16, V3.B16]
	UNDER(V19)
	EQUAL(V17)
	ADD   R2, R7, R10
	VLD1  (R10), [V4.B16, V5.B16, V6.B16, V7.B16]
	VAND  V18.B16, V4.B16, V4.B16
	VAND  V18.B16, V5.B16, V5.B16
	VAND  V18.B16, V6.B16, V6.B16
	VAND  V18.B16, V7.B16, V7.B16
	VCMEQ V16.B16, V4.B16, V4.B16
	VCMEQ V16.B16, V5.B16, V5.B16
	VCMEQ V16.B16, V6.B16, V6.B16
	VCMEQ V16.B16, V7.B16, V7.B16
	BOTH
	ANY
	CBZ   R9, next
	MASK64(R12)
	ANDS  R13, R12, R12
	BEQ   next
	ADD   $(2*probe__size), R11, R14

probe:
	CMP   R15, R14
	BHS   emit
	MOVWU probe_off(R14), R10
	ADD   R1, R10
	ADD   R2, R10
	VLD1  (R10), [V0.B16, V1.B16, V2.B16, V3.B16]
	MOVWU probe_mask(R14), R9
	VMOV  R9, V4.S4
	UNDER(V4)
	MOVWU probe_val(R14), R9
	VMOV  R9, V4.S4
	EQUAL(V4)
	MASK64(R9)
	ANDS  R9, R12, R12
	BEQ   next
	ADD   $probe__size, R14
	B     probe

emit:
	EMIT

next:
	ADD $64, R2
	B   vector

done:
	STORE_BLOCK
	RET
