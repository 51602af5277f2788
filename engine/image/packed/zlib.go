package packed

import (
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/zlib"

	"vscan/engine/image/magic"
)

// LiME with compress=1 writes all that it writes through one zlib stream (LiME deflate.c, main.c): the whole file is
// that, records and their headers in it, of a window of 2 KiB. Other zlib streams are refused: what they hold is
// seldom memory.

// isZlibLiME looks at the first bytes of what is compressed.
func isZlibLiME(head []byte) bool {
	r, err := zlib.NewReader(bytes.NewReader(head))
	if err != nil {
		return false
	}
	var first [4]byte
	io.ReadFull(r, first[:])
	return magic.At(0, "EMiL", "LiME")(first[:])
}

// openZlibLiME reads a dump that LiME compressed.
func openZlibLiME(u *unpacking) (*magic.Content, error) {
	return u.stream(func([]byte) bool { return false }, openZlibStream)
}

// openZlibStream opens the stream at the position of src.
func openZlibStream(src *source) (io.Reader, error) {
	z, err := zlib.NewReader(src)
	if err != nil {
		return nil, unexpected(err)
	}
	return zlibSummed{z}, nil
}

// zlibSummed tells a wrong sum at the end of a stream from other errors.
type zlibSummed struct{ io.ReadCloser }

func (s zlibSummed) Read(b []byte) (int, error) {
	n, err := s.ReadCloser.Read(b)
	if errors.Is(err, zlib.ErrChecksum) {
		err = &sumError{err}
	}
	return n, err
}
