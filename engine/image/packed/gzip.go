package packed

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"

	"vscan/engine/image/magic"
	"vscan/internal/interrupt"
)

func isGzip(h []byte) bool {
	return magic.At(0, "\x1f\x8b\x08")(h) && len(h) > 3 && h[3]&0xe0 == 0
}

// openGzip reads gzip. One of blocks, as bgzip writes it, is read at random.
func openGzip(u *unpacking) (*magic.Content, error) {
	x, err := u.bgzip()
	if err != nil {
		return nil, err
	}
	if x != nil {
		return u.indexed(x)
	}
	return u.stream(isGzip, openGzipMember)
}

// openGzipMember opens the stream at the position of src.
func openGzipMember(src *source) (io.Reader, error) {
	z, err := gzip.NewReader(src)
	if err != nil {
		return nil, unexpected(err)
	}
	z.Multistream(false)
	return summed{z}, nil
}

// unexpected returns the error of a file that ends too early: where it is to be, an end is none.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// summed tells a wrong sum at the end of a stream from other errors.
type summed struct{ *gzip.Reader }

func (s summed) Read(b []byte) (int, error) {
	n, err := s.Reader.Read(b)
	if errors.Is(err, gzip.ErrChecksum) {
		err = &sumError{err}
	}
	return n, err
}

// Blocks of bgzip are gzip streams that tell their own size, in an extra field:
// ID1 ID2 CM FLG=4, MTIME (4), XFL, OS, XLEN (2)=6, 'B' 'C' 2 0, the size less one (2). Each ends with
// the sum (4) and the size (4) of what it holds.
// Source: SAM specification, 4.1, "The BGZF compression format".
const (
	bgzipHead = 18
	bgzipMost = 1 << 16 // bytes that a block has, packed or not
)

func isBgzip(b []byte) bool {
	return len(b) >= bgzipHead && string(b[:4]) == "\x1f\x8b\x08\x04" && string(b[10:16]) == "\x06\x00BC\x02\x00"
}

// bgzip returns the blocks of a file that is bgzip from beginning to end, nil where it is not.
func (u *unpacking) bgzip() (*index, error) {
	x := &index{unpack: unpackBgzip}
	watch := interrupt.New(u.ctx)
	var b [8 + bgzipHead]byte // the end of a block and the head of the next
	n, err := u.Fill(b[8:], 0)
	if err != nil || !isBgzip(b[8:8+n]) {
		return nil, nil // the stream tells what is wrong
	}
	for at := uint64(0); ; {
		if err := watch.Step(1); err != nil {
			return nil, err
		}
		size := uint64(binary.LittleEndian.Uint16(b[8+16:])) + 1
		if size < bgzipHead+8 || size > u.Size-at {
			return nil, nil
		}
		n, err := u.Fill(b[:], at+size-8)
		if err != nil {
			return nil, nil
		}
		memory := binary.LittleEndian.Uint32(b[4:])
		if memory > bgzipMost {
			return nil, nil
		}
		if memory > 0 {
			if err := x.add(u, at, size, int(memory), kindS2); err != nil {
				return nil, err
			}
		}
		at += size
		switch {
		case at == u.Size:
			return x, nil
		case !isBgzip(b[8:n]):
			return nil, nil
		}
	}
}

// inflaters are decoders of raw deflate.
var inflaters = sync.Pool{New: func() any { return flate.NewReader(nil) }}

// unpackBgzip fills dst with a block.
func unpackBgzip(dst, packed []byte, _ uint8) error {
	r := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(r)
	if err := r.(flate.Resetter).Reset(bytes.NewReader(packed[bgzipHead:len(packed)-8]), nil); err != nil {
		return err
	}
	if _, err := io.ReadFull(r, dst); err != nil {
		return unexpected(err)
	}
	var more [1]byte
	if n, err := r.Read(more[:]); n > 0 || !errors.Is(err, io.EOF) {
		return errors.New("it has more bytes than it says")
	}
	if sum, want := crc32.ChecksumIEEE(dst), binary.LittleEndian.Uint32(packed[len(packed)-8:]); sum != want {
		return fmt.Errorf("its sum is %#08x, not %#08x", sum, want)
	}
	return nil
}
