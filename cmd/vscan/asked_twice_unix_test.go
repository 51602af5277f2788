//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// timeout sends its signal to the program and then to the group of the program, so that
// it comes twice. That is one request: what was found is written, and what was not looked
// at is told. A request that comes later ends the program at once.
func TestAskedTwice(t *testing.T) {
	image := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(image, bytes.Repeat([]byte("a"), 1<<22), 0o666); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		first, second syscall.Signal
		after         time.Duration
		killed        bool
	}{
		"the same":   {syscall.SIGTERM, syscall.SIGTERM, 20 * time.Millisecond, false},
		"key":        {syscall.SIGINT, syscall.SIGINT, 20 * time.Millisecond, false},
		"one each":   {syscall.SIGINT, syscall.SIGTERM, 20 * time.Millisecond, false},
		"much later": {syscall.SIGTERM, syscall.SIGTERM, 3 * onceFor, true},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, "vscan", "find", asRaw, "a", image)
			var told bytes.Buffer
			cmd.Stderr = &told
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			// Who writes listens. It has to wait then, since no more is read.
			if _, err := out.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			cmd.Process.Signal(c.first)
			time.Sleep(c.after)
			cmd.Process.Signal(c.second)
			err = cmd.Wait()
			var exit *exec.ExitError
			if !errors.As(err, &exit) {
				t.Fatalf("%v, want an error of the exit", err)
			}
			status := exit.Sys().(syscall.WaitStatus)
			if c.killed {
				if !status.Signaled() || status.Signal() != c.second {
					t.Errorf("%v, want the end by the second signal", err)
				}
				return
			}
			if status.ExitStatus() != 130 || !strings.Contains(told.String(), "not complete") {
				t.Errorf("%v, told %q, want exit code 130, and that it is not complete", err, told.String())
			}
		})
	}
}
