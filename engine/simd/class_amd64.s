//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "scan_amd64.h"

// These kernels look for any set of bytes by shuffles, after Geoff Langdale and
// Wojciech Muła, "SIMD-ized check which bytes are in a set": the low nibble of a byte
// chooses a row of 16 bits, and the high nibble chooses one of the bits.
//
//	byte h·16 + l     rows[l]      . . . . . . . . | . . . . . . . .
//	                               high, h ≥ 8       low, h < 8
//
// A shuffle looks up 8 bits a byte and gives 0 where the top bit of the byte is
// set. So the low halves are looked up by the byte, the high ones by the byte
// with its top bit inverted, and one of the two is 0; the third shuffle turns h
// into the bit. For a group of 512 bytes it is asked once whether any byte is in the
// set, and where one is, the group is gone through vector by vector.
//
// Registers: see scan_amd64.h; BX is base. The tables low, high and bit are in
// Z20 Z21 Z22 or Y12 Y13 Y14, 0x80 and 0x0f everywhere in Z23 Z24 or Y10 Y11.

// IN512 sets row and bit so that they have a bit in common where a byte of memory is
// in the set.
#define IN512(memory, row, bit, t) \
	VMOVDQU64  memory, bit       \
	ROW512(row, bit, t)

#define ROW512(row, bit, t) \
	VPSHUFB    bit, Z20, row     \
	VPXORQ     bit, Z23, t       \
	VPSHUFB    t, Z21, t         \
	VPORQ      t, row, row       \
	VPSRLW     $4, bit, bit      \
	VPANDQ     bit, Z24, bit     \
	VPSHUFB    bit, Z22, bit

// ANY512 sets a bit of a byte of acc where that byte of memory is in the set.
#define ANY512(at, acc, row, bit, t) \
	IN512(at(BX)(R8*1), row, bit, t)     \
	VPTERNLOGQ $0xf8, row, bit, acc      // acc | row & bit

#define LOAD_LANES \
	LANES
#define EMIT \
	EMIT_FEW_MANY

// func scanClassAVX512(st *classState)
TEXT ·scanClassAVX512(SB), NOSPLIT, $0-8
#include "class512_amd64.h"

#undef LOAD_LANES
#undef EMIT
#define LOAD_LANES \
	BYTE_LANES
#define EMIT \
	EMIT_PACKED

// func scanClassVBMI2(st *classState)
TEXT ·scanClassVBMI2(SB), NOSPLIT, $0-8
#include "class512_amd64.h"

// IN256 sets bit to one bit for each byte, and row to that bit and others where the
// byte of memory is in the set.
#define IN256(memory, row, bit, t) \
	VMOVDQU memory, bit          \
	VPSHUFB bit, Y12, row        \
	VPXOR   bit, Y10, t          \
	VPSHUFB t, Y13, t            \
	VPOR    t, row, row          \
	VPSRLW  $4, bit, bit         \
	VPAND   bit, Y11, bit        \
	VPSHUFB bit, Y14, bit        \
	VPAND   bit, row, row

// func scanClassAVX2(st *classState)
TEXT ·scanClassAVX2(SB), NOSPLIT, $0-8
	MOVQ         st+0(FP), DI
	LOAD_BLOCK
	MOVQ         SI, BX
	MOVQ         classState_tables(DI), DX
	VMOVDQU      classTables_low(DX), Y12
	VMOVDQU      classTables_high(DX), Y13
	VMOVDQU      classTables_bit(DX), Y14
	MOVL         $0x80808080, AX
	VMOVD        AX, X10
	VPBROADCASTD X10, Y10
	MOVL         $0x0f0f0f0f, AX
	VMOVD        AX, X11
	VPBROADCASTD X11, Y11
	TO_ALIGNED(31)
	JMP          vector256

group256:
	LEAQ   512(R8), R13
	CMPQ   R13, R9
	JGT    rest256
	FETCH
	VPXOR  Y0, Y0, Y0
	VPXOR  Y1, Y1, Y1
	IN256(0(BX)(R8*1), Y2, Y3, Y4)
	VPOR   Y2, Y0, Y0
	IN256(32(BX)(R8*1), Y6, Y7, Y8)
	VPOR   Y6, Y1, Y1
	IN256(64(BX)(R8*1), Y2, Y3, Y4)
	VPOR   Y2, Y0, Y0
	IN256(96(BX)(R8*1), Y6, Y7, Y8)
	VPOR   Y6, Y1, Y1
	IN256(128(BX)(R8*1), Y2, Y3, Y4)
	VPOR   Y2, Y0, Y0
	IN256(160(BX)(R8*1), Y6, Y7, Y8)
	VPOR   Y6, Y1, Y1
	IN256(192(BX)(R8*1), Y2, Y3, Y4)
	VPOR   Y2, Y0, Y0
	IN256(224(BX)(R8*1), Y6, Y7, Y8)
	VPOR   Y6, Y1, Y1
	IN256(256(BX)(R8*1), Y2, Y3, Y4)
	VPOR   Y2, Y0, Y0
	IN256(288(BX)(R8*1), Y6, Y7, Y8)
	VPOR   Y6, Y1, Y1
	IN256(320(BX)(R8*1), Y2, Y3, Y4)
	VPOR   Y2, Y0, Y0
	IN256(352(BX)(R8*1), Y6, Y7, Y8)
	VPOR   Y6, Y1, Y1
	IN256(384(BX)(R8*1), Y2, Y3, Y4)
	VPOR   Y2, Y0, Y0
	IN256(416(BX)(R8*1), Y6, Y7, Y8)
	VPOR   Y6, Y1, Y1
	IN256(448(BX)(R8*1), Y2, Y3, Y4)
	VPOR   Y2, Y0, Y0
	IN256(480(BX)(R8*1), Y6, Y7, Y8)
	VPOR   Y6, Y1, Y1
	VPOR   Y0, Y1, Y0
	VPTEST Y0, Y0
	JNZ    near256
	MOVQ   R13, R8
	JMP    group256

	// This is done as in literal_amd64.s. DX is the number of lanes that have no byte of
	// the set in any vector.
near256:
	VPXOR     Y1, Y1, Y1
	VPCMPEQB  Y1, Y0, Y0
	VPMOVMSKB Y0, DX
	POPCNTL   DX, DX
	CMPQ      DX, $(32-const_fewLanes)
	JGE       vector256
	CMPQ      DX, $(32-const_someLanes)
	JLT       vector256

some256:
	CMPQ      R11, R12
	JGT       done256
	IN256((BX)(R8*1), Y2, Y3, Y4)
	IN256(32(BX)(R8*1), Y6, Y7, Y8)
	VPCMPEQB  Y2, Y3, Y2
	VPCMPEQB  Y6, Y7, Y6
	MASK64(Y2, Y6)
	SOME64(four256, enough256)
	ADDQ      $64, R8
	CMPQ      R8, R13
	JLT       some256
	JMP       group256

rest256:
	MOVQ R9, R13

	EACH_VECTOR256
	IN256((BX)(R8*1), Y2, Y3, Y4)
	VPCMPEQB  Y2, Y3, Y2
	VPMOVMSKB Y2, DX
	ANDL      DX, AX
	POPCNTL   AX, DX
	CMPL      DX, $4
	JGT       many256
	TESTL     AX, AX
	JZ        next256
	FEW(few256)

next256:
	ADDQ $32, R8
	JMP  vector256

many256:
	MANY32
	ADDQ $32, R8
	JMP  vector256

	REST256(group256)
