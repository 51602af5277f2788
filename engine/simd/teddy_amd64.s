//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// This is the filter of Teddy. For each byte of memory, two tables of 16 entries tell
// which buckets may have it as byte 0 of an excerpt, one by its low and one by its high
// nibble. Two more tables tell the same for byte 1, and two for byte 2:
//
//	memory       x x a b c x
//	as byte 0        A             A = low0[a] & high0[a]
//	as byte 1          B           B = low1[b] & high1[b] & A, one byte on
//	as byte 2            C         C = low2[c] & high2[c] & B, one byte on
//
// C has the buckets that may have an excerpt which ends here, and so began two bytes
// before. With AVX2 there is a second loop, which looks at B alone, and asks for C only
// in groups where B has a bucket: 7 of its instructions a vector, and not 11, go to the
// two ports of the processor that shuffle. Vectors are aligned; the last bytes of A and
// B are kept for the next vector. AVX-512 looks at eight vectors, 512 bytes, before it
// asks whether there was anything; AVX2 looks at four, 128 bytes.
//
// Memory before the first start and behind the last one is not read. AVX-512 has masks
// for that; AVX2 leaves the first starts to Go, and ends with a group that ends with the
// last start.
//
//	DI  the state             R8   offset of the vector
//	SI  base                  R9   end of the bytes to look at: of starts, and two more
//	AX, DX scratch            R10  out
//	BX  lanes of a result     R11  offsets in out
//	CX  lanes that count      R12  most offsets in out that leave room for a vector
//	                          R13  end of the vectors whose results are at hand
//	V0  nibble mask, V1 to V6 the tables
//	V8, V9 (or V10, V11)      A and B of the vector before

// BACK is how many bytes before the lane of a result the excerpt begins.
#define BACK 2

#define LOAD_STATE \
	MOVQ st+0(FP), DI                       \
	MOVQ teddyState_blk+block_base(DI), SI  \
	MOVQ teddyState_blk+block_pos(DI), R8   \
	MOVQ teddyState_blk+block_end(DI), R9   \
	MOVQ teddyState_blk+block_out(DI), R10  \
	MOVQ teddyState_blk+block_n(DI), R11    \
	MOVQ teddyState_blk+block_cap(DI), R12  \
	SUBQ $const_slack, R12                  \
	ADDQ $BACK, R9

// MASKS512 sets R to the buckets that may have an excerpt whose last byte is in X, and A
// and B to those of this vector. PA and PB are A and B of the vector before, and are
// overwritten.
#define MASKS512(X, PA, PB, A, B, R) \
	VPANDQ     X, Z0, Z12          \ // low nibbles
	VPSRLW     $4, X, Z13          \
	VPANDQ     Z13, Z0, Z13        \ // high nibbles
	VPSHUFB    Z12, Z1, A          \
	VPSHUFB    Z13, Z2, Z14        \
	VPANDQ     Z14, A, A           \
	VPSHUFB    Z12, Z3, B          \
	VPSHUFB    Z13, Z4, Z14        \
	VALIGNQ    $6, PA, A, PA       \
	VPALIGNR   $15, PA, A, PA      \ // A, one byte on
	VPTERNLOGQ $0x80, Z14, PA, B   \ // C = what all three tables have
	VPSHUFB    Z12, Z5, R          \
	VPSHUFB    Z13, Z6, Z14        \
	VALIGNQ    $6, PB, B, PB       \
	VPALIGNR   $15, PB, B, PB      \
	VPTERNLOGQ $0x80, Z14, PB, R

#define VECTOR512(off, PA, PB, A, B, R) \
	VMOVDQA64 off(SI)(R8*1), Z15 \
	MASKS512(Z15, PA, PB, A, B, R)

// FETCH asks for the group that comes 8 KiB later, since this loop has too much to do
// for the processor to get that far ahead by itself. It does no harm to ask for memory
// that is not there.
#define FETCH \
	PREFETCHT0 8192(SI)(R8*1) \
	PREFETCHT0 8256(SI)(R8*1) \
	PREFETCHT0 8320(SI)(R8*1) \
	PREFETCHT0 8384(SI)(R8*1) \
	PREFETCHT0 8448(SI)(R8*1) \
	PREFETCHT0 8512(SI)(R8*1) \
	PREFETCHT0 8576(SI)(R8*1) \
	PREFETCHT0 8640(SI)(R8*1)

