package imagetest

import (
	"bytes"
	"testing"

	"vscan/engine"
	"vscan/engine/image"
)

// CheckMadeProcess checks an image of the process that the small images have, whose file is
// b: its memory is pages of the small machine's, raw. The page at 0x1000 there lies at
// 0x7ff000001000, two at 0x3000 at 0x7ff000003000, and 100 bytes at 0x7000 at 0x10000.
func CheckMadeProcess(t *testing.T, img *image.Image, b, raw []byte) {
	t.Helper()
	held := 0
	for _, m := range img.Mappings {
		if m.State != engine.Present {
			continue
		}
		from := uint64(m.First) & 0xffff
		if m.First == 0x10000 {
			from = 0x7000
		}
		held += int(m.Size())
		if !bytes.Equal(b[m.Offset:][:m.Size()], raw[from:][:m.Size()]) {
			t.Errorf("%v is not what was put there", m.Range)
		}
	}
	if want := 3*4096 + 100; held != want {
		t.Errorf("%d bytes, want %d", held, want)
	}
}
