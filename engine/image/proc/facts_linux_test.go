package proc

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vscan/engine/image"
)

// What /proc tells of a process, here of the test itself.
func TestFacts(t *testing.T) {
	img, err := Open(t.Context(), os.Getpid(), image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	facts := map[string]string{}
	for _, f := range img.Facts {
		facts[f.Name] = f.Value
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if facts["pid"] != fmt.Sprint(os.Getpid()) || facts["executable"] != program || facts["threads"] == "" || facts["name"] == "" || facts["machine"] == "" ||
		!strings.HasPrefix(facts["command"], os.Args[0]) {
		t.Errorf("%q", facts)
	}
}

// A command line is bounded, and one of nothing is none.
func TestCommandLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cmdline")
	for text, want := range map[string]string{
		"": "", "\x00": "", "prog\x00--all\x00\x00": "prog --all", strings.Repeat("x", 1<<20): strings.Repeat("x", maxCommand),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := readCommand(path); got != want {
			t.Errorf("%.20q: %.40q, %d bytes", text, got, len(got))
		}
	}
	if got := readCommand(path + "x"); got != "" {
		t.Errorf("%q of no file", got)
	}
}
