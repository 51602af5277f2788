//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vscan/cmd/vscan/internal/cli"
)

// script makes a program of a script of the shell.
func script(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// What a companion does wrong is an error, in its own words where it has any.
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
			err := throughCompanion(t.Context(), path, c.out, c.write)
			if c.want == "" && (err != nil || out.Len() != 1<<20) || c.want != "" && (err == nil || err.Error() != c.want) {
				t.Errorf("%v, %d bytes; want %q", err, out.Len(), c.want)
			}
		})
	}
}

// writeZeros writes n bytes.
func writeZeros(n int) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(make([]byte, n))
		return err
	}
}

// unread is an output that nobody reads.
type unread struct{}

func (unread) Write([]byte) (int, error) { return 0, syscall.EPIPE }

// An interrupt ends a companion, and is what is told.
func TestCompanionInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	path := script(t, filepath.Join(t.TempDir(), "x"), "exec sleep 1000")
	err := throughCompanion(ctx, path, io.Discard, func(w io.Writer) error {
		cancel()
		return writeZeros(1 << 20)(w)
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// alone returns the path of a vscan that has no companion beside it.
func alone(t *testing.T) string {
	t.Helper()
	from, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "vscan")
	if os.Link(from, to) == nil {
		return to
	}
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return to
}

// exportWith exports a graph as parquet with PATH set. It returns the exit code and
// what is on standard error.
func exportWith(t *testing.T, vscan, path, g, out string) (int, string) {
	t.Helper()
	cmd := exec.Command(vscan, "graph", "export", g, "--to", "parquet", "-o", out)
	cmd.Env = append(os.Environ(), "PATH="+path)
	said, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(said)
}

// The companion beside vscan is taken, else that in PATH; without one, the error says
// where to get it. A file appears whole or not at all.
func TestExportLooksForCompanion(t *testing.T) {
	vscan, g := alone(t), gameGraph(t)
	out := filepath.Join(t.TempDir(), "out.parquet")
	code, said := exportWith(t, vscan, "/nowhere", g, out)
	if code != cli.ExitError || strings.Count(said, "\n") != 1 || !strings.Contains(said, "go install ./cmd/...") {
		t.Errorf("without a companion: %d, %q", code, said)
	}
	if code, said = exportWith(t, vscan, os.Getenv("PATH"), g, out); code != 0 || said != "" {
		t.Errorf("with one in PATH: %d, %q", code, said)
	}
	if err := os.Remove(out); err != nil {
		t.Fatal(err)
	}
	script(t, filepath.Join(filepath.Dir(vscan), parquetProgram), "echo PAR1; echo I am beside it >&2; exit 1")
	if code, said = exportWith(t, vscan, os.Getenv("PATH"), g, out); code != cli.ExitError || said != "vscan: vscan-parquet: I am beside it\n" {
		t.Errorf("with one beside that fails: %d, %q", code, said)
	}
	if left, err := os.ReadDir(filepath.Dir(out)); err != nil || len(left) != 0 {
		t.Errorf("files are left: %v, %v", left, err)
	}
}
