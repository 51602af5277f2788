package simd

import (
	"encoding/binary"
	"math/bits"
)

// Pairs is a set of pairs of bytes that stand side by side, and buckets of windows
// that begin with them: PairWindow bytes each of which may have several values.
// NewPairs makes a kernel that looks for both at once.
//
//	buckets   eight sets of windows. For each byte of a window a table of 256 says
//	          which of them have such a byte there; is a bucket left after all four?
//	bitmap    is the pair in the set?
//
// Vectors look up whole tables at once, where registers are large enough to hold
// them: that is Teddy without its nibbles, so that hundreds of windows still let
// little through. Smaller ones do it by nibbles, with twice as many buckets, of
// which more passes. Others ask the bitmap first, which stays in the nearest cache.
type Pairs struct {
	Bits PairBits

	// How often, in parts of memory's places, the buckets are expected to let
	// through, from 0 to 1: those by whole bytes, and those by nibbles. Where that
	// is too much, a level asks the bitmap instead.
	Rate, NibbleRate float64

	bytes   [PairWindow][256]byte      // the buckets, a bit each, by byte of the window
	nibbles [2][PairWindow][2][16]byte // twice as many, eight after the other; by the low and by the high nibble
}

const (
	PairWindow        = 4 // bytes of a window, the pair included
	PairBuckets       = 8
	PairNibbleBuckets = 2 * PairBuckets

	// maxBucketRate is how much the buckets may be expected to let through, in
	// parts of memory's places, to be asked before the bitmap.
	maxBucketRate = 1. / 8
)

// AddWindow adds windows to a bucket, 0 to PairBuckets − 1: for each byte, the
// values that it may have.
func (p *Pairs) AddWindow(bucket int, window *[PairWindow]ByteSet) {
	for i := range window {
		for c := range window[i].All {
			p.bytes[i][c] |= 1 << bucket
		}
	}
}

// AddNibbles adds windows to a bucket by nibbles, 0 to PairNibbleBuckets − 1: for
// each byte, the low and the high nibbles that it may have, a bit each.
func (p *Pairs) AddNibbles(bucket int, nibbles *[PairWindow][2]uint16) {
	for i := range nibbles {
		for j, set := range nibbles[i] {
			for ; set != 0; set &= set - 1 {
				p.nibbles[bucket/PairBuckets][i][j][bits.TrailingZeros16(set)] |= 1 << (bucket % PairBuckets)
			}
		}
	}
}

// NewPairs makes a kernel of a level that finds every place where a pair of the
// set stands and begins a window that was added, as far as there are bytes behind
// the pair. It may find other places where a pair of the set stands; how many
// depends on the level. The set must not change afterwards. A level that this
// machine lacks is an error.
func NewPairs(level Level, p *Pairs) (Kernel, error) { return choose(level, pairFilters, p) }

// pairFilters is how pairs are filtered, ascending by level.
var pairFilters = append([]implementation[*Pairs]{
	{level: Reference, make: newPairRef},
	{level: Generic, make: newPairGo},
}, pairsAssembled...)

// Shape and Len make a filter that embeds the set a Kernel.
func (p *Pairs) Shape() Shape { return LiteralPairs }

// Len returns the size of a pair in bytes.
func (p *Pairs) Len() int { return 2 }

// windowAt reports whether a bucket may have a window at b[t:].
func (p *Pairs) windowAt(b []byte, t int) bool {
	buckets := ^byte(0)
	for i, c := range b[t:min(t+PairWindow, len(b))] {
		buckets &= p.bytes[i][c]
	}
	return buckets != 0
}

// keepWindows keeps those of the candidates where a bucket has a window. There
// are no branches on that: it cannot be guessed.
func (p *Pairs) keepWindows(b []byte, cand []uint32) int {
	n := 0
	for _, t := range cand {
		cand[n] = t
		if int(t)+PairWindow > len(b) {
			if p.windowAt(b, int(t)) {
				n++
			}
			continue
		}
		w := (*[PairWindow]byte)(b[t:])
		if p.bytes[0][w[0]]&p.bytes[1][w[1]]&p.bytes[2][w[2]]&p.bytes[3][w[3]] != 0 {
			n++
		}
	}
	return n
}

// keepPairs keeps those of the candidates where a pair stands.
func (p *Pairs) keepPairs(b []byte, cand []uint32) int {
	n := 0
	for _, t := range cand {
		cand[n] = t
		n += int(p.Bits.bit(binary.LittleEndian.Uint16(b[t:])))
	}
	return n
}

// each appends to the n offsets in dst those of the places from from up to to,
// one at a time. It stops where dst is full, and returns where.
func (p *Pairs) each(dst []uint32, n int, b []byte, from, to int) (int, int) {
	for ; from < to && n < len(dst); from++ {
		if p.Bits.bit(binary.LittleEndian.Uint16(b[from:])) != 0 && p.windowAt(b, from) {
			dst[n] = uint32(from)
			n++
		}
	}
	return n, from
}