// FOURS stores the offsets of the starts for the DX bits of BX, four at a time, whether
// there are so many or not, since it cannot be predicted how many there are.
#define FOURS(again) \
	ADDQ R11, DX                     \
again:                                   \
	ONE(0)                           \
	ONE(4)                           \
	ONE(8)                           \
	ONE(12)                          \
	ADDQ  $4, R11                    \
	TESTQ BX, BX                     \
	JNZ   again                      \
	MOVQ  DX, R11

#define ONE(off) \
	TZCNTQ BX, AX                    \
	LEAL   -BACK(R8)(AX*1), AX       \
	MOVL   AX, off(R10)(R11*4)       \
	BLSRQ  BX, BX

// MANY16 stores the offsets for the low 16 bits of K1 and of BX, and moves both on to
// the next 16.
#define MANY16(first) \
	VPADDD      first, Z14, Z13      \
	VPCOMPRESSD Z13, K1, Z13         \
	VMOVDQU32   Z13, (R10)(R11*4)    \
	MOVWLZX     BX, DX               \
	POPCNTL     DX, DX               \
	ADDQ        DX, R11              \
	SHRQ        $16, BX              \
	KSHIFTRQ    $16, K1, K1

// func scanTeddyAVX512(st *teddyState)
TEXT ·scanTeddyAVX512(SB), NOSPLIT, $0-8
	LOAD_STATE
	MOVL            $0x0f0f0f0f, AX
	VPBROADCASTD    AX, Z0
	VBROADCASTI32X4 (teddyState_tables+0)(DI), Z1
	VBROADCASTI32X4 (teddyState_tables+16)(DI), Z2
	VBROADCASTI32X4 (teddyState_tables+32)(DI), Z3
	VBROADCASTI32X4 (teddyState_tables+48)(DI), Z4
	VBROADCASTI32X4 (teddyState_tables+64)(DI), Z5
	VBROADCASTI32X4 (teddyState_tables+80)(DI), Z6
	VMOVDQU32       ·lanes+0(SB), Z28
	VMOVDQU32       ·lanes+64(SB), Z29
	VMOVDQU32       ·lanes+128(SB), Z30
	VMOVDQU32       ·lanes+192(SB), Z31

	// These are A and B of a vector of zeros behind zeros.
	VPXORQ   Z15, Z15, Z15
	MASKS512(Z15, Z10, Z11, Z8, Z9, Z16)
	MASKS512(Z15, Z8, Z9, Z24, Z25, Z16)

	// The first vector is the one that has byte 2 of the first start. A and B of the
	// vector before it are made of those of its bytes that belong to excerpts.
	ADDQ         $2, R8
	LEAQ         (SI)(R8*1), DX
	ANDQ         $63, DX
	SUBQ         DX, R8
	MOVQ         $0xc000000000000000, BX
	SHLXQ        DX, BX, BX
	KMOVQ        BX, K2
	VMOVDQU8.Z   -64(SI)(R8*1), K2, Z15
	MASKS512(Z15, Z10, Z11, Z8, Z9, Z16)
	MOVQ         $-1, AX
	SHLXQ        DX, AX, CX
	MOVQ         CX, BX
	SHRQ         $2, BX
	MOVQ         $0xc000000000000000, DX
	ORQ          DX, BX
	ORQ          CX, BX
	JMP          single

next512:
	CMPQ R8, R9
	JGE  done512
	LEAQ 512(R8), R13
	CMPQ R13, R9
	JGT  last512
	FETCH
	CMPB       teddyState_zeros(DI), $0
	JNE        look512
	VMOVDQA64  0(SI)(R8*1), Z12
	VPORQ      64(SI)(R8*1), Z12, Z12
	VMOVDQA64  128(SI)(R8*1), Z13
	VPORQ      192(SI)(R8*1), Z13, Z13
	VPORQ      256(SI)(R8*1), Z12, Z12
	VPORQ      320(SI)(R8*1), Z13, Z13
	VPORQ      384(SI)(R8*1), Z12, Z12
	VPORQ      448(SI)(R8*1), Z13, Z13
	VPORQ      Z12, Z13, Z12
	VPTESTMB   Z12, Z12, K1
	KORTESTQ   K1, K1
	JNZ        look512
	VMOVDQA64  Z24, Z8
	VMOVDQA64  Z25, Z9
	MOVQ       R13, R8
	JMP        next512

