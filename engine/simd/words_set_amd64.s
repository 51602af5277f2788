//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// The words at given offsets are looked up in a wordSet: the granule of the word's key,
// and the state of the granule. There is no branch on any of it. Each offset is stored
// where the next one that is kept belongs, with the sign of the state as its own, which
// says that the word may also be outside the set. Then the count grows by one where the
// state is not zero. In a set by hash, offsets have no signs, since all words that are
// kept have to be looked up.
//
//	SI  base                  R8   shift
//	R10 offsets               R9   end of them
//	BX  states                R11  the one under way
//	R13 the set               R12  offsets kept
//	R14 last state            R15  shift less 3, for eighths of granules
//	DI  or of all signs       AX, CX, DX scratch

// ENVELOPE sets CX to what to subtract from a number in envelope e or above it.
#define ENVELOPE(e) \
	CMPQ    AX, (wordSet_lo+8*e)(R13)        \
	CMOVQCC (wordSet_minus+8*e)(R13), CX

// KEEP keeps offset DX, with the sign of AX, unless AX is zero. Then it compares R11 with
// the end.
#define KEEP \
	MOVL    AX, CX                           \
	ANDL    $const_sieveMark, CX             \
	ORL     CX, DI                           \
	ORL     CX, DX                           \
	MOVL    DX, (R10)(R12*4)                 \
	CMPL    AX, $1                           \ // sets the carry where AX is zero
	SBBQ    $-1, R12                         \
	INCQ    R11                              \
	CMPQ    R11, R9

// LOOKUP looks up AX, the word at offset DX.
#define LOOKUP \
	MOVQ    wordSet_minus(R13), CX           \
	ENVELOPE(1)                              \
	ENVELOPE(2)                              \
	ENVELOPE(3)                              \
	SUBQ    CX, AX                           \
	SHRXQ   R8, AX, AX                       \
	CMPQ    AX, R14                          \
	CMOVQHI R14, AX                          \
	MOVBLSX (BX)(AX*1), AX                   \
	KEEP

// LOOKUP_HASH looks it up in a set by hash.
#define LOOKUP_HASH \
	IMULQ   wordSet_mul(R13), AX             \
	SHRXQ   R15, AX, CX                      \
	SHRXQ   R8, AX, AX                       \
	MOVBLZX (BX)(AX*1), AX                   \
	ANDL    $7, CX                           \
	SHRXL   CX, AX, AX                       \
	ANDL    $1, AX                           \
	KEEP

// OFFSET loads the next offset.
#define OFFSET \
	MOVL (R10)(R11*4), DX

// func sieveWords(st *sieveState)
TEXT ·sieveWords(SB), NOSPLIT, $0-8
	MOVQ    st+0(FP), DI
	MOVQ    sieveState_base(DI), SI
	MOVQ    sieveState_offsets(DI), R10
	MOVQ    sieveState_n(DI), R9
	MOVQ    sieveState_set(DI), R13
	MOVQ    sieveState_states(DI), BX
	MOVQ    sieveState_last(DI), R14
	MOVQ    wordSet_shift(R13), R8
	LEAQ    -3(R8), R15
	MOVQ    sieveState_load(DI), AX
	XORL    DI, DI
	XORL    R11, R11
	XORL    R12, R12
	TESTQ   R9, R9
	JZ      done
	CMPQ    AX, $const_load2
	JE      load2
	CMPQ    AX, $const_load2Big
	JE      load2Big
	CMPQ    AX, $const_load4
	JE      load4
	CMPQ    AX, $const_load4Big
	JE      load4Big
	CMPQ    AX, $const_load8
	JE      load8
	CMPQ    AX, $const_load8Big
	JE      load8Big
	CMPQ    AX, $const_load4Hash
	JE      load4Hash
	CMPQ    AX, $const_load4BigHash
	JE      load4BigHash
	CMPQ    AX, $const_load8Hash
	JE      load8Hash
	CMPQ    AX, $const_load8BigHash
	JE      load8BigHash

load1:
	OFFSET
	MOVBLZX (SI)(DX*1), AX
	LOOKUP
	JLT     load1
	JMP     done

load2:
	OFFSET
	MOVWLZX (SI)(DX*1), AX
	LOOKUP
	JLT     load2
	JMP     done

load2Big:
	OFFSET
	MOVWLZX (SI)(DX*1), AX
	BSWAPL  AX
	SHRL    $16, AX
	LOOKUP
	JLT     load2Big
	JMP     done

load4:
	OFFSET
	MOVL    (SI)(DX*1), AX
	LOOKUP
	JLT     load4
	JMP     done

load4Big:
	OFFSET
	MOVL    (SI)(DX*1), AX
	BSWAPL  AX
	LOOKUP
	JLT     load4Big
	JMP     done

load8:
	OFFSET
	MOVQ    (SI)(DX*1), AX
	LOOKUP
	JLT     load8
	JMP     done

load8Big:
	OFFSET
	MOVQ    (SI)(DX*1), AX
	BSWAPQ  AX
	LOOKUP
	JLT     load8Big
	JMP     done

load4Hash:
	OFFSET
	MOVL    (SI)(DX*1), AX
	LOOKUP_HASH
	JLT     load4Hash
	JMP     done

load4BigHash:
	OFFSET
	MOVL    (SI)(DX*1), AX
	BSWAPL  AX
	LOOKUP_HASH
	JLT     load4BigHash
	JMP     done

load8Hash:
	OFFSET
	MOVQ    (SI)(DX*1), AX
	LOOKUP_HASH
	JLT     load8Hash
	JMP     done

load8BigHash:
	OFFSET
	MOVQ    (SI)(DX*1), AX
	BSWAPQ  AX
	LOOKUP_HASH
	JLT     load8BigHash

done:
	MOVL DI, AX
	MOVQ st+0(FP), DI
	MOVQ R12, sieveState_n(DI)
	MOVL AX, sieveState_marked(DI)
	VZEROUPPER
	RET
