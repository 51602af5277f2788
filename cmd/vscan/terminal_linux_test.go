package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"vscan/cmd/vscan/internal/cli"
	"vscan/cmd/vscan/internal/consoletest"
)

// A search at a terminal shows the status, with the hits above it. The terminal becomes
// narrower, Ctrl-C ends the search, and then the screen has the hits and what was told, and
// nothing else.
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
	x := consoletest.OpenTerminal(t, 100)
	// The second pattern finds nothing, and takes long to do so.
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "vscan", "find", "-e", "HIT", "-e", `re:\x00[^q]{1,50}[\x01-\x05]`, "-j", "1", "--shard-size", "64K", "--image-format", "raw", image)
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "NO_COLOR=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = x.Tty, x.Tty, x.Tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	x.Tty.Close()

	status := regexp.MustCompile(`^\s*\d+%`)
	shown := func() bool { return status.MatchString(x.Below()) }
	hits := func() int { return strings.Count(x.Text(), "HIT") }
	x.WaitFor("the status", shown)
	n := hits()
	x.WaitFor("more hits", func() bool { return hits() > n+1 })
	x.WaitFor("the status below them", shown)
	for _, width := range []int{50, 30, 70} {
		// What is being written may have been drawn for the former width, so the test
		// waits until it was drawn anew.
		drawn := x.Drawn
		x.WaitFor("a whole status", func() bool { return x.Drawn > drawn && shown() && len(x.Unfinished) == 0 })
		x.Resize(width)
		n, drawn = hits(), x.Drawn
		x.WaitFor("hits after the terminal was resized", func() bool { return hits() > n && x.Drawn > drawn+2 })
		x.WaitFor("the status below them", func() bool { return shown() && len(x.Below()) < width })
	}
	if _, err := x.Master.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	for {
		b := make([]byte, 256)
		n, err := x.Master.Read(b)
		got.Write(b[:n])
		x.Display.Write(b[:n])
		if err != nil { // EIO says that no program has the terminal any more
			break
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != cli.ExitInterrupted {
		t.Errorf("%v, want exit code %d", err, cli.ExitInterrupted)
	}
	hit, next := regexp.MustCompile(`^0x([0-9a-f]+) +HIT +image\.raw\+0x[0-9a-f]+ +HIT$`), int64(0)
	lines := strings.Split(x.Text(), "\n")
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
	if next == 0 || !strings.Contains(x.Text(), "interrupted") || x.Below() != "" {
		t.Errorf("the screen:\n%s\nat the end came %q", x.Text(), got.String())
	}
}
