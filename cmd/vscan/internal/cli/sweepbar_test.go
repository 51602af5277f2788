package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"vscan/cmd/vscan/internal/console"
	"vscan/internal/wording"
)

// aSweep is in the middle of a sweep.
func aSweep() SweepProgress {
	return SweepProgress{Images: 12, Known: 200, AllKnown: true, Bytes: 3 << 29, KnownBytes: 3 << 30, Hits: 3, Failures: 1, UnderWay: []ImageProgress{
		{"dumps/a-rather-long-name-of-an-image.core", 1 << 30, 1 << 31}, {"b\x1b[31m\nc\u202e\xff", 5, 0}, {"世界世界世界世界世界世界世界世界世界世界世界世界", 7, 7}, {"d", 9, 3}, {"fifth", 1, 2},
	}}
}

// At a terminal of any size all lines fit, what matters most is in them, and no name does
// anything to it.
func TestSweepLines(t *testing.T) {
	p := aSweep()
	for columns := range 210 {
		for rows := range 9 {
			text := sweepLines(&p, 1<<28, columns, rows)
			lines := strings.Split(text, "\n")
			if len(lines) > max(1, min(rows-1, 1+mostUnderWay)) || strings.ContainsAny(text, "\r\x1b\u202e") || !utf8.ValidString(text) {
				t.Fatalf("%d × %d: %q", columns, rows, text)
			}
			for _, line := range lines {
				if wording.Columns(line) > max(columns-1-len(console.Echo), 0) {
					t.Fatalf("%d columns: %q has %d", columns, line, wording.Columns(line))
				}
			}
		}
	}
	want := strings.Join([]string{
		"  50% [===============>................]  12 of 200 images, 1.5 GiB of 3.0 GiB, 256.0 MiB/s, 6s left, 3 hits, 1 failed",
		"  50%  1.0 GiB of 2.0 GiB  dumps/a-rather-long-name-of-an-image.core",
		`       b\x1b[31m\x0ac\u202e\xff`,
		" 100%  7 bytes of 7 bytes  世界世界世界世界世界世界世界世界世界世界世界世界",
		" 100%  3 bytes of 3 bytes  d",
	}, "\n")
	if got := sweepLines(&p, 1<<28, 200, 24); got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
	for columns, parts := range map[int][]string{30: {" 50%", "12 of 200 images"}, 44: {" 50%", "12 of 200 images, 6s left, 3 hits"}, 63: {"===>", "12 of 200 images", "3 hits"}, 80: {"6s left, 3 hits, 1 failed"}} {
		for _, part := range parts {
			if line, _, _ := strings.Cut(sweepLines(&p, 1<<28, columns, 24), "\n"); !strings.Contains(line, part) {
				t.Errorf("%d columns: %q has no %q", columns, line, part)
			}
		}
	}
}

// What is not known is not guessed: no share and no time left before all images are known,
// nor a time left before their bytes are.
func TestSweepUnknown(t *testing.T) {
	for _, c := range []struct {
		p    SweepProgress
		want string
	}{
		{SweepProgress{Images: 1, Known: 5, Bytes: 1024, KnownBytes: 4096}, "1 of 5 images so far, 1.0 KiB of 4.0 KiB, 512 bytes/s, 0 hits"},
		{SweepProgress{Images: 1, Known: 4, AllKnown: true, Bytes: 1024}, "  25%  1 of 4 images, 1.0 KiB, 512 bytes/s, 0 hits"},
		{SweepProgress{AllKnown: true}, " 100%  0 of 0 images, 0 bytes, 512 bytes/s, 0 hits"},
		{SweepProgress{Images: 1, Known: 1, AllKnown: true, Bytes: 9, KnownBytes: 7}, " 100%  1 of 1 image, 9 bytes of 9 bytes, 512 bytes/s, 0s left, 0 hits"},
		{SweepProgress{Images: math.MaxUint64, Known: math.MaxUint64, AllKnown: true, KnownBytes: math.MaxUint64}, "   0%  18446744073709551615 of 18446744073709551615 images, 0 bytes of 16.0 EiB, 512 bytes/s"},
	} {
		line := sweepLines(&c.p, 512, 200, 24)
		i, j := strings.Index(line, " ["), strings.Index(line, "]")
		if i > 0 {
			line = line[:i] + line[j+1:]
		}
		if !strings.HasPrefix(line, c.want) {
			t.Errorf("%+v: %q, want %q", c.p, line, c.want)
		}
	}
}

