package packed

import (
	"fmt"
	"sort"

	"vscan/engine/image/blocks"
	"vscan/engine/image/input"
	"vscan/engine/image/magic"
)

// index is the blocks of a container that is read at random: a blocks.Packing.
type index struct {
	all     []entry
	size    uint64 // bytes, unpacked
	largest int    // bytes of the largest block, unpacked
	room    int    // for how many entries the budget was asked
	unpack  func(dst, packed []byte, kind uint8) error
}

// entry is one block.
type entry struct {
	off  uint64 // of its first byte, unpacked
	at   uint64 // file offset of its packed bytes
	held uint32
	kind uint8 // how it is packed
}

const (
	entryBytes    = 56 // that an entry takes, with what append leaves behind
	entriesAtOnce = 1 << 12
)

// maxBlock is the largest block in bytes that is unpacked whole: some are kept in memory. What xz -9
// makes on several processors has 192 MiB.
const maxBlock = 192 << 20

// add keeps the next block, of held bytes at a file offset, which has size bytes.
func (x *index) add(u *unpacking, at, held uint64, size int, kind uint8) error {
	if len(x.all) == x.room {
		if err := u.options.Budget.Take(entriesAtOnce*entryBytes, "the blocks of the container"); err != nil {
			return fmt.Errorf("%s: block %d at %v: %w", u.Path(), len(x.all), u.Place(at), err)
		}
		x.room += entriesAtOnce
	}
	x.all = append(x.all, entry{off: x.size, at: at, held: uint32(held), kind: kind})
	x.size += uint64(size)
	x.largest = max(x.largest, size)
	return nil
}

// Find is that of blocks.Packing.
func (x *index) Find(dst []blocks.Block, off, end uint64) []blocks.Block {
	i := sort.Search(len(x.all), func(i int) bool { return x.all[i].off > off }) - 1
	for ; i < len(x.all) && x.all[i].off < end; i++ {
		one, behind := &x.all[i], x.size
		if i+1 < len(x.all) {
			behind = x.all[i+1].off
		}
		dst = append(dst, blocks.Block{Off: one.off, Size: int(behind - one.off), At: one.at, Held: int(one.held), Kind: one.kind})
	}
	return dst
}

// Unpack is that of blocks.Packing. Where a decoder panics, the block is damaged.
func (x *index) Unpack(dst, packed []byte, kind uint8) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the decoder gave up: %v", p)
		}
	}()
	return x.unpack(dst, packed, kind)
}

// indexed returns the content of blocks that are unpacked when they are asked for.
func (u *unpacking) indexed(x *index) (*magic.Content, error) {
	if x.size == 0 {
		return nil, u.nothing()
	}
	// A few of the largest blocks are kept.
	if x.largest > pageSize {
		if err := u.options.Budget.Take(uint64(x.largest)*4, "blocks of the container that are unpacked"); err != nil {
			return nil, fmt.Errorf("%s: %w", u.Path(), err)
		}
	}
	source := &unpacked{blocks.New(u.Reader, x.size, x.largest, x)}
	in := input.Reader{ReaderAt: readerOf{source}, Size: x.size, Source: source}
	head := make([]byte, min(magic.HeadSize, x.size))
	if n, err := in.Fill(head, 0); err == nil {
		if err := u.look(head[:n]); err != nil {
			return nil, err
		}
	}
	return u.content(in), nil
}
