package cli

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"vscan/cmd/vscan/internal/console"
	"vscan/engine"
	"vscan/internal/wording"
)

func TestProgressText(t *testing.T) {
	for _, c := range []struct {
		done, total uint64
		rate        float64
		hits        uint64
		want        string
	}{
		{0, 3 << 30, 0, 0, "0 bytes of 3.0 GiB, 0 bytes/s, time left unknown, 0 hits"},
		{1 << 30, 3 << 30, 1 << 30, 1, "1.0 GiB of 3.0 GiB, 1.0 GiB/s, 2s left, 1 hit"},
		{0, 100 << 40, 1 << 30, 5, "0 bytes of 100.0 TiB, 1.0 GiB/s, 28h26m40s left, 5 hits"},
		{7, 7, 10, 5, "7 bytes of 7 bytes, 10 bytes/s, 0s left, 5 hits"},
		{0, math.MaxUint64, 1e-3, 0, "0 bytes of 16.0 EiB, 0 bytes/s, 277777h46m40s left, 0 hits"},
	} {
		if got := progressText(c.done, c.total, c.rate, c.hits); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// The rate is measured over the last seconds.
func TestSpeed(t *testing.T) {
	var s speed
	start := time.Now()
	at := func(seconds float64, bytes uint64) float64 {
		return s.rate(start.Add(time.Duration(seconds*float64(time.Second))), bytes)
	}
	for _, c := range []struct {
		seconds float64
		bytes   uint64
		want    float64
	}{
		{0, 0, 0}, {0, 0, 0}, {1, 1000, 1000}, {2, 2000, 1000}, {3, 2000, 2000. / 3},
		{10, 9000, 1000}, {12, 9000, 7000. / 9}, {15, 9000, 0}, {100, 9000, 0}, {101, 8000, 0},
	} {
		if got := at(c.seconds, c.bytes); math.Abs(got-c.want) > 1e-6 {
			t.Errorf("%v bytes after %v s: %v, want %v", c.bytes, c.seconds, got, c.want)
		}
	}
	for i := range 100_000 {
		at(200+float64(i)/10, 0)
	}
	if len(s.samples) > 60 {
		t.Errorf("%d samples are kept", len(s.samples))
	}
}

// The picture is as wide as was asked for, and its head stands where the percentage is.
func TestPicture(t *testing.T) {
	for percent, want := range map[int]string{0: "............", 8: "............", 9: ">...........", 50: "=====>......", 99: "==========>.", 100: "============"} {
		if got := picture(percent, 12); got != want {
			t.Errorf("%d%%: %q, want %q", percent, got, want)
		}
	}
	for width := 1; width <= 32; width++ {
		for percent := range 101 {
			line := picture(percent, width)
			full := len(strings.TrimRight(line, "."))
			if len(line) != width || strings.Trim(line, "=>.") != "" || full != percent*width/100 {
				t.Errorf("%d%% of %d columns: %q", percent, width, line)
			}
		}
	}
}

// The line is at most as wide as the terminal, whatever width that has by then, and what
// matters most is in it even where it is narrow.
func TestBarLines(t *testing.T) {
	s := status{name: "dumps/a-rather-long-name-of-an-image.core", image: 12, images: 200, done: 3 << 29, total: 3 << 30, hits: 2, before: 1, rate: 1 << 28}
	for _, width := range []int{200, 80, 40, 41, 120, 20, 5, 4, 3, 1, 0, 200} {
		line := barLine(s, width)
		if wording.Columns(line) > max(width-1-len(console.Echo), 0) || strings.ContainsAny(line, "\r\n\x1b") {
			t.Errorf("%d columns: %q has %d", width, line, wording.Columns(line))
		}
		for _, part := range []struct {
			from int // columns
			text string
		}{{10, " 50%"}, {24, "image 12/200"}, {40, "3 hits"}, {80, "===>"}, {80, "1.5 GiB of 3.0 GiB"}, {120, "256.0 MiB/s"}, {200, s.name}} {
			if has := strings.Contains(line, part.text); width >= part.from && !has {
				t.Errorf("%d columns: %q has no %q", width, line, part.text)
			}
		}
	}
	if line := barLine(s, 200); strings.Contains(line, "left") {
		t.Errorf("the time left of one image is no time left: %q", line)
	}
	if s.image = s.images; !strings.Contains(barLine(s, 80), "6s left") {
		t.Errorf("of the last image: %q", barLine(s, 80))
	}
	for _, s := range []status{{images: 1}, {images: 1, total: math.MaxUint64, done: math.MaxUint64}, {images: 2, image: 1, name: "世界世界世界世界世界世界世界世界"}} {
		if line := barLine(s, 80); !strings.Contains(line, "[") {
			t.Errorf("no picture: %q", line)
		}
		for width := range 130 {
			if line := barLine(s, width); wording.Columns(line) > max(width-1-len(console.Echo), 0) {
				t.Errorf("%d columns: %q", width, line)
			}
		}
	}
}

// A line never tells less than the one before it, although the end of an image is told by
// whoever searches it, while the bar is shown now and then by a goroutine of its own.
func TestBarLinesInOrder(t *testing.T) {
	const images, size = 200, 100
	var stderr bytes.Buffer
	b := &Bar{app: &App{Out: console.NewOutput(new(bytes.Buffer), &stderr), Err: &stderr}, asked: true}
	b.status.images = images
	b.shows = repeat(time.Microsecond, b.show)
	for i := range images {
		var p engine.Progress
		b.Begin(i+1, fmt.Sprint(i+1), size, &p)
		for range size {
			p.Bytes.Add(1)
		}
		b.End()
	}
	b.Finish()
	b.app.Out.Close()
	image, done := 0, 0
	for line := range strings.Lines(stderr.String()) {
		var i, of, n int
		var name string
		if _, err := fmt.Sscanf(line, "vscan: %s image %d/%d, %d byte", &name, &i, &of, &n); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if i < image || i == image && n < done || i > image && image > 0 && done != size || i > image+1 {
			t.Errorf("behind %d bytes of image %d: %q", done, image, line)
		}
		image, done = i, n
	}
	if image != images || done != size {
		t.Errorf("the last line tells of %d bytes of image %d", done, image)
	}
}
