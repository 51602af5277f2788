package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"vscan/internal/testenv"
)

// A program in a folder of its own, which is told where vscan lies as the README has
// it, is built, and after vendoring without that folder.
func TestRequire(t *testing.T) {
	if !testenv.Long() {
		t.Skip("builds a program and all that it uses: set " + testenv.LongVar + "=1")
	}
	commands := requireCommands(t)
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "main.go"), program(t))
	for _, command := range commands {
		if out, err := goIn(dir, "", strings.Fields(strings.ReplaceAll(command, "PATH/TO/vscan", root))...); err != nil {
			if strings.Contains(out, "dial tcp") || strings.Contains(out, "lookup disabled") {
				t.Skipf("%s: there is no network: %s", command, out)
			}
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
	// Now without the folder, a module cache or a network.
	if out, err := goIn(dir, "", "go", "mod", "edit", "-replace", "vscan="+filepath.Join(root, "nowhere")); err != nil {
		t.Fatal(out)
	}
	// vendor/modules.txt names the folder too.
	modules := filepath.Join(dir, "vendor", "modules.txt")
	text, err := os.ReadFile(modules)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, modules, strings.ReplaceAll(string(text), "=> "+root, "=> "+filepath.Join(root, "nowhere")))
	if out, err := goIn(dir, t.TempDir(), "go", "build", "-mod=vendor", "-o", filepath.Join(dir, "finder"), "."); err != nil {
		t.Fatalf("the vendored program: %v\n%s", err, out)
	}
}

// requireCommands returns the commands of the README that require vscan, up to the
// one that vendors it.
func requireCommands(t *testing.T) (commands []string) {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if command, _, _ := strings.Cut(strings.TrimSpace(line), "#"); strings.HasPrefix(line, "    go mod ") {
			commands = append(commands, strings.TrimSpace(command))
		}
	}
	if len(commands) != 4 {
		t.Fatalf("the README has %d commands of go mod: %q", len(commands), commands)
	}
	return commands
}

// program returns a program of the README's Go.
func program(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	function := regexp.MustCompile("(?s)```go\n(.*?)```").FindStringSubmatch(string(text))
	if function == nil {
		t.Fatal("the README has no Go")
	}
	return `package main

import (
	"context"
	"fmt"
	"os"

	"vscan/engine/image/layered"
	"vscan/engine/search"
	"vscan/patterns"
)

func main() { fmt.Println(find(context.Background(), os.Args[1])) }

` + function[1]
}

// goIn runs a command in a folder, outside of any workspace; with a cache of modules,
// with that one and without a network.
func goIn(dir, cache string, command ...string) (output string, err error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	if cache != "" {
		cmd.Env = append(cmd.Env, "GOMODCACHE="+cache, "GOPROXY=off")
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}
