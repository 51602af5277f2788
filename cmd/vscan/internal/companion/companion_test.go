//go:build unix

package companion

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"syscall"
	"testing"

	"vscan/internal/testenv"
)

// script writes a program that is a script of the shell, and returns its path.
func script(t *testing.T, path, text string) string {
	t.Helper()
	testenv.WriteProgram(t, path, []byte("#!/bin/sh\n"+text+"\n"))
	return path
}

// Whatever a companion does wrong is an error, in its own words if it has any.
func TestCompanionFails(t *testing.T) {
	failed := errors.New("no more")
	for name, c := range map[string]struct {
		script string
		write  func(w io.Writer) error
		out    io.Writer
		want   string
	}{
		"does its work":       {"cat", writeZeros(1 << 20), nil, ""},
		"fails":               {"cat >/dev/null; echo no room >&2; echo at all >&2; exit 1", writeZeros(1 << 20), nil, "x: no room"},
		"fails before":        {"echo no room >&2; exit 1", writeZeros(1 << 20), nil, "x: no room"},
		"fails without words": {"exit 7", writeZeros(1 << 20), nil, "x: exit status 7"},
		"is killed":           {"kill -9 $$", writeZeros(1 << 20), nil, "x: signal: killed"},
		"ends too early":      {"exit 0", writeZeros(1 << 20), nil, "x ended before it had read all"},
		"says much":           {"yes | head -c 1000000 >&2; exit 1", writeZeros(1), nil, "x: y"},
		"gets an error":       {"cat", func(io.Writer) error { return failed }, nil, failed.Error()},
		"has no reader":       {"cat", writeZeros(1 << 20), unread{}, syscall.EPIPE.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := script(t, filepath.Join(t.TempDir(), "x"), c.script)
			var out bytes.Buffer
			if c.out == nil {
				c.out = &out
			}
			err := through(t.Context(), path, c.out, c.write)
			if c.want == "" && (err != nil || out.Len() != 1<<20) || c.want != "" && (err == nil || err.Error() != c.want) {
				t.Errorf("%v, %d bytes; want %q", err, out.Len(), c.want)
			}
		})
	}
}

// writeZeros returns a function that writes n zeros.
func writeZeros(n int) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(make([]byte, n))
		return err
	}
}

// unread is an output that nobody reads.
type unread struct{}

func (unread) Write([]byte) (int, error) { return 0, syscall.EPIPE }

// An interrupt ends a companion, and is the error then.
func TestCompanionInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	path := script(t, filepath.Join(t.TempDir(), "x"), "exec sleep 1000")
	err := through(ctx, path, io.Discard, func(w io.Writer) error {
		cancel()
		return writeZeros(1 << 20)(w)
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
