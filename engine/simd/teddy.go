package simd

// Teddy is eight buckets of windows, strings of TeddyWindow bytes each of which
// may have several values, as tables that say which buckets have a byte: a bit a
// bucket. NewTeddy makes a kernel that looks for windows.
//
// A table for each byte of the window says, by its low and by its high nibble,
// which buckets have a window with such a byte there. Where a bucket is left
// after all three bytes, one of its windows may stand there:
//
//	memory     . . n _ 1 . .
//	buckets        a         of 'n' as byte 0, by its low nibble and by its high one
//	             &   b       of '_' as byte 1
//	             &     c     of '1' as byte 2
//
// The tables have 16 entries and lie in vector registers, so that one instruction
// looks up all bytes of a vector. (AVX-512 VBMI has tables of 128 entries, by the
// low 7 bits.) This is Hyperscan's (src/fdr/teddy.c; Wang and others, "Hyperscan: a
// fast multi-pattern regex matcher for modern CPUs", NSDI 2019).
type Teddy struct {
	By TeddyBy

	nibbles [2 * TeddyWindow][16]byte // by low and by high nibble, for each byte of the window
	bytes   [TeddyWindow][256]byte    // by whole bytes
}

const (
	TeddyWindow  = 3 // bytes of a window
	TeddyBuckets = 8
)

// TeddyBy is what a filter looks bytes up by, and so what it takes for the same.
type TeddyBy uint8

const (
	ByNibbles TeddyBy = iota // the low nibble and the high one; what passes both passes
	BySevens                 // the low 7 bits; what passes is asked for whole bytes too
)

// String says what bytes are looked up by.
func (by TeddyBy) String() string {
	return [...]string{"by their nibbles", "by their low 7 bits"}[by]
}

// Through returns the bytes that tables let through which have those of the set.
func (by TeddyBy) Through(s ByteSet) ByteSet {
	if by == ByNibbles {
		return s.throughNibbles()
	}
	low, high := s[0]|s[2], s[1]|s[3]
	return ByteSet{low, high, low, high}
}

// throughNibbles returns the bytes that tables of nibbles let through which have
// those of the set.
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

// Add adds a window to a bucket, 0 to TeddyBuckets − 1: for each of its bytes,
// the values that it may have. By must not change afterwards.
func (t *Teddy) Add(bucket int, window *[TeddyWindow]ByteSet) {
	for i := range window {
		for c := range window[i].All {
			t.nibbles[2*i][c&15] |= 1 << bucket
			t.nibbles[2*i+1][c>>4] |= 1 << bucket
			t.bytes[i][c] |= 1 << bucket
		}
		if t.By == ByNibbles { // what filters let through is not asked for whole bytes
			for c := range t.bytes[i] {
				t.bytes[i][c] = t.nibbles[2*i][c&15] & t.nibbles[2*i+1][c>>4]
			}
		}
	}
}

// BucketsAt returns the buckets that may have a window at b[at:], a bit each, by
// whole bytes. There are TeddyWindow bytes.
func (t *Teddy) BucketsAt(b []byte, at int) byte {
	w := (*[TeddyWindow]byte)(b[at:])
	return t.bytes[0][w[0]] & t.bytes[1][w[1]] & t.bytes[2][w[2]]
}

// NewTeddy makes a kernel of a level that finds the places where a bucket may
// have a window, by whole bytes. All levels let through the same. The tables must
// not change afterwards. A level that this machine lacks is an error.
func NewTeddy(level Level, t *Teddy) (Kernel, error) { return choose(level, teddies, t) }

// teddies is how windows are looked for, ascending by level.
var teddies = append([]implementation[*Teddy]{
	{level: Reference, make: newTeddyRef},
	{level: Generic, make: newTeddyGo},
}, teddiesAssembled...)

// Shape and Len make a filter that embeds the tables a Kernel.
func (t *Teddy) Shape() Shape { return FewLiterals }

// Len returns the size of a window in bytes.
func (t *Teddy) Len() int { return TeddyWindow }

// each appends to the n offsets in dst those from from up to to that may be
// windows, one at a time. It stops where dst is full, and returns where.
func (t *Teddy) each(dst []uint32, n int, b []byte, from, to int) (int, int) {
	for ; from < to && n < len(dst); from++ {
		if t.BucketsAt(b, from) != 0 {
			dst[n] = uint32(from)
			n++
		}
	}
	return n, from
}
