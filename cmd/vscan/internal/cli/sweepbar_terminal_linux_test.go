package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"vscan/cmd/vscan/internal/console"
	"vscan/cmd/vscan/internal/consoletest"
	"vscan/internal/wording"
)

// The lines of a sweep stand below what was written, each in its row, are written over as they
// become more and fewer, and are erased before more is written and at the end, also
// where the terminal was made narrower meanwhile and broke them.
func TestSweepOnTerminal(t *testing.T) {
	x := consoletest.OpenTerminal(t, 100)
	a := &App{Out: console.NewOutput(x.Tty, x.Tty), Err: x.Tty}
	p := aSweep()
	under := p.UnderWay
	b := &SweepBar{app: a, read: func() SweepProgress { return p }, terminal: true}
	b.shows = repeat(time.Hour, b.show) // this test draws it
	want := ""
	for i, width := range []int{100, 40, 39, 120, 20, 12, 80, 80, 5, 60} {
		x.Resize(width)
		p.Hits++
		p.UnderWay = under[i%3:][:(i*2)%4]
		b.show(time.Now())
		x.Sync()
		columns, rows := terminalSize(x.Tty)
		below := sweepLines(&p, 0, columns, rows)
		if got := x.Below(); !sameLines(got, below) {
			t.Fatalf("%d columns: the lines are\n%s\nwant\n%s", width, got, below)
		}
		if above := strings.TrimSuffix(strings.TrimSuffix(x.Text(), x.Below()), "\n"); above != want {
			t.Fatalf("%d columns: above the lines stands\n%s\nwant\n%s", width, above, want)
		}
		if i%3 == 1 {
			continue
		}
		line := fmt.Sprintf("0x%x hit", i)
		fmt.Fprintln(a.Out, line)
		a.Tell("a note") // this comes behind what was written before
		x.Sync()
		want = strings.TrimPrefix(want+"\n"+line+"\nvscan: a note", "\n")
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

// sameLines reports whether two texts have as many lines of the same width, which are the same but for the
// rate and what follows from it.
func sameLines(got, want string) bool {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	if len(a) != len(b) {
		return false
	}
	for i := 1; i < len(a); i++ {
		if a[i] != strings.TrimRight(b[i], " ") {
			return false
		}
	}
	return wording.Columns(a[0]) > 0 == (wording.Columns(b[0]) > 0)
}
