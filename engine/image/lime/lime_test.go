package lime

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/image"
	"vscan/engine/image/imagetest"
	"vscan/engine/image/input"
)

func TestLiME(t *testing.T) {
	const end = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	one, two := imagetest.Record(0x1000, 0x1003, "abcd"), imagetest.Record(0x2000, 0x2003, "abcd")
	const shown = "0x1000..0x1003 present +0x20 record[0]\n"
	for name, c := range map[string]struct {
		file    string
		want    string // mappings
		missing uint64
		note    string
	}{
		"one":                {one, shown, 0, ""},
		"last byte":          {imagetest.Record(1<<64-4, 1<<64-1, "abcd"), "0xfffffffffffffffc..0xffffffffffffffff present +0x20 record[0]\n", 0, ""},
		"all there is":       {imagetest.Record(0, 1<<64-1, "abcd"), "0x0..0x3 present +0x20 record[0]\n0x4..0xffffffffffffffff absent record[0]\n", 1<<64 - 4, "record 0 at file offset 0x0, 0x0..0xffffffffffffffff, is cut at the end of the file after 4 bytes"},
		"all, no byte":       {imagetest.Record(0, 1<<64-1, ""), "0x0..0xffffffffffffffff absent record[0]\n", 1<<64 - 1, "truncated"},
		"unordered, overlap": {one + imagetest.Record(0x800, 0x801, "xy") + imagetest.Record(0x1001, 0x1001, "z"), shown + "0x800..0x801 present +0x44 record[1]\n0x1001..0x1001 present +0x66 record[2]\n", 0, "record[0], 0x1000..0x1003, and record[2], 0x1001..0x1001, overlap"},
		"unordered":          {one + imagetest.Record(0x800, 0x801, "xy"), shown + "0x800..0x801 present +0x44 record[1]\n", 0, ""},
		"twice":              {one + one, shown + "0x1000..0x1003 present +0x44 record[1]\n", 0, "record[0], 0x1000..0x1003, and record[1], 0x1000..0x1003, overlap"},
		"end":                {one + end, shown, 0, ""},
		"end, then bytes":    {one + end + "x", shown, 1, "a header of zeros at file offset 0x24: the 1 bytes behind it are not read"},
		"end, then zeros":    {one + end + imagetest.Zeros(5000), shown, 0, ""},
		"end, more at last":  {one + end + imagetest.Zeros(5000) + "x", shown, 5001, "a header of zeros at file offset 0x24: the 5001 bytes behind it are not read"},
		"end cut":            {one + end[:5], shown, 0, ""},
		"data cut":           {one + imagetest.Record(0x2000, 0x2003, "ab"), shown + "0x2000..0x2001 present +0x44 record[1]\n0x2002..0x2003 absent record[1]\n", 2, "record 1 at file offset 0x24"},
		"header cut":         {one + one[:31], shown, 31, "at file offset 0x24: truncated: the header is cut"},
		"magic":              {one + strings.Repeat("x", 100), shown, 100, "at file offset 0x24: magic 0x78787878"},
		"version":            {one + "EMiL\x02" + two, shown + "0x2000..0x2003 present +0x49 record[1]\n", 5, "at file offset 0x24: version "},
		"version, no more":   {one + "EMiL\x02" + one[5:], shown, 36, "at file offset 0x24: version "},
		"turned round":       {one + imagetest.Record(2, 1, "abc") + two, shown + "0x2000..0x2003 present +0x67 record[1]\n", 35, "at file offset 0x24: last address 0x1 below the first, 0x2: the 35 bytes from there to the next record, at file offset 0x47"},
		"first, no end":      {end, "", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			img, err := imagetest.Finished(open(t.Context(), imagetest.Reader([]byte(c.file)), image.Options{}))
			if err != nil {
				t.Fatal(err)
			}
			imagetest.CheckImage(t, img, uint64(len(c.file)))
			imagetest.CheckMappings(t, img, c.want)
			if img.Missing != c.missing {
				t.Errorf("%d bytes missing, want %d", img.Missing, c.missing)
			}
			if c.note == "" {
				imagetest.CheckNotes(t, img)
			} else {
				imagetest.CheckNotes(t, img, c.note)
			}
			if img.Space != image.Physical || img.WordSize != 0 || img.OrderKnown {
				t.Errorf("%+v", img)
			}
		})
	}
	for file, want := range map[string]string{
		"EMiL\x02" + one[5:]:       "version 2, not 1",
		"EMiL":                     "cut at the end of the file after 4 of 32 bytes",
		imagetest.Record(5, 4, ""): "last address 0x4 below the first, 0x5",
		"EMiX" + one[4:]:           "magic 0x58694d45",
	} {
		_, err := imagetest.Finished(open(t.Context(), imagetest.Reader([]byte(file)), image.Options{}))
		imagetest.CheckError(t, err, want)
	}
	_, err := imagetest.Finished(open(t.Context(), imagetest.Reader([]byte(one)), image.Options{Space: image.Virtual}))
	imagetest.CheckError(t, err, "physical addresses only")

	// Every prefix.
	file := one + imagetest.Record(0x2000, 0x2003, "abcd") + end
	for n := range file {
		img, err := imagetest.Finished(open(t.Context(), imagetest.Reader([]byte(file[:n])), image.Options{}))
		if n < 32 && n > 0 {
			imagetest.CheckError(t, err, fmt.Sprintf("after %d of 32 bytes", n))
		} else if err != nil {
			t.Errorf("%d bytes: %v", n, err)
		} else {
			imagetest.CheckImage(t, img, uint64(n))
		}
	}
}

// Very many very small records are refused before they take more memory than the
// file has; as many larger ones, or fewer of a byte, are not.
func TestSmallRecords(t *testing.T) {
	for _, n := range []int{fewRecords, fewRecords + 1} {
		var b strings.Builder
		for i := range n {
			b.WriteString(imagetest.Record(uint64(2*i), uint64(2*i), "x"))
		}
		f, err := input.Open(imagetest.WriteFile(t, t.TempDir(), "lime", b.String()))
		if err != nil {
			t.Fatal(err)
		}
		_, err = open(t.Context(), f.Reader(), image.Options{})
		var unsupported *image.UnsupportedError
		switch {
		case errors.As(err, &unsupported) != (n > fewRecords):
			t.Errorf("%d records: %v", n, err)
		case n > fewRecords && !strings.Contains(err.Error(), "lime is a LiME dump with 262145 records of 1 byte on average up to file offset 0x840021: make a dump with a record for each range"):
			t.Error(err)
		}
		f.Close()
	}
	for size, refused := range map[uint64]bool{leastBytes: false, leastBytes - 1: true} {
		const n = 2 * fewRecords
		l := &reader{Reader: imagetest.Reader(nil), img: &image.Draft{Image: image.Image{Mappings: make([]engine.Mapping, n)}}, held: n * size}
		if err := l.tooSmall(0); (err != nil) != refused {
			t.Errorf("%d bytes each: %v", size, err)
		}
	}
}
