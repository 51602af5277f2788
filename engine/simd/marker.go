package simd

import "math/bits"

// A Marker tells which bytes of memory are in a set, by a bit a byte: for whoever goes on with
// bits, where a kernel's offsets would be too many. It does not change, and may be used by many
// goroutines.
type Marker struct {
	in    [256]uint8 // by byte: 1 where it is in the set
	fast  markTables // nil where there is no assembly for the level
	level Level
}

// MarkerBytes is about how many bytes a marker takes.
const MarkerBytes = 512

// NewMarker returns the marker of a set, at a level: AVX2 and AVX512 have assembly, and all others
// the same portable Go. A level that this machine lacks is an error.
func NewMarker(level Level, set ByteSet) (*Marker, error) {
	if err := level.Check(); err != nil {
		return nil, err
	}
	m := &Marker{level: Generic}
	p := newClassPlan(set)
	m.in = p.in
	m.assemble(level, p)
	return m, nil
}

// Level returns the level of what marks: Generic, AVX2 or AVX512.
func (m *Marker) Level() Level { return m.level }

// Mark sets bit j of dst[i] where byte 64·i + j of b is in the set, and clears the other bits of the
// first (len(b)+63)/64 words of dst, which must have so many.
func (m *Marker) Mark(dst []uint64, b []byte) {
	n := m.markFast(dst, b)
	for i := n; i < len(b)/64; i++ {
		block := (*[64]byte)(b[64*i:])
		// Four parts of a word side by side, each of which waits for itself alone.
		var w0, w1, w2, w3 uint64
		for j := range 16 {
			w0 = w0<<1 | uint64(m.in[block[15-j]])
			w1 = w1<<1 | uint64(m.in[block[31-j]])
			w2 = w2<<1 | uint64(m.in[block[47-j]])
			w3 = w3<<1 | uint64(m.in[block[63-j]])
		}
		dst[i] = w0 | w1<<16 | w2<<32 | w3<<48
	}
	if tail := b[len(b)&^63:]; len(tail) > 0 {
		word := uint64(0)
		for j, c := range tail {
			word |= uint64(m.in[c]) << j
		}
		dst[len(b)/64] = word
	}
}

// newClassPlan returns the plan of a set, which may be empty.
func newClassPlan(set ByteSet) *classPlan {
	p := &classPlan{}
	for i, word := range set {
		for ; word != 0; word &= word - 1 {
			c := 64*i + bits.TrailingZeros64(word)
			p.in[c] = 1
			p.rows[c/128][c%16] |= 1 << (c / 16 % 8)
		}
	}
	return p
}
