package kdump

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	lzo "github.com/anchore/go-lzo"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// The flags of a page that say how it is packed, and the kinds of its block.
const (
	flagZlib   = 0x01
	flagLZO    = 0x02
	flagSnappy = 0x04
	flagZstd   = 0x20
	packFlags  = flagZlib | flagLZO | flagSnappy | flagZstd
)

// unpackers has what unpacks a page, by its flag, and what it is called.
var unpackers = map[uint8]struct {
	name   string
	unpack func(dst, packed []byte) error
}{
	flagZlib:   {"zlib", unpackZlib},
	flagLZO:    {"lzo", unpackLZO},
	flagSnappy: {"snappy", unpackSnappy},
	flagZstd:   {"zstd", unpackZstd},
}

// unpack fills dst with what a page's packed bytes are unpacked.
func unpack(dst, packed []byte, kind uint8) error {
	u, ok := unpackers[kind]
	if !ok {
		return fmt.Errorf("its flags, %#x, name no compression that is known", kind)
	}
	if err := u.unpack(dst, packed); err != nil {
		return fmt.Errorf("%s: %w", u.name, err)
	}
	return nil
}

var (
	errShort = errors.New("it is unpacked to fewer bytes than a block has")
	errLong  = errors.New("it is unpacked to more bytes than a block has")
)

// inflater is a reader of zlib streams with what it reads from.
type inflater struct {
	packed bytes.Reader
	stream io.ReadCloser // nil: it has read nothing yet
}

var inflaters = sync.Pool{New: func() any { return new(inflater) }}

func unpackZlib(dst, packed []byte) error {
	z := inflaters.Get().(*inflater)
	defer inflaters.Put(z)
	z.packed.Reset(packed)
	if z.stream == nil {
		stream, err := zlib.NewReader(&z.packed)
		if err != nil {
			return err
		}
		z.stream = stream
	} else if err := z.stream.(zlib.Resetter).Reset(&z.packed, nil); err != nil {
		return err
	}
	if _, err := io.ReadFull(z.stream, dst); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errShort
		}
		return err
	}
	var more [1]byte // at the end the checksum is compared
	switch n, err := z.stream.Read(more[:]); {
	case n > 0:
		return errLong
	case err != io.EOF:
		return err
	}
	return nil
}

func unpackLZO(dst, packed []byte) error {
	n, err := lzo.Decompress(packed, dst)
	if err == nil && n < len(dst) {
		err = errShort
	}
	return err
}

func unpackSnappy(dst, packed []byte) error {
	n, err := s2.DecodedLen(packed)
	switch {
	case err != nil:
		return err
	case n < len(dst):
		return errShort
	case n > len(dst):
		return errLong
	}
	_, err = s2.Decode(dst, packed)
	return err
}

var zstdDecoders = sync.Pool{New: func() any {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return err
	}
	return d
}}

func unpackZstd(dst, packed []byte) error {
	switch d := zstdDecoders.Get().(type) {
	case error:
		return d
	case *zstd.Decoder:
		defer zstdDecoders.Put(d)
		out, err := d.DecodeAll(packed, dst[:0:len(dst)])
		if err == nil && len(out) < len(dst) {
			err = errShort
		}
		return err
	}
	return nil
}
