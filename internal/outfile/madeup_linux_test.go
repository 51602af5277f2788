package outfile

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vscan/internal/testenv"
)

// Links of /proc are not followed: what a process runs or has open would be replaced. Where
// the kernel makes up the files, no other one can be made.
func TestProc(t *testing.T) {
	dir := t.TempDir()
	open, program := put(t, filepath.Join(dir, "open"), "old", 0o644), put(t, filepath.Join(dir, "program"), "", 0o755)
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip(err)
	}
	code, err := os.ReadFile(sleep)
	if err != nil {
		t.Fatal(err)
	}
	testenv.WriteProgram(t, program, code)
	file, err := os.Open(open)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd := exec.Command(program, "1000")
	cmd.Args[0] = "sleep" // where one program is many, it goes by this name
	cmd.Stdin = file
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	of := fmt.Sprintf("/proc/%d/", cmd.Process.Pid)
	toExe := filepath.Join(dir, "to-exe")
	if err := os.Symlink(of+"exe", toExe); err != nil {
		t.Fatal(err)
	}
	const link, madeUp = "a link of /proc", "the system makes up"
	for path, want := range map[string]string{
		of + "exe": link, toExe: link, of + "fd/0": link, of + "task/" + of[6:] + "exe": link, of + "ns/mnt": link,
		of + "comm": madeUp, "/proc/new": madeUp, "/proc/self/attr/current": madeUp, "/sys/new": madeUp, "/sys/kernel/mm/new": madeUp,
		"/proc/self/task":  "is a folder",
		"/proc/self/exe/x": "not a directory", // it is no folder
	} {
		for _, stream := range []bool{false, true} {
			err := write(t, path, "x", Options{Stream: stream})
			if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), path) {
				t.Errorf("%s, stream %v: %v, want %q", path, stream, err, want)
			}
		}
	}
	if got, err := os.ReadFile(open); err != nil || string(got) != "old" {
		t.Errorf("what the process has open: %q, %v", got, err)
	}
	if got, err := os.ReadFile(program); err != nil || string(got) != string(code) {
		t.Errorf("the program was written over, %v", err)
	}

	// A folder that is reached by a link of /proc is a folder like others.
	through := fmt.Sprintf("/proc/self/root%s/new", dir)
	if err := write(t, through, "new", Options{}); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "new")); err != nil || string(got) != "new" {
		t.Errorf("%q, %v", got, err)
	}
}
