package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"vscan/engine/image/imagetest/fusetest"
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

// Of an image that cannot be read whole, tasks tell what a search tells: what was lost once,
// and nothing of what lies behind the last hit that is wanted. Its file system does not tell
// whether a file changed, and that is told once too.
func TestTasksOfWhatCannotBeRead(t *testing.T) {
	m := fusetest.Mount(t, map[string]*fusetest.File{"image": {Data: sourceBytes(0, 1<<20+100), Before: failsAt(0x303000, 0x304000, syscall.EIO)}})
	img := filepath.Join(m.Dir, "image")
	differs := regexp.MustCompile(`"kernel":.*`)
	limited := regexp.MustCompile(`"(scanned|searched|zero|unsearched)":\d+`)
	for _, question := range [][]string{{"needle"}, {"-m", "1", "needle"}, {"re:e.*"}} {
		args := append(append([]string{"--image-format", "raw"}, question...), img)
		wantCode, want, _ := runVscan(t, append([]string{"find", "-j", "1", "--shard-size", "64K", "-o", "jsonl", "--bytes", "0"}, args...)...)
		dir := t.TempDir()
		plan := filepath.Join(dir, "plan.json")
		_, names, complaints := runVscan(t, append([]string{"task", "plan", "--task-size", "1060860", "-o", plan}, args...)...)
		results := filepath.Join(dir, "results")
		if err := os.Mkdir(results, 0o700); err != nil {
			t.Fatal(err)
		}
		if strings.Count(names, "\n") < 4 {
			t.Fatalf("%q: %s", names, complaints)
		}
		for name := range strings.Lines(names) {
			name = strings.TrimSpace(name)
			runVscan(t, "task", "run", plan, name, "-o", filepath.Join(results, name))
		}
		code, got, complaints := runVscan(t, "task", "stitch", plan, results, "-o", "jsonl", "--bytes", "0")
		got, want = differs.ReplaceAllString(got, ""), differs.ReplaceAllString(want, "")
		if question[0] == "-m" { // tasks have searched on
			got, want = limited.ReplaceAllString(got, ""), limited.ReplaceAllString(want, "")
		}
		if code != wantCode || got != want {
			t.Errorf("%q: exit code %d, want %d: %s\n%s\nwant\n%s", question, code, wantCode, complaints, got, want)
		}
	}
}
