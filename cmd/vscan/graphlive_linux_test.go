package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// The graph of a live process is taken for its graph as long as no pointer has changed, and
// not after that.
func TestGraphOfProcessThatChanged(t *testing.T) {
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	fmt.Fprintln(in, "ready")
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Skipf("cat does not run here: %q, %v", line, err)
	}
	var status syscall.WaitStatus
	if err := syscall.Kill(cmd.Process.Pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if _, err := syscall.Wait4(cmd.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatal(err, status)
	}

	image, graph := fmt.Sprintf("pid:%d", cmd.Process.Pid), filepath.Join(t.TempDir(), "graph")
	vscan(t, []int{0}, "graph", "build", image, "-o", graph)
	vscan(t, []int{0}, "graph", "info", graph, image)
	vscan(t, []int{0, 1, 3}, "graph", "objects", graph, image)

	row := string(vscan(t, []int{0}, "graph", "from", graph, "[stack]", "-m", "1"))
	source, err := strconv.ParseInt(strings.Fields(row)[0], 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", cmd.Process.Pid), os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	defer mem.Close()
	if _, err := mem.WriteAt(make([]byte, 8), source); err != nil {
		t.Skip(err)
	}
	for _, question := range []string{"info", "objects"} {
		code, said, errs := runUntil(t.Context(), "graph", question, graph, image)
		if code != 2 || said != "" || !strings.Contains(errs, "the graph was made of another image: that had ") || !strings.Contains(errs, "a process that runs changes: build the graph again") {
			t.Errorf("%s: exit %d, stdout %q, stderr %q", question, code, said, errs)
		}
	}
}
