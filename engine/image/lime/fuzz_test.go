package lime

import (
	"testing"

	"vscan/engine/image"
	"vscan/engine/image/imagetest"
)

func FuzzLiME(f *testing.F) {
	f.Add([]byte(imagetest.Record(0x1000, 0x1003, "abcd") + imagetest.Record(0, 1<<64-1, "ab")))
	f.Add([]byte(imagetest.Record(0x1000, 0x1003, "abcd") + string(make([]byte, 40))))
	f.Add([]byte(imagetest.Record(0x1000, 0x1003, "abcd") + string(make([]byte, 40)) + imagetest.Record(0x2000, 0x2003, "efgh")))
	f.Add([]byte(imagetest.Record(0x1000, 0xfff, "") + imagetest.Record(0x1000, 0x1003, "abcd") + imagetest.Record(3, 1, "x") + imagetest.Record(5, 1<<40, "yy") + imagetest.Record(7, 7, "z")))
	f.Add([]byte(imagetest.BigRecord(0x1000, 0x1003, "abcd") + "damaged" + imagetest.BigRecord(0x2000, 0x2003, "efgh")))
	f.Fuzz(func(t *testing.T, b []byte) {
		img, err := imagetest.Finished(open(t.Context(), imagetest.Reader(b), image.Options{}))
		if err != nil {
			return
		}
		imagetest.CheckImage(t, img, uint64(len(b)))
		// The records and what is missing of the last one account for the file.
		var held uint64
		for _, m := range img.Mappings {
			if m.Source != nil {
				held += m.Size()
			}
		}
		if held > uint64(len(b)) {
			t.Errorf("%d bytes in a file of %d", held, len(b))
		}
	})
}
