package layered

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"vscan/internal/testenv"
	"vscan/internal/wording"
)

// A process is found by its name as it is, and as it is printed, whatever is in it.
func TestProcessNames(t *testing.T) {
	sleep, err := os.ReadFile("/bin/sleep")
	if err != nil {
		t.Skip(err)
	}
	for _, name := range []string{"vs\x1b[31m\xff\\x", `vs\xff`, "vs\xff", "vs\u202e\n\t", " vs blank "} {
		path := filepath.Join(t.TempDir(), name)
		testenv.WriteProgram(t, path, sleep)
		cmd := exec.Command(path, "60")
		cmd.Args[0] = "sleep" // so that its file and its comm alone have the name
		if err := cmd.Start(); err != nil {
			t.Skip(err)
		}
		for _, given := range []string{name, wording.Escape(name)} {
			if given == `vs\xff` && name == given {
				continue // which is the printed form of another name, and may be found as that
			}
			if pid, err := findProcess(t.Context(), "pid:"+given, given); err != nil || pid != cmd.Process.Pid {
				t.Errorf("%q: %d, %v, want %d", given, pid, err, cmd.Process.Pid)
			}
		}
		cmd.Process.Kill()
		cmd.Wait()
	}
}
