package packed

import (
	"io"

	"github.com/pierrec/lz4/v4"

	"vscan/engine/image/magic"
)

var isLz4 = magic.At(0, "\x04\x22\x4d\x18", "\x02\x21\x4c\x18")

// openLz4 reads lz4 frames.
func openLz4(u *unpacking) (*magic.Content, error) {
	begins := func(h []byte) bool { return isLz4(h) || isSkippable(h) }
	return u.stream(begins, func(src *source) (io.Reader, error) {
		return lz4.NewReader(src), nil
	})
}
