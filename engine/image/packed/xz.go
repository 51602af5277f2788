package packed

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/therootcompany/xz"

	"vscan/engine/image/input"
	"vscan/engine/image/magic"
	"vscan/internal/interrupt"
)

var isXz = magic.At(0, "\xfd7zXZ\x00")

// An xz file is streams, each of blocks and, behind them, an index of these:
//
//	stream   magic (6), flags (2), sum (4)
//	blocks   each padded to a multiple of 4 bytes
//	index    0, number of records, of each its size without padding and that of what it holds,
//	         padding, sum (4)
//	footer   sum (4), size of the index in units of 4 bytes, less one (4), flags (2), "YZ"
//
// Between streams may be zeros, a multiple of 4 bytes.
// Source: xz file-format.txt, 2 to 4.

const (
	xzHead = 12 // that of a stream, and its footer
	// maxIndex is the most bytes of an index that are read: more is not read at random.
	maxIndex = 64 << 20
	// leastDict is the least dictionary in bytes that is given to whoever asks for it: that of xz -9.
	leastDict = 64 << 20
)

// openXz reads xz. Where its index has several blocks, it is read at random.
func openXz(u *unpacking) (*magic.Content, error) {
	x, err := u.xzIndex()
	if err != nil {
		return nil, err
	}
	if x != nil && len(x.all) > 1 && x.largest <= maxBlock {
		return u.indexed(x)
	}
	if x != nil && x.size > u.limit {
		return nil, u.tooLarge()
	}
	return u.stream(isXz, func(src *source) (io.Reader, error) { return newXzReader(src, u.dict()) })
}

// dict returns the largest dictionary in bytes that a block may ask for.
func (u *unpacking) dict() uint32 {
	return uint32(max(leastDict, min(u.Size, 1536<<20)))
}

// newXzReader reads xz streams to the end of r. It reads ahead.
func newXzReader(r io.Reader, dict uint32) (io.Reader, error) {
	z, err := xz.NewReader(r, dict)
	return z, err
}

// xzStream is one stream of a file, read from behind.
type xzStream struct {
	flags   uint16 // of the stream, as they lie in the file
	records []xzRecord
	start   uint64 // file offset of its head
}

type xzRecord struct{ unpadded, size uint64 }

// xzIndex returns the blocks of a file whose streams all have an index that fits; nil where they do not.
func (u *unpacking) xzIndex() (*index, error) {
	watch := interrupt.New(u.ctx)
	var streams []xzStream
	for end := u.Size; end > 0; {
		var b [xzHead]byte
		for { // padding
			if err := watch.Step(1); err != nil {
				return nil, err
			}
			if end < 2*xzHead {
				return nil, nil
			}
			if n, err := u.Fill(b[:4], end-4); err != nil || n < 4 {
				return nil, nil
			}
			if binary.LittleEndian.Uint32(b[:]) != 0 {
				break
			}
			if u.Size-end > 1<<20 { // zeros without end
				return nil, nil
			}
			end -= 4
		}
		s, err := u.xzStream(end, watch)
		if err != nil || s == nil {
			return nil, err
		}
		streams = append(streams, *s)
		end = s.start
	}
	x := &index{}
	dict := u.dict()
	x.unpack = func(dst, packed []byte, kind uint8) error { return unpackXz(dst, packed, kind, dict) }
	for i := len(streams) - 1; i >= 0; i-- {
		s := &streams[i]
		at := s.start + xzHead
		for _, r := range s.records {
			padded := (r.unpadded + 3) &^ 3
			if r.size > 0 {
				if r.size > maxBlock || r.unpadded > maxBlock { // too large to be unpacked whole
					return nil, nil
				}
				if err := x.add(u, at, padded, int(r.size), xzKind|uint8(s.flags>>8)<<2|uint8(padded-r.unpadded)); err != nil {
					return nil, err
				}
			}
			at += padded
		}
	}
	return x, nil
}

// xzStream reads the index of the stream that ends at a file offset; nil where that does not fit.
func (u *unpacking) xzStream(end uint64, watch *interrupt.Watch) (*xzStream, error) {
	var foot [xzHead]byte
	if n, err := u.Fill(foot[:], end-xzHead); err != nil || n < xzHead || string(foot[10:]) != "YZ" || crc32.ChecksumIEEE(foot[4:10]) != binary.LittleEndian.Uint32(foot[:]) {
		return nil, nil
	}
	size := (uint64(binary.LittleEndian.Uint32(foot[4:])) + 1) * 4
	if foot[8] != 0 || foot[9] > 0xf || size > maxIndex || size+2*xzHead > end {
		return nil, nil
	}
	b := make([]byte, size)
	if n, err := u.Fill(b, end-xzHead-size); err != nil || n < len(b) || crc32.ChecksumIEEE(b[:size-4]) != binary.LittleEndian.Uint32(b[size-4:]) || b[0] != 0 {
		return nil, nil
	}
	b = b[1 : size-4]
	number := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			b = nil
			return 0
		}
		b = b[n:]
		return v
	}
	s := &xzStream{flags: uint16(foot[8]) | uint16(foot[9])<<8}
	blocks := uint64(0)
	for count := number(); uint64(len(s.records)) < count; {
		if err := watch.Step(1); err != nil {
			return nil, err
		}
		if len(b) == 0 {
			return nil, nil
		}
		r := xzRecord{number(), number()}
		blocks = input.AddSat(blocks, input.AddSat(r.unpadded, 3)&^3)
		if r.unpadded < 5 || blocks > end {
			return nil, nil
		}
		s.records = append(s.records, r)
	}
	whole := blocks + size + 2*xzHead
	if whole > end {
		return nil, nil
	}
	s.start = end - whole
	var head [xzHead]byte
	if n, err := u.Fill(head[:], s.start); err != nil || n < xzHead || !isXz(head[:]) || head[6] != foot[8] || head[7] != foot[9] {
		return nil, nil
	}
	return s, nil
}

// xzKind is set in the kind of each block; below it are how it is summed, as the second of the stream's flags
// says, and, in two bits, how many bytes it is padded with.
const xzKind = 0x40

// unpackXz fills dst with a block, by way of a stream that has this block alone.
func unpackXz(dst, packed []byte, kind uint8, dict uint32) error {
	flags := []byte{0, kind >> 2 & 0xf}
	head := append([]byte("\xfd7zXZ\x00"), flags...)
	head = binary.LittleEndian.AppendUint32(head, crc32.ChecksumIEEE(flags))
	index := binary.AppendUvarint(binary.AppendUvarint([]byte{0, 1}, uint64(len(packed))-uint64(kind&3)), uint64(len(dst)))
	index = append(index, make([]byte, -len(index)&3)...)
	index = binary.LittleEndian.AppendUint32(index, crc32.ChecksumIEEE(index))
	foot := append(binary.LittleEndian.AppendUint32(nil, uint32(len(index)/4-1)), flags...)
	tail := binary.LittleEndian.AppendUint32(index, crc32.ChecksumIEEE(foot))
	tail = append(append(tail, foot...), "YZ"...)
	r, err := newXzReader(io.MultiReader(bytes.NewReader(head), bytes.NewReader(packed), bytes.NewReader(tail)), dict)
	if err != nil {
		return err
	}
	if n, err := io.ReadFull(r, dst); err != nil {
		return fmt.Errorf("behind %d bytes: %w", n, unexpected(err))
	}
	var more [1]byte
	if n, err := r.Read(more[:]); n > 0 || !errors.Is(err, io.EOF) {
		return fmt.Errorf("it does not end where it says (%v)", err)
	}
	return nil
}
