// The kernel for AVX-512, by way of LOAD_LANES and EMIT: see masked_amd64.s.

	MOVQ st+0(FP), DI
	LOAD_BLOCK
	NEAR
	PROBE(0, Z0, Z20)
	PROBE(1, Z1, Z21)
	PROBE(2, Z24, Z22)
	PROBE(3, Z25, Z23)
	LOAD_LANES

	// To the first start whose probe 0 is at a multiple of 64.
	TO_ALIGNED(63)
	JMP vector512

group512:
	LEAQ 256(R8), AX
	CMPQ AX, R9
	JGT  rest512
	CARRY512(1, Z1, Z21, R13)
	CARRY512(2, Z24, Z22, R14)
	CARRY512(3, Z25, Z23, R15)
	XORL CX, CX

four512:
	LEAQ  256(R8), AX
	CMPQ  AX, R9
	JGT   restfour512
	FOUR512(0)
	FOUR512(64)
	FOUR512(128)
	FOUR512(192)
	ADDQ  $256, R8
	TESTQ CX, CX
	JZ    four512
	NEAR
	INCQ  maskedState_near(DI)
	MOVQ  R8, R13
	SUBQ  $256, R8
	JMP   vector512

restfour512:
	NEAR

rest512:
	MOVQ R9, R13

vector512:
	CMPQ  R8, R13
	JGE   more512
	CMPQ  R11, R12
	JGT   done512
	MOVQ  $-1, AX
	MOVQ  R9, DX
	SUBQ  R8, DX
	CMPQ  DX, $64
	JLT   last512
	MOVQ  R13, DX
	SUBQ  R8, DX
	CMPQ  DX, $64
	JGE   body512
	BZHIQ DX, AX, AX

body512:
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
	VPTESTNMB    Z2, Z2, K7, K2             // not under K1: one need not wait for the other
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

// The last 1 to 63 starts, DX of them; AX is all ones.
last512:
	MOVQ  R9, R13
	CMPQ  R9, $64
	JLT   short512
	MOVQ  R9, R8
	SUBQ  $64, R8
	NEGQ  DX          // the shift is modulo 64: by 64 − DX
	SHLXQ DX, AX, AX
	JMP   body512

short512:
	BZHIQ DX, AX, AX
	JMP   body512

more512:
	MOVQ R13, R8      // a vector may have gone beyond
	CMPQ R8, R9
	JLT  group512

done512:
	STORE_BLOCK
	VZEROUPPER
	RET
