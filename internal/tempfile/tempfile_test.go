package tempfile

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// Only what was made under the context is removed, and what has another name meanwhile
// stays.
func TestRemove(t *testing.T) {
	dir := t.TempDir()
	var l List
	ctx := NotedIn(t.Context(), &l)
	var names []string
	for _, c := range []context.Context{ctx, ctx, t.Context()} {
		f, err := Create(c, dir, "x.*.tmp")
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		names = append(names, f.Name())
	}
	whole := filepath.Join(dir, "whole")
	if err := os.Rename(names[1], whole); err != nil {
		t.Fatal(err)
	}
	l.Remove()
	l.Remove()
	for name, want := range map[string]bool{names[0]: false, whole: true, names[2]: true} {
		if _, err := os.Stat(name); (err == nil) != want {
			t.Errorf("%s: %v, want that it is there: %v", name, err, want)
		}
	}
}
