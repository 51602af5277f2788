package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"vscan/cmd/vscan/internal/cli"
	"vscan/internal/memlimit"
)

// This file ends the program when it is asked to end. The first request ends the context
// of the command, which asks it at bounded work; what was found so far is written and
// told. What does not end by that, as a write that nobody reads, is waited for until
// these times after the request, and no longer: the program ends within a second. A
// second request ends it at once, unless it comes so soon that it is the first once more:
// timeout sends its signal to the program, and then to the group of the program.
const (
	commandGrace = 850 * time.Millisecond // for the command as a whole
	lastGrace    = 80 * time.Millisecond  // for the last line, and to remove temporary files
	onceFor      = 200 * time.Millisecond // for signals that belong to the first request

	outputBefore = 200 * time.Millisecond // standard output is waited for so much less
	notesBefore  = 100 * time.Millisecond // and standard error
)

// The system frees what a program holds page by page, after its last words: 75 ms for a GiB
// if nothing else wants the processors, and several times that if others do. So a
// program that holds much has less time for itself, but shortestGrace at least.
const (
	freeGiB       = 150 * time.Millisecond
	shortestGrace = 300 * time.Millisecond
)

// graceFor returns how long the command is waited for that holds so many bytes of memory.
func graceFor(held uint64) time.Duration {
	most := uint64((commandGrace-shortestGrace)/freeGiB) << 30
	if held > most {
		return shortestGrace
	}
	return commandGrace - time.Duration(held>>20)*freeGiB>>10
}

// interruptible cancels ctx when the program is asked to end for the first time. From
// some time after that on, being asked once more ends the program at once. It closes listening
// as soon as a request would be noticed. If the command has not ended some time after the request, which it says by
// closing ended, exit is called, unless it is nil.
func interruptible(ctx context.Context, cancel func(), listening, ended chan struct{}, app *cli.App, exit func(int)) {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, os.Interrupt, syscall.SIGTERM)
	close(listening)
	select {
	case <-asked:
	case <-ctx.Done():
		signal.Stop(asked)
		return
	}
	time.AfterFunc(onceFor, func() { signal.Stop(asked) })
	grace := graceFor(memlimit.Held())
	app.Out.Interrupt(grace-outputBefore, grace-notesBefore)
	cancel()
	if exit == nil {
		return
	}
	select {
	case <-ended:
	case <-time.After(grace):
		within(lastGrace, app.Temporary.Remove, func() { app.Note("not complete: interrupted while %s", app.Doing()) })
		exit(cli.ExitInterrupted)
	}
}

// within calls functions at the same time, and waits for them, but not for longer than
// that.
func within(limit time.Duration, all ...func()) {
	done := make(chan struct{}, len(all))
	for _, f := range all {
		go func() {
			f()
			done <- struct{}{}
		}()
	}
	late := time.After(limit)
	for range all {
		select {
		case <-done:
		case <-late:
			return
		}
	}
}
