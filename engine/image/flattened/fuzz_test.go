package flattened

import (
	"testing"

	"vscan/engine"
	"vscan/engine/image"
	"vscan/engine/image/imagetest"
	"vscan/internal/testenv"
)

func FuzzFlattened(f *testing.F) {
	testenv.LargeInputs(f)
	rnd := testenv.Fixed(1, 2)
	for _, how := range []string{"none", "zlib", "zstd"} {
		f.Add(imagetest.Flatten(cutUp(rnd, dump(how))))
	}
	buf := make([]byte, 4<<10)
	f.Fuzz(func(t *testing.T, b []byte) {
		img, err := imagetest.Finished(open(t.Context(), imagetest.Reader(b), image.Options{}))
		if err != nil {
			return
		}
		imagetest.CheckImage(t, img, uint64(len(b))*8)
		for i, m := range img.Mappings {
			if m.State == engine.Present && i < 8 {
				n := int(min(m.Size(), uint64(len(buf))))
				if got, err := m.Source.View(buf, m.Offset, n); len(got) < n && err == nil {
					t.Fatalf("%d bytes of %d without an error", len(got), n)
				}
			}
		}
	})
}
