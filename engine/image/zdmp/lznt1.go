package zdmp

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// LZNT1, as Microsoft's [MS-XCA] describes it in 2.5: chunks, each a header of two bytes and up to
// 4096 bytes. Of the header, the lower 12 bits are the number of bytes that follow, less one, the
// next three are 3, and the highest says whether these are packed. Packed bytes are groups of a
// byte whose bits, from the lowest on, say what follows: 0 a byte as it is, 1 two bytes, which
// say how far back and how long a copy is. How many bits are for which depends on how far the
// chunk is unpacked. A header of zeros ends the data.

const chunkSize = 4096

var (
	errChunk  = errors.New("LZNT1: a chunk does not begin as one")
	errCut    = errors.New("LZNT1: the packed bytes end in a chunk")
	errCopy   = errors.New("LZNT1: a copy reaches back before the chunk")
	errBeyond = errors.New("LZNT1: a chunk unpacks to more than there is room for")
)

// unpack fills dst with what src is unpacked, as far as that goes, and returns how many bytes that
// is. A chunk of less than 4096 bytes with another one behind it is filled up with zeros.
func unpack(dst, src []byte) (n int, err error) {
	for len(src) >= 2 {
		head := binary.LittleEndian.Uint16(src)
		if head == 0 {
			return n, nil
		}
		size := int(head&0xfff) + 1
		src = src[2:]
		switch {
		case head>>12&7 != 3:
			return n, errChunk
		case size > len(src):
			return n, errCut
		}
		if short := -n & (chunkSize - 1); short > 0 {
			if short > len(dst)-n {
				return n, errBeyond
			}
			clear(dst[n : n+short])
			n += short
		}
		room := dst[n:min(n+chunkSize, len(dst))]
		m := 0
		if head>>15 == 0 {
			if m = copy(room, src[:size]); m < size {
				err = errBeyond
			}
		} else {
			m, err = unpackChunk(room, src[:size])
		}
		if n += m; err != nil {
			return n, err
		}
		src = src[size:]
	}
	return n, nil
}

// unpackChunk fills dst with what the packed bytes of a chunk are unpacked, and returns how many
// bytes that is.
func unpackChunk(dst, src []byte) (n int, err error) {
	for len(src) > 0 {
		flags := src[0]
		src = src[1:]
		for range 8 {
			if len(src) == 0 {
				return n, nil
			}
			if flags&1 == 0 {
				if n == len(dst) {
					return n, errBeyond
				}
				dst[n] = src[0]
				n, src = n+1, src[1:]
			} else {
				if len(src) < 2 {
					return n, errCut
				}
				if n, err = copyBack(dst, n, int(binary.LittleEndian.Uint16(src))); err != nil {
					return n, err
				}
				src = src[2:]
			}
			flags >>= 1
		}
	}
	return n, nil
}

// copyBack appends to the first n bytes of dst a copy of some of them, and returns how many there are then.
// code has the distance, less one, in its upper bits, as many as the largest takes, but 4 at
// least, and the length, less 3, in the others.
func copyBack(dst []byte, n, code int) (int, error) {
	if n == 0 {
		return n, errCopy
	}
	short := 16 - max(4, bits.Len(uint(n-1))) // bits of the length
	back, length := code>>short+1, code&(1<<short-1)+3
	if back > n {
		return n, errCopy
	}
	var err error
	if length > len(dst)-n {
		length, err = len(dst)-n, errBeyond
	}
	from := n - back
	for end := n + length; n < end; { // a copy that overlaps itself repeats what it has copied
		n += copy(dst[n:end], dst[from:n])
	}
	return n, err
}
