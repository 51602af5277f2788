package outfile

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// write writes a file.
func write(t *testing.T, path, text string, o Options) error {
	t.Helper()
	f, err := Create(t.Context(), path, o)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(f, text); err != nil {
		f.Close()
		return err
	}
	return f.Commit(t.Context())
}

// put makes a file as others do.
func put(t *testing.T, path, text string, mode fs.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func stat(t *testing.T, path string) fs.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// holds checks the text of files, and that nothing else is in their folder.
func holds(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, ok := want[e.Name()]; !ok {
			t.Errorf("%s is left", e.Name())
		}
	}
	for name, text := range want {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != text {
			t.Errorf("%s: %q, %v, want %q", name, got, err, text)
		}
	}
}

func TestWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	if err := write(t, path, "first", Options{}); err != nil {
		t.Fatal(err)
	}
	if err := write(t, path, "second", Options{}); err != nil {
		t.Fatal(err)
	}
	holds(t, dir, map[string]string{"out": "second"})
	f, err := Create(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(f, "third")
	holds(t, dir, map[string]string{"out": "second"}) // nothing is to be seen of what is being written
	if err := errors.Join(f.Close(), f.Close()); err != nil {
		t.Error(err)
	}
	holds(t, dir, map[string]string{"out": "second"})

	ctx, cancel := context.WithCancel(t.Context())
	if f, err = Create(ctx, path, Options{}); err != nil {
		t.Fatal(err)
	}
	io.WriteString(f, "fourth")
	cancel()
	if err := f.Commit(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := Create(ctx, path, Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	holds(t, dir, map[string]string{"out": "second"})
}

// Where a file cannot be without a name, it has a temporary one.
func TestNamed(t *testing.T) {
	dir := t.TempDir()
	path := put(t, filepath.Join(dir, "out"), "old", 0o600)
	for _, publish := range []func(*File) error{(*File).publishNamed, func(f *File) error {
		return f.publishCopy(errors.New("no names"))
	}} {
		file, name, most, err := beginNamed(dir)
		if err != nil || most == 0 {
			t.Fatal(err, most)
		}
		f := &File{path: path, target: path, file: file, temp: name}
		io.WriteString(f, "new")
		if err := publish(f); err != nil {
			t.Fatal(err)
		}
		os.Remove(name) // of the copied one, which a file without a name has not
		f.temp = ""
		f.Close()
		holds(t, dir, map[string]string{"out": "new"})
	}
	file, name, _, err := beginNamed(dir)
	if err != nil {
		t.Fatal(err)
	}
	f := &File{path: path, target: path, file: file, temp: name}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	holds(t, dir, map[string]string{"out": "new"})
	if _, err := Create(t.Context(), "", Options{}); err == nil {
		t.Error("a file without a name")
	}
}

func TestScratch(t *testing.T) {
	dir := t.TempDir()
	file, remove, err := Scratch(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt([]byte("x"), 1<<20); err != nil {
		t.Error(err)
	}
	if err := remove(); err != nil {
		t.Error(err)
	}
	holds(t, dir, nil)
	if _, _, err := Scratch(filepath.Join(dir, "no")); err == nil || !strings.Contains(err.Error(), "make the folder first") {
		t.Error(err)
	}
}

// What a file is made of is not written over, by whatever name.
func TestSources(t *testing.T) {
	dir := t.TempDir()
	image := put(t, filepath.Join(dir, "image"), "memory", 0o644)
	o := Options{From: []fs.FileInfo{stat(t, put(t, filepath.Join(dir, "layer"), "layer", 0o644)), stat(t, image)}}
	names := []string{"image", "layer"}
	if os.Link(image, filepath.Join(dir, "hard")) == nil {
		names = append(names, "hard")
	}
	if os.Symlink("hard", filepath.Join(dir, "soft")) == nil && len(names) == 3 {
		names = append(names, "soft")
	}
	for _, name := range names {
		var source *SourceError
		if err := write(t, filepath.Join(dir, name), "x", o); !errors.As(err, &source) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// It becomes known later, or the image gets there later.
	f, err := Create(t.Context(), image, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.From(false, stat(t, image)); err == nil {
		t.Error("no error")
	}
	f.Close()
	out := filepath.Join(dir, "out")
	if f, err = Create(t.Context(), out, o); err != nil {
		t.Fatal(err)
	}
	if os.Link(image, out) == nil {
		var source *SourceError
		if err := f.Commit(t.Context()); !errors.As(err, &source) {
			t.Error(err)
		}
	}
	f.Close()
	os.Remove(out)
	os.Remove(filepath.Join(dir, "hard"))
	os.Remove(filepath.Join(dir, "soft"))
	holds(t, dir, map[string]string{"image": "memory", "layer": "layer"})
}

// Of two that write one file at once, one's is there in the end, whole, and nothing else.
func TestTwoWriters(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for range 20 {
				f, err := Create(t.Context(), path, Options{})
				if err != nil {
					t.Error(err)
					return
				}
				for range 10 {
					f.Write(bytes.Repeat([]byte{'a' + byte(i)}, 5000))
				}
				if err := f.Commit(t.Context()); err != nil {
					t.Error(err)
				}
				if b, err := os.ReadFile(path); err != nil || len(b) != 50000 || bytes.Count(b, b[:1]) != len(b) {
					t.Errorf("%d bytes, %v", len(b), err)
				}
			}
		})
	}
	all.Wait()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}

// A file with a temporary name can be written by that name, and appears and goes as any other.
func TestTemporaryName(t *testing.T) {
	dir := t.TempDir()
	path := put(t, filepath.Join(dir, "a"), "old", 0o600)
	for _, keep := range []bool{false, true} {
		f, err := Create(t.Context(), path, Options{Named: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.Temporary(), []byte("new"), 0o600); err != nil {
			t.Fatal(err)
		}
		want := "old"
		if keep {
			if err := f.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			want = "new"
		}
		f.Close()
		holds(t, dir, map[string]string{"a": want})
	}
}
