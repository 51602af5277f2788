package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// stoppedProcess starts threads.c of engine/image and stops it. It returns the number
// of the process, and the path of a core that gdb has written of it.
func stoppedProcess(t *testing.T) (pid, core string) {
	t.Helper()
	dir := t.TempDir()
	prog := filepath.Join(dir, "prog")
	for _, tool := range []string{"gcc", "gdb"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not here: %v", tool, err)
		}
	}
	if out, err := exec.Command("gcc", "-O0", "-pthread", "-o", prog, "../../engine/image/testdata/threads.c").CombinedOutput(); err != nil {
		t.Skipf("gcc: %v\n%s", err, out)
	}
	cmd := exec.Command(prog)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Skipf("the program does not run here: %q, %v", line, err)
	}
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	pid = fmt.Sprint(cmd.Process.Pid)
	core = filepath.Join(dir, "core")
	if out, err := exec.Command("gdb", "-nx", "-batch", "-p", pid, "-ex", "gcore "+core).CombinedOutput(); err != nil {
		t.Skipf("gdb: %v\n%s", err, out)
	}
	return pid, core
}

// A stopped process and its core have the same pointers wherever both have bytes. Memory that
// is mapped and was not saved counts as mapped.
func TestCoreOfProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("runs programs of others; without -short")
	}
	pid, core := stoppedProcess(t)
	type span struct{ first, last uint64 }
	both := func(image string) (spans []span) {
		for _, r := range rows(t, vscan(t, []int{0}, "map", "-o", "jsonl", image)) {
			if r.State == "present" {
				spans = append(spans, span{address(t, r.First), address(t, r.Last)})
			}
		}
		return spans
	}
	ofCore, ofProcess := both(core), both("pid:"+pid)
	hits := func(image string) (all []string, absent uint64) {
		for line := range strings.Lines(string(vscan(t, []int{0}, "find", "-o", "jsonl", "-e", "mapped=ptr:@mapped", "-e", "libc=ptr:@libc.so.6", image))) {
			var r struct {
				Type, Addr, Pattern string
				Absent              uint64
				Complete            bool
			}
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatal(err)
			}
			if r.Type == "summary" {
				if !r.Complete {
					t.Errorf("%s: not complete", image)
				}
				absent = r.Absent
				continue
			}
			a := address(t, r.Addr)
			in := func(s span) bool { return s.first <= a && a <= s.last }
			if slices.ContainsFunc(ofCore, in) && slices.ContainsFunc(ofProcess, in) {
				all = append(all, r.Addr+" "+r.Pattern)
			}
		}
		return all, absent
	}
	got, absent := hits(core)
	want, _ := hits("pid:" + pid)
	if len(got) != len(want) || len(got) < 500 {
		t.Errorf("%d hits in the core, %d in the process", len(got), len(want))
	}
	if !slices.Equal(got, want) {
		for _, h := range want {
			if !slices.Contains(got, h) {
				t.Fatalf("%s of the process is not in the core", h)
			}
		}
		t.Fatal("hits in the core that the process has not")
	}
	if absent == 0 {
		t.Error("nothing of the core is absent")
	}
}

// A real core has the names that the examples of the help texts use.
func TestExamplesOnCore(t *testing.T) {
	if testing.Short() {
		t.Skip("runs programs of others; without -short")
	}
	_, core := stoppedProcess(t)
	graph := core + ".graph"
	text := func(codes []int, args ...string) string { return string(vscan(t, codes, args...)) }

	found := text([]int{0}, "find", "-o", "csv", "text:heap string\\0", "--in", "[heap]", core)
	if strings.Count(found, "\n") != 2 {
		t.Fatalf("the heap's string: %q", found)
	}
	at := strings.Split(strings.Split(found, "\n")[1], ",")[1]
	if out := text([]int{0}, "find", "stack string of main", "--in", "[stack]", core); !strings.Contains(out, "\t[stack]+0x") {
		t.Errorf("the stack's string: %q", out)
	}
	if out := text([]int{0}, "strings", "-n", "8", "--in", "[heap]", core); !strings.Contains(out, "heap string") {
		t.Errorf("strings of the heap: %q", out)
	}
	text([]int{0}, "find", "u32le:0x1..0x1fff", "--in", "[heap]", core)
	text([]int{0}, "refs", core, "@libc.so.6", "--in", "prog")
	text([]int{0, 1}, "refs", core, "@libc.so.6", "--in", "[heap]")
	if out := text([]int{0}, "refs", core, at); !strings.Contains(out, "+0x") {
		t.Errorf("references to the heap's string: %q", out)
	}
	text([]int{0}, "graph", "build", core, "-o", graph+".heap", "--sources", "[heap]", "--targets", "rw-", "--present")
	text([]int{0}, "graph", "build", core, "-o", graph)
	for _, args := range [][]string{
		{"from", graph, "[heap]"},
		{"to", graph, "libc.so.6"},
		{"chains", graph, at, "--roots", "[stack]", "--depth", "2"},
		{"export", graph, "--to", "csv", "--target", "[heap]"},
		{"reach", graph, "--roots", "[heap]"},
		{"objects", graph, core},
	} {
		if out := text([]int{0}, append([]string{"graph"}, args...)...); strings.Count(out, "\n") < 1 {
			t.Errorf("graph %q: %q", args, out)
		}
	}
	if out := text([]int{0}, "graph", "chains", graph, at); !strings.Contains(out, "prog") {
		t.Errorf("chains from the program to the heap's string: %q", out)
	}
}
