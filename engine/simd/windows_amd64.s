//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// The windows at the positions that candidates stand for are looked up in a bitmap. There is no branch
// on what is found: a position is stored in any case where the next one that is kept belongs, and the
// number of those kept grows by the bit.
//
//	SI  base                  R12  next candidate
//	BX  bitmap                DI   end of the candidates
//	R13 fold                  R8   the candidate under way
//	R14 mask                  R10  out
//	R15 windowMul             R11  offsets in out
//	R9  shift to the bit      AX, CX, DX scratch

// ONE looks up the window that begins back bytes before the candidate.
#define ONE(back) \
	MOVQ  -back(SI)(R8*1), AX       \
	ORQ   R13, AX                   \
	ANDQ  R14, AX                   \
	IMULQ R15, AX                   \
	SHRXQ R9, AX, AX                \
	MOVL  AX, DX                    \
	SHRL  $5, DX                    \
	MOVL  (BX)(DX*4), DX            \
	LEAL  -back(R8), CX             \
	MOVL  CX, (R10)(R11*4)          \
	BTL   AX, DX                    \
	ADCQ  $0, R11

#define NEXT \
	MOVL (R12), R8                  \
	ADDQ $4, R12

// func lookWindowsBMI2(st *windowsState)
TEXT ·lookWindowsBMI2(SB), NOSPLIT, $0-8
	MOVQ st+0(FP), DI
	MOVQ windowsState_base(DI), SI
	MOVQ windowsState_cand(DI), R12
	MOVQ windowsState_words(DI), BX
	MOVQ windowsState_out(DI), R10
	MOVQ windowsState_toBit(DI), R9
	MOVQ windowsState_fold(DI), R13
	MOVQ windowsState_mask(DI), R14
	MOVQ $const_windowMul, R15
	MOVQ windowsState_stride(DI), DX
	MOVQ windowsState_n(DI), AX
	LEAQ (R12)(AX*4), DI
	XORL R11, R11
	CMPQ DX, $2
	JLT  one
	JEQ  two

four:
	NEXT
	ONE(3)
	ONE(2)
	ONE(1)
	ONE(0)
	CMPQ R12, DI
	JLT  four
	JMP  done

two:
	NEXT
	ONE(1)
	ONE(0)
	CMPQ R12, DI
	JLT  two
	JMP  done

one:
	NEXT
	ONE(0)
	CMPQ R12, DI
	JLT  one

done:
	MOVQ st+0(FP), DI
	MOVQ R11, windowsState_n(DI)
	VZEROUPPER
	RET
