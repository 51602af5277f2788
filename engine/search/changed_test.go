package search_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"vscan/engine/image"
	"vscan/engine/image/layered"
	"vscan/engine/search"
	"vscan/patterns"
)

// changes are what others do to a file while it is searched, and what of it is told.
var changes = []struct {
	name    string
	do      func(path string) error
	want    image.ChangeKind // "": nothing
	content bool             // whether the bytes may be other ones
	linux   bool             // whether other systems do not tell it
}{
	{name: "nothing", do: func(string) error { return nil }},
	{name: "read", do: func(path string) error { _, err := os.ReadFile(path); return err }},
	{name: "overwritten in place", do: func(path string) error { return writeAt(path, "other", 100) }, want: image.ChangedTime, content: true},
	{name: "a byte overwritten with itself", do: func(path string) error { return writeAt(path, "x", 100) }, want: image.ChangedTime, content: true},
	{name: "cut and grown again", do: func(path string) error {
		if err := os.Truncate(path, 10); err != nil {
			return err
		}
		return os.Truncate(path, changedSize)
	}, want: image.ChangedTime, content: true},
	{name: "cut", do: func(path string) error { return os.Truncate(path, 9000) }, want: image.ChangedSize, content: true},
	{name: "appended to", do: func(path string) error { return writeAt(path, "more", changedSize) }, want: image.ChangedSize, content: true},
	{name: "written to, and its time set back", do: func(path string) error {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if err := writeAt(path, "other", 100); err != nil {
			return err
		}
		return os.Chtimes(path, time.Time{}, info.ModTime())
	}, want: image.ChangedStatus, content: true, linux: true},
	{name: "mode", do: func(path string) error { return os.Chmod(path, 0o640) }, want: image.ChangedAttributes, linux: true},
	{name: "linked", do: func(path string) error { return os.Link(path, path+".link") }, want: image.ChangedAttributes, linux: true},
	{name: "renamed", do: func(path string) error { return os.Rename(path, path+".old") }, want: image.ChangedPath, linux: true},
	{name: "removed", do: os.Remove, want: image.ChangedPath, linux: true},
	{name: "replaced", do: func(path string) error {
		if err := os.WriteFile(path+".new", make([]byte, changedSize), 0o600); err != nil {
			return err
		}
		return os.Rename(path+".new", path)
	}, want: image.ChangedPath, linux: true},
}

const changedSize = 64 << 10

func writeAt(path, text string, off int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := f.WriteAt([]byte(text), off); err != nil {
		return err
	}
	return f.Close()
}

// changedFile returns the path of a file of x with a needle in front.
func changedFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "memory")
	data := bytes.Repeat([]byte("x"), changedSize)
	copy(data, "needle")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A search of a file that changes is not complete, and says what has changed. What does
// not touch the bytes is told at most.
func TestChanged(t *testing.T) {
	for _, c := range changes {
		for _, mmap := range []image.Mmap{image.MmapAuto, image.MmapAlways, image.MmapNever} {
			if c.linux && runtime.GOOS != "linux" {
				continue
			}
			path := changedFile(t)
			sum := searchWhile(t, path, layered.Options{Format: image.FormatRaw, Mmap: mmap}, func() error { return c.do(path) })
			checkChanged(t, c.name, sum, path, c.want, c.content)
		}
	}
}

// It is so too with a file that is laid over or under the image.
func TestChangedLayer(t *testing.T) {
	for _, c := range changes {
		if c.linux && runtime.GOOS != "linux" {
			continue
		}
		path, under := changedFile(t), changedFile(t)
		o := layered.Options{Format: image.FormatRaw, Under: []layered.Layer{{Spec: image.LayerSpec{Path: under, At: 1 << 30}}}}
		sum := searchWhile(t, path, o, func() error { return c.do(under) })
		checkChanged(t, c.name, sum, under, c.want, c.content)
	}
}

// searchWhile searches for the needle, calls do at the first hit, and returns the summary.
func searchWhile(t *testing.T, path string, o layered.Options, do func() error) *search.Summary {
	t.Helper()
	img, err := layered.Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	p, err := patterns.Parse("needle")
	if err != nil {
		t.Fatal(err)
	}
	done := false
	q := search.Query{Patterns: []patterns.Pattern{p}}
	sum, err := q.Run(t.Context(), img, search.HitFunc(func(*search.Hit) error {
		if done {
			return nil
		}
		done = true
		return do()
	}))
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func checkChanged(t *testing.T, name string, sum *search.Summary, path string, want image.ChangeKind, content bool) {
	t.Helper()
	unknown := len(sum.Changed) > 0 && sum.Changed[len(sum.Changed)-1].What == image.ChangeUnknown
	if unknown && !content {
		t.Skipf("nothing can be told of files here: %v", sum.Changed)
	}
	told := false
	for _, c := range sum.Changed {
		told = told || c.What == want && c.Path == path
	}
	if told != (want != "") || image.ContentChanged(sum.Changed) != content {
		t.Errorf("%s: %+v, want %q, of the bytes: %v", name, sum.Changed, want, content)
	}
	if sum.Complete == content {
		t.Errorf("%s: complete: %v; %+v", name, sum.Complete, sum.Changed)
	}
}
