package patterns

import (
	"strconv"

	"vscan/engine/addr"
)

// valued is a body whose matches hold something that is better read than their
// bytes.
type valued interface {
	// value is what the bytes of a match hold, in an image such as t tells of.
	value(b []byte, t *Target) string
}

// Value is what the bytes b of a hit of pattern i of Patterns hold: a number in
// decimal, a pointer in hexadecimal with 0x, the characters of a run as far as
// b goes. It is false for the kinds that have nothing but their bytes.
func (s *Set) Value(i int, b []byte) (string, bool) {
	v, ok := s.patterns[i].body.(valued)
	if !ok {
		return "", false
	}
	return v.value(b, &s.target), true
}

func (b *intBody) value(bytes []byte, t *Target) string {
	order := b.order
	if !b.fixed {
		order = t.Order
	}
	v := order.Uint(bytes)
	if b.signed {
		unused := 64 - 8*uint(b.size)
		return strconv.FormatInt(int64(v<<unused)>>unused, 10)
	}
	return strconv.FormatUint(v, 10)
}

func (*ptrBody) value(b []byte, t *Target) string { return addr.Addr(t.Order.Uint(b)).String() }

func (r runs) value(b []byte, _ *Target) string {
	if r.encoding == ASCII {
		return string(b)
	}
	text := make([]byte, len(b)/2)
	for i := range text {
		text[i] = b[2*i] | b[2*i+1] // one of them is zero
	}
	return string(text)
}
