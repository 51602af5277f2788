// This is the text of both filters for AVX2, which differ in the macros MASKS256, NEAR,
// RESULT and BACK: see teddy_amd64.s.

	LOAD_STATE
	MOVL           $0x0f0f0f0f, AX
	VMOVD          AX, X0
	VPBROADCASTD   X0, Y0
	VBROADCASTI128 (teddyState_tables+0)(DI), Y1
	VBROADCASTI128 (teddyState_tables+16)(DI), Y2
	VBROADCASTI128 (teddyState_tables+32)(DI), Y3
	VBROADCASTI128 (teddyState_tables+48)(DI), Y4
	VBROADCASTI128 (teddyState_tables+64)(DI), Y5
	VBROADCASTI128 (teddyState_tables+80)(DI), Y6
	ADDQ           $BACK, R8

	// A and B are taken from the vector before the first one, whose result does not
	// count.
	SUBQ $32, R8
	MASKS256(0, Y10, Y11, Y8, Y9)
	ADDQ $32, R8

	// No memory is asked for ahead here: on a Zen 4 that cost a tenth of the bandwidth
	// where it was 8 KiB ahead, and a fifth where it was 4 KiB.
next256:
	LEAQ       128(R8), R13
	CMPQ       R13, R9
	JGT        full256
	CMPB       teddyState_zeros(DI), $0
	JNE        look256
	VMOVDQU    0(SI)(R8*1), Y12
	VPOR       32(SI)(R8*1), Y12, Y12
	VPOR       64(SI)(R8*1), Y12, Y12
	VPOR       96(SI)(R8*1), Y12, Y12
	VPTEST     Y12, Y12
	JZ         zeros256

look256:
	VPXOR Y7, Y7, Y7
	MASKS256(0, Y8, Y9, Y10, Y11)
	MASKS256(32, Y10, Y11, Y8, Y9)
	MASKS256(64, Y8, Y9, Y10, Y11)
	MASKS256(96, Y10, Y11, Y8, Y9)
	VPTEST Y7, Y7
	JNZ    found256
	MOVQ   R13, R8
	JMP    next256

	// These are A and B of zeros behind zeros.
zeros256:
	VMOVDQU teddyState_after(DI), Y8
	VMOVDQU (teddyState_after+32)(DI), Y9
	MOVQ    R13, R8
	JMP     next256

found256:
	NEAR
	LEAQ  teddyState_found(DI), CX
	VPXOR Y7, Y7, Y7

result256:
	RESULT
	VPCMPEQB  Y12, Y7, Y12
	VPCMPEQB  Y13, Y7, Y13
	ADDQ      $64, CX
	VPMOVMSKB Y12, BX
	VPMOVMSKB Y13, DX
	SHLQ      $32, DX
	ORQ       DX, BX
	NOTQ      BX
	CMPQ      R11, R12
	JGT       full256
	POPCNTQ   BX, DX
	CMPQ      DX, $16
	JGT       many256
	FOURS(few256)

none256:
	ADDQ $64, R8
	CMPQ R8, R13
	JLT  result256
	JMP  next256

many256:
	LEAQ         ·compress8(SB), AX
	LEAL         -BACK(R8), DX
	VMOVD        DX, X13
	VPBROADCASTD X13, Y13
	VPBROADCASTD ·lanes+32(SB), Y12 // eight in all lanes
	MANY8
	MANY8
	MANY8
	MANY8
	MANY8
	MANY8
	MANY8
	MANY8
	JMP          none256

full256:
	SUBQ $BACK, R8
	MOVQ R8, teddyState_blk+block_pos(DI)
	MOVQ R11, teddyState_blk+block_n(DI)
	VZEROUPPER
	RET
