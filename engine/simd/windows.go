package simd

import (
	"encoding/binary"
	"math/bits"
)

// Windows is a set of windows, strings of 4 to WindowSize bytes, as a bitmap that tells of each
// whether it may be in the set. What stands behind a filter of grams asks it for the windows at each of
// the positions where an excerpt with such a gram can begin (see Look).
//
// With x the eight bytes at a position, little-endian, the window there is w = (x | Fold) & Mask. It
// can be in the set only if its bit is set, whose number is that of the highest bits of its key.
type Windows struct {
	Stride int    // how many positions each candidate stands for: 4, 2 or 1
	Fold   uint64 // bits that are set in every window, so that it does not count what they are in memory
	Mask   uint64 // the bytes of a window, all bits of them

	words []uint32
	toBit uint32 // from a key to the number of a bit

	look func(w *Windows, dst []uint32, b []byte, cand []uint32) int // nil: portable
}

const (
	// WindowSize is the size of the largest window in bytes.
	WindowSize = 8

	// LookRoom is how many offsets more than Stride for each candidate dst has to have room for.
	LookRoom = 16

	windowMul = 0xc2b2ae3d27d4eb4f // hash to a key

	// A bitmap has about windowBits bits a window, so that few others are let through, but not more
	// than 1<<maxWindows as long as that is 8 bits a window or so: it has to stay in a near
	// cache.
	windowBits             = 64
	minWindows, maxWindows = 12, 22

	// lookBlock is the most candidates that one call of assembly looks at: see asmBlock.
	lookBlock = 4 << 10
)

// NewWindows returns an empty set of windows of size bytes, 4 to WindowSize, with a bitmap that suits n
// windows, for candidates that stand for stride positions each. Level, which this machine must have,
// decides how Look goes about it.
func NewWindows(level Level, n, stride, size int, fold uint64) Windows {
	width := bits.Len(uint(n*windowBits)) - 1
	if width > maxWindows {
		width = max(maxWindows, width-3)
	}
	width = max(minWindows, min(width, 30))
	return Windows{
		Stride: stride, Fold: fold, Mask: ^uint64(0) >> (64 - 8*size),
		words: make([]uint32, 1<<width/32), toBit: uint32(32 - width),
		look: lookAssembled(level),
	}
}

// Key returns the key of a window, as At returns it. Few other windows have the same.
func (w *Windows) Key(window uint64) uint32 { return uint32(window * windowMul >> 32) }

// At returns the window at b[s:]. Bytes beyond b count as zeros.
func (w *Windows) At(b []byte, s int) uint64 { return (UpTo8(b, s) | w.Fold) & w.Mask }

// Add adds the window with a key to the set.
func (w *Windows) Add(key uint32) {
	i := key >> w.toBit
	w.words[i>>5] |= 1 << (i & 31)
}

// Has reports whether the window with a key may have been added.
func (w *Windows) Has(key uint32) bool {
	i := key >> w.toBit
	return w.words[i>>5]>>(i&31)&1 != 0
}

// Look writes to dst those of the offsets t − Stride + 1 up to t, for each candidate t, that are in b and
// where a window may stand that has been added. It returns how many they are. The candidates have to
// ascend, by Stride at least, and be less than len(b). The offsets ascend. dst must have room for Stride
// of each candidate and LookRoom more.
func (w *Windows) Look(dst []uint32, b []byte, cand []uint32) int {
	n := 0
	ahead := uint32(w.Stride - 1)
	for len(cand) > 0 && cand[0] < ahead {
		n = w.lookOne(dst, n, b, cand[0])
		cand = cand[1:]
	}
	inner := len(cand) // those with eight bytes behind them
	for inner > 0 && int(cand[inner-1])+WindowSize > len(b) {
		inner--
	}
	for some := cand[:inner]; len(some) > 0; {
		k := min(len(some), lookBlock)
		if w.look == nil {
			n += w.lookGo(dst[n:], b, some[:k])
		} else {
			n += w.look(w, dst[n:], b, some[:k])
		}
		some = some[k:]
	}
	for _, t := range cand[inner:] {
		n = w.lookOne(dst, n, b, t)
	}
	return n
}

// lookGo does what Look does for candidates before which there are Stride − 1 bytes of b, and behind
// which there are WindowSize.
func (w *Windows) lookGo(dst []uint32, b []byte, cand []uint32) int {
	n, words, toBit, fold, mask, ahead := 0, w.words, w.toBit&31, w.Fold, w.Mask, w.Stride-1
	for _, t := range cand {
		for s := int(t) - ahead; s <= int(t); s++ {
			i := uint32(((binary.LittleEndian.Uint64(b[s:])|fold)&mask)*windowMul>>32) >> toBit
			dst[n] = uint32(s)
			n += int(words[i>>5] >> (i & 31) & 1)
		}
	}
	return n
}

// lookOne appends the offsets for one candidate to the n in dst. It does not branch on what it finds.
func (w *Windows) lookOne(dst []uint32, n int, b []byte, t uint32) int {
	for s := int(t) - w.Stride + 1; s <= int(t); s++ {
		if s < 0 {
			continue
		}
		i := w.Key(w.At(b, s)) >> w.toBit
		dst[n] = uint32(s)
		n += int(w.words[i>>5] >> (i & 31) & 1)
	}
	return n
}
