package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"vscan/cmd/vscan/internal/console"
	"vscan/cmd/vscan/internal/consoletest"
	"vscan/engine"
)

// The status line stands below what was written and is erased before more is written. It
// fits in a terminal that is made narrower or wider, and nothing of it stays at the end.
func TestStatusOnTerminal(t *testing.T) {
	x := consoletest.OpenTerminal(t, 100)
	a := &App{Out: console.NewOutput(x.Tty, x.Tty), Err: x.Tty}
	b := &Bar{app: a, terminal: true}
	b.shows = repeat(time.Hour, b.show) // this test draws it
	b.status.images = 1
	progress := &engine.Progress{}
	b.Begin(1, "dumps/an-image-with-a-long-name.core", 1<<30, progress)
	want := ""
	for i, width := range []int{100, 40, 39, 120, 20, 12, 80, 80, 5, 60} {
		x.Resize(width)
		// A line that was drawn when the terminal was wider stands on several rows now.
		progress.Bytes.Add(50 << 20)
		progress.Hits.Add(1)
		b.show(time.Now())
		x.Sync()
		if x.Text() != strings.TrimPrefix(want+"\n"+x.Below(), "\n") && !(want == "" && x.Text() == x.Below()) {
			t.Fatalf("%d columns: above the status %q stands\n%s\nwant\n%s", width, x.Below(), x.Text(), want)
		}
		if n := len([]rune(x.Below())); n > max(width-1-len(console.Echo), 0) || n == 0 && width > 10 {
			t.Errorf("%d columns: a status of %d: %q", width, n, x.Below())
		}
		if strings.Count(x.Text(), "%") > 1 {
			t.Errorf("%d columns: two of them:\n%s", width, x.Text())
		}
		if i%3 == 1 {
			continue
		}
		line := fmt.Sprintf("0x%x hit", i)
		fmt.Fprintln(a.Out, line)
		if i%2 == 0 {
			a.Out.Flush()
		} else {
			a.Tell("a note") // this comes behind what was written before
			line += "\nvscan: a note"
		}
		x.Sync()
		want = strings.TrimPrefix(want+"\n"+line, "\n")
		if x.Text() != want {
			t.Fatalf("%d columns: the screen has\n%s\nwant\n%s", width, x.Text(), want)
		}
	}
	b.show(time.Now())
	b.Finish()
	if err := a.Out.Close(); err != nil {
		t.Fatal(err)
	}
	x.Sync()
	if x.Text() != want || x.Below() != "" {
		t.Errorf("at the end the screen has\n%s\nwant\n%s", x.Text(), want)
	}
}
