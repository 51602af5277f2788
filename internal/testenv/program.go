package testenv

import (
	"os"
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