look512:
	VECTOR512(0, Z8, Z9, Z10, Z11, Z16)
	VECTOR512(64, Z10, Z11, Z8, Z9, Z17)
	VECTOR512(128, Z8, Z9, Z10, Z11, Z18)
	VECTOR512(192, Z10, Z11, Z8, Z9, Z19)
	VECTOR512(256, Z8, Z9, Z10, Z11, Z20)
	VECTOR512(320, Z10, Z11, Z8, Z9, Z21)
	VECTOR512(384, Z8, Z9, Z10, Z11, Z22)
	VECTOR512(448, Z10, Z11, Z8, Z9, Z23)
	VPORQ      Z16, Z17, Z12
	VPORQ      Z18, Z19, Z13
	VPTERNLOGQ $0xfe, Z20, Z21, Z12
	VPTERNLOGQ $0xfe, Z22, Z23, Z13
	VPORQ      Z12, Z13, Z12
	VPTESTMB   Z12, Z12, K1
	KORTESTQ   K1, K1
	JNZ        found512
	MOVQ       R13, R8
	JMP        next512

found512:
	VMOVDQU64 Z16, (teddyState_found+0)(DI)
	VMOVDQU64 Z17, (teddyState_found+64)(DI)
	VMOVDQU64 Z18, (teddyState_found+128)(DI)
	VMOVDQU64 Z19, (teddyState_found+192)(DI)
	VMOVDQU64 Z20, (teddyState_found+256)(DI)
	VMOVDQU64 Z21, (teddyState_found+320)(DI)
	VMOVDQU64 Z22, (teddyState_found+384)(DI)
	VMOVDQU64 Z23, (teddyState_found+448)(DI)
	LEAQ      teddyState_found(DI), CX

result512:
	VMOVDQU64 (CX), Z12
	ADDQ      $64, CX
	VPTESTMB  Z12, Z12, K1
	KMOVQ     K1, BX
	TESTQ     BX, BX
	JNZ       emit512

none512:
	ADDQ $64, R8
	CMPQ R8, R13
	JLT  result512
	JMP  next512

	// The last bytes, fewer than 512, are looked at a vector at a time.
last512:
	MOVQ $-1, BX
	MOVQ $-1, CX

	// One vector is looked at: the lanes of BX are read, and those of CX count.
single:
	LEAQ       64(R8), R13
	MOVQ       R9, DX
	SUBQ       R8, DX
	CMPQ       DX, $64
	JGE        whole512
	BZHIQ      DX, BX, BX
	BZHIQ      DX, CX, CX

whole512:
	KMOVQ      BX, K2
	KMOVQ      CX, K3
	VMOVDQU8.Z (SI)(R8*1), K2, Z15
	MASKS512(Z15, Z8, Z9, Z10, Z11, Z16)
	VMOVDQA64  Z10, Z8
	VMOVDQA64  Z11, Z9
	VPTESTMB   Z16, Z16, K3, K1
	KMOVQ      K1, BX
	TESTQ      BX, BX
	JZ         none512

	// The starts lie two bytes before the lanes of BX and K1.
emit512:
	CMPQ    R11, R12
	JGT     full512
	POPCNTQ BX, DX
	CMPQ    DX, $16
	JGT     many512
	FOURS(few512)
	JMP none512

many512:
	LEAL         -2(R8), AX
	VPBROADCASTD AX, Z14
	MANY16(Z28)
	MANY16(Z29)
	MANY16(Z30)
	MANY16(Z31)
	JMP          none512

done512:
	MOVQ R9, R8

full512:
	SUBQ $2, R8
	MOVQ R8, teddyState_blk+block_pos(DI)
	MOVQ R11, teddyState_blk+block_n(DI)
	VZEROUPPER
	RET

