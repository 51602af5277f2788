package kdump

import (
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/imagetest"
	"vscan/internal/testenv"
)

func FuzzKdump(f *testing.F) {
	testenv.LargeInputs(f)
	for _, how := range []string{"none", "zlib", "lzo", "snappy", "zstd"} {
		for _, narrow := range []bool{false, true} {
			k := imagetest.Kdump{Version: 6, Machine: "x86_64", Narrow: narrow, Block: 1024, How: how, Info: "OSRELEASE=6\n", Excluded: []uint64{4},
				Pages: map[uint64]string{1: page(1024, "x"), 2: imagetest.Zeros(1024), 3: imagetest.Zeros(1024), 9: page(1024, "y")}}
			f.Add(k.Build())
		}
	}
	k := imagetest.Kdump{Version: 6, Order: addr.Big, Machine: "ppc64", Block: 1024, How: "zlib", Split: [2]uint64{0, 2}, Pages: map[uint64]string{1: page(1024, "x"), 2: page(1024, "y")}}
	f.Add(k.Build())
	buf := make([]byte, 4<<10)
	f.Fuzz(func(t *testing.T, b []byte) {
		img, err := imagetest.Finished(Format.Open(t.Context(), imagetest.Reader(b), image.Options{}))
		if err != nil {
			return
		}
		imagetest.CheckImage(t, img, uint64(max(len(b), 1)*8))
		for i, m := range img.Mappings {
			if i > 0 && m.First <= img.Mappings[i-1].Last {
				t.Fatalf("%v and %v overlap", img.Mappings[i-1].Range, m.Range)
			}
			if m.State == engine.Present && i < 8 {
				n := int(min(m.Size(), uint64(len(buf))))
				if got, err := m.Source.View(buf, m.Offset, n); len(got) < n && err == nil {
					t.Fatalf("%d bytes of %d without an error", len(got), n)
				}
			}
		}
	})
}
