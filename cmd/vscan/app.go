package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"vscan/engine"
	"vscan/engine/image/layered"
	"vscan/patterns"
)

// The exit codes. Where several apply, the first of exitError, exitInterrupted,
// exitIncomplete holds; 0 and 1 only where none of these does.
const (
	exitFound       = 0
	exitNothing     = 1
	exitError       = 2   // usage; an image that cannot be read or is not recognised
	exitIncomplete  = 3   // not everything could be looked at
	exitInterrupted = 130 // by Ctrl-C
)

// exitCode is an outcome that is no error: it has been told already.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit status %d", int(c)) }

// app is what all commands share.
type app struct {
	out *output
	err io.Writer // standard error
}

// exit ends the output and turns the outcome of a command into an exit code.
func (a *app) exit(err error) int {
	writing := a.out.close()
	code := a.judge(err)
	if writing != nil && !isClosedPipe(writing) && !errors.Is(err, writing) {
		a.complain(writing)
		code = exitError
	}
	return code
}

// judge is the exit code of an error. It tells those that have not been told.
func (a *app) judge(err error) int {
	var code exitCode
	switch {
	case err == nil, isClosedPipe(err): // who reads our output has seen enough
		return exitFound
	case errors.As(err, &code):
		return int(code)
	case errors.Is(err, context.Canceled):
		a.note("not complete: interrupted")
		return exitInterrupted
	}
	a.complain(err)
	return exitError
}

// complain writes an error to standard error, one line for each that is joined.
func (a *app) complain(err error) {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range j.Unwrap() {
			a.complain(e)
		}
		return
	}
	a.tell(explained(err))
}

// note writes a line to standard error.
func (a *app) note(format string, args ...any) { a.tell(printable(fmt.Sprintf(format, args...))) }

// tell writes to standard error, below all output so far.
func (a *app) tell(text string) { a.out.note("vscan: " + text) }

// explained is the text of an error, printable. It is one line but for a
// pattern of a file: that shows the line and points into it.
func explained(err error) string {
	var pattern *patterns.Error
	if !errors.As(err, &pattern) {
		return printable(err.Error() + advice(err))
	}
	lines := strings.Split(err.Error(), "\n")
	if errors.Is(err, engine.ErrNoName) {
		lines[0] += advice(engine.ErrNoName)
	}
	for i, line := range lines {
		text, indented := strings.CutPrefix(line, "\t")
		if lines[i] = printable(text); indented {
			lines[i] = "\t" + lines[i]
		}
	}
	return strings.Join(lines, "\n")
}

// outcome is how the search of all images went.
type outcome struct {
	found, failed, interrupted, incomplete bool
}

func (o outcome) exit() error {
	switch {
	case o.failed:
		return exitCode(exitError)
	case o.interrupted:
		return exitCode(exitInterrupted)
	case o.incomplete:
		return exitCode(exitIncomplete)
	case !o.found:
		return exitCode(exitNothing)
	}
	return nil
}

// inImage puts the image's name before each of the joined errors.
func inImage(arg string, err error) error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		var errs []error
		for _, e := range j.Unwrap() {
			errs = append(errs, inImage(arg, e))
		}
		return errors.Join(errs...)
	}
	return fmt.Errorf("%s: %w", arg, err)
}

// chatty reports whether somebody at a terminal reads what is told, and no pager
// has the screen.
func (a *app) chatty() bool { return isTerminal(a.err) && !a.out.pipe }

// noteOddities tells what was odd about an image when it was opened, and what
// was laid over and under it.
func (a *app) noteOddities(t *layered.Image) {
	for i, n := range t.Notes {
		a.note("%s: %s%s", t.Arg, n, hintsOf(t.Image, i))
	}
	for _, n := range t.LayerNotes {
		a.note("%s: %s", t.Arg, n)
	}
}

// noteMissing tells what an image should hold and does not, and what was not laid.
func (a *app) noteMissing(t *layered.Image) {
	if t.Missing > 0 {
		a.note("%s: not complete: the image is truncated or damaged, %s are missing", t.Arg, size(t.Missing))
	}
	if n := len(t.LeftOut); n > 0 {
		others := ""
		if n > 1 {
			others = fmt.Sprintf(" and of %s", plural(uint64(n-1), "other file"))
		}
		a.note("%s: not complete: %s of %s%s, left out, are nowhere", t.Arg, size(t.LeftOutBytes), t.LeftOut[0], others)
	}
}

// same says whether two paths are one file.
func same(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return errors.Join(err1, err2) == nil && os.SameFile(x, y)
}
