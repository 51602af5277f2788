package packed_test

import (
	"bytes"
	"compress/zlib"
	"strings"
	"testing"

	"vscan/engine/image"
	"vscan/engine/image/imagetest"
)

// A dump that LiME compressed is read: all of it is one zlib stream. Of one that is cut, what can be unpacked is
// there, and the rest is missing.
func TestZlibLiME(t *testing.T) {
	for name, record := range map[string]func(first, last uint64, data string) string{"little": imagetest.Record, "big": imagetest.BigRecord} {
		var b bytes.Buffer
		w := zlib.NewWriter(&b)
		w.Write([]byte(record(0x1000, 0x1005, "needle") + record(0x3000, 0x3000+299_999, memory(t, 300_000))))
		w.Close()
		whole := b.String()
		img, err := open(t, whole, image.Options{})
		if err != nil {
			t.Fatal(name, err)
		}
		imagetest.CheckNotes(t, img)
		imagetest.CheckMappings(t, img, "0x1000..0x1005 present +0x20 record[0]\n0x3000..0x4c3df present +0x46 record[1]\n")
		if img.Format != "LiME" || img.Missing != 0 || fact(img, "container") != "zlib-compressed LiME" || !strings.HasSuffix(img.Detail, ", compressed with zlib, by LiME") {
			t.Errorf("%s: %+v", name, img)
		}
		if img, err = open(t, whole[:len(whole)/2], image.Options{}); err != nil {
			t.Fatal(name, err)
		}
		if img.Missing == 0 {
			t.Errorf("%s: nothing is missing of one that is cut", name)
		}
		if img, err = open(t, whole[:len(whole)-1]+"?", image.Options{}); err != nil {
			t.Fatal(name, err)
		}
		if img.Missing == 0 {
			t.Errorf("%s: nothing is missing of one whose sum is wrong", name)
		}
		if img, err = open(t, whole+"more", image.Options{}); err != nil || img.Missing == 0 {
			t.Errorf("%s: what follows the stream is not told: %v", name, err)
		}
	}
	_, err := open(t, zlibbed(imagetest.Record(0x1000, 0x1005, "needle")+strings.Repeat("x", 100_000)), image.Options{UnpackLimit: 1000})
	imagetest.CheckError(t, err, "is compressed with zlib, by LiME, and has more than the 1000 bytes that are unpacked in memory at most: decompress it first (zlib-flate -uncompress < ")
	_, err = open(t, zlibbed("some other thing"), image.Options{})
	imagetest.CheckError(t, err, "is a zlib stream")
}

func zlibbed(s string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.String()
}
