package lime

import (
	"fmt"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/image"
	"vscan/engine/image/imagetest"
	"vscan/engine/image/input"
)

// Where a header is damaged or zeros stand in its place, reading goes on at the
// next record, in both byte orders; what is skipped is missing, but for zeros
// that end the file.
func TestLiMEGoesOn(t *testing.T) {
	const (
		first = "0x1000..0x1003 present +0x20 record[0]\n"
		after = "0x3000..0x3003 present +%#x record[1]\n"
	)
	type record = func(first, last uint64, data string) string
	for name, c := range map[string]struct {
		between func(r record) string // the first record and the last
		missing uint64                // of between; the rest of the file where the last is not found
		note    string
	}{
		"zero header":        {func(record) string { return imagetest.Zeros(32) }, 0, "a header of zeros at file offset 0x24: the next record is right behind it"},
		"zeros, odd":         {func(record) string { return imagetest.Zeros(32 + 7) }, 7, "a header of zeros at file offset 0x24: the 7 bytes behind it, to the next record at file offset 0x4b, are not read"},
		"zeros, few":         {func(record) string { return imagetest.Zeros(5) }, 5, "at file offset 0x24: magic 0x"},
		"a page of zeros":    {func(record) string { return imagetest.Zeros(4096) }, 4096 - 32, "a header of zeros at file offset 0x24: the 4064 bytes"},
		"zeros and noise":    {func(record) string { return imagetest.Zeros(4096) + "noise" }, 4096 - 32 + 5, "a header of zeros"},
		"noise":              {func(record) string { return "noise" }, 5, "at file offset 0x24: magic 0x"},
		"magic":              {func(r record) string { return "X" + r(0x2000, 0x2003, "data")[1:] }, 36, "at file offset 0x24: magic 0x"},
		"version":            {func(r record) string { return strings.ReplaceAll(r(0x2000, 0x2003, "data"), "\x01", "\x02") }, 36, "at file offset 0x24: version "},
		"range":              {func(r record) string { return r(0x2003, 0x2000, "data") }, 36, "last address 0x2000 below the first, 0x2003"},
		"two damaged":        {func(r record) string { return strings.Repeat("X"+r(0x2000, 0x2003, "data")[1:], 2) }, 72, "at file offset 0x24: magic 0x"},
		"too long":           {func(r record) string { return r(0x2000, 0xffffffff2003, "data") }, 36, "at file offset 0x24: 0x2000..0xffffffff2003 is longer than the file, in which other records follow: the 36 bytes from there to the next record, at file offset 0x48"},
		"reserved, in a gap": {func(r record) string { return "noise" + r(0x2000, 0x2003, "data")[:24] + "reserved" + "data" }, 41, "at file offset 0x24: magic 0x"},
		"a version in a gap": {func(r record) string { return "noise" + strings.ReplaceAll(r(0x2000, 0x2003, "d"), "\x01", "\x03") }, 38, "at file offset 0x24: magic 0x"},
		"long gap":           {func(record) string { return imagetest.Zeros(3 * blockSize) }, 3*blockSize - 32, "a header of zeros"},
		"long, odd gap":      {func(record) string { return strings.Repeat("noise", blockSize/4) }, blockSize / 4 * 5, "at file offset 0x24: magic 0x"},
	} {
		for order, r := range map[string]record{"little": imagetest.Record, "big": imagetest.BigRecord} {
			t.Run(name+" "+order, func(t *testing.T) {
				file := r(0x1000, 0x1003, "abcd") + c.between(r) + r(0x3000, 0x3003, "efgh")
				img := limeImage(t, file)
				imagetest.CheckMappings(t, img, first+fmt.Sprintf(after, len(file)-4))
				if img.Missing != c.missing {
					t.Errorf("%d bytes missing, want %d", img.Missing, c.missing)
				}
				imagetest.CheckNotes(t, img, c.note)
			})
		}
	}
}

