//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// interruptCase is a command that goes on for long, or for ever, until it is interrupted.
type interruptCase struct {
	args    []string
	blocked bool   // standard output is a pipe that nobody reads
	silent  bool   // standard error is, too
	stdin   string // what standard input begins with; it never ends
	told    string // what is told, unless silent
}

// Whatever the program is doing, it ends when it is asked to. The guard of a minute is
// against hangs; how long it took is logged.
func TestInterrupts(t *testing.T) {
	if testing.Short() {
		t.Skip("runs programs that do much")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	in := makeInterruptFiles(t)
	for name, c := range interruptCases() {
		for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
			t.Run(fmt.Sprintf("%s/%v", name, s), func(t *testing.T) { c.run(t, exe, in, s) })
		}
	}
}

// run runs the command, waits until it is well under way, and interrupts it.
func (c *interruptCase) run(t *testing.T, exe, dir string, s syscall.Signal) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe)
	cmd.Args, cmd.Dir = append([]string{"vscan"}, c.args...), dir
	pipe := func() (r, w *os.File) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close(); w.Close() })
		return r, w
	}
	fromUs, toIt := pipe()
	if _, err := toIt.WriteString(c.stdin); err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = fromUs
	var told bytes.Buffer
	if cmd.Stderr = &told; c.silent {
		_, cmd.Stderr = pipe()
	}
	if c.blocked {
		_, cmd.Stdout = pipe()
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	began := time.Now()
	if err := cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	t.Logf("ended after %v", time.Since(began).Round(time.Millisecond))
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Errorf("%v, want exit code 130\n%s", err, told.String())
	}
	if !c.silent && !strings.Contains(told.String(), c.told) {
		t.Errorf("told %q, want %q", told.String(), c.told)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*.tmp")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// makeInterruptFiles makes what the commands read, and returns the folder.
func makeInterruptFiles(t *testing.T) string {
	dir := t.TempDir()
	write := func(name string, n int, line func(i int) string) {
		var b bytes.Buffer
		for i := range n {
			b.WriteString(line(i))
		}
		if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("image.raw", 1<<16, func(i int) string { return fmt.Sprintf("image %d\n", i) })
	return dir
}

const asRaw = "--image-format=raw"

// interruptCases returns the commands, by what they are doing when they are interrupted.
func interruptCases() map[string]interruptCase {
	const (
		lost = "not complete: interrupted, and not all of the output could be written"
	)
	return map[string]interruptCase{
		"hits/blocked":       {args: []string{"find", asRaw, "re:.", "image.raw"}, blocked: true, told: lost},
		"hits/jsonl":         {args: []string{"find", asRaw, "-o", "jsonl", "re:.", "image.raw"}, blocked: true, told: lost},
		"hits/notes blocked": {args: []string{"find", asRaw, "re:.", "image.raw"}, blocked: true, silent: true},
		"strings/blocked":    {args: []string{"strings", asRaw, "-n", "1", "image.raw"}, blocked: true, told: lost},
		"read/blocked":       {args: []string{"read", asRaw, "image.raw", "0", "512K"}, blocked: true, told: lost},
	}
}
