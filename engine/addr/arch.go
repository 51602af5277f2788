package addr

import (
	"encoding/binary"
	"fmt"
)

// A ByteOrder is the order in which a machine stores the bytes of a number.
// Its zero value is little-endian.
type ByteOrder uint8

const (
	Little ByteOrder = iota // least significant byte at the lowest address
	Big                     // most significant byte at the lowest address
)

// String returns "little" or "big", the words that ParseByteOrder reads.
func (o ByteOrder) String() string {
	if o == Big {
		return "big"
	}
	return "little"
}

// ParseByteOrder reads "little" or "big". Any other text is an error.
func ParseByteOrder(s string) (ByteOrder, error) {
	switch s {
	case "little":
		return Little, nil
	case "big":
		return Big, nil
	}
	return Little, fmt.Errorf("byte order %q: want little or big", s)
}

// Uint returns the unsigned number that the 1 to 8 bytes of b are in this byte
// order. It panics on other lengths.
func (o ByteOrder) Uint(b []byte) uint64 {
	switch {
	case len(b) == 8 && o == Little:
		return binary.LittleEndian.Uint64(b)
	case len(b) == 8:
		return binary.BigEndian.Uint64(b)
	case len(b) == 0 || len(b) > 8:
		panic(fmt.Sprintf("addr: a number of %d bytes", len(b)))
	}
	var v uint64
	for i := range b {
		if o == Little {
			v |= uint64(b[i]) << (8 * i)
		} else {
			v = v<<8 | uint64(b[i])
		}
	}
	return v
}

// PutUint writes the low len(b) bytes of v, 1 to 8 of them, into b in this
// byte order.
func (o ByteOrder) PutUint(b []byte, v uint64) {
	for i := range b {
		if o == Little {
			b[i] = byte(v >> (8 * i))
		} else {
			b[len(b)-1-i] = byte(v >> (8 * i))
		}
	}
}

// An Arch is what has to be known of an image's machine before words and
// pointers can be read: word size and byte order. A function that needs an
// Arch takes it as an argument, or is a method of a view that was made with
// one, so leaving it out is a compile error. There is no invalid Arch; the
// zero value is LE64, by far the commonest machine.
type Arch struct {
	half  bool // words of 4 bytes rather than 8
	order ByteOrder
}

// The four machines there are, as far as word size and byte order go.
var (
	LE64 = Arch{}
	LE32 = Arch{half: true}
	BE64 = Arch{order: Big}
	BE32 = Arch{half: true, order: Big}
)

// NewArch returns the Arch with a word size of 4 or 8 bytes and a byte order.
// Another word size is an error.
func NewArch(wordSize int, order ByteOrder) (Arch, error) {
	if wordSize != 4 && wordSize != 8 {
		return Arch{}, fmt.Errorf("word size %d: want 4 or 8 bytes", wordSize)
	}
	return Arch{half: wordSize == 4, order: order}, nil
}

// WordSize returns the size of a pointer in bytes, 4 or 8.
func (a Arch) WordSize() int {
	if a.half {
		return 4
	}
	return 8
}

// Order returns the byte order.
func (a Arch) Order() ByteOrder { return a.order }

// MaxAddr returns the highest address that a word can hold: 2^32 − 1 or
// 2^64 − 1.
func (a Arch) MaxAddr() Addr {
	if a.half {
		return 1<<32 - 1
	}
	return Max
}

// String returns, for example, "64-bit little-endian".
func (a Arch) String() string { return fmt.Sprintf("%d-bit %s-endian", 8*a.WordSize(), a.order) }
