package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vscan/cmd/vscan/internal/cli"
	"vscan/cmd/vscan/internal/console"
	"vscan/engine/addr"
	"vscan/engine/image/imagetest"
)

// runUntil runs a command line until ctx ends, and returns the exit code.
func runUntil(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	app := &cli.App{Out: console.NewOutput(&out, &errs), Err: &errs}
	root := (&commands{app}).root(args)
	root.SetArgs(args)
	root.SetOut(app.Out)
	root.SetErr(&errs)
	code = app.Exit(root.ExecuteContext(ctx))
	return code, out.String(), errs.String()
}

// Every command that opens something ends with 130 where it is interrupted while it opens,
// and says in a line what it was doing.
func TestInterruptedOpening(t *testing.T) {
	const many = 1 << 15
	dir := t.TempDir()
	var segs []imagetest.Segment
	for i := range many {
		segs = append(segs, imagetest.Segment{Type: 1, Flags: 6, Vaddr: uint64(many-i) << 16, Memsz: 0x1000, Filesz: imagetest.Num(0x40), At: 64})
	}
	core := imagetest.WriteFile(t, dir, "core", string(imagetest.BuildELF(true, addr.Little, segs, nil)))
	graph, small := filepath.Join(dir, "graph"), imagetest.WriteFile(t, dir, "small", strings.Repeat("\x00\x10\x00\x00\x00\x00\x00\x00", 4096))
	if code, _, errs := runUntil(t.Context(), "graph", "build", core, "-o", graph); code > 1 {
		t.Fatal(code, errs)
	}
	for _, c := range []struct {
		args string
		left int // questions that the context answers as one that goes on
	}{
		{"map CORE", 3}, {"map --layers CORE", 3}, {"read CORE 0x10000", 3}, {"find x CORE", 3}, {"find --explain x CORE", 3},
		{"strings CORE", 3}, {"refs CORE 0x10000", 3}, {"graph build CORE -o OUT", 3},
		{"graph info GRAPH", 2}, {"graph info GRAPH CORE", 12}, {"graph to GRAPH 0x10000", 2}, {"graph from GRAPH 0x10000", 2}, {"graph top GRAPH", 2},
		{"graph reach GRAPH", 2}, {"graph chains GRAPH 0x10000", 2}, {"graph export GRAPH --to csv", 2}, {"graph view GRAPH -o OUT", 2},
		{"graph objects GRAPH CORE", 2},
	} {
		args := strings.Fields(strings.NewReplacer("CORE", core, "GRAPH", graph, "OUT", filepath.Join(dir, "out")).Replace(c.args))
		ctx := &imagetest.Asked{Context: t.Context(), Left: c.left}
		code, out, errs := runUntil(ctx, args...)
		line, rest, _ := strings.Cut(errs, "\n")
		if code != 130 || out != "" || rest != "" || !strings.Contains(line, "interrupted while ") || !strings.Contains(line, dir) {
			t.Errorf("%s: exit %d, stdout %q, stderr %q", c.args, code, out, errs)
		}
	}
	// Of several images those behind are named, too.
	ctx := &imagetest.Asked{Context: t.Context(), Left: 3}
	if code, _, errs := runUntil(ctx, "find", "x", core, small); code != 130 || !strings.Contains(errs, "small: not searched: interrupted\n") {
		t.Errorf("exit %d, stderr %q", code, errs)
	}
}

// A core of some KiB whose header counts four billion program headers, 240 GB of them, is
// open at once.
func TestSparseCore(t *testing.T) {
	const headers, shoff = 1<<32 - 1, 1 << 38
	le := addr.Little
	h := imagetest.BuildELF(true, le, nil, func(h []byte) {
		le.PutUint(h[40:48], shoff)
		le.PutUint(h[56:58], 0xffff)
		le.PutUint(h[58:60], 64)
	})
	path := filepath.Join(t.TempDir(), "sparse.core")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	load := imagetest.Words(le, 4, 1, 6) + imagetest.Words(le, 8, 0, 0x10000, 0, 64, 0x1000, 0x1000)
	if _, err := f.WriteAt([]byte(imagetest.Zeros(44)+imagetest.Words(le, 4, headers)+imagetest.Zeros(16)), shoff); err != nil {
		t.Skip("no sparse files: ", err)
	}
	f.WriteAt(append(h, load...), 0)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // a guard against a hang
	defer cancel()
	code, out, errs := runUntil(ctx, "map", path)
	if code != 0 || !strings.Contains(out, "load[0]") || !strings.Contains(errs, "of 4294967295 program headers") || !strings.Contains(errs, "not complete") {
		t.Errorf("exit %d, stdout %q, stderr %q", code, out, errs)
	}
}
