package simd

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// literalGo is the portable kernel for literals. It goes through memory in one
// of two ways:
//
//   - Jumping goes from one occurrence of the literal's rarest byte to the next
//     with bytes.IndexByte, which is a vector loop on most machines. It is by far
//     the fastest where the byte is rare, and by far the slowest where it is not,
//     since each jump is a call.
//   - Going by words takes eight starts at a time: it compares each of the two
//     most telling bytes of the literal with the eight bytes at its positions, in
//     one machine word. Its rate is the same whatever the data.
//
// It jumps until a number of jumps in a row have not paid, then goes by words for
// a while, and then tries to jump again; each time, it goes by words for longer.
type literalGo struct {
	*literalPlan
	off0, off1 int // offsets of the two most telling bytes; the same where there is only one
	val0, val1 uint64
}

const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080

	// Jumps pay where tryJumps of them are payingJump bytes long on average.
	tryJumps   = 16
	payingJump = 64

	// It goes by words for minWords bytes at first, twice as many each time,
	// and at most for maxWords.
	minWords = 4 << 10
	maxWords = 256 << 10
)

func newLiteralGo(p *literalPlan) Kernel {
	k := &literalGo{literalPlan: p}
	first, second := p.probes[0], p.probes[min(1, len(p.probes)-1)]
	k.off0, k.val0 = int(first.off), uint64(byte(first.val))*lowBits
	k.off1, k.val1 = int(second.off), uint64(byte(second.val))*lowBits
	return k
}

func (*literalGo) Level() Level { return Generic }

func (k *literalGo) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, len(k.lit))
	var box VerifierBox
	stretch := minWords
	jumping := true
	for pos := from; pos < end; jumping = !jumping {
		kept, stop := n, end
		if jumping {
			n, pos = k.jump(dst, n, b, pos, end)
		} else {
			stop = min(end, pos+stretch)
			stretch = min(2*stretch, maxWords)
			n, pos = k.words(dst, n, b, pos, stop)
		}
		if len(k.lit) > 1 {
			n = kept + k.Keep(k.lit, b, dst[kept:n], &box)
		}
		if pos < stop && len(dst)-n < 8 {
			return n, pos
		}
	}
	return n, to
}

// jump looks for candidates from pos on by jumping, and appends them to the n in
// dst. It stops at end, where dst is full, or where jumping does not pay. It
// returns how many there are in dst now, and the first start that it has not
// looked at.
func (k *literalGo) jump(dst []uint32, n int, b []byte, pos, end int) (int, int) {
	rare := b[:end+k.off0]
	for pos < end {
		tried := pos
		for range tryJumps {
			i := bytes.IndexByte(rare[pos+k.off0:], byte(k.val0))
			if i < 0 {
				return n, end
			}
			pos += i
			if n == len(dst) {
				return n, pos
			}
			if b[pos+k.off1] == byte(k.val1) {
				dst[n] = uint32(pos)
				n++
			}
			if pos++; pos == end {
				return n, pos
			}
		}
		if pos-tried < tryJumps*payingJump {
			break
		}
	}
	return n, pos
}

// words does what jump does, by words. It stops at end, or where dst may be full.
func (k *literalGo) words(dst []uint32, n int, b []byte, pos, end int) (int, int) {
	for ; pos+8 <= end; pos += 8 {
		// A byte of x is zero where both bytes of the literal agree at
		// that start.
		x := binary.LittleEndian.Uint64(b[pos+k.off0:]) ^ k.val0
		x |= binary.LittleEndian.Uint64(b[pos+k.off1:]) ^ k.val1
		if (x-lowBits)&^x&highBits == 0 { // the quick test: true if, and only if, no byte of x is zero
			continue
		}
		if n+8 > len(dst) {
			return n, pos
		}
		out := (*[8]uint32)(dst[n:])
		if x == 0 {
			for i := range out {
				out[i] = uint32(pos + i)
			}
			n += 8
			continue
		}
		// The exact test finds all of them: nothing is carried from byte
		// to byte.
		zero := ^((x&^highBits + ^uint64(highBits)) | x) & highBits
		i := 0
		for ; zero != 0; zero &= zero - 1 {
			out[i&7] = uint32(pos + bits.TrailingZeros64(zero)/8)
			i++
		}
		n += i
	}
	for ; pos < end; pos++ {
		if n == len(dst) {
			return n, pos
		}
		if b[pos+k.off0] == byte(k.val0) {
			dst[n] = uint32(pos)
			n++
		}
	}
	return n, pos
}
