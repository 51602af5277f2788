package search_test

import (
	"os"
	"strings"
	"testing"
)

// The program in the README is the function of an example, which is compiled and
// run.
func TestReadmeIsTheExample(t *testing.T) {
	readme, example := text(t, "../../README.md"), text(t, "find_test.go")
	_, block, found := strings.Cut(readme, "```go\n")
	block, _, closed := strings.Cut(block, "```")
	if !found || !closed || !strings.HasPrefix(block, "// find ") {
		t.Fatal("README.md has no Go that begins with the comment of find")
	}
	if !strings.Contains(example, "\n"+block+"\n") {
		t.Errorf("README.md and find_test.go differ; the README has:\n%s", block)
	}
	if strings.Count(readme, "```go\n") > 1 {
		t.Error("README.md has other Go that nothing compiles")
	}
}

// text returns a file, its lines ended by \n also where a checkout made them others.
func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(b), "\r\n", "\n")
}
