//go:build unix

package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"vscan/cmd/vscan/internal/cli"
	"vscan/cmd/vscan/internal/console"
)

// notes collects what is told.
type notes struct {
	mu   sync.Mutex
	text strings.Builder
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(p)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}

// A command that does not end when it is asked to is ended: its temporary files are
// removed, and what it did is told, if anybody reads that.
func TestWatchdog(t *testing.T) {
	_, stuck := io.Pipe()
	var told notes
	for name, stderr := range map[string]io.Writer{"told": &told, "stuck": stuck} {
		t.Run(name, func(t *testing.T) {
			app := &cli.App{Out: console.NewOutput(io.Discard, stderr), Err: stderr}
			defer app.Out.Close()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			file, err := os.CreateTemp(t.TempDir(), "x")
			if err != nil {
				t.Fatal(err)
			}
			file.Close()
			app.Temporary.Note(file.Name())
			app.Begin("searching x\x1b")
			listening, code := make(chan struct{}), make(chan int, 1)
			go interruptible(ctx, cancel, listening, make(chan struct{}), app, func(n int) { code <- n })
			<-listening
			if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			select {
			case n := <-code:
				if n != cli.ExitInterrupted {
					t.Errorf("exit code %d", n)
				}
			case <-time.After(time.Minute):
				t.Fatal("the command goes on")
			}
			if ctx.Err() == nil {
				t.Error("the context has not ended")
			}
			if left, _ := filepath.Glob(file.Name()); len(left) > 0 {
				t.Errorf("%s is left behind", left)
			}
			if got := told.String(); stderr != stuck && !strings.Contains(got, "vscan: not complete: interrupted while searching x\\x1b\n") {
				t.Errorf("told %q", got)
			}
		})
	}
}

// A command that ends in time is not ended by anybody else.
func TestWatchdogWaits(t *testing.T) {
	app := &cli.App{Out: console.NewOutput(io.Discard, io.Discard), Err: io.Discard}
	defer app.Out.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	listening, ended, returned := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		interruptible(ctx, cancel, listening, ended, app, func(n int) { t.Errorf("ended with %d", n) })
		close(returned)
	}()
	<-listening
	if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	close(ended)
	<-returned
}

// The more memory the system has to free, the less time the command has, within limits.
func TestGraceFor(t *testing.T) {
	for held, want := range map[uint64]time.Duration{
		0: commandGrace, 1 << 20: commandGrace, 1 << 30: commandGrace - freeGiB, 3 << 29: commandGrace - freeGiB*3/2,
		3 << 30: commandGrace - 3*freeGiB, 4 << 30: shortestGrace, 1 << 40: shortestGrace, 1<<64 - 1: shortestGrace,
	} {
		if got := graceFor(held); (got-want).Abs() > time.Millisecond || got-outputBefore <= 0 || got-notesBefore <= 0 {
			t.Errorf("%d bytes are held: %v, want %v", held, got, want)
		}
	}
}
