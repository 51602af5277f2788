package formats_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
	"vscan/internal/testenv"
)

// A small file of any format, cut or with bits and words changed, takes no more memory to open than twice its size and
// 64 MiB: nothing is made by a size that it tells alone.
func TestHostileMemory(t *testing.T) {
	rnd := testenv.Rand(t)
	folder := filepath.Dir(imagetest.MadeSample(t, "s.raw"))
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	words := [][]byte{bytes.Repeat([]byte{0xff}, 8), {0xff, 0xff, 0xff, 0x7f}, {0, 0, 0, 0, 0, 0, 1, 0}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, {0, 0, 0, 0x40}}
	var before, after runtime.MemStats
	for _, e := range entries {
		whole, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil || len(whole) == 0 || !e.Type().IsRegular() {
			continue
		}
		for range testenv.Rounds(3, 10, 2000) {
			b := bytes.Clone(whole)
			for range 1 + rnd.IntN(3) {
				at := rnd.IntN(min(len(b), 64<<rnd.IntN(9)))
				if rnd.IntN(2) == 0 {
					copy(b[at:], words[rnd.IntN(len(words))])
				} else {
					b[at] ^= 1 << rnd.IntN(8)
				}
			}
			if rnd.IntN(4) == 0 {
				b = b[:1+rnd.IntN(len(b))]
			}
			path := imagetest.TempFile(t, e.Name(), string(b))
			runtime.ReadMemStats(&before)
			img, err := formats.Open(t.Context(), path, image.Options{})
			runtime.ReadMemStats(&after)
			if err == nil {
				img.Close()
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 2*uint64(len(b))+64<<20 {
				t.Errorf("%s: %d bytes of memory for %d (%v)", e.Name(), n, len(b), err)
			}
		}
	}
}
