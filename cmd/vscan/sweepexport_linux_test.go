package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vscan/cmd/vscan/internal/cli"
	"vscan/engine/addr"
	"vscan/engine/sweep/lines/linestest"
	"vscan/internal/testenv"
)

// A full disk ends an export with what to do, and nothing of it is left.
func TestSweepExportFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("no small disk can be made: %v", err)
	}
	defer syscall.Unmount(dir, 0)
	s := linestest.New("p")
	var all []string
	rng, bytes := testenv.Rand(t), make([]byte, 40)
	for i := range 5000 {
		for j := range bytes {
			bytes[j] = byte(rng.Uint32())
		}
		all = append(all, linestest.Hit("a", addr.Addr(i), "p", string(bytes)))
	}
	s.Add("a", all...)
	for _, format := range []string{"jsonl", "csv", "parquet", "sqlite"} {
		code, _, said := sweepRun(t, map[string]*linestest.Sweep{"d": s}, "export", "d", "--to", format, filepath.Join(dir, "out"))
		if code != cli.ExitError || !strings.Contains(said, filepath.Join(dir, "out")) || !strings.Contains(said, "space") && !strings.Contains(said, "room") || strings.Count(said, "\n") != 1 {
			t.Errorf("%s: %d, %s", format, code, said)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%s: files are left: %v, %v", format, left, err)
		}
	}
}
