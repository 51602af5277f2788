package simd

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// A Lit is a literal of which only some bits may count. It stands at s in b
// where, for every i, b[s+i] and Bytes[i] agree in all bits of Mask[i].
type Lit struct {
	Bytes []byte
	Mask  []byte // as long as Bytes; nil: every bit counts
}

// Plain returns literals of which every bit counts.
func Plain(lits ...[]byte) []Lit {
	out := make([]Lit, len(lits))
	for i, b := range lits {
		out[i].Bytes = b
	}
	return out
}

// Check returns an error that says what is wrong with a literal, nil where
// nothing is. A literal must have 1 to MaxLiteral bytes, a mask that is nil or
// as long, and a bit that counts.
func (l Lit) Check() error {
	switch {
	case len(l.Bytes) == 0:
		return errors.New("no bytes")
	case len(l.Bytes) > MaxLiteral:
		return fmt.Errorf("%d bytes: at most %d", len(l.Bytes), MaxLiteral)
	case l.Mask != nil && len(l.Mask) != len(l.Bytes):
		return fmt.Errorf("%d bytes and a mask of %d", len(l.Bytes), len(l.Mask))
	case l.Mask != nil && !slices.ContainsFunc(l.Mask, func(m byte) bool { return m != 0 }):
		return errors.New("no bit of it counts: it would match everywhere")
	}
	return nil
}

// IsPlain reports whether every bit of the literal counts.
func (l Lit) IsPlain() bool {
	return !slices.ContainsFunc(l.Mask, func(m byte) bool { return m != 0xff })
}

// StandsAt reports whether the literal stands at the beginning of b.
func (l Lit) StandsAt(b []byte) bool {
	if l.Mask == nil {
		return bytes.HasPrefix(b, l.Bytes)
	}
	if len(b) < len(l.Bytes) {
		return false
	}
	for i, m := range l.Mask {
		if (b[i]^l.Bytes[i])&m != 0 {
			return false
		}
	}
	return true
}

// Values returns how many values the bytes of a literal from offset first up to
// last, exclusive, may have; math.MaxInt32 where there are that many or more.
// The literal must have a mask.
func (l Lit) Values(first, last int) int {
	n := 1
	for i := first; i < last; i++ {
		if n <<= 8 - bits.OnesCount8(l.Mask[i]); n >= math.MaxInt32 {
			return math.MaxInt32
		}
	}
	return n
}

// BytesAt returns the bytes that a literal may have at offset i: all 256 where
// i is behind its end.
func (l Lit) BytesAt(i int) (s ByteSet) {
	mask := byte(0xff)
	switch {
	case i >= len(l.Bytes):
		mask = 0
	case l.Mask != nil:
		mask = l.Mask[i]
	}
	if mask == 0xff {
		s.Add(l.Bytes[i])
		return s
	}
	for c := range 256 {
		if mask == 0 || (byte(c)^l.Bytes[i])&mask == 0 {
			s.Add(byte(c))
		}
	}
	return s
}

// masked returns the bytes of a literal, with 0 for the bits that do not count.
func (l Lit) masked() []byte {
	if l.Mask == nil {
		return l.Bytes
	}
	out := make([]byte, len(l.Bytes))
	for i, c := range l.Bytes {
		out[i] = c & l.Mask[i]
	}
	return out
}

// UpTo8 returns the first eight bytes of b[s:], or all where there are fewer,
// as a little-endian number.
func UpTo8(b []byte, s int) uint64 {
	if s+8 <= len(b) {
		return binary.LittleEndian.Uint64(b[s:])
	}
	var x [8]byte
	copy(x[:], b[s:])
	return binary.LittleEndian.Uint64(x[:])
}
