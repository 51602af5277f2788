package patterns

import (
	"math"
	"strconv"

	"vscan/engine/addr"
)

// valued is a body whose matches hold something that is better read than their bytes.
type valued interface {
	// value returns what the bytes b of a match hold, in the image that t describes.
	value(b []byte, t *Target) string
}

// Value returns what the bytes b of a hit of pattern i of Patterns hold: a number in
// decimal, a pointer in hexadecimal with 0x, the characters of a run as far as b goes, the
// key of a key schedule in hexadecimal digits. It returns false for the kinds that have
// nothing but their bytes.
func (s *Set) Value(i int, b []byte) (string, bool) {
	v, ok := s.patterns[i].body.(valued)
	if !ok {
		return "", false
	}
	return v.value(b, &s.target), true
}

// ValueLen returns how many of the first bytes of a hit of pattern i Value has to be given,
// where those may be more than come with a hit. It returns 0 where as many as there are
// will do.
func (s *Set) ValueLen(i int) int {
	if v, ok := s.patterns[i].body.(interface{ valueLen() int }); ok {
		return v.valueLen()
	}
	return 0
}

func (b *numberBody) value(bytes []byte, t *Target) string {
	order := b.order
	if !b.fixed {
		order = t.Order
	}
	return b.show(order.Uint(bytes), b.size)
}

func showUnsigned(v uint64, _ int) string { return strconv.FormatUint(v, 10) }

func showSigned(v uint64, size int) string {
	unused := 64 - 8*uint(size)
	return strconv.FormatInt(int64(v<<unused)>>unused, 10)
}

// showFloat writes as many digits as it takes to tell the number from all others.
func showFloat(v uint64, size int) string {
	if size == 4 {
		return strconv.FormatFloat(float64(math.Float32frombits(uint32(v))), 'g', -1, 32)
	}
	return strconv.FormatFloat(math.Float64frombits(v), 'g', -1, 64)
}

func (*ptrBody) value(b []byte, t *Target) string { return addr.Addr(t.Order.Uint(b)).String() }

func (r asciiRuns) value(b []byte, _ *Target) string {
	if r.encoding == ASCII {
		return string(b)
	}
	text := make([]byte, len(b)/2)
	for i := range text {
		text[i] = b[2*i] | b[2*i+1] // one of them is zero
	}
	return string(text)
}
