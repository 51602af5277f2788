//go:build unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vscan/cmd/vscan/internal/cli"
	"vscan/cmd/vscan/internal/companion"
	"vscan/internal/testenv"
)

// The companion beside vscan is started, and otherwise the one in PATH. Where there is none,
// the error says how to get it. A file appears whole or not at all.
func TestExportLooksForCompanion(t *testing.T) {
	vscan, g := alone(t), gameGraph(t)
	out := filepath.Join(t.TempDir(), "out.parquet")
	code, said := exportWith(t, vscan, "/nowhere", g, out)
	if code != cli.ExitError || strings.Count(said, "\n") != 1 || !strings.Contains(said, "go install -C cmd/vscan-parquet .") {
		t.Errorf("without a companion: %d, %q", code, said)
	}
	if code, said = exportWith(t, vscan, os.Getenv("PATH"), g, out); code != 0 || said != "" {
		t.Errorf("with one in PATH: %d, %q", code, said)
	}
	if err := os.Remove(out); err != nil {
		t.Fatal(err)
	}
	scripted(t, filepath.Join(filepath.Dir(vscan), companion.Parquet), "echo PAR1; echo I am beside it >&2; exit 1")
	if code, said = exportWith(t, vscan, os.Getenv("PATH"), g, out); code != cli.ExitError || said != "vscan: vscan-parquet: I am beside it\n" {
		t.Errorf("with one beside that fails: %d, %q", code, said)
	}
	if left, err := os.ReadDir(filepath.Dir(out)); err != nil || len(left) != 0 {
		t.Errorf("files are left: %v, %v", left, err)
	}
}

// alone returns the path of a vscan that has no companion beside it.
func alone(t *testing.T) string {
	t.Helper()
	from := program(t)
	to := filepath.Join(t.TempDir(), "vscan")
	if os.Link(from, to) == nil {
		return to
	}
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	testenv.WriteProgram(t, to, b)
	return to
}

// exportWith exports a graph as parquet with this PATH. It returns the exit code and
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

// scripted writes a program that is a script of the shell.
func scripted(t *testing.T, path, text string) string {
	t.Helper()
	testenv.WriteProgram(t, path, []byte("#!/bin/sh\n"+text+"\n"))
	return path
}
