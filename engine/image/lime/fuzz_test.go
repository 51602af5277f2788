package lime

import (
	"testing"

	"vscan/engine"
	"vscan/engine/image"
	"vscan/engine/image/imagetest"
)

func FuzzLiME(f *testing.F) {
	f.Add([]byte(imagetest.Record(0x1000, 0x1003, "abcd") + imagetest.Record(0, 1<<64-1, "ab")))
	f.Add([]byte(imagetest.Record(0x1000, 0x1003, "abcd") + string(make([]byte, 40))))
	f.Add([]byte(imagetest.Record(0x1000, 0x1003, "abcd") + string(make([]byte, 40)) + imagetest.Record(0x2000, 0x2003, "efgh")))
	f.Add([]byte(imagetest.Record(0x1000, 0xfff, "") + imagetest.Record(0x1000, 0x1003, "abcd") + imagetest.Record(3, 1, "x") + imagetest.Record(5, 1<<40, "yy") + imagetest.Record(7, 7, "z")))
	f.Add([]byte(imagetest.BigRecord(0x1000, 0x1003, "abcd") + "damaged" + imagetest.BigRecord(0x2000, 0x2003, "efgh")))
	f.Add([]byte(avml(0x1000, 0x1007, packed("abcd"), plain("efgh")) + imagetest.Record(0x2000, 0x2003, "abcd") + avml(0x3000, 0x3003, imagetest.PaddingChunk(4), packed("abcd"))))
	f.Add([]byte(avml(0x1000, 0x1007, packed("abcd"), "damaged", plain("efgh")) + "damaged" + avml(0x3000, 0x3003, packed("abcd"))))
	f.Fuzz(func(t *testing.T, b []byte) {
		img, err := imagetest.Finished(open(t.Context(), imagetest.Reader(b), image.Options{}))
		if err != nil {
			return
		}
		checkUnpacked(t, img, len(b))
		// The records and what is missing of the last one account for the file, or for what
		// the chunks of it hold.
		held := map[engine.Source]uint64{}
		for _, m := range img.Mappings {
			if m.Source != nil {
				held[m.Source] += m.Size()
				m.Source.View(make([]byte, 64), m.Offset, int(min(m.Size(), 64)))
			}
		}
		for source, n := range held {
			if n > source.Size() {
				t.Errorf("%d bytes in a source of %d", n, source.Size())
			}
		}
	})
}
