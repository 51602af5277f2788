//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// The filter of Grams has three variants: 16 grams at a time with AVX-512, 8 with
// AVX2, and one at a time where microcode has made gathers slow. Each takes 64 bytes
// of grams at a time. Where zeros may be passed over (see Zeros), it first asks
// whether there is anything else in them. Then it hashes the grams, loads the words
// of the bitmap, and tests the bits.
//
//	SI  base                  R8   first gram of the 64 bytes
//	BX  bitmap                R9   last R8 that leaves 64 bytes and what is read beyond
//	CX  Zeros                 R10  out
//	DI  the state             R11  offsets in out
//	AX, DX, R14 scratch       R12  most offsets in out that leave room for 64 bytes

#define LOAD_STATE \
	MOVQ st+0(FP), DI                          \
	MOVQ gramState_blk+block_base(DI), SI      \
	MOVQ gramState_blk+block_pos(DI), R8       \
	MOVQ gramState_blk+block_end(DI), R9       \
	MOVQ gramState_blk+block_out(DI), R10      \
	MOVQ gramState_blk+block_n(DI), R11        \
	MOVQ gramState_blk+block_cap(DI), R12      \
	MOVQ gramState_words(DI), BX               \
	MOVQ gramState_zeros(DI), CX               \
	SUBQ $64, R9                               \
	SUBQ $const_slack, R12

#define STORE_STATE \
	MOVQ st+0(FP), DI                          \
	MOVQ R8, gramState_blk+block_pos(DI)       \
	MOVQ R11, gramState_blk+block_n(DI)

// HASH512 leaves in Z3 the numbers of the bits of the 16 grams at R8.
#define HASH512 \
	VPORD   0(SI)(R8*1), Z20, Z2 \
	VPORD   4(SI)(R8*1), Z20, Z3 \
	VPANDD  Z21, Z3, Z3          \
	VPMULLD Z22, Z2, Z2          \
	VPMULLD Z23, Z3, Z3          \
	VPADDD  Z2, Z3, Z3           \
	VPSRLVD Z24, Z3, Z3

// func scanGramsAVX512(st *gramState)
TEXT ·scanGramsAVX512(SB), NOSPLIT, $0-8
	LOAD_STATE
	VPBROADCASTD gramState_fold(DI), Z20
	VPBROADCASTD gramState_high(DI), Z21
	VPBROADCASTD gramState_toBit(DI), Z24
	VPBROADCASTD gramState_mul(DI), Z22
	MOVL         $const_gramMulHigh, AX
	VPBROADCASTD AX, Z23
	MOVL         $1, AX
	VPBROADCASTD AX, Z25
	VMOVDQU32    ·lanes(SB), Z16
	VPSLLD       $2, Z16, Z16

next512:
	CMPQ       R8, R9
	JGT        done512
	CMPQ       R11, R12
	JGT        done512
	PREFETCHT0 2048(SI)(R8*1)
	CMPQ       CX, $const_ZerosEdge
	JGT        look512
	JEQ        edge512
	VMOVDQU32  0(SI)(R8*1), Z0
	VPORD      4(SI)(R8*1), Z0, Z0
	VPTESTMD   Z0, Z0, K1
	KORTESTW   K1, K1
	JNZ        look512
	ADDQ       $64, R8
	JMP        next512

edge512:
	VMOVDQU32 -4(SI)(R8*1), Z0
	VPORD     8(SI)(R8*1), Z0, Z0
	VPTESTMD  Z0, Z0, K1
	KORTESTW  K1, K1
	JNZ       look512
	ADDQ      $64, R8
	JMP       next512

