package simd

// Teddy is eight buckets of excerpts, as tables that tell which buckets have a byte,
// one bit for each bucket. An excerpt is TeddyExcerpt bytes, each of which may have
// several values. NewTeddy makes a kernel that looks for excerpts.
//
// For each byte of the excerpt there are two tables, which tell by its low and by
// its high nibble which buckets have an excerpt with such a byte there. Where a
// bucket is in the tables of all three bytes, one of its excerpts may stand there:
//
//	memory     . . n _ 1 . .
//	buckets        a         of 'n' as byte 0, by its low nibble and by its high one
//	             &   b       of '_' as byte 1
//	             &     c     of '1' as byte 2
//
// The tables have 16 entries and lie in vector registers, so that one instruction
// looks up all bytes of a vector. (AVX-512 VBMI has tables of 128 entries, by the
// low 7 bits.) The method is Hyperscan's (src/fdr/teddy.c; Wang and others,
// "Hyperscan: a fast multi-pattern regex matcher for modern CPUs", NSDI 2019).
type Teddy struct {
	By TeddyBy

	nibbles [2 * TeddyExcerpt][16]byte // which buckets have a nibble, low and high by turns, by byte of the excerpt
	bytes   [TeddyExcerpt][256]byte    // the same by whole bytes
}

const (
	TeddyExcerpt = 3 // the bytes of an excerpt
	TeddyBuckets = 8
)

// A TeddyBy is the part of a byte by which a filter looks it up; the filter cannot
// tell bytes apart that agree in it.
type TeddyBy uint8

const (
	ByNibbles TeddyBy = iota // the low and the high nibble; a byte that both tables let through is let through
	BySevens                 // the low 7 bits; an excerpt that these let through is looked up by whole bytes too
)

// String returns, in words, what bytes are looked up by.
func (by TeddyBy) String() string {
	return [...]string{"by their nibbles", "by their low 7 bits"}[by]
}

// Through returns the bytes that tables let through to which the bytes of s were
// added: those of s, and those that the tables cannot tell from them.
func (by TeddyBy) Through(s ByteSet) ByteSet {
	if by == ByNibbles {
		return s.throughNibbles()
	}
	low, high := s[0]|s[2], s[1]|s[3]
	return ByteSet{low, high, low, high}
}

// throughNibbles does what Through does, for tables by nibbles.
func (s ByteSet) throughNibbles() (through ByteSet) {
	var low, high [16]bool
	for c := range s.All {
		low[c&15], high[c>>4] = true, true
	}
	for c := range 256 {
		if low[c&15] && high[c>>4] {
			through.Add(byte(c))
		}
	}
	return through
}

// Add adds an excerpt to a bucket, 0 to TeddyBuckets − 1: the values that each of its
// bytes may have. By must not change afterwards.
func (t *Teddy) Add(bucket int, excerpt *[TeddyExcerpt]ByteSet) {
	for i := range excerpt {
		for c := range excerpt[i].All {
			t.nibbles[2*i][c&15] |= 1 << bucket
			t.nibbles[2*i+1][c>>4] |= 1 << bucket
			t.bytes[i][c] |= 1 << bucket
		}
		if t.By == ByNibbles { // filters by nibbles do not look up whole bytes
			for c := range t.bytes[i] {
				t.bytes[i][c] = t.nibbles[2*i][c&15] & t.nibbles[2*i+1][c>>4]
			}
		}
	}
}

// BucketsAt returns the buckets that may have an excerpt at b[at:], a bit each. b
// must have TeddyExcerpt bytes there.
func (t *Teddy) BucketsAt(b []byte, at int) byte {
	w := (*[TeddyExcerpt]byte)(b[at:])
	return t.bytes[0][w[0]] & t.bytes[1][w[1]] & t.bytes[2][w[2]]
}

// NewTeddy makes a kernel of a level that finds the positions where BucketsAt returns
// a bucket. All levels find the same. The tables must not change afterwards. A
// level that this machine lacks is an error.
func NewTeddy(level Level, t *Teddy) (Kernel, error) { return choose(level, teddies, t) }

// teddies lists the implementations of FewLiterals, ascending by level.
var teddies = append([]implementation[*Teddy]{
	{level: Reference, make: newTeddyRef},
	{level: Generic, make: newTeddyGo},
}, teddiesAssembled...)

// Shape returns FewLiterals. With Shape and Len, a filter that embeds the tables is
// a Kernel.
func (t *Teddy) Shape() Shape { return FewLiterals }

// Len returns the size of an excerpt in bytes.
func (t *Teddy) Len() int { return TeddyExcerpt }

// each looks at the positions of b from from up to to, one at a time, and appends
// those where an excerpt may stand to the n in dst. It stops where dst is full. It
// returns the number of offsets in dst and the first position that it has not looked
// at.
func (t *Teddy) each(dst []uint32, n int, b []byte, from, to int) (int, int) {
	for ; from < to && n < len(dst); from++ {
		if t.BucketsAt(b, from) != 0 {
			dst[n] = uint32(from)
			n++
		}
	}
	return n, from
}
