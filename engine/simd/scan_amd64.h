// The kernels that report every start, at stride 1, share what is here. They keep
//
//	DI  the state, which begins with a block      R8   first start of the vector
//	SI  base                                      R9   end of starts
//	BX  base + the offset of the aligned loads    R10  out
//	AX, DX, R14 scratch                           R11  offsets in out
//	R12  most offsets in out that leave room for a vector
//	R13  end of the starts under way: of the group, or of those to go through
//	     one vector at a time
//
// and store the offsets of a vector by one of these.
//
//	EMIT_FEW_MANY  AVX-512: a few one after the other, many by packing lanes
//	EMIT_PACKED    AVX-512 VBMI2: any number, by packing the lanes' numbers as bytes
//	FEW, MANY32    AVX2: a few one after the other, many by a table of masks
//	SOME64         AVX2: those of two vectors that have neither few nor many

#define LOAD_BLOCK \
	MOVQ block_base(DI), SI   \
	MOVQ block_pos(DI), R8    \
	MOVQ block_end(DI), R9    \
	MOVQ block_out(DI), R10   \
	MOVQ block_n(DI), R11     \
	MOVQ block_cap(DI), R12   \
	SUBQ $const_slack, R12

#define STORE_BLOCK \
	MOVQ R8, block_pos(DI)    \
	MOVQ R11, block_n(DI)

// TO_ALIGNED sets R13 to the first start whose load is at a multiple of the size of
// a vector, but to at most R9. The argument less is one less than that size.
#define TO_ALIGNED(less) \
	LEAQ    (BX)(R8*1), R13   \
	NEGQ    R13               \
	ANDQ    $less, R13        \
	ADDQ    R8, R13           \
	CMPQ    R9, R13           \
	CMOVQLT R9, R13

// EACH_VECTOR256 and EACH_VECTOR512 begin the loop over the vectors from R8 up to
// R13, for which the kernel's own instructions follow: they end with ADDQ to R8 and
// JMP to vector256 or vector512. AX has a bit for each start of the vector that
// counts. At R13 the loop goes to more256 or more512; where R10 may have no room for
// another vector, to done256 or done512.
#define EACH_VECTOR256 \
vector256:                             \
	CMPQ  R8, R13                  \
	JGE   more256                  \
	CMPQ  R11, R12                 \
	JGT   done256                  \
	MOVL  $-1, AX                  \
	MOVQ  R9, DX                   \
	SUBQ  R8, DX                   \
	CMPQ  DX, $32                  \
	JLT   last256                  \
	MOVQ  R13, DX                  \
	SUBQ  R8, DX                   \
	CMPQ  DX, $32                  \
	JGE   body256                  \
	BZHIL DX, AX, AX               \
body256:

#define EACH_VECTOR512 \
vector512:                             \
	CMPQ  R8, R13                  \
	JGE   more512                  \
	CMPQ  R11, R12                 \
	JGT   done512                  \
	MOVQ  $-1, AX                  \
	MOVQ  R9, DX                   \
	SUBQ  R8, DX                   \
	CMPQ  DX, $64                  \
	JLT   last512                  \
	MOVQ  R13, DX                  \
	SUBQ  R8, DX                   \
	CMPQ  DX, $64                  \
	JGE   body512                  \
	BZHIQ DX, AX, AX               \
body512:

// REST256 and REST512 end a kernel. The last starts, DX of them and fewer than a
// vector, are looked at in a vector that ends with the last start, and of which only
// the last DX starts count. Where the block has no room for such a vector, it begins
// with the first of them instead; with AVX2, Go keeps such blocks for itself. At more256 and
// more512 the kernel goes on with the next group, if there are starts left.
#define REST256(group) \
last256:                               \
	MOVQ  R9, R13                  \
	MOVQ  R9, R8                   \
	SUBQ  $32, R8                  \
	NEGL  DX                       \ // shifts are modulo 32, so AX is shifted by 32 − DX
	SHLXL DX, AX, AX               \
	JMP   body256                  \
more256:                               \
	MOVQ  R13, R8                  \ // the last vector may have gone beyond R13
	CMPQ  R8, R9                   \
	JLT   group                    \
done256:                               \
	STORE_BLOCK                    \
	VZEROUPPER                     \
	RET

#define REST512(group) \
last512:                               \
	MOVQ  R9, R13                  \
	CMPQ  R9, $64                  \
	JLT   short512                 \
	MOVQ  R9, R8                   \
	SUBQ  $64, R8                  \
	NEGQ  DX                       \ // shifts are modulo 64, so AX is shifted by 64 − DX
	SHLXQ DX, AX, AX               \
	JMP   body512                  \
short512:                              \
	BZHIQ DX, AX, AX               \
	JMP   body512                  \
more512:                               \
	MOVQ  R13, R8                  \ // the last vector may have gone beyond R13
	CMPQ  R8, R9                   \
	JLT   group                    \
done512:                               \
	STORE_BLOCK                    \
	VZEROUPPER                     \
	RET

// FEW stores the offset R8 + i for every bit i of AX, which is not zero.
#define FEW(again) \
again:                                  \
	TZCNTQ AX, DX                   \
	ADDL   R8, DX                   \
	MOVL   DX, (R10)(R11*4)         \
	INCQ   R11                      \
	BLSRQ  AX, AX                   \
	JNZ    again

// LANES loads the numbers of the lanes, for EMIT_FEW_MANY.
#define LANES \
	VMOVDQU32 ·lanes+0(SB), Z16     \
	VMOVDQU32 ·lanes+64(SB), Z17    \
	VMOVDQU32 ·lanes+128(SB), Z18   \
	VMOVDQU32 ·lanes+192(SB), Z19

