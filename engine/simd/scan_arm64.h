// The kernels for NEON share what is here. They look at 64 starts at a time, which are
// called a vector, and keep
//
//	R0  the state, which begins with a block      R4  out
//	R1  base                                      R5  offsets in out
//	R2  first start of the vector                 R6  most offsets in out that leave
//	R3  end of starts, at least 64                    room for a vector
//	R9, R10, R19 scratch                          R12 mask: bit i for start R2 + i
//	R13 which starts of the vector are new        V31 the weights of MASK64
//
// The last starts, fewer than 64, are looked at by a vector that ends with the last of
// them. NEON has no masks. MASK64 makes one, after simdjson, of four registers whose
// bytes are all ones or zero.

#define LOAD_BLOCK \
	MOVD block_base(R0), R1         \
	MOVD block_pos(R0), R2          \
	MOVD block_end(R0), R3          \
	MOVD block_out(R0), R4          \
	MOVD block_n(R0), R5            \
	MOVD block_cap(R0), R6          \
	SUB  $const_slack, R6           \
	MOVD $0x8040201008040201, R9    \
	VMOV R9, V31.D2

#define STORE_BLOCK \
	MOVD R2, block_pos(R0)          \
	MOVD R5, block_n(R0)

// NEXT sets R13 for the next vector, or goes to done where there is none or no room.
#define NEXT(done) \
	CMP  R6, R5                     \
	BGT  done                       \
	SUB  R2, R3, R9                 \
	CMP  $0, R9                     \
	BLE  done                       \
	MOVD $-1, R13                   \
	CMP  $64, R9                    \
	BGE  whole                      \
	SUB  $64, R3, R2                \
	NEG  R9, R9                     \ // shifts are modulo 64
	LSL  R9, R13, R13               \
whole:

// EQUAL sets the 64 bytes in V0 to V3 to ones where they equal val, else to zero.
#define EQUAL(val) \
	VCMEQ val.B16, V0.B16, V0.B16   \
	VCMEQ val.B16, V1.B16, V1.B16   \
	VCMEQ val.B16, V2.B16, V2.B16   \
	VCMEQ val.B16, V3.B16, V3.B16

// UNDER clears the bits of the 64 bytes in V0 to V3 that are not in mask.
#define UNDER(mask) \
	VAND mask.B16, V0.B16, V0.B16   \
	VAND mask.B16, V1.B16, V1.B16   \
	VAND mask.B16, V2.B16, V2.B16   \
	VAND mask.B16, V3.B16, V3.B16

// BOTH clears the bits of V0 to V3 that V4 to V7 do not have.
#define BOTH \
	VAND V4.B16, V0.B16, V0.B16     \
	VAND V5.B16, V1.B16, V1.B16     \
	VAND V6.B16, V2.B16, V2.B16     \
	VAND V7.B16, V3.B16, V3.B16

// ANY sets R9 to zero if V0 to V3 are zero, and else to another number.
#define ANY \
	VORR  V0.B16, V1.B16, V8.B16    \
	VORR  V2.B16, V3.B16, V9.B16    \
	VORR  V8.B16, V9.B16, V8.B16    \
	VADDP V8.B16, V8.B16, V8.B16    \ // no two bytes of ones or zeros add up to 0, unless both are 0
	VMOV  V8.D[0], R9

#define MASK64(mask) \
	UNDER(V31)                      \
	VADDP V1.B16, V0.B16, V0.B16    \
	VADDP V3.B16, V2.B16, V2.B16    \
	VADDP V2.B16, V0.B16, V0.B16    \
	VADDP V0.B16, V0.B16, V0.B16    \
	VMOV  V0.D[0], mask

// EMIT stores the offset R2 + i for every bit i of R12, which is not zero.
#define EMIT \
again:                                  \
	RBIT R12, R9                    \
	CLZ  R9, R9                     \
	ADD  R2, R9                     \
	MOVW R9, (R4)(R5<<2)            \
	ADD  $1, R5                     \
	SUB  $1, R12, R9                \
	ANDS R9, R12, R12               \
	BNE  again
