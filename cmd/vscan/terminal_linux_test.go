package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vscan/engine"
)

// terminal is a pseudoterminal and what its screen shows.
type terminal struct {
	*display
	t      *testing.T
	master *os.File // what the terminal's emulator has
	tty    *os.File // what programs have
	marks  int
}

func openTerminal(t *testing.T, width int) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudoterminals here: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetUint32(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudoterminals here: %v", err)
	}
	t.Cleanup(func() { tty.Close() })
	x := &terminal{display: newDisplay(width), t: t, master: master, tty: tty}
	x.resize(width)
	return x
}

// resize makes the terminal so many columns wide.
func (x *terminal) resize(width int) {
	x.t.Helper()
	x.width = width
	if err := unix.IoctlSetWinsize(int(x.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: uint16(width)}); err != nil {
		x.t.Fatal(err)
	}
}

// sync shows all that was written to the terminal by now.
func (x *terminal) sync() {
	x.t.Helper()
	x.marks++
	mark := fmt.Sprint(x.marks)
	io.WriteString(x.tty, "\x1b["+mark+"z")
	x.until("what was written", func() bool { return strings.HasSuffix(x.display.marks, mark+" ") })
}

// until shows what comes until something is so.
func (x *terminal) until(what string, is func() bool) {
	x.t.Helper()
	guard := time.AfterFunc(2*time.Minute, func() { x.tty.Close(); x.master.Close() })
	defer guard.Stop()
	b := make([]byte, 64) // a little at a time
	for !is() {
		n, err := x.master.Read(b)
		x.display.Write(b[:n])
		if err != nil {
			x.t.Fatalf("waiting for %s: %v; the screen:\n%s", what, err, x.text())
		}
	}
}

// The status line stands below what was written, goes before more is, is all there
// in a terminal that is made narrower or wider, and nothing of it stays.
func TestStatusOnTerminal(t *testing.T) {
	x := openTerminal(t, 100)
	a := &app{out: newOutput(x.tty, x.tty), err: x.tty}
	b := &bar{app: a, terminal: true, stop: make(chan struct{}), stopped: make(chan struct{})}
	close(b.stopped) // this test draws it
	b.status.of = 1
	progress := &engine.Progress{}
	b.begin(1, "dumps/an-image-with-a-long-name.core", 1<<30, progress)
	want := ""
	for i, width := range []int{100, 40, 39, 120, 20, 12, 80, 80, 5, 60} {
		x.resize(width)
		// A line that was drawn when the terminal was wider stands on several rows now.
		progress.Bytes.Add(50 << 20)
		progress.Hits.Add(1)
		b.show(time.Now())
		x.sync()
		if x.text() != strings.TrimPrefix(want+"\n"+x.below(), "\n") && !(want == "" && x.text() == x.below()) {
			t.Fatalf("%d columns: above the status %q stands\n%s\nwant\n%s", width, x.below(), x.text(), want)
		}
		if n := len([]rune(x.below())); n > max(width-1-len(echo), 0) || n == 0 && width > 10 {
			t.Errorf("%d columns: a status of %d: %q", width, n, x.below())
		}
		if strings.Count(x.text(), "%") > 1 {
			t.Errorf("%d columns: two of them:\n%s", width, x.text())
		}
		if i%3 == 1 {
			continue
		}
		line := fmt.Sprintf("0x%x hit", i)
		fmt.Fprintln(a.out, line)
		if i%2 == 0 {
			a.out.Flush()
		} else {
			a.tell("a note") // which comes behind what was written before
			line += "\nvscan: a note"
		}
		x.sync()
		want = strings.TrimPrefix(want+"\n"+line, "\n")
		if x.text() != want {
			t.Fatalf("%d columns: the screen has\n%s\nwant\n%s", width, x.text(), want)
		}
	}
	b.show(time.Now())
	b.finish()
	if err := a.out.close(); err != nil {
		t.Fatal(err)
	}
	x.sync()
	if x.text() != want || x.below() != "" {
		t.Errorf("at the end the screen has\n%s\nwant\n%s", x.text(), want)
	}
}

// A search at a terminal: the status is shown, hits come above it, the terminal
// becomes narrower, Ctrl-C ends it, and then the screen has the hits and what was
// told, and nothing else.
func TestSearchAtTerminal(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a program")
	}
	image := filepath.Join(t.TempDir(), "image.raw")
	file, err := os.Create(image)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for at := int64(0); at < 1<<30; at += 256 << 10 { // a sparse file
		if _, err := file.WriteAt([]byte("HIT"), at); err != nil {
			t.Fatal(err)
		}
	}
	x := openTerminal(t, 100)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The second pattern finds nothing, and takes long with it.
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), exe)
	cmd.Args = []string{"vscan", "find", "-e", "HIT", "-e", `re:\x00[^q]{1,50}[\x01-\x05]`, "-j", "1", "--shard-size", "64K", "--image-format", "raw", image}
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "NO_COLOR=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = x.tty, x.tty, x.tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	x.tty.Close()

	status := regexp.MustCompile(`^\s*\d+%`)
	shown := func() bool { return status.MatchString(x.below()) }
	hits := func() int { return strings.Count(x.text(), "HIT") }
	x.until("the status", shown)
	n := hits()
	x.until("more hits", func() bool { return hits() > n+1 })
	x.until("the status below them", shown)
	for _, width := range []int{50, 30, 70} {
		// What is being written was drawn for the width before. It is waited for, for
		// a terminal that has become narrower in the middle of it is nobody's fault.
		drawn := x.drawn
		x.until("a whole status", func() bool { return x.drawn > drawn && shown() && len(x.rest) == 0 })
		x.resize(width)
		n, drawn = hits(), x.drawn
		x.until("hits after the terminal was resized", func() bool { return hits() > n && x.drawn > drawn+2 })
		x.until("the status below them", func() bool { return shown() && len(x.below()) < width })
	}
	if _, err := x.master.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	for {
		b := make([]byte, 256)
		n, err := x.master.Read(b)
		got.Write(b[:n])
		x.display.Write(b[:n])
		if err != nil { // EIO: nobody has the terminal any more
			break
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted {
		t.Errorf("%v, want exit code %d", err, exitInterrupted)
	}
	hit, next := regexp.MustCompile(`^0x([0-9a-f]+) +HIT +image\.raw\+0x[0-9a-f]+ +HIT$`), int64(0)
	lines := strings.Split(x.text(), "\n")
	for i, line := range lines {
		if m := hit.FindStringSubmatch(line); m != nil {
			if want := fmt.Sprintf("%x", next); m[1] != want {
				t.Errorf("hit %d at %s, want %s", i, m[1], want)
			}
			next += 256 << 10
		} else if !strings.HasPrefix(line, "vscan: ") {
			t.Errorf("line %d is neither a hit nor a note: %q", i, line)
		}
	}
	if next == 0 || !strings.Contains(x.text(), "interrupted") || x.below() != "" {
		t.Errorf("the screen:\n%s\nat the end came %q", x.text(), got.String())
	}
}
