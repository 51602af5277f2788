// This is the text of both kernels for AVX-512, which differ in the macros LOAD_LANES
// and EMIT: see masked_amd64.s.

	MOVQ st+0(FP), DI
	LOAD_BLOCK
	NEAR
	PROBE(0, Z0, Z20)
	PROBE(1, Z1, Z21)
	PROBE(2, Z24, Z22)
	PROBE(3, Z25, Z23)
	LOAD_LANES

	// The first starts are looked at by a vector of their own, up to the start whose
	// probe 0 is at a multiple of 64.
	TO_ALIGNED(63)
	JMP vector512

group512:
	CMPQ maskedState_wide(DI), $0
	JNE  wide512

	// There is a pair. R14 has which bytes of the vector before equal probe 1.
	MOVQ     maskedState_distance(DI), R13
	MOVQ     R13, R15
	NEGQ     R15               // shifts are modulo 64, so this is 64 − distance
	LEAQ     64(R8), AX
	CMPQ     AX, R9
	JGT      rest512
	VPANDQ   (CX)(R8*1), Z21, Z2
	VPCMPEQB Z2, Z1, K2
	KMOVQ    K2, R14
	SHLXQ    R15, R14, R14
	XORL     DI, DI

pair512:
	LEAQ  256(R8), AX
	CMPQ  AX, R9
	JGT   restpair512
	PAIR512(0)
	PAIR512(64)
	PAIR512(128)
	PAIR512(192)
	ADDQ  $256, R8
	TESTQ DI, DI
	JZ    pair512
	MOVQ  st+0(FP), DI
	INCQ  maskedState_near(DI)
	MOVQ  R8, R13
	SUBQ  $256, R8
	JMP   vector512

restpair512:
	MOVQ st+0(FP), DI
	JMP  rest512

	// Four probes are asked for.
wide512:
	FAR

four512:
	LEAQ       512(R8), R13
	CMPQ       R13, R9
	JGT        rest512
	FETCH
	VPTERNLOGQ $0xff, Z2, Z2, Z2
	VPTERNLOGQ $0xff, Z3, Z3, Z3
	FOUR512(0, Y2, Y4, Y5)
	FOUR512(32, Y3, Y6, Y7)
	FOUR512(64, Y2, Y8, Y9)
	FOUR512(96, Y3, Y4, Y5)
	FOUR512(128, Y2, Y6, Y7)
	FOUR512(160, Y3, Y8, Y9)
	FOUR512(192, Y2, Y4, Y5)
	FOUR512(224, Y3, Y6, Y7)
	FOUR512(256, Y2, Y8, Y9)
	FOUR512(288, Y3, Y4, Y5)
	FOUR512(320, Y2, Y6, Y7)
	FOUR512(352, Y3, Y8, Y9)
	FOUR512(384, Y2, Y4, Y5)
	FOUR512(416, Y3, Y6, Y7)
	FOUR512(448, Y2, Y8, Y9)
	FOUR512(480, Y3, Y4, Y5)
	VPMINUB    Y2, Y3, Y2
	VPTESTNMB  Y2, Y2, K1
	KORTESTQ   K1, K1
	JNZ        near512
	MOVQ       R13, R8
	JMP        four512

near512:
	INCQ maskedState_near(DI)
	JMP  vector512

rest512:
	MOVQ R9, R13

	EACH_VECTOR512
	KMOVQ       AX, K7
	VMOVDQU8.Z  (BX)(R8*1), K7, Z2
	VMOVDQU8.Z  (CX)(R8*1), K7, Z3
	VPTERNLOGQ  $0x48, Z0, Z20, Z2
	VPTERNLOGQ  $0x48, Z1, Z21, Z3
	VPORQ       Z3, Z2, Z2
	VPTESTNMB   Z2, Z2, K7, K1
	MOVQ        maskedState_count(DI), DX
	CMPQ        DX, $2
	JLE         emit512
	KORTESTQ    K1, K1
	JZ          next512
	MOVQ        maskedState_probes(DI), AX
	IMUL3Q      $probe__size, DX, R14
	ADDQ        AX, R14
	ADDQ        $(2*probe__size), AX

probe512:
	MOVL         probe_off(AX), DX
	ADDQ         R8, DX
	VMOVDQU8.Z   (SI)(DX*1), K7, Z2
	VPBROADCASTD probe_val(AX), Z3
	VPBROADCASTD probe_mask(AX), Z4
	VPTERNLOGQ   $0x48, Z3, Z4, Z2
	VPTESTNMB    Z2, Z2, K7, K2             // under K7, not K1, so that no comparison waits for another
	KANDQ        K2, K1, K1
	KORTESTQ     K1, K1
	JZ           next512
	ADDQ         $probe__size, AX
	CMPQ         AX, R14
	JNE          probe512

emit512:
	EMIT

next512:
	ADDQ $64, R8
	JMP  vector512

	REST512(group512)