// MANY16 stores the offset R8 + i for each of the low 16 bits of K1, which AX has
// too. Z3 has R8 in all lanes, and first the numbers of these 16 lanes.
#define MANY16(first) \
	VPADDD      first, Z3, Z4       \
	VPCOMPRESSD Z4, K1, Z4          \
	VMOVDQU32   Z4, (R10)(R11*4)    \
	MOVWLZX     AX, DX              \
	POPCNTL     DX, DX              \
	ADDQ        DX, R11

// EMIT_FEW_MANY stores the offset R8 + i for every bit i of K1.
#define EMIT_FEW_MANY \
	KMOVQ        K1, AX             \
	POPCNTQ      AX, DX             \
	CMPQ         DX, $4             \
	JGT          many               \
	TESTQ        AX, AX             \
	JZ           none               \
	FEW(few)                        \
	JMP          none               \
many:                                   \
	VPBROADCASTD R8, Z3             \
	MANY16(Z16)                     \
	KSHIFTRQ     $16, K1, K1        \
	SHRQ         $16, AX            \
	MANY16(Z17)                     \
	KSHIFTRQ     $16, K1, K1        \
	SHRQ         $16, AX            \
	MANY16(Z18)                     \
	KSHIFTRQ     $16, K1, K1        \
	SHRQ         $16, AX            \
	MANY16(Z19)                     \
none:

// BYTE_LANES loads the numbers of the lanes, for EMIT_PACKED.
#define BYTE_LANES \
	VMOVDQU64 ·byteLanes(SB), Z16

// PACKED16 stores the offset R8 + i for each of the 16 numbers i in packed, at out
// bytes from the next free offset on.
#define PACKED16(packed, out) \
	VPMOVZXBD packed, Z4            \
	VPADDD    Z3, Z4, Z4            \
	VMOVDQU32 Z4, out(R10)(R11*4)

// EMIT_PACKED stores the offset R8 + i for every bit i of K1. It has no branch where
// there are at most 16 of them, since no processor can predict how many there are.
#define EMIT_PACKED \
	KMOVQ         K1, AX             \
	POPCNTQ       AX, DX             \
	VPCOMPRESSB.Z Z16, K1, Z2        \
	VPBROADCASTD  R8, Z3             \
	PACKED16(X2, 0)                  \
	CMPQ          DX, $16            \
	JLE           packed             \
	VEXTRACTI32X4 $1, Z2, X5         \
	PACKED16(X5, 64)                 \
	VEXTRACTI64X4 $1, Z2, Y5         \
	PACKED16(X5, 128)                \
	VEXTRACTI32X4 $3, Z2, X5         \
	PACKED16(X5, 192)                \
packed:                                  \
	ADDQ          DX, R11

// MANY8 stores the offsets for the low 8 bits of AX, those of Y3 plus the number of
// the lane, and moves AX and Y3 on to the next 8. DX points to compress8, and Y4 has
// eight in all lanes.
#define MANY8 \
	MOVBLZX   AX, R14               \
	VPMOVZXBD (DX)(R14*8), Y5       \
	VPADDD    Y5, Y3, Y5            \
	VMOVDQU   Y5, (R10)(R11*4)      \
	POPCNTL   R14, R14              \
	ADDQ      R14, R11              \
	SHRL      $8, AX                \
	VPADDD    Y4, Y3, Y3

// MANY32 stores the offset R8 + i for every bit i of AX.
#define MANY32 \
	LEAQ         ·compress8(SB), DX     \
	VMOVD        R8, X3                 \
	VPBROADCASTD X3, Y3                 \
	VPBROADCASTD ·lanes+32(SB), Y4      \ // eight in all lanes
	MANY8                               \
	MANY8                               \
	MANY8                               \
	MANY8

// MASK64 sets AX to the masks of two vectors: that of low in its low half, and that
// of high in its high half.
#define MASK64(low, high) \
	VPMOVMSKB low, AX              \
	VPMOVMSKB high, DX             \
	SHLQ      $32, DX              \
	ORQ       DX, AX

// SOME64 stores the offset R8 + i for every bit i of AX, four at a time: the
// processor can predict whether there are more than four where it cannot predict
// whether there are any. What is stored beyond the last offset is overwritten by
// what comes next.
#define SOME64(four, enough) \
	POPCNTQ AX, R14                \
four:                                  \
	SOME1(0)                       \
	SOME1(4)                       \
	SOME1(8)                       \
	SOME1(12)                      \
	SUBQ    $4, R14                \
	JLE     enough                 \
	ADDQ    $4, R11                \
	JMP     four                   \
enough:                                \
	LEAQ    4(R11)(R14*1), R11

// SOME1 stores the offset for the lowest bit of AX, at bytes from the next free
// offset on, and clears the bit.
#define SOME1(at) \
	TZCNTQ AX, DX                  \
	ADDL   R8, DX                  \
	MOVL   DX, at(R10)(R11*4)      \
	BLSRQ  AX, AX

// FETCH asks for a group of memory that is further ahead than the processor fetches
// by itself, above all after it has mispredicted a group and has to catch up. It
// does no harm to ask for memory that is not there.
#define FETCH \
	PREFETCHT0 4096(BX)(R8*1) \
	PREFETCHT0 4160(BX)(R8*1) \
	PREFETCHT0 4224(BX)(R8*1) \
	PREFETCHT0 4288(BX)(R8*1) \
	PREFETCHT0 4352(BX)(R8*1) \
	PREFETCHT0 4416(BX)(R8*1) \
	PREFETCHT0 4480(BX)(R8*1) \
	PREFETCHT0 4544(BX)(R8*1)