// Where nobody sees a terminal there is a line every ten seconds, or one of JSON a second,
// and at the end one more of these.
func TestSweepBarLines(t *testing.T) {
	for _, c := range []struct {
		how       string
		lines     int
		lineBegin string
	}{
		{"auto", 2, "vscan: 12 of 200 images, 1.5 GiB of 3.0 GiB, "}, {"always", 2, "vscan: 12 of 200 images, "}, {"json", 25 + 1, `{"type":"progress","images":12,"known":200,"all_known":true,"bytes":1610612736,`},
		{"never", 0, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			var stderr bytes.Buffer
			a := &App{Out: console.NewOutput(new(bytes.Buffer), &stderr), Err: &stderr}
			b := a.StartSweepBar(c.how, aSweep)
			time.Sleep(25*time.Second + drawEvery/2)
			b.Finish()
			a.Out.Close()
			lines := strings.Split(strings.TrimSuffix(stderr.String(), "\n"), "\n")
			if c.lines == 0 {
				lines = nil
			}
			if len(lines) != c.lines || stderr.Len() > 0 != (c.lines > 0) {
				t.Errorf("%+v: %d lines: %q", c, len(lines), lines)
			}
			for _, line := range lines {
				if !strings.HasPrefix(line, c.lineBegin) {
					t.Errorf("%+v: %q", c, line)
				}
			}
		})
	}
}

// A line of JSON has what is known, in the order of the keys as they are documented, and a
// name that is no text is escaped and told.
func TestSweepJSON(t *testing.T) {
	p := aSweep()
	line := p.json(1<<28, 90*time.Second+1234567)
	want := `{"type":"progress","images":12,"known":200,"all_known":true,"bytes":1610612736,"known_bytes":3221225472,"rate":268435456,"seconds_left":6,"hits":3,"failed":1,"seconds":90.001,"under_way":[` +
		`{"image":"dumps/a-rather-long-name-of-an-image.core","bytes":1073741824,"of":2147483648},{"image":"b\u001b[31m\nc\u202e\\xff","bytes":5,"escaped":["image"]},`
	if !strings.HasPrefix(line, want) || !json.Valid([]byte(line)) || strings.Contains(line, "\n") {
		t.Errorf("%s\nwant\n%s", line, want)
	}
	for text, p := range map[string]SweepProgress{
		`{"type":"progress","images":0,"known":2,"all_known":false,"bytes":0,"rate":0,"hits":0,"failed":0,"seconds":0,"under_way":[]}`: {Known: 2},
		`{"type":"progress","images":0,"known":2,"all_known":true,"bytes":0,"known_bytes":9,"rate":0,"hits":0,"failed":0,"seconds":0,"under_way":[{"image":"<&>","bytes":0}]}`: {Known: 2, AllKnown: true, KnownBytes: 9,
			UnderWay: []ImageProgress{{Name: "<&>"}}},
	} {
		if got := p.json(0, 0); got != text {
			t.Errorf("%s\nwant\n%s", got, text)
		}
	}
}

// Whatever the numbers are, there are a line and JSON.
func TestSweepNumbers(t *testing.T) {
	for _, n := range []uint64{0, 1, 1 << 40, math.MaxUint64} {
		for _, rate := range []float64{0, 1e-9, 1e30} {
			p := SweepProgress{n, n / 2, true, n, n / 3, n, n, []ImageProgress{{"x", n, n / 2}, {"y", n / 2, n}}}
			if text := fmt.Sprint(sweepLines(&p, rate, 200, 24)); !strings.Contains(text, "x\n") {
				t.Errorf("%+v: %q", p, text)
			}
			if text := p.json(rate, math.MaxInt64); !json.Valid([]byte(text)) {
				t.Errorf("%+v: %q", p, text)
			}
		}
	}
}
