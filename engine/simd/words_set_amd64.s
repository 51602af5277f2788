//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// Words at given offsets are looked up in a wordSet: their keys' granules, and
// what these hold. There is no branch on any of it. Each offset is stored where
// the next kept one belongs, marked where its word may also be out of the set,
// and then the count goes up by bit 0 of the state.
//
//	SI  base                  R8   shift
//	R10 offsets               R9   end of them
//	BX  states                R11  the one under way
//	R13 the set               R12  offsets kept
//	R14 last state            R15  mark for all of them
//	DI  marks so far          AX, CX, DX scratch

// ENVELOPE has CX be what to subtract from a number in envelope e or above.
#define ENVELOPE(e) \
	CMPQ    AX, (wordSet_lo+8*e)(R13)        \
	CMOVQCC (wordSet_minus+8*e)(R13), CX

// LOOKUP looks up AX, the word at offset DX, and goes to the next one.
#define LOOKUP \
	MOVQ    wordSet_minus(R13), CX           \
	ENVELOPE(1)                              \
	ENVELOPE(2)                              \
	ENVELOPE(3)                              \
	SUBQ    CX, AX                           \
	IMULQ   wordSet_mul(R13), AX             \
	SHRXQ   R8, AX, AX                       \
	CMPQ    AX, R14                          \
	CMOVQHI R14, AX                          \
	MOVBLZX (BX)(AX*1), AX                   \
	MOVL    AX, CX                           \
	ANDL    $1, CX                           \
	SHRL    $1, AX                           \
	SHLL    $31, AX                          \
	ORL     R15, AX                          \
	ORL     AX, DI                           \
	ORL     AX, DX                           \
	MOVL    DX, (R10)(R12*4)                 \
	ADDQ    CX, R12                          \
	INCQ    R11                              \
	CMPQ    R11, R9

// func sieveWords(st *sieveState)
TEXT ·sieveWords(SB), NOSPLIT, $0-8
	MOVQ    st+0(FP), DI
	MOVQ    sieveState_base(DI), SI
	MOVQ    sieveState_offsets(DI), R10
	MOVQ    sieveState_n(DI), R9
	MOVQ    sieveState_set(DI), R13
	MOVQ    sieveState_states(DI), BX
	MOVQ    sieveState_last(DI), R14
	MOVBLZX wordSet_shift(R13), R8
	MOVL    sieveState_mark(DI), R15
	MOVQ    sieveState_load(DI), AX
	XORL    DI, DI
	XORL    R11, R11
	XORL    R12, R12
	TESTQ   R9, R9
	JZ      done
	CMPQ    AX, $const_load8
	JE      load8
	CMPQ    AX, $const_load4
	JE      load4
	CMPQ    AX, $const_load2
	JE      load2
	CMPQ    AX, $const_load8Big
	JE      load8Big
	CMPQ    AX, $const_load4Big
	JE      load4Big
	CMPQ    AX, $const_load2Big
	JE      load2Big

load1:
	MOVL    (R10)(R11*4), DX
	MOVBLZX (SI)(DX*1), AX
	LOOKUP
	JLT     load1
	JMP     done

load2:
	MOVL    (R10)(R11*4), DX
	MOVWLZX (SI)(DX*1), AX
	LOOKUP
	JLT     load2
	JMP     done

load4:
	MOVL (R10)(R11*4), DX
	MOVL (SI)(DX*1), AX
	LOOKUP
	JLT  load4
	JMP  done

load8:
	MOVL (R10)(R11*4), DX
	MOVQ (SI)(DX*1), AX
	LOOKUP
	JLT  load8
	JMP  done

load2Big:
	MOVL    (R10)(R11*4), DX
	MOVWLZX (SI)(DX*1), AX
	BSWAPL  AX
	SHRL    $16, AX
	LOOKUP
	JLT     load2Big
	JMP     done

load4Big:
	MOVL   (R10)(R11*4), DX
	MOVL   (SI)(DX*1), AX
	BSWAPL AX
	LOOKUP
	JLT    load4Big
	JMP    done

load8Big:
	MOVL   (R10)(R11*4), DX
	MOVQ   (SI)(DX*1), AX
	BSWAPQ AX
	LOOKUP
	JLT    load8Big

done:
	MOVL DI, AX
	MOVQ st+0(FP), DI
	MOVQ R12, sieveState_n(DI)
	MOVL AX, sieveState_marked(DI)
	VZEROUPPER
	RET