look512:
	HASH512
	VPSRLD     $5, Z3, Z4
	KXNORW     K1, K1, K1
	VPXORD     Z5, Z5, Z5
	VPGATHERDD (BX)(Z4*4), K1, Z5
	VPRORVD    Z3, Z5, Z5           // rotations are modulo 32
	VPTESTMD   Z25, Z5, K1

	// Whether there are any cannot be predicted, so there is no branch on it.
	VPBROADCASTD R8, Z5
	VPADDD       Z16, Z5, Z5
	VPCOMPRESSD  Z5, K1, Z5
	VMOVDQU32    Z5, (R10)(R11*4)
	KMOVW        K1, AX
	POPCNTL      AX, AX
	ADDQ         AX, R11
	ADDQ         $64, R8
	JMP          next512

done512:
	STORE_STATE
	VZEROUPPER
	RET

// ZEROS256 sets the zero flag where the 64 bytes, and those beside them that count, are
// zeros. It jumps to look where no zeros may be passed over.
#define ZEROS256(edge, test, look) \
	CMPQ    CX, $const_ZerosEdge     \
	JGT     look                    \
	JEQ     edge                    \
	VMOVDQU 0(SI)(R8*1), Y0         \
	VPOR    32(SI)(R8*1), Y0, Y0    \
	VPOR    36(SI)(R8*1), Y0, Y0    \
	JMP     test                    \
edge:                                   \
	VMOVDQU -4(SI)(R8*1), Y0        \
	VPOR    28(SI)(R8*1), Y0, Y0    \
	VPOR    40(SI)(R8*1), Y0, Y0    \
test:                                   \
	VPTEST  Y0, Y0

// EIGHT stores the offsets of those of the 8 grams at R8 + off that may be in the set.
#define EIGHT(off) \
	VPOR         (off+0)(SI)(R8*1), Y8, Y2  \
	VPOR         (off+4)(SI)(R8*1), Y8, Y3  \
	VPAND        Y9, Y3, Y3                 \
	VPMULLD      Y10, Y2, Y2                \
	VPMULLD      Y11, Y3, Y3                \
	VPADDD       Y2, Y3, Y3                 \
	VPSRLD       X12, Y3, Y3                \
	VPSRLD       $5, Y3, Y4                 \
	VPCMPEQB     Y6, Y6, Y6                 \
	VPGATHERDD   Y6, (BX)(Y4*4), Y5         \
	VPANDN       Y13, Y3, Y3                \ // 31 − the bit's number in its word
	VPSLLVD      Y3, Y5, Y5                 \
	VMOVMSKPS    Y5, AX                     \
	POPCNTL      AX, DX                     \
	VPMOVZXBD    (R14)(AX*8), Y6            \
	VPSLLD       $2, Y6, Y6                 \
	LEAL         off(R8), AX                \
	VMOVD        AX, X7                     \
	VPBROADCASTD X7, Y7                     \
	VPADDD       Y6, Y7, Y6                 \
	VMOVDQU      Y6, (R10)(R11*4)           \
	ADDQ         DX, R11

// func scanGramsAVX2(st *gramState)
TEXT ·scanGramsAVX2(SB), NOSPLIT, $0-8
	LOAD_STATE
	VPBROADCASTD gramState_fold(DI), Y8
	VPBROADCASTD gramState_high(DI), Y9
	VMOVD        gramState_toBit(DI), X12
	VPBROADCASTD gramState_mul(DI), Y10
	MOVL         $const_gramMulHigh, AX
	VMOVD        AX, X11
	VPBROADCASTD X11, Y11
	MOVL         $31, AX
	VMOVD        AX, X13
	VPBROADCASTD X13, Y13
	LEAQ         ·compress8(SB), R14

next256:
	CMPQ       R8, R9
	JGT        done256
	CMPQ       R11, R12
	JGT        done256
	PREFETCHT0 2048(SI)(R8*1)
	ZEROS256(edge256, test256, look256)
	JZ         zero256

look256:
	EIGHT(0)
	EIGHT(32)

zero256:
	ADDQ $64, R8
	JMP  next256

done256:
	STORE_STATE
	VZEROUPPER
	RET

