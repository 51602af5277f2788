package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"syscall"
	"testing"
)

// WriteProgram writes a file that is run afterwards. Nobody forks meanwhile: the child would
// have the file open for writing for a moment, and a file that somebody writes cannot be run
// ("text file busy").
func WriteProgram(t testing.TB, path string, code []byte) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, code, 0o755); err != nil {
		t.Fatal(err)
	}
}

// Build builds programs into a folder: packages, as go build takes them in the folder from. They are
// built as the tests are, with the race detector or without, and with their tags.
func Build(from, into string, packages ...string) error {
	args := []string{"build", "-buildvcs=false", "-ldflags=-s -w", "-o", into + string(os.PathSeparator)}
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if slices.Contains([]string{"-race", "-tags"}, s.Key) {
			args = append(args, s.Key+"="+s.Value)
		}
	}
	build := exec.Command("go", append(args, packages...)...)
	build.Dir = from
	if said, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", build, err, said)
	}
	return nil
}
