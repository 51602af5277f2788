//go:build !purego

package simd

import (
	"sync/atomic"
	"unsafe"
)

// teddiesAssembled lists the filters of teddy_amd64.s and teddy_vbmi_amd64.s.
var teddiesAssembled = []implementation[*Teddy]{
	{level: AVX2, needs: teddyAVX2Needs, make: newTeddyAVX2},
	{level: AVX512, needs: teddyAVX512Needs, wide: true, make: newTeddyAVX512},
	{level: AVX512, needs: teddyVBMINeeds, make: newTeddyVBMI},
}

// These are all CPU features that the instructions of each filter need.
var (
	teddyAVX2Needs   = features{fAVX, fAVX2, fBMI1, fPOPCNT}
	teddyAVX512Needs = features{fAVX, fAVX512F, fAVX512BW, fBMI1, fBMI2, fPOPCNT}
)

//go:noescape
func scanTeddyAVX2(st *teddyState)

//go:noescape
func scanTeddyLateAVX2(st *teddyState)

//go:noescape
func scanTeddyAVX512(st *teddyState)

// teddyState is what the assembly is handed.
type teddyState struct {
	blk    block
	tables [2 * TeddyExcerpt][16]byte // by low and high nibble by turns, by byte of the excerpt
	//lint:ignore U1000 the assembly uses it
	found [groupSize]byte // the results of the vectors of a group
	after [2][32]byte     // A and B, as in teddy_amd64.s, of zeros behind zeros
	zeros bool            // whether byte 2 of an excerpt can be zero; or byte 1, where byte 2 is looked up late
	near  int             // the number of groups that the first two bytes let through; a call adds to it
}

type teddyAsm struct {
	*Teddy
	of     Level
	st     teddyState   // all but blk
	second bool         // whether byte 1 of an excerpt can be zero
	busy   atomic.Int32 // how many of the next Scans have to look up all three bytes at once
}

const (
	// maxNear is the most groups of 128 bytes, of the 1,024 of a call, that the
	// first two bytes may let through. With more, to look up the third byte only
	// there takes the time that it saves elsewhere.
	maxNear = 128

	// busyCalls is for how many Scans that is not tried again where there were
	// more.
	busyCalls = 16
)

func newTeddyAVX2(t *Teddy) Kernel { return newTeddyAsm(t, AVX2) }

func newTeddyAVX512(t *Teddy) Kernel { return newTeddyAsm(t, AVX512) }

func newTeddyAsm(t *Teddy, of Level) Kernel {
	if t.By != ByNibbles {
		return nil
	}
	const last = 2 * (TeddyExcerpt - 1)
	k := &teddyAsm{Teddy: t, of: of, st: teddyState{tables: t.nibbles, zeros: t.nibbles[last][0]&t.nibbles[last+1][0] != 0}}
	k.second = t.nibbles[2][0]&t.nibbles[3][0] != 0
	a := t.nibbles[0][0] & t.nibbles[1][0]
	for i := range k.st.after[0] {
		k.st.after[0][i] = a
		k.st.after[1][i] = a & t.nibbles[2][0] & t.nibbles[3][0]
	}
	return k
}

func (k *teddyAsm) Level() Level { return k.of }

func (k *teddyAsm) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, TeddyExcerpt)
	st := k.st
	if !st.blk.begin(dst, b, from, end) {
		return 0, to
	}
	if k.of == AVX2 {
		return k.scanAVX2(&st, dst, b, end, to)
	}
	for st.blk.more(TeddyExcerpt-1, end, 1) {
		scanTeddyAVX512(&st)
	}
	return st.blk.result(end, to)
}

// scanAVX2 does what Scan does. It leaves to Go the starts before the first aligned
// vector that has another one before it.
func (k *teddyAsm) scanAVX2(st *teddyState, dst []uint32, b []byte, end, to int) (n, next int) {
	const vector, group = 32, 128
	late, last := k.busy.Load() <= 0, TeddyExcerpt-1
	if late {
		st.zeros, last = k.second, TeddyExcerpt-2
	} else {
		k.busy.Add(-1)
	}
	blk := &st.blk
	head := int(-(uintptr(unsafe.Pointer(blk.base)) + uintptr(blk.pos) + uintptr(last)) % vector)
	if blk.pos+head+last < vector {
		head += vector
	}
	if head > 0 {
		blk.n, blk.pos = k.each(dst, blk.n, b, blk.pos, min(end, blk.pos+head))
	}
	for blk.pos+group <= end && blk.more(last, end, 1) {
		st.near = 0
		if st.scanAVX2(late); st.near > maxNear {
			k.busy.Store(busyCalls)
		}
	}
	if blk.pos < end && blk.cap-blk.n >= slack {
		k.rest(st, late, dst, b, end)
	}
	return blk.result(end, to)
}

// rest looks at the last starts, fewer than a group. It looks at a whole group that
// ends with the last of them, and drops the hits that were known before; where there
// is no room for such a group, it leaves the starts to Go.
func (k *teddyAsm) rest(st *teddyState, late bool, dst []uint32, b []byte, end int) {
	const vector, group = 32, 128
	blk := &st.blk
	n, pos := blk.n, blk.pos
	if pos+group > end && end-group >= vector {
		blk.pos, blk.end = end-group, end
		if st.scanAVX2(late); blk.pos == end {
			known := n
			for known < blk.n && int(dst[known]) < pos {
				known++
			}
			blk.n = n + copy(dst[n:], dst[known:blk.n])
			return
		}
	}
	blk.n, blk.pos = k.each(dst, n, b, pos, end)
}

// scanAVX2 looks at whole groups; late says whether byte 2 is looked up only in
// groups that the first two let through.
func (st *teddyState) scanAVX2(late bool) {
	if late {
		scanTeddyLateAVX2(st)
	} else {
		scanTeddyAVX2(st)
	}
}
