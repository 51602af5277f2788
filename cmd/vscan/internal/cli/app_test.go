package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"vscan/patterns"
)

func TestOutcome(t *testing.T) {
	for _, c := range []struct {
		o    Outcome
		want error
	}{
		{Outcome{Found: true}, nil},
		{Outcome{}, ExitCode(ExitNothing)},
		{Outcome{Incomplete: true}, ExitCode(ExitIncomplete)},
		{Outcome{Found: true, Incomplete: true}, ExitCode(ExitIncomplete)},
		{Outcome{Found: true, Incomplete: true, Interrupted: true}, ExitCode(ExitInterrupted)},
		{Outcome{Found: true, Incomplete: true, Interrupted: true, Failed: true}, ExitCode(ExitError)},
	} {
		if got := c.o.ExitStatus(); got != c.want {
			t.Errorf("%+v: %v, want %v", c.o, got, c.want)
		}
	}
}

// An error is one line, unless it is about a pattern in a file.
func TestErrorText(t *testing.T) {
	if got := errorText(errors.New("no \x1b[31m\nfile")); got != `no \x1b[31m\x0afile` {
		t.Errorf("%q", got)
	}
	_, err := patterns.ParseFile(context.Background(), "p\x1b", strings.NewReader("ok\nhex:0\n"))
	want := "core: p\\x1b:2:6: want the second digit of a byte, found the end\n\thex:0\n\t     ^"
	if got := errorText(fmt.Errorf("core: %w", err)); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
