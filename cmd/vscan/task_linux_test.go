package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"vscan/internal/testenv"
)

// What docs/tasks.md says of GNU parallel works, with results that are those of find.
func TestTasksWithParallel(t *testing.T) {
	skipWithout(t, "sh", "parallel")
	if out, err := exec.Command("parallel", "--version").Output(); err != nil || !bytes.Contains(out, []byte("GNU parallel")) {
		t.Skip("parallel is not GNU parallel")
	}
	text, err := os.ReadFile("../../docs/tasks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## GNU parallel\n")
	commands := regexp.MustCompile("(?s)```sh\n(.*?)```").FindStringSubmatch(section)
	if commands == nil {
		t.Fatal("docs/tasks.md has no commands for GNU parallel")
	}
	dir := t.TempDir()
	r := testenv.Rand(t)
	memory := make([]byte, 300<<10)
	for i := range memory {
		memory[i] = "abcd\x00"[r.IntN(5)]
	}
	for name, b := range map[string][]byte{"words.txt": []byte("abcd\ncab\ndddd\n"), "dump.raw": memory} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	shell := func(script string) []byte {
		cmd := exec.Command("sh", "-ec", script)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir) // parallel keeps things there
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
		return out
	}
	shell(commands[1])
	got, err := os.ReadFile(filepath.Join(dir, "hits.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	want := shell("vscan find -F words.txt dump.raw -o jsonl")
	hits := func(b []byte) []byte { return b[:bytes.LastIndexByte(bytes.TrimSpace(b), '\n')+1] } // without the summary
	if !bytes.Equal(hits(got), hits(want)) || bytes.Count(got, []byte("\n")) < 100 {
		t.Errorf("%d bytes of jsonl, find has %d", len(got), len(want))
	}
	if n := strings.Count(string(shell("cat tasks")), "\n"); n != 5 {
		t.Errorf("%d tasks", n)
	}
}
