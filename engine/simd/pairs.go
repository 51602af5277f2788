package simd

import (
	"encoding/binary"
	"math/bits"
)

// Pairs is a set of pairs of bytes that stand side by side, and buckets of excerpts
// that begin with such pairs. An excerpt is PairExcerpt bytes, each of which may have
// several values. NewPairs makes a kernel that looks for both.
//
//	buckets   eight sets of excerpts. For each byte of an excerpt a table of 256 says
//	          which of them have such a byte there; is a bucket left after all four?
//	bitmap    is the pair in the set?
//
// Where registers are large enough to hold whole tables, a vector of bytes is looked
// up in them at once: that is Teddy without nibbles, so that hundreds of excerpts still
// let little through. With smaller registers bytes are looked up by nibbles, in twice
// as many buckets, and more gets through. Other kernels look up the bitmap first,
// which stays in the nearest cache.
type Pairs struct {
	Bits PairBits

	// Rate and NibbleRate are the share of all positions, from 0 to 1, that the
	// buckets by whole bytes and those by nibbles are expected to let through.
	// Where that is too much, NewPairs makes a kernel that looks up the bitmap
	// first.
	Rate, NibbleRate float64

	bytes   [PairExcerpt][256]byte      // which buckets have a byte, a bit each, by byte of the excerpt
	nibbles [2][PairExcerpt][2][16]byte // twice as many, by low and high nibble: 0 to 7, then 8 to 15
}

const (
	PairExcerpt       = 4 // the bytes of an excerpt, the pair included
	PairBuckets       = 8
	PairNibbleBuckets = 2 * PairBuckets

	// maxBucketRate is the highest Rate or NibbleRate at which a kernel looks up
	// the buckets before the bitmap.
	maxBucketRate = 1. / 8
)

// AddExcerpt adds an excerpt to a bucket, 0 to PairBuckets − 1: the values that each of
// its bytes may have.
func (p *Pairs) AddExcerpt(bucket int, excerpt *[PairExcerpt]ByteSet) {
	for i := range excerpt {
		for c := range excerpt[i].All {
			p.bytes[i][c] |= 1 << bucket
		}
	}
}

// AddNibbles adds an excerpt to a bucket by nibbles, 0 to PairNibbleBuckets − 1: the low
// and the high nibbles that each of its bytes may have, a bit each.
func (p *Pairs) AddNibbles(bucket int, nibbles *[PairExcerpt][2]uint16) {
	for i := range nibbles {
		for j, set := range nibbles[i] {
			for ; set != 0; set &= set - 1 {
				p.nibbles[bucket/PairBuckets][i][j][bits.TrailingZeros16(set)] |= 1 << (bucket % PairBuckets)
			}
		}
	}
}

// NewPairs makes a kernel of a level that finds every position where a pair of the set
// stands and an excerpt that was added begins; of an excerpt that goes on beyond b, only
// the bytes in b count. It may report other positions where a pair of the set stands; how
// many depends on the level. The set must not change afterwards. A level that this
// machine lacks is an error.
func NewPairs(level Level, p *Pairs) (Kernel, error) { return choose(level, pairFilters, p) }

// pairFilters lists the implementations of LiteralPairs, ascending by level.
var pairFilters = append([]implementation[*Pairs]{
	{level: Reference, make: newPairRef},
	{level: Generic, make: newPairGo},
}, pairsAssembled...)

// Shape returns LiteralPairs. With Shape and Len, a filter that embeds the set is a
// Kernel.
func (p *Pairs) Shape() Shape { return LiteralPairs }

// Len returns the size of a pair in bytes.
func (p *Pairs) Len() int { return 2 }

// excerptAt reports whether a bucket may have an excerpt at b[t:], of which only the
// bytes in b count.
func (p *Pairs) excerptAt(b []byte, t int) bool {
	buckets := ^byte(0)
	for i, c := range b[t:min(t+PairExcerpt, len(b))] {
		buckets &= p.bytes[i][c]
	}
	return buckets != 0
}

// keepExcerpts moves the candidates where a bucket may have an excerpt to the front of
// cand, and returns how many they are. It does not branch on that, which no processor
// could predict.
func (p *Pairs) keepExcerpts(b []byte, cand []uint32) int {
	n := 0
	for _, t := range cand {
		cand[n] = t
		if int(t)+PairExcerpt > len(b) {
			if p.excerptAt(b, int(t)) {
				n++
			}
			continue
		}
		w := (*[PairExcerpt]byte)(b[t:])
		if p.bytes[0][w[0]]&p.bytes[1][w[1]]&p.bytes[2][w[2]]&p.bytes[3][w[3]] != 0 {
			n++
		}
	}
	return n
}

// keepPairs moves the candidates where a pair of the set stands to the front of cand,
// and returns how many they are.
func (p *Pairs) keepPairs(b []byte, cand []uint32) int {
	n := 0
	for _, t := range cand {
		cand[n] = t
		n += int(p.Bits.bit(binary.LittleEndian.Uint16(b[t:])))
	}
	return n
}

// each looks at the positions of b from from up to to, one at a time, and appends those
// where a pair and an excerpt may stand to the n in dst. It stops where dst is full. It
// returns the number of offsets in dst and the first position that it has not looked at.
func (p *Pairs) each(dst []uint32, n int, b []byte, from, to int) (int, int) {
	for ; from < to && n < len(dst); from++ {
		if p.Bits.bit(binary.LittleEndian.Uint16(b[from:])) != 0 && p.excerptAt(b, from) {
			dst[n] = uint32(from)
			n++
		}
	}
	return n, from
}
