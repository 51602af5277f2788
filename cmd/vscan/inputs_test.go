package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"
	"vscan/internal/testenv"
)

// A reader that can be ended reads what there is, however it comes, and has the errors of
// the reader behind it.
func TestReadUntil(t *testing.T) {
	all := make([]byte, 1<<20)
	rnd := testenv.Rand(t)
	for i := range all {
		all[i] = byte(rnd.Uint32())
	}
	broken := errors.New("broken")
	for name, of := range map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r }, "half": iotest.HalfReader, "with EOF": iotest.DataErrReader,
	} {
		got, err := io.ReadAll(readUntil(t.Context(), of(bytes.NewReader(all))))
		if err != nil || !bytes.Equal(got, all) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		r := readUntil(t.Context(), of(io.MultiReader(bytes.NewReader(all), iotest.ErrReader(broken))))
		got, err = io.ReadAll(r)
		if err != broken || !bytes.Equal(got, all) {
			t.Errorf("%s: %d bytes, %v, want that it is broken", name, len(got), err)
		}
		if _, err := r.Read(make([]byte, 1)); err != broken {
			t.Errorf("%s: then %v", name, err)
		}
	}
}

// The end of the context ends a read that nobody answers, and all that follow.
func TestReadUntilEnds(t *testing.T) {
	why := errors.New("why")
	ctx, end := context.WithCancelCause(t.Context())
	from, to := io.Pipe()
	r := readUntil(ctx, from)
	go to.Write([]byte("abc"))
	b := make([]byte, 10)
	if n, err := io.ReadFull(r, b[:3]); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	end(why)
	for range 2 {
		if n, err := r.Read(b); n != 0 || err != why {
			t.Errorf("%d, %v", n, err)
		}
	}
}

// What is included lies below the folder, by name and by what links lead to.
func TestIncludes(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"out", "in/a", "in/sub/b", "inside/c"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(name), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	links := map[string]string{"in/link": "a", "in/away": "../out", "in/loop": "loop", "in/folder": "../inside", "in/whole": filepath.Join(dir, "in", "a"), "linked": "in"}
	for name, to := range links {
		if err := os.Symlink(filepath.FromSlash(to), filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			t.Skip(err)
		}
	}
	t.Chdir(dir)
	for _, c := range []struct {
		of, path, want string // want: what the file holds; "": it is refused
	}{
		{"in/x", "in/a", "in/a"}, {"in/x", "in/sub/b", "in/sub/b"}, {"in/x", "in/sub/../a", "in/a"}, {"in/x", "in/../in/a", "in/a"},
		{"in/x", filepath.Join(dir, "in", "a"), "in/a"}, {"linked/x", "linked/a", "in/a"}, {"linked/x", "in/a", "in/a"},
		{"in/x", "in/link", "in/a"}, {"in/x", "in/whole", "in/a"}, {"-", "out", "out"}, {"-", "in/away", "out"}, {"x", "in/folder/c", "inside/c"},
		{"in/x", "linked/a", ""}, {"in/x", "out", ""}, {"in/x", "in/../out", ""}, {"in/x", "in/away", ""}, {"in/x", "in/folder/c", ""}, {"in/x", "inside/c", ""},
		{"in/x", "in/loop", ""}, {"in/x", "in/none", ""}, {"in/x", "in", ""}, {"in/x", "in/sub", ""}, {"-", "../x", ""}, {"in/x", "/dev/null", ""},
	} {
		r, err := includesOf(c.of, false).open(c.path)
		var got []byte
		if err == nil {
			got, err = io.ReadAll(r)
			r.Close()
		}
		if string(got) != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s from %s: %q, %v", c.path, c.of, got, err)
		}
		if r, err := includesOf(c.of, true).open(c.path); c.want != "" && err != nil {
			t.Errorf("%s from anywhere: %v", c.path, err)
		} else if err == nil {
			r.Close()
		}
	}
}