// ONE looks up the gram at R8 + off. There is no branch on what is found: the offset is
// stored in any case, and the number of offsets grows by the bit.
#define ONE(off) \
	MOVL   (off+0)(SI)(R8*1), AX      \
	MOVL   (off+4)(SI)(R8*1), DX      \
	ORL    gramState_fold(DI), AX     \
	ORL    gramState_fold(DI), DX     \
	ANDL   gramState_high(DI), DX     \
	IMULL  gramState_mul(DI), AX      \
	IMUL3L $const_gramMulHigh, DX, DX \
	ADDL   DX, AX                     \
	SHRXL  R13, AX, AX                \
	MOVL   AX, DX                     \
	SHRL   $5, DX                     \
	MOVL   (BX)(DX*4), DX             \
	LEAL   off(R8), R14               \
	MOVL   R14, (R10)(R11*4)          \
	BTL    AX, DX                     \
	ADCQ   $0, R11

// func scanGramsNoGather(st *gramState)
TEXT ·scanGramsNoGather(SB), NOSPLIT, $0-8
	LOAD_STATE
	MOVL gramState_toBit(DI), R13

next1:
	CMPQ       R8, R9
	JGT        done1
	CMPQ       R11, R12
	JGT        done1
	PREFETCHT0 2048(SI)(R8*1)
	ZEROS256(edge1, test1, look1)
	JZ         zero1

look1:
	ONE(0)
	ONE(4)
	ONE(8)
	ONE(12)
	ONE(16)
	ONE(20)
	ONE(24)
	ONE(28)
	ONE(32)
	ONE(36)
	ONE(40)
	ONE(44)
	ONE(48)
	ONE(52)
	ONE(56)
	ONE(60)

zero1:
	ADDQ $64, R8
	JMP  next1

done1:
	STORE_STATE
	VZEROUPPER
	RET

// What follows is for grams that begin with characters of ASCII: see gramText. The first pass
// appends every position whose four bytes are all such as the grams begin with, the second takes
// out those whose gram is not in the bitmap.

// TEXT512 leaves in Z3, for each of the 64 bytes at R8, zero if a gram may begin with it. A byte c
// may if the bit for its upper half is set in the entry for its lower half. The entry is zero for
// c ≥ 0x80, and no bit for such an upper half is.
#define TEXT512 \
	VPORD    0(SI)(R8*1), Z20, Z2 \
	VPSRLW   $4, Z2, Z3           \
	VPANDD   Z23, Z3, Z3          \
	VPSHUFB  Z2, Z21, Z2          \
	VPSHUFB  Z3, Z22, Z3          \
	VPANDNQ  Z3, Z2, Z3

// func scanGramTextAVX512(st *gramState)
TEXT ·scanGramTextAVX512(SB), NOSPLIT, $0-8
	LOAD_STATE
	VPBROADCASTD    gramState_fold(DI), Z20
	VBROADCASTI32X4 gramState_text+gramText_low(DI), Z21
	VBROADCASTI32X4 gramState_text+gramText_high(DI), Z22
	MOVL            $0x0f0f0f0f, AX
	VPBROADCASTD    AX, Z23
	MOVL            $64, AX
	VPBROADCASTD    AX, Z24
	VMOVDQU32       ·lanes(SB), Z16
	VPSLLD          $2, Z16, Z16
	VPBROADCASTD    R8, Z5
	VPADDD          Z5, Z16, Z16

nextText512:
	CMPQ        R8, R9
	JGT         doneText512
	CMPQ        R11, R12
	JGT         doneText512
	PREFETCHT0  2048(SI)(R8*1)
	TEXT512
	VPTESTNMD   Z3, Z3, K1
	VPCOMPRESSD Z16, K1, Z5
	VMOVDQU32   Z5, (R10)(R11*4)
	KMOVW       K1, AX
	POPCNTL     AX, AX
	ADDQ        AX, R11
	VPADDD      Z24, Z16, Z16
	ADDQ        $64, R8
	JMP         nextText512

doneText512:
	STORE_STATE
	VZEROUPPER
	RET

