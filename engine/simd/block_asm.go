//go:build !purego && (amd64 || arm64)

package simd

import "unsafe"

// A block is how Go and assembly talk: the assembly of every kernel is handed a
// struct that begins with one, and leaves its answer there. A call does this:
//
//   - It looks at the starts from pos up to end, at most asmBlock bytes,
//     ascending, and appends those that it finds to out, as offsets from base.
//   - Before it looks at a vector of starts, at most slack of them, it checks
//     that cap − n ≥ slack, and returns if not. So it need not check for every
//     hit, and may store whole vectors beyond n.
//   - It sets pos to the first start that it has not looked at, and n to the
//     number of offsets in out. Where pos = end, all is done. Where pos < end,
//     out is full, and another call with more room goes on.
//
// It may read all bytes that a match that starts from pos up to end could cover,
// and all between those and base. Assembly cannot be preempted, so a call has to
// be short, and its stack cannot grow, so it has to be NOSPLIT.
type block struct {
	base *byte
	pos  int
	end  int
	out  *uint32
	n    int
	cap  int
}

const (
	// slack is the room in out that a kernel needs before it looks at a
	// vector, in offsets. The assembly has the same number.
	slack = 64

	// asmBlock is the most starts that one call of assembly looks at, in
	// bytes, which take some 30 µs at the slowest. It is a multiple of the
	// bytes that any unrolled loop takes at a time, so that only the last
	// call of a Scan has a remainder.
	asmBlock = 128 << 10
)

// alignedEnd returns where the next call has to end: at end if that is at most
// asmBlock bytes from pos. Else it is up to asmBlock bytes from pos, where the
// address off bytes on is a multiple of groupSize, or as near above one as a
// whole number of strides gets.
func alignedEnd(blk *block, off, end, stride int) int {
	if end-blk.pos <= asmBlock {
		return end
	}
	first := uintptr(unsafe.Pointer(blk.base)) + uintptr(blk.pos+off)
	return blk.pos + asmBlock - int(first%groupSize)/stride*stride
}

// begin makes the block ready for a Scan of b whose starts are from up to end,
// exclusive. It returns false where there are none.
func (blk *block) begin(dst []uint32, b []byte, from, end int) bool {
	*blk = block{base: unsafe.SliceData(b), pos: from, out: unsafe.SliceData(dst), cap: len(dst)}
	return from < end
}

// more reports whether another call of assembly has to be made, and makes the
// block ready for it. off is that of alignedEnd.
func (blk *block) more(off, end, stride int) bool {
	if blk.pos >= end || blk.cap-blk.n < slack {
		return false
	}
	blk.end = alignedEnd(blk, off, end, stride)
	return true
}

// result returns what Scan has to return.
func (blk *block) result(end, to int) (n, next int) {
	if blk.pos >= end {
		return blk.n, to
	}
	return blk.n, blk.pos
}
