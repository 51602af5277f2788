package packed

import (
	"compress/bzip2"
	"errors"
	"io"

	"vscan/engine/image/magic"
)

// isBzip2 matches the magic, the level, and the magic of a block or of the end.
func isBzip2(h []byte) bool {
	return magic.At(0, "BZh")(h) && magic.At(4, "1AY&SY", "\x17\x72\x45\x38\x50\x90")(h) && h[3] >= '1' && h[3] <= '9'
}

// openBzip2 reads bzip2.
func openBzip2(u *unpacking) (*magic.Content, error) {
	return u.stream(isBzip2Stream, openBzip2Stream)
}

var isBzip2Stream = magic.At(0, "BZh")

func openBzip2Stream(src *source) (io.Reader, error) {
	return &bzip2Reader{bzip2.NewReader(src), src}, nil
}

// bzip2Reader reads streams that follow one another, and leaves what is none of them.
type bzip2Reader struct {
	io.Reader
	src *source
}

func (r *bzip2Reader) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	var bad bzip2.StructuralError
	if errors.As(err, &bad) && bad == "bad magic value in continuation file" {
		r.src.UnreadByte()
		err = io.EOF
	}
	return n, err
}
