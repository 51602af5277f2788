//go:build !purego && (amd64 || arm64)

package simd

import "unsafe"

// block is what every kernel in assembly is handed, first thing in a struct
// of its own, and how it answers. A call does this:
//
//   - It looks at the starts from pos up to end, at most asmBlock bytes,
//     ascending, and appends those that it finds to out, as offsets from base.
//   - Before it looks at a vector of starts, at most slack of them, it makes
//     sure that cap − n ≥ slack, and else returns. So nothing has to be
//     checked for each hit, and whole vectors may be stored beyond n.
//   - It leaves pos at the first start that it has not looked at and n at the
//     number of offsets in out. pos = end: all done. pos < end: out is full;
//     another call with more room goes on.
//
// It may read all that a match that starts in pos to end could cover, and
// anything between that and base. Assembly cannot be preempted and is in no
// stack frame that could grow: it has to be short, and NOSPLIT.
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
	// vector. The assembly has the number too.
	slack = 64

	// asmBlock is the most starts that one call of assembly looks at, in
	// bytes: some 30 µs at the slowest. It is a multiple of every unrolling,
	// so that only the last call of a Scan has a remainder to deal with.
	asmBlock = 128 << 10
)

// alignedEnd is where the next call is to end: at end, or up to asmBlock bytes
// on from pos, where loads at off from there are aligned to whole groups, as
// far as a number of strides can get.
func alignedEnd(blk *block, off, end, stride int) int {
	if end-blk.pos <= asmBlock {
		return end
	}
	first := uintptr(unsafe.Pointer(blk.base)) + uintptr(blk.pos+off)
	return blk.pos + asmBlock - int(first%groupSize)/stride*stride
}

// begin makes the block ready for a Scan of b from start from on to end,
// exclusive. It is false where there is nothing to look at.
func (blk *block) begin(dst []uint32, b []byte, from, end int) bool {
	*blk = block{base: unsafe.SliceData(b), pos: from, out: unsafe.SliceData(dst), cap: len(dst)}
	return from < end
}

// more says whether there is to be another call, and makes the block ready for
// it: see alignedEnd.
func (blk *block) more(off, end, stride int) bool {
	if blk.pos >= end || blk.cap-blk.n < slack {
		return false
	}
	blk.end = alignedEnd(blk, off, end, stride)
	return true
}

// result is what Scan returns.
func (blk *block) result(end, to int) (n, next int) {
	if blk.pos >= end {
		return blk.n, to
	}
	return blk.n, blk.pos
}
