package simd

import "math/bits"

// Grams is a set of grams, strings of 4 to 8 bytes, as a bitmap that tells of each
// gram whether it may be in the set. NewGrams makes a kernel that looks for them.
//
// With x the eight bytes at a position, little-endian, the gram there is g = (x |
// Fold) & Mask. It can be in the set only if its bit in the bitmap is set:
//
//	h = low half of g · mul + high half of g · gramMulHigh, in 32 bits
//	words[h >> toBit >> 5], bit h >> toBit & 31
//
// So a gram sets one bit, and the bitmap is small enough to stay in a near cache. Some other gram has
// the same bit, and memory may be full of that; then Rehash, with which others have it.
type Grams struct {
	Size  int    // of a gram, in bytes: 4 to 8
	Fold  uint64 // bits that are set in every gram, so that it does not count what they are in memory
	Mask  uint64 // Size bytes of ones
	Zeros Zeros  // at which grams of zeros a literal may be

	words []uint32
	toBit uint32
	mul   uint32
	first ByteSet // the first four bytes of all grams
}

// Zeros tells at which grams of zeros a literal may be. Zeros are the commonest
// memory; where no literal can be, they are passed over before anything else is
// looked at.
type Zeros int

const (
	ZerosNever Zeros = iota // at none

	// ZerosEdge: none where the 4 bytes on both sides of the gram are zeros too.
	// Such a gram is passed over; one with another byte so near, or with fewer
	// bytes on a side, is looked at.
	//
	//	looked at        ---t-4-----t-----t+4---
	//	excerpt, j = 3           [x . . 0 0 0 0]
	//	excerpt, j = 0                 [0 0 0 0 . . x]
	ZerosEdge

	ZerosAll // at all
)

const (
	gramMul     = 0x9e3779b1 // hash to the bit of the filter, to begin with
	gramMulHigh = 0x85ebca77

	// A bitmap has at least 1<<minFilter bits, and about gramBits bits a gram,
	// but not more than 1<<maxFilter as long as that is 8 bits a gram or so: it
	// has to stay in the level-2 cache.
	minFilter = 16
	maxFilter = 22
	gramBits  = 64
)

// NewGramSet returns an empty set of grams of size bytes, 4 to 8, in which the
// bits of fold do not count. Reserve has to come before Add.
func NewGramSet(size int, fold uint64) Grams {
	return Grams{Size: size, Fold: fold, Mask: ^uint64(0) >> (64 - 8*size), mul: gramMul}
}

// Reserve makes the bitmap, empty and of a size that suits so many grams.
func (g *Grams) Reserve(grams int) {
	width := bits.Len(uint(grams*gramBits)) - 1
	if width > maxFilter { // 8 bits a gram at least
		width = max(maxFilter, width-3)
	}
	width = max(minFilter, min(width, 30))
	g.words, g.first = make([]uint32, 1<<width/32), ByteSet{}
	g.toBit = uint32(32 - width)
}

// Rehash empties the set, and has the grams that are added from now on share bits with other ones than
// before.
func (g *Grams) Rehash() {
	g.words, g.first = make([]uint32, len(g.words)), ByteSet{}
	g.mul = g.mul*gramMulHigh | 1
}

// HasZeros reports whether a gram of zeros may have been added.
func (g *Grams) HasZeros() bool { return g.Has(g.Fold & g.Mask) }

// NewGrams makes a kernel of a level that reports where grams stand that may be in
// the set; it looks at every fourth position from the start of a Scan on. All levels
// report the same, except for two things: a level may also report grams of zeros that
// Zeros lets it pass over, and it may leave out a gram that is not in the set but shares
// a bit with one, if its first four bytes are not all among those that the set's grams
// begin with. The set must not change afterwards. A level that this machine lacks is an
// error.
func NewGrams(level Level, g *Grams) (Kernel, error) { return choose(level, gramFilters, g) }

// gramFilters lists the implementations of LiteralSet, ascending by level.
var gramFilters = append([]implementation[*Grams]{
	{level: Reference, make: newGramRef},
	{level: Generic, make: newGramGo},
}, gramsAssembled...)

// Shape returns LiteralSet. With Shape and Len, a filter that embeds the set is a
// Kernel.
func (g *Grams) Shape() Shape { return LiteralSet }

// Len returns the size of a gram in bytes.
func (g *Grams) Len() int { return g.Size }

// Of returns the gram at b[s:]. Bytes beyond b count as zeros.
func (g *Grams) Of(b []byte, s int) uint64 { return (UpTo8(b, s) | g.Fold) & g.Mask }

// bit returns the number of a gram's bit in the bitmap.
func (g *Grams) bit(gram uint64) uint32 {
	return (uint32(gram)*g.mul + uint32(gram>>32)*gramMulHigh) >> g.toBit
}

// Add adds a gram, as Of returns it, to the set.
func (g *Grams) Add(gram uint64) {
	i := g.bit(gram)
	g.words[i>>5] |= 1 << (i & 31)
	for at := 0; at < 32; at += 8 {
		g.first.Add(byte(gram >> at))
	}
}

// begins reports whether the first four bytes of a gram, as Of returns it, are all
// among those that the grams of the set begin with.
func (g *Grams) begins(gram uint64) bool {
	return g.first.Has(byte(gram)) && g.first.Has(byte(gram>>8)) && g.first.Has(byte(gram>>16)) && g.first.Has(byte(gram>>24))
}

// Has reports whether a gram, as Of returns it, may have been added.
func (g *Grams) Has(gram uint64) bool {
	i := g.bit(gram)
	return g.words[i>>5]>>(i&31)&1 != 0
}
