package input

import (
	"bytes"
	"fmt"
	"math"

	"vscan/engine/addr"
)

// Fields reads numbers out of a header that is long enough for them. Offsets are
// in bytes from its beginning.
type Fields struct {
	b     []byte
	order addr.ByteOrder
}

// NewFields returns the fields of a header in a byte order.
func NewFields(b []byte, order addr.ByteOrder) Fields { return Fields{b, order} }

// u16, u32 and u64 return the number of 2, 4 or 8 bytes at an offset.
func (f Fields) U16(off int) uint64 { return f.order.Uint(f.b[off : off+2]) }
func (f Fields) U32(off int) uint64 { return f.order.Uint(f.b[off : off+4]) }
func (f Fields) U64(off int) uint64 { return f.order.Uint(f.b[off : off+8]) }

// AddSat returns a + b, or 2^64 − 1 where that would wrap.
func AddSat(a, b uint64) uint64 {
	if s := a + b; s >= a {
		return s
	}
	return math.MaxUint64
}

// MulSat returns a × b, or 2^64 − 1 where that would wrap.
func MulSat(a, b uint64) uint64 {
	if a != 0 && b > math.MaxUint64/a {
		return math.MaxUint64
	}
	return a * b
}

// AllZero reports whether there are only zeros in b.
func AllZero(b []byte) bool {
	return len(b) == 0 || b[0] == 0 && bytes.Equal(b[:len(b)-1], b[1:])
}

// Plural returns a number with what it counts: "1 record", "2 records".
func Plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
