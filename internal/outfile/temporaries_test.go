package outfile

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// Only what was begun under the context is removed, and what has its name meanwhile stays.
func TestTemporaries(t *testing.T) {
	dir := t.TempDir()
	var all Temporaries
	ctx := NotedIn(t.Context(), &all)
	var names []string
	for _, c := range []context.Context{ctx, ctx, t.Context()} {
		f := &File{temporaries: temporariesOf(c)}
		file, name, _, err := beginNamed(dir)
		if err != nil {
			t.Fatal(err)
		}
		file.Close()
		f.setTemp(name)
		names = append(names, name)
	}
	whole := filepath.Join(dir, "whole")
	if err := os.Rename(names[1], whole); err != nil {
		t.Fatal(err)
	}
	all.Remove()
	all.Remove()
	for name, want := range map[string]bool{names[0]: false, whole: true, names[2]: true} {
		if _, err := os.Stat(name); (err == nil) != want {
			t.Errorf("%s: %v, want that it is there: %v", name, err, want)
		}
	}
}