// MASKS256 does what MASKS512 does for the 32 bytes at R8 + off. It stores the result
// in found, and adds it to Y7.
#define MASKS256(off, PA, PB, A, B) \
	VMOVDQU    off(SI)(R8*1), Y15       \
	VPAND      Y15, Y0, Y12             \
	VPSRLW     $4, Y15, Y13             \
	VPAND      Y13, Y0, Y13             \
	VPSHUFB    Y12, Y1, A               \
	VPSHUFB    Y13, Y2, Y14             \
	VPAND      Y14, A, A                \
	VPSHUFB    Y12, Y3, B               \
	VPSHUFB    Y13, Y4, Y14             \
	VPAND      Y14, B, B                \
	VPERM2I128 $0x21, A, PA, Y14        \
	VPALIGNR   $15, Y14, A, Y14         \ // A, one byte on
	VPAND      Y14, B, B                \
	VPSHUFB    Y12, Y5, Y12             \
	VPSHUFB    Y13, Y6, Y13             \
	VPAND      Y12, Y13, Y13            \
	VPERM2I128 $0x21, B, PB, Y14        \
	VPALIGNR   $15, Y14, B, Y14         \
	VPAND      Y14, Y13, Y13            \
	VPOR       Y13, Y7, Y7              \
	VMOVDQU    Y13, (teddyState_found+off)(DI)

// MANY8 stores the offsets for the low 8 bits of BX, those of Y13 plus the number of
// the lane, and moves BX and Y13 on to the next 8. AX points to compress8, and Y12 has
// eight in all lanes.
#define MANY8 \
	MOVBLZX   BX, DX               \
	VPMOVZXBD (AX)(DX*8), Y15      \
	VPADDD    Y15, Y13, Y15        \
	VMOVDQU   Y15, (R10)(R11*4)    \
	POPCNTL   DX, DX               \
	ADDQ      DX, R11              \
	SHRQ      $8, BX               \
	VPADDD    Y12, Y13, Y13

// func scanTeddyAVX2(st *teddyState)
TEXT ·scanTeddyAVX2(SB), NOSPLIT, $0-8
#define NEAR
#define RESULT \
	VMOVDQU (CX), Y12    \
	VMOVDQU 32(CX), Y13
#include "teddy256_amd64.h"

// LATE256 does what MASKS256 does for the first two bytes of excerpts alone.
#define LATE256(off, PA, PB, A, B) \
	VMOVDQU    off(SI)(R8*1), Y15       \
	VPAND      Y15, Y0, Y12             \
	VPSRLW     $4, Y15, Y13             \
	VPAND      Y13, Y0, Y13             \
	VPSHUFB    Y12, Y1, A               \
	VPSHUFB    Y13, Y2, Y14             \
	VPAND      Y14, A, A                \
	VPSHUFB    Y12, Y3, Y12             \
	VPSHUFB    Y13, Y4, Y13             \
	VPAND      Y12, Y13, Y13            \
	VPERM2I128 $0x21, A, PA, Y14        \
	VPALIGNR   $15, Y14, A, Y14         \ // A, one byte on
	VPAND      Y14, Y13, Y13            \
	VPOR       Y13, Y7, Y7              \
	VMOVDQU    Y13, (teddyState_found+off)(DI)

// THIRD sets R to those buckets of B that may have the next byte of memory as byte 2 of
// an excerpt.
#define THIRD(off, B, R) \
	VMOVDQU (off+1)(SI)(R8*1), R  \
	VPAND   R, Y0, Y14            \
	VPSRLW  $4, R, R              \
	VPAND   R, Y0, R              \
	VPSHUFB Y14, Y5, Y14          \
	VPSHUFB R, Y6, R              \
	VPAND   Y14, R, R             \
	VPAND   B, R, R

#undef NEAR
#define NEAR \
	INCQ teddyState_near(DI)
#undef RESULT
#define RESULT \
	THIRD(0, (CX), Y12)  \
	THIRD(32, 32(CX), Y13)
#undef BACK
#define BACK 1
#undef MASKS256
#define MASKS256(off, PA, PB, A, B) \
	LATE256(off, PA, PB, A, B)

// func scanTeddyLateAVX2(st *teddyState)
TEXT ·scanTeddyLateAVX2(SB), NOSPLIT, $0-8
#include "teddy256_amd64.h"
