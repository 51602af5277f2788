package image

import "testing"

func FuzzLiME(f *testing.F) {
	f.Add([]byte(rec(0x1000, 0x1003, "abcd") + rec(0, 1<<64-1, "ab")))
	f.Add([]byte(rec(0x1000, 0x1003, "abcd") + string(make([]byte, 40))))
	f.Add([]byte(rec(0x1000, 0x1003, "abcd") + string(make([]byte, 40)) + rec(0x2000, 0x2003, "efgh")))
	f.Add([]byte(rec(0x1000, 0xfff, "") + rec(0x1000, 0x1003, "abcd") + rec(3, 1, "x") + rec(5, 1<<40, "yy") + rec(7, 7, "z")))
	f.Add([]byte(beRec(0x1000, 0x1003, "abcd") + "damaged" + beRec(0x2000, 0x2003, "efgh")))
	f.Fuzz(func(t *testing.T, b []byte) {
		img, err := finished(openLiME(memInput(b), Options{}))
		if err != nil {
			return
		}
		checkImage(t, img, uint64(len(b)))
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