// TEXT256 appends those of the 8 positions from R8 + off on whose four bytes are all such as
// grams begin with.
#define TEXT256(off) \
	VPOR      off(SI)(R8*1), Y8, Y2  \
	VPSRLW    $4, Y2, Y3             \
	VPAND     Y11, Y3, Y3            \
	VPSHUFB   Y2, Y9, Y2             \
	VPSHUFB   Y3, Y10, Y3            \
	VPANDN    Y3, Y2, Y3             \
	VPCMPEQD  Y13, Y3, Y3            \
	VMOVMSKPS Y3, AX                 \
	POPCNTL   AX, DX                 \
	VPMOVZXBD (R14)(AX*8), Y6        \
	VPSLLD    $2, Y6, Y6             \
	VPADDD    Y6, Y12, Y6            \
	VPADDD    Y14, Y12, Y12          \
	VMOVDQU   Y6, (R10)(R11*4)       \
	ADDQ      DX, R11

// func scanGramTextAVX2(st *gramState)
TEXT ·scanGramTextAVX2(SB), NOSPLIT, $0-8
	LOAD_STATE
	VPBROADCASTD   gramState_fold(DI), Y8
	VBROADCASTI128 gramState_text+gramText_low(DI), Y9
	VBROADCASTI128 gramState_text+gramText_high(DI), Y10
	MOVL           $0x0f0f0f0f, AX
	VMOVD          AX, X11
	VPBROADCASTD   X11, Y11
	MOVL           $32, AX
	VMOVD          AX, X14
	VPBROADCASTD   X14, Y14
	VMOVD          R8, X12
	VPBROADCASTD   X12, Y12
	VPXOR          Y13, Y13, Y13
	LEAQ           ·compress8(SB), R14

nextText256:
	CMPQ       R8, R9
	JGT        doneText256
	CMPQ       R11, R12
	JGT        doneText256
	PREFETCHT0 2048(SI)(R8*1)
	TEXT256(0)
	TEXT256(32)
	ADDQ       $64, R8
	JMP        nextText256

doneText256:
	STORE_STATE
	VZEROUPPER
	RET

// The second pass. There is no branch on what is found, as in ONE.
//
//	SI  base                  R12  next position in out
//	BX  bitmap                R8   position under way
//	R13 fold                  R10  out
//	R15 bits of the high half R11  offsets in out that are kept
//	R14 mul                   CX   end of out
//	R9  toBit                 AX, DX scratch
//
// func keepGramsBMI2(st *gramState)
TEXT ·keepGramsBMI2(SB), NOSPLIT, $0-8
	MOVQ st+0(FP), DI
	MOVQ gramState_blk+block_base(DI), SI
	MOVQ gramState_blk+block_out(DI), R10
	MOVQ gramState_blk+block_n(DI), CX
	MOVQ gramState_kept(DI), R11
	MOVQ gramState_words(DI), BX
	MOVL gramState_fold(DI), R13
	MOVL gramState_mul(DI), R14
	MOVL gramState_high(DI), R15
	MOVL gramState_toBit(DI), R9
	MOVQ R11, R12

nextKeep:
	CMPQ   R12, CX
	JGE    doneKeep
	MOVL   (R10)(R12*4), R8
	INCQ   R12
	MOVL   0(SI)(R8*1), AX
	MOVL   4(SI)(R8*1), DX
	ORL    R13, AX
	ORL    R13, DX
	ANDL   R15, DX
	IMULL  R14, AX
	IMUL3L $const_gramMulHigh, DX, DX
	ADDL   DX, AX
	SHRXL  R9, AX, AX
	MOVL   AX, DX
	SHRL   $5, DX
	MOVL   (BX)(DX*4), DX
	MOVL   R8, (R10)(R11*4)
	BTL    AX, DX
	ADCQ   $0, R11
	JMP    nextKeep

doneKeep:
	MOVQ R11, gramState_blk+block_n(DI)
	VZEROUPPER
	RET
