// This is the text of both kernels for AVX-512, which differ in the macros LOAD_LANES
// and EMIT: see class_amd64.s.

	MOVQ         st+0(FP), DI
	LOAD_BLOCK
	MOVQ         SI, BX
	MOVQ         classState_tables(DI), DX
	VMOVDQU64    classTables_low(DX), Z20
	VMOVDQU64    classTables_high(DX), Z21
	VMOVDQU64    classTables_bit(DX), Z22
	MOVL         $0x80808080, AX
	VPBROADCASTD AX, Z23
	MOVL         $0x0f0f0f0f, AX
	VPBROADCASTD AX, Z24
	LOAD_LANES
	TO_ALIGNED(63)
	JMP          vector512

group512:
	LEAQ     512(R8), R13
	CMPQ     R13, R9
	JGT      rest512
	FETCH
	VPXORQ   Z2, Z2, Z2
	VPXORQ   Z3, Z3, Z3
	ANY512(0, Z2, Z4, Z5, Z6)
	ANY512(64, Z3, Z7, Z8, Z9)
	ANY512(128, Z2, Z10, Z11, Z12)
	ANY512(192, Z3, Z4, Z5, Z6)
	ANY512(256, Z2, Z7, Z8, Z9)
	ANY512(320, Z3, Z10, Z11, Z12)
	ANY512(384, Z2, Z4, Z5, Z6)
	ANY512(448, Z3, Z7, Z8, Z9)
	VPORQ    Z2, Z3, Z2
	VPTESTMB Z2, Z2, K1
	KORTESTQ K1, K1
	JNZ      vector512
	MOVQ     R13, R8
	JMP      group512

rest512:
	MOVQ R9, R13

	EACH_VECTOR512
	KMOVQ      AX, K7
	VMOVDQU8.Z (BX)(R8*1), K7, Z3
	ROW512(Z2, Z3, Z4)
	VPTESTMB   Z2, Z3, K7, K1
	EMIT
	ADDQ       $64, R8
	JMP        vector512

	REST512(group512)
