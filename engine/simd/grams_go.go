package simd

import "encoding/binary"

// gramGo is the portable filter. It passes over zeros 64 bytes at a time, and
// looks at all else gram by gram, without branches.
type gramGo struct{ *Grams }

func newGramGo(g *Grams) Kernel { return &gramGo{g} }

func (*gramGo) Level() Level { return Generic }

func (k *gramGo) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, k.Size)
	words, mask, fold, toBit, mul := k.words, k.Mask, k.Fold, k.toBit&31, k.mul
	s := from
	if s < 4 {
		n, s = k.each(dst, n, b, s, min(end, 4))
	}
	for ; s+64 <= min(end, len(b)-8); s += 64 {
		at := (*[76]byte)(b[s-4:])
		if k.Zeros == ZerosNever && allZero(at, 4, 64+4) || k.Zeros == ZerosEdge && allZero(at, 0, 76) {
			continue
		}
		if len(dst)-n < 16 {
			return n, s
		}
		out := (*[16]uint32)(dst[n:])
		m := 0
		for i := 0; i < 64; i += 4 {
			g := (binary.LittleEndian.Uint64(at[4+i:]) | fold) & mask
			h := (uint32(g)*mul + uint32(g>>32)*gramMulHigh) >> toBit
			out[m&15] = uint32(s + i)
			m += int(words[h>>5] >> (h & 31) & 1)
		}
		n += m
	}
	n, s = k.each(dst, n, b, s, end)
	if s >= end {
		s = max(s, to)
	}
	return n, s
}

// each looks at the grams at every fourth position of b from from up to to, one
// at a time, and appends the offsets of those that may be in the set to the n
// in dst. It stops where dst is full. It returns the number of offsets in dst
// and the first position that it has not looked at.
func (g *Grams) each(dst []uint32, n int, b []byte, from, to int) (int, int) {
	for ; from < to; from += 4 {
		if n == len(dst) {
			break
		}
		if g.Has(g.Of(b, from)) {
			dst[n] = uint32(from)
			n++
		}
	}
	return n, from
}

// allZero reports whether b[from:from+n] is all zeros; n must be at least 8.
func allZero(b *[76]byte, from, n int) bool {
	x := binary.LittleEndian.Uint64(b[from+n-8:])
	for i := from; i+8 <= from+n; i += 8 {
		x |= binary.LittleEndian.Uint64(b[i:])
	}
	return x == 0
}
