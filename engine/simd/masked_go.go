package simd

import (
	"encoding/binary"
	"math/bits"
)

// maskedGo is the portable kernel for masked literals. It takes eight starts at
// a time, and compares each of the two most telling bytes of the literal with
// the eight bytes at its positions, in one machine word, as literalGo.words does.
type maskedGo struct {
	*maskedPlan
	off0, off1   int // offsets of the two most telling bytes; the same where there is only one
	val0, val1   uint64
	mask0, mask1 uint64
}

func newMaskedGo(p *maskedPlan) Kernel {
	k := &maskedGo{maskedPlan: p}
	first, second := p.probes[0], p.probes[min(1, len(p.probes)-1)]
	k.off0, k.val0, k.mask0 = int(first.off), uint64(first.val)*(1<<32+1), uint64(first.mask)*(1<<32+1)
	k.off1, k.val1, k.mask1 = int(second.off), uint64(second.val)*(1<<32+1), uint64(second.mask)*(1<<32+1)
	return k
}

func (*maskedGo) Level() Level { return Generic }

// candidateRoom is the most candidates that are found before they are verified:
// few enough that their bytes are still in the cache.
const candidateRoom = 1 << 10

func (k *maskedGo) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, len(k.lit))
	var box maskedBox
	for pos := from; pos < end; {
		room := dst[n:min(len(dst), n+candidateRoom)]
		if len(room) < 8 {
			return n, pos
		}
		var found int
		found, pos = k.words(room, b, pos, end)
		n += k.keep(b, room[:found], &box)
	}
	return n, to
}

// words fills dst with candidates from pos on. It stops at end, or where dst
// may be full. It returns how many there are, and the first start that it has
// not looked at.
func (k *maskedGo) words(dst []uint32, b []byte, pos, end int) (n, next int) {
	for ; pos+8 <= end; pos += 8 {
		// A byte of x is zero where both bytes of the literal agree at
		// that start.
		x := binary.LittleEndian.Uint64(b[pos+k.off0:])&k.mask0 ^ k.val0
		x |= binary.LittleEndian.Uint64(b[pos+k.off1:])&k.mask1 ^ k.val1
		if (x-lowBits)&^x&highBits == 0 { // the quick test: true if, and only if, no byte of x is zero
			continue
		}
		if n+8 > len(dst) {
			return n, pos
		}
		// The exact test finds all of them: nothing is carried from
		// byte to byte.
		zero := ^((x&^highBits + ^uint64(highBits)) | x) & highBits
		for ; zero != 0; zero &= zero - 1 {
			dst[n] = uint32(pos + bits.TrailingZeros64(zero)/8)
			n++
		}
	}
	for ; pos < end; pos++ {
		if n == len(dst) {
			return n, pos
		}
		if b[pos+k.off0]&byte(k.mask0) == byte(k.val0) {
			dst[n] = uint32(pos)
			n++
		}
	}
	return n, pos
}
