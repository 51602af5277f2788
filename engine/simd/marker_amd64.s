//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// How a byte is looked up: see class_amd64.s. DI is where words go, SI the memory, CX how many
// words there are, and the tables are in Z0 Z1 Z2 or Y0 Y1 Y2, 0x80 and 0x0f everywhere in Z3 Z4
// or Y3 Y4.

// func markAVX512(dst *uint64, p *byte, n int, tables *classTables)
TEXT ·markAVX512(SB), NOSPLIT, $0-32
	MOVQ         dst+0(FP), DI
	MOVQ         p+8(FP), SI
	MOVQ         n+16(FP), CX
	MOVQ         tables+24(FP), DX
	VMOVDQU64    classTables_low(DX), Z0
	VMOVDQU64    classTables_high(DX), Z1
	VMOVDQU64    classTables_bit(DX), Z2
	MOVL         $0x80808080, AX
	VPBROADCASTD AX, Z3
	MOVL         $0x0f0f0f0f, AX
	VPBROADCASTD AX, Z4

next512:
	VMOVDQU64 (SI), Z5
	VPSHUFB   Z5, Z0, Z6
	VPXORQ    Z5, Z3, Z7
	VPSHUFB   Z7, Z1, Z7
	VPORQ     Z7, Z6, Z6
	VPSRLW    $4, Z5, Z5
	VPANDQ    Z5, Z4, Z5
	VPSHUFB   Z5, Z2, Z5
	VPTESTMB  Z5, Z6, K1
	KMOVQ     K1, (DI)
	ADDQ      $64, SI
	ADDQ      $8, DI
	SUBQ      $1, CX
	JNZ       next512
	VZEROUPPER
	RET

// MARK256 sets r to the bits of 32 bytes of memory.
#define MARK256(memory, r) \
	VMOVDQU   memory, Y5   \
	VPSHUFB   Y5, Y0, Y6   \
	VPXOR     Y5, Y3, Y7   \
	VPSHUFB   Y7, Y1, Y7   \
	VPOR      Y7, Y6, Y6   \
	VPSRLW    $4, Y5, Y5   \
	VPAND     Y5, Y4, Y5   \
	VPSHUFB   Y5, Y2, Y5   \
	VPAND     Y5, Y6, Y6   \
	VPCMPEQB  Y5, Y6, Y6   \
	VPMOVMSKB Y6, r

// func markAVX2(dst *uint64, p *byte, n int, tables *classTables)
TEXT ·markAVX2(SB), NOSPLIT, $0-32
	MOVQ         dst+0(FP), DI
	MOVQ         p+8(FP), SI
	MOVQ         n+16(FP), CX
	MOVQ         tables+24(FP), DX
	VMOVDQU      classTables_low(DX), Y0
	VMOVDQU      classTables_high(DX), Y1
	VMOVDQU      classTables_bit(DX), Y2
	MOVL         $0x80808080, AX
	VMOVD        AX, X3
	VPBROADCASTD X3, Y3
	MOVL         $0x0f0f0f0f, AX
	VMOVD        AX, X4
	VPBROADCASTD X4, Y4

next256:
	MARK256((SI), AX)
	MARK256(32(SI), DX)
	SHLQ $32, DX
	ORQ  DX, AX
	MOVQ AX, (DI)
	ADDQ $64, SI
	ADDQ $8, DI
	SUBQ $1, CX
	JNZ  next256
	VZEROUPPER
	RET
