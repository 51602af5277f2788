package packed_test

import (
	"archive/zip"
	"bytes"
	"hash/crc32"
	"strings"
	"testing"

	"vscan/engine/image"
	"vscan/engine/image/imagetest"
)

// rawArchive returns an archive of one file whose bytes are packed by a method, with a sum.
func rawArchive(t *testing.T, method uint16, packed string, size int, sum uint32) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateRaw(&zip.FileHeader{Name: "memory.raw", Method: method, CRC32: sum, CompressedSize64: uint64(len(packed)), UncompressedSize64: uint64(size)})
	if err == nil {
		_, err = w.Write([]byte(packed))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Files of archives are read that are compressed by methods which unzip does not know, and their sums are compared, over
// all streams; what is not read is refused with what unpacks it.
func TestZipMethods(t *testing.T) {
	want := imagetest.Record(0x1000, 0x1000+99_999, memory(t, 100_000))
	sum := crc32.ChecksumIEEE([]byte(want))
	for name, c := range map[string]struct {
		method       uint16
		tool, script string
	}{
		"bzip2":     {12, "bzip2", "bzip2 -c in"},
		"zstd":      {93, "zstd", "zstd -qc in"},
		"two zstd":  {93, "zstd", "head -c 5000 in | zstd -qc; tail -c +5001 in | zstd -qc"},
		"two bzip2": {12, "bzip2", "head -c 5000 in | bzip2 -c; tail -c +5001 in | bzip2 -c"},
		"xz":        {95, "xz", "xz -c in"},
	} {
		t.Run(name, func(t *testing.T) {
			packed := made(t, want, c.tool, c.script)
			img, err := open(t, rawArchive(t, c.method, packed, len(want), sum), image.Options{})
			if err != nil || img.Format != "LiME" || img.Missing != 0 || len(img.Notes) > 0 {
				t.Fatalf("%+v, %v", img, err)
			}
			if got, lost := bytesOf(t, img); got != want[32:] || lost > 0 {
				t.Errorf("other bytes, %d lost", lost)
			}
			img, err = open(t, rawArchive(t, c.method, packed, len(want), sum+1), image.Options{})
			if err != nil || img.Missing == 0 || !strings.Contains(img.Notes[0], "with the sum") {
				t.Errorf("another sum: %v, %q", err, img.Notes)
			}
			img, err = open(t, rawArchive(t, c.method, packed[:len(packed)/2], len(want), sum), image.Options{})
			if err == nil && img.Missing == 0 {
				t.Error("cut, and nothing is missing")
			}
		})
	}
	_, err := open(t, rawArchive(t, 14, "x", 1, 0), image.Options{})
	imagetest.CheckError(t, err, `"memory.raw" is compressed by method 14: unpack it first (7z x `)
	_, err = open(t, rawArchive(t, 9, "x", 1, 0), image.Options{})
	imagetest.CheckError(t, err, `"memory.raw" is compressed by method 9: unpack it first (unzip `)
}
