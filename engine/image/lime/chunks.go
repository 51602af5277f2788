package lime

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"sort"

	"github.com/klauspost/compress/s2"

	"vscan/engine/image/blocks"
)

// chunks is the memory that the chunks of compressed records hold, one behind the other in
// the order of the file: a blocks.Packing.
type chunks struct {
	all  []chunk
	size uint64 // bytes of memory
	room int    // for how many the budget was asked
}

// chunk is one of them. There can be millions.
type chunk struct {
	off  uint64 // of its first byte in the memory of all chunks
	at   uint64 // file offset of its sum, and in the highest bit whether it is packed
	held uint32 // bytes in the file, that of the sum included
}

const (
	isPackedBit  = 1 << 63
	chunkBytes   = 56 // that a chunk takes while they are read, with what append leaves behind
	chunksAtOnce = 1 << 12
)

// How a chunk is kept, for Unpack.
const (
	kindPacked uint8 = 1 + iota
	kindPlain
)

// kindOf returns that of a chunk's type.
func kindOf(chunkType byte) uint8 {
	if chunkType == 0 {
		return kindPacked
	}
	return kindPlain
}

// add keeps a chunk of a type, whose sum is at a file offset, followed by memory.
func (c *chunks) add(chunkType byte, at uint64, held uint32, memory uint64) {
	if kindOf(chunkType) == kindPacked {
		at |= isPackedBit
	}
	c.all = append(c.all, chunk{c.size, at, held})
	c.size += memory
}

// last returns of the chunk that was added last the file offset of its head, its bytes in the
// file and those of memory.
func (c *chunks) last() (pos, size, memory uint64) {
	one := c.all[len(c.all)-1]
	return one.at&^isPackedBit - chunkHead, chunkHead + uint64(one.held), c.size - one.off
}

// drop forgets that chunk.
func (c *chunks) drop() {
	n := len(c.all) - 1
	c.all, c.size = c.all[:n], c.all[n].off
}

// Find is that of blocks.Packing.
func (c *chunks) Find(dst []blocks.Block, off, end uint64) []blocks.Block {
	i := sort.Search(len(c.all), func(i int) bool { return c.all[i].off > off }) - 1
	for ; i < len(c.all) && c.all[i].off < end; i++ {
		one, behind := &c.all[i], c.size
		if i+1 < len(c.all) {
			behind = c.all[i+1].off
		}
		kind := kindPlain
		if one.at&isPackedBit != 0 {
			kind = kindPacked
		}
		dst = append(dst, blocks.Block{Off: one.off, Size: int(behind - one.off), At: one.at &^ isPackedBit, Held: int(one.held), Kind: kind})
	}
	return dst
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Unpack fills dst with the memory of a chunk, of which packed begins with the sum.
func (c *chunks) Unpack(dst, packed []byte, kind uint8) error {
	want, packed := binary.LittleEndian.Uint32(packed), packed[chunkSum:]
	if kind == kindPlain {
		if len(packed) != len(dst) {
			return errors.New("a chunk of another length")
		}
		copy(dst, packed)
	} else if err := unpackSnappy(dst, packed); err != nil {
		return err
	}
	if sum := maskedSum(dst); sum != want {
		return fmt.Errorf("its sum is %#08x, not %#08x", sum, want)
	}
	return nil
}

// unpackSnappy fills dst with what a block of snappy has, which must be as much.
func unpackSnappy(dst, packed []byte) error {
	if n, err := s2.DecodedLen(packed); err != nil || n != len(dst) {
		return fmt.Errorf("a snappy block of %d bytes, not %d (%v)", n, len(dst), err)
	}
	_, err := s2.Decode(dst, packed)
	return err
}

// maskedSum returns the sum of a chunk's memory.
// Source: framing_format.txt, 3, "Checksum format".
func maskedSum(b []byte) uint32 {
	sum := crc32.Checksum(b, castagnoli)
	return (sum>>15 | sum<<17) + 0xa282ead8
}