// limeImage opens a dump that has to open.
func limeImage(t *testing.T, file string) *image.Image {
	t.Helper()
	img, err := imagetest.Finished(open(t.Context(), imagetest.Reader([]byte(file)), image.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	imagetest.CheckImage(t, img, uint64(len(file)))
	return img
}

// A record that is longer than the file is truncated, unless others follow in it,
// the last of them truncated or not; a copy of a header in memory is no record.
func TestLiMETooLong(t *testing.T) {
	long := imagetest.Record(0x2000, 0xffff, "data")
	header := imagetest.Record(0x1000, 0x1003, "")
	for name, c := range map[string]struct {
		file     string
		mappings int
		missing  uint64
	}{
		"truncated":         {long, 2, 0xe000 - 4},
		"others":            {long + imagetest.Record(0x3000, 0x3003, "efgh"), 1, 36},
		"others, truncated": {long + imagetest.Record(0x3000, 0x3003, "efgh") + imagetest.Record(0x4000, 0x4fff, "i"), 3, 36 + 4095},
		"zeros at the end":  {long + imagetest.Record(0x3000, 0x3003, "efgh") + imagetest.Zeros(500), 1, 36},
		// What LiME writes into a file is in memory too, and in the dump of it.
		"copies, zeros":    {long + imagetest.Record(0x1000, 0x1003, "efgh") + imagetest.Zeros(500) + imagetest.Record(0x3000, 0x3003, "efgh") + imagetest.Zeros(500) + "x", 2, 0xe000 - 4 - 2*536 - 1},
		"copies, a chain":  {long + header + "abcd" + header + "abcd" + long, 2, 0xe000 - 4 - 2*36 - 36},
		"a copy, the end":  {long + header + "abcd", 2, 0xe000 - 4 - 36},
		"a copy":           {long + header + "and what follows it", 2, 0xe000 - 4 - 32 - 19},
		"a copy, too long": {long + header + "x", 2, 0xe000 - 4 - 32 - 1},
	} {
		img := limeImage(t, c.file)
		if len(img.Mappings) != c.mappings || img.Missing != c.missing {
			t.Errorf("%s: %d mappings, %d missing, notes %q", name, len(img.Mappings), img.Missing, img.Notes)
		}
	}
}

// A copy of an earlier record in one whose header is damaged is no record, which
// would hide the bytes of the real one.
func TestLiMECopy(t *testing.T) {
	first, last := imagetest.Record(0x1000, 0x1003, "abcd"), imagetest.Record(0x3000, 0x3003, "efgh")
	for name, memory := range map[string]string{
		"a copy":       first + "and more",
		"zeros behind": imagetest.Record(0x1000, 0x1003, "wxyz") + imagetest.Zeros(500),
		"too long":     imagetest.Record(0x1000, 0x100000, "wxyz"),
		"two":          imagetest.Record(0x0, 0x3, "wxyz") + "x" + imagetest.Record(0x1002, 0x1002, "w") + "x",
	} {
		damaged := "X" + imagetest.Record(0x2000, 0x2000+uint64(len(memory))-1, memory)[1:]
		img := limeImage(t, first+damaged+last)
		imagetest.CheckMappings(t, img, fmt.Sprintf("0x1000..0x1003 present +0x20 record[0]\n0x3000..0x3003 present +%#x record[1]\n", 36+len(damaged)+32))
		if img.Missing != uint64(len(damaged)) || len(img.Notes) != 1 {
			t.Errorf("%s: %d missing, want %d; notes %q", name, img.Missing, len(damaged), img.Notes)
		}
	}
}

// Every prefix of a file with a gap opens, and no byte of it is forgotten: it is
// shown, or missing, or a header, or zeros at the end.
func TestLiMEPrefixes(t *testing.T) {
	for _, r := range []func(first, last uint64, data string) string{imagetest.Record, imagetest.BigRecord} {
		file := r(0x1000, 0x1003, "abcd") + imagetest.Zeros(40) + r(0x2000, 0x2003, "efgh") + "damaged" + r(0x3000, 0x3003, "ijkl") + imagetest.Zeros(50)
		for n := headerSize; n <= len(file); n++ {
			img := limeImage(t, file[:n])
			shown := uint64(0)
			for _, m := range img.Mappings {
				if m.State == engine.Present {
					shown += m.Size()
				}
			}
			behind := len(strings.TrimRight(file[:n], "\x00"))
			if (img.Missing == 0) != (n == 36 || n > 36 && behind == 36) {
				t.Errorf("%d bytes: %d missing, notes %q", n, img.Missing, img.Notes)
			}
			if want := min(n-headerSize, 4); n < 100 && shown != uint64(want) {
				t.Errorf("%d bytes: %d shown, want %d", n, shown, want)
			}
		}
	}
}

// A header is found wherever it lies in the blocks that are read.
func TestLiMEBlocks(t *testing.T) {
	for at := blockSize - 40; at < blockSize+8; at++ {
		start := imagetest.Record(0x1000, 0x1003, "abcd") + imagetest.Zeros(32)
		file := start + imagetest.Zeros(at) + imagetest.Record(0x3000, 0x3003, "efgh") + "x"
		img := limeImage(t, file)
		if len(img.Mappings) != 2 || img.Missing != uint64(at)+1 {
			t.Errorf("at %#x: %d mappings, %d missing", at, len(img.Mappings), img.Missing)
		}
	}
}

// Searches that start again and again do not read the same again and again.
func TestLiMESearchIsOnePass(t *testing.T) {
	var b strings.Builder
	for i := range uint64(100000) {
		b.WriteString(imagetest.Record(8*i, 8*i+3, "abcd") + "x")
	}
	file := []byte(b.String())
	r := &countingReader{b: file}
	img, err := imagetest.Finished(open(t.Context(), input.Reader{ReaderAt: r, Size: uint64(len(file)), Source: imagetest.Reader(file).Source}, image.Options{}))
	if err != nil || len(img.Mappings) != 100000 {
		t.Fatalf("%v, %d mappings", err, len(img.Mappings))
	}
	if r.read > 4*len(file) {
		t.Errorf("%d bytes read of %d", r.read, len(file))
	}
}

type countingReader struct {
	b    []byte
	read int
}

func (r *countingReader) ReadAt(b []byte, off int64) (int, error) {
	n := copy(b, r.b[off:])
	r.read += n
	return n, nil
}

// A file has one byte order, and where no record is good it is refused.
func TestLiMEOneOrder(t *testing.T) {
	img := limeImage(t, imagetest.Record(0x1000, 0x1003, "abcd")+imagetest.BigRecord(0x2000, 0x2003, "efgh")+imagetest.Record(0x3000, 0x3003, "ijkl"))
	imagetest.CheckMappings(t, img, "0x1000..0x1003 present +0x20 record[0]\n0x3000..0x3003 present +0x68 record[1]\n")
	if img.Missing != 36 {
		t.Errorf("%d bytes missing", img.Missing)
	}
	// Where no record is good, the file is refused.
	_, err := imagetest.Finished(open(t.Context(), imagetest.Reader([]byte(imagetest.BigRecord(5, 3, "abcd"))), image.Options{}))
	imagetest.CheckError(t, err, "last address 0x3 below the first, 0x5")
}
