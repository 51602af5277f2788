// This is the text of both kernels for AVX-512, which differ in the macros LOAD_LANES
// and EMIT: see literal_amd64.s.

	MOVQ         st+0(FP), DI
	LOAD_BLOCK
	MOVQ         literalState_probes(DI), DX
	MOVL         probe_off(DX), BX
	ADDQ         SI, BX
	VPBROADCASTD probe_val(DX), Z0
	MOVQ         BX, CX
	VMOVDQA64    Z0, Z1
	CMPQ         literalState_count(DI), $1
	JE           start512
	MOVL         (probe__size+probe_off)(DX), CX
	ADDQ         SI, CX
	VPBROADCASTD (probe__size+probe_val)(DX), Z1

start512:
	LOAD_LANES

	// The first starts are looked at by a vector of their own, up to the start whose
	// probe 0 is at a multiple of 64.
	TO_ALIGNED(63)
	JMP vector512

// There is one probe: a group is passed over where none of its bytes equals it.
one512:
	LEAQ      512(R8), R13
	CMPQ      R13, R9
	JGT       rest512
	FETCH
	VPXORQ    0(BX)(R8*1), Z0, Z2
	VPXORQ    64(BX)(R8*1), Z0, Z3
	VPXORQ    128(BX)(R8*1), Z0, Z4
	VPXORQ    192(BX)(R8*1), Z0, Z5
	VPXORQ    256(BX)(R8*1), Z0, Z6
	VPXORQ    320(BX)(R8*1), Z0, Z7
	VPXORQ    384(BX)(R8*1), Z0, Z8
	VPXORQ    448(BX)(R8*1), Z0, Z9
	VPMINUB   Z2, Z3, Z2
	VPMINUB   Z4, Z5, Z4
	VPMINUB   Z6, Z7, Z6
	VPMINUB   Z8, Z9, Z8
	VPMINUB   Z2, Z4, Z2
	VPMINUB   Z6, Z8, Z6
	VPMINUB   Z2, Z6, Z2
	VPTESTNMB Z2, Z2, K1
	KORTESTQ  K1, K1
	JNZ       vector512
	MOVQ      R13, R8
	JMP       one512

next_group512:
	CMPQ literalState_count(DI), $1
	JE   one512

	// Memory is asked for ahead, by 4 KiB.
pair512:
	LEAQ       256(R8), R13
	CMPQ       R13, R9
	JGT        rest512
	PREFETCHT0 4096(BX)(R8*1)
	PREFETCHT0 4160(BX)(R8*1)
	PREFETCHT0 4224(BX)(R8*1)
	PREFETCHT0 4288(BX)(R8*1)
	PAIR(0, Y2)
	PAIR(32, Y3)
	PAIR(64, Y4)
	PAIR(96, Y5)
	PAIR(128, Y6)
	PAIR(160, Y7)
	PAIR(192, Y8)
	PAIR(224, Y9)
	VPMINUB   Y2, Y3, Y2
	VPMINUB   Y4, Y5, Y4
	VPMINUB   Y6, Y7, Y6
	VPMINUB   Y8, Y9, Y8
	VPMINUB   Y2, Y4, Y2
	VPMINUB   Y6, Y8, Y6
	VPMINUB   Y2, Y6, Y2
	VPTESTNMB Y2, Y2, K1
	KORTESTQ  K1, K1
	JNZ       found512
	MOVQ      R13, R8
	JMP       pair512

found512:
	INCQ literalState_near(DI)
	JMP  vector512

rest512:
	MOVQ R9, R13

	EACH_VECTOR512
	KMOVQ    AX, K7
	VPCMPEQB (BX)(R8*1), Z0, K7, K1
	VPCMPEQB (CX)(R8*1), Z1, K7, K2
	KANDQ    K2, K1, K1
	MOVQ     literalState_count(DI), DX
	CMPQ     DX, $2
	JLE      emit512
	KORTESTQ K1, K1
	JZ       next512
	MOVQ     literalState_probes(DI), AX
	IMUL3Q   $probe__size, DX, R14
	ADDQ     AX, R14
	ADDQ     $(2*probe__size), AX

probe512:
	MOVL         probe_off(AX), DX
	ADDQ         R8, DX
	VPBROADCASTD probe_val(AX), Z2
	VPCMPEQB     (SI)(DX*1), Z2, K7, K2   // under K7, not K1, so that no comparison waits for another
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

	REST512(next_group512)
