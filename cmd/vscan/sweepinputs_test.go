package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/spf13/cobra"

	"vscan/engine/budget"
	"vscan/internal/testenv"
)

// files makes files of so many bytes below a folder of the test's own, which becomes the
// working folder.
func files(t *testing.T, all map[string]int) {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	for name, size := range all {
		path := filepath.FromSlash(name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, make([]byte, size), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
}

// told returns what inputs yields, a text each: the argument, in front of it a + where it was
// found below a folder, behind it why it is left out, and the error, which is then all of it.
func told(ctx context.Context, in *inputs) (all []string) {
	for i, err := range in.all(ctx) {
		text := filepath.ToSlash(i.Arg)
		if i.Found {
			text = "+" + text
		}
		if i.Skip != nil {
			text += ": " + i.Skip.Reason()
		}
		if err != nil {
			text = "error: " + err.Error()
		}
		all = append(all, text)
	}
	return all
}

func check(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n\t%s\nwant\n\t%s", what, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// Folders, patterns of names, lists and everything that layered.Open takes come in the order
// as given, what is below a folder by its names.
func TestInputs(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("names have no * there")
	}
	files(t, map[string]int{
		"d/b.core": 1, "d/a/z.core": 1, "d/a/y.raw": 1, "d/a.core": 1, "d/.hidden/x": 1, "d/.h": 1, "d/empty": 0, "d/out/sweep.db": 9,
		"e/1.core": 1, "e/2.core": 1, "e/.3.core": 1, "[x].core": 1, "x.core": 1, "@list": 1, "@": 1, "f*/a1": 1, "f*/sub/a2": 1, "g1/k/a": 1, "g2/k/a": 1, "g2/.k/a": 1, "g3": 1,
	})
	for name, text := range map[string]string{
		"list": "e/2.core\r\n\n  \nd/a\nnone@0x1000\n[x].core\n*.core\n@list\npid:7", "null": "e/2.core\x00two\nlines\x00\r\x00", "empty": "\n\r\n\n", "long": "a\n" + strings.Repeat("x", longestPath+1),
		"bom": "\ufeffe/1.core\r\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		args string // separated by blanks
		f    inputFlags
		want []string
	}{
		{"as layered.Open takes it", "x.core none pid:1 x.core@0x1000 none@5 @", inputFlags{}, []string{"x.core", "none", "pid:1", "x.core@0x1000", "none@5", "@"}},
		{"folders", "d/a d", inputFlags{}, []string{"+d/a/y.raw", "+d/a/z.core", "+d/.h: hidden file or folder", "+d/.hidden: hidden file or folder",
			"+d/a/y.raw", "+d/a/z.core", "+d/a.core", "+d/b.core", "+d/empty: empty file", "+d/out: folder of results"}},
		{"hidden", "./d/", inputFlags{hidden: true}, []string{"+d/.h", "+d/.hidden/x", "+d/a/y.raw", "+d/a/z.core", "+d/a.core", "+d/b.core", "+d/empty: empty file", "+d/out: folder of results"}},
		{"the results themselves", "d/out", inputFlags{}, []string{"d/out: folder of results"}},
		{"patterns of names", "e/*.core [x].core ?.core none* e/[", inputFlags{}, []string{"e/1.core", "e/2.core", "[x].core", "x.core", "none*", "e/["}},
		{"patterns of folders", "g*/k/? g?/ g*/none f*/s*", inputFlags{}, []string{"g1/k/a", "g2/k/a", "+g1/k/a", "+g2/.k: hidden file or folder", "+g2/k/a", "g*/none", "+f*/sub/a2"}},
		{"hidden by pattern", "e/.* g2/.k/* g2/*/a", inputFlags{}, []string{"e/.3.core", "g2/.k/a", "g2/k/a"}},
		{"hidden by a pattern without the dot", "e/* g2/*/a", inputFlags{hidden: true}, []string{"e/.3.core", "e/1.core", "e/2.core", "g2/.k/a", "g2/k/a"}},
		{"a file wins", "@list f*/a1", inputFlags{}, []string{"@list", "f*/a1"}},
		{"lists", "@./list @bom", inputFlags{}, []string{"e/2.core", "  ", "+d/a/y.raw", "+d/a/z.core", "none@0x1000", "[x].core", "*.core", "@list", "pid:7", "e/1.core"}},
		{"lists with zero bytes", "@null", inputFlags{null: true}, []string{"e/2.core", "two\nlines", "\r"}},
		{"such lists without -0", "@null x.core", inputFlags{}, []string{"error: null: line 1 has a zero byte: a list whose paths end in zero bytes is read with -0", "x.core"}},
		{"no lists", "@empty @none @long x.core", inputFlags{}, []string{"error: empty: no path in the list", "error: @none: no such file or directory", "a",
			"error: long: line 2 is longer than any path: want a list of paths, one a line, or with -0 each with a zero byte behind it", "x.core"}},
		{"standard input", "x.core @-", inputFlags{}, []string{"x.core", "from", "there"}},
	} {
		in := &inputs{flags: &c.f, args: strings.Fields(c.args), stdin: strings.NewReader("from\nthere"), results: "d/out"}
		check(t, c.name, told(t.Context(), in), c.want...)
	}
}

// What the flags leave out is told by its reason; of their rules of names the last one that
// matches decides.
func TestInputsLeftOut(t *testing.T) {
	files(t, map[string]int{"d/a.core": 1, "d/b.raw": 100, "d/old/a.core": 1, "d/old/b.raw": 1, "d/old/new/c.core": 1, "d/z.txt": 1})
	before := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := os.Chtimes("d/z.txt", before, before); err != nil {
		t.Fatal(err)
	}
	const name = ": file or folder left out by name"
	in, out := func(g string) nameRule { return nameRule{g, true} }, func(g string) nameRule { return nameRule{g, false} }
	for _, c := range []struct {
		name string
		c    choice
		args string
		want []string
	}{
		{"only", choice{rules: []nameRule{in("*.core")}}, "d", []string{"+d/a.core", "+d/b.raw" + name, "+d/old/a.core", "+d/old/b.raw" + name, "+d/old/new/c.core", "+d/z.txt" + name}},
		{"not", choice{rules: []nameRule{out("*.core"), out("*.txt")}}, "d", []string{"+d/a.core" + name, "+d/b.raw", "+d/old/a.core" + name, "+d/old/b.raw", "+d/old/new/c.core" + name, "+d/z.txt" + name}},
		{"a folder", choice{rules: []nameRule{out("old")}}, "d", []string{"+d/a.core", "+d/b.raw", "+d/old" + name, "+d/z.txt"}},
		{"only a folder", choice{rules: []nameRule{in("new")}}, "d", []string{"+d/a.core" + name, "+d/b.raw" + name, "+d/old/a.core" + name, "+d/old/b.raw" + name, "+d/old/new/c.core", "+d/z.txt" + name}},
		{"the last wins", choice{rules: []nameRule{in("*.core"), out("old"), in("old/*.raw")}}, "d", []string{"+d/a.core", "+d/b.raw" + name, "+d/old/a.core" + name, "+d/old/b.raw", "+d/old/new/c.core" + name, "+d/z.txt" + name}},
		{"none but", choice{rules: []nameRule{out("*"), in("old/new/*")}}, "d", []string{"+d/a.core" + name, "+d/b.raw" + name, "+d/old/a.core" + name, "+d/old/b.raw" + name, "+d/old/new/c.core", "+d/z.txt" + name}},
		{"the last part of a folder", choice{rules: []nameRule{out("new")}}, "d/old", []string{"+d/old/a.core", "+d/old/b.raw", "+d/old/new" + name}},
		{"below the folder", choice{rules: []nameRule{out("d/old")}}, "d/old", []string{"+d/old/a.core", "+d/old/b.raw", "+d/old/new/c.core"}},
		{"what is named", choice{rules: []nameRule{out("d/*.raw"), out("a.core")}}, "d/a.core d/b.raw d/z.txt pid:1", []string{"d/a.core" + name, "d/b.raw" + name, "d/z.txt", "pid:1"}},
		{"by size", choice{maxSize: 99}, "d/b.raw d/a.core", []string{"d/b.raw: file larger than --max-size", "d/a.core"}},
		{"by size exactly", choice{maxSize: 100}, "d/b.raw", []string{"d/b.raw"}},
		{"by time", choice{newer: newerFlag{before}, rules: []nameRule{out("old")}}, "d", []string{"+d/a.core", "+d/b.raw", "+d/old" + name, "+d/z.txt: file older than --newer"}},
		{"by an earlier time", choice{newer: newerFlag{before.Add(-1)}}, "d/z.txt", []string{"d/z.txt"}},
	} {
		in := &inputs{flags: &inputFlags{choice: c.c}, args: strings.Fields(c.args)}
		check(t, c.name, told(t.Context(), in), c.want...)
	}
	var counted skips
	some := &inputs{flags: &inputFlags{choice: choice{rules: []nameRule{out("*.raw")}}}, args: []string{"d"}, counted: &counted}
	check(t, "counted", told(t.Context(), some), "+d/a.core", "+d/old/a.core", "+d/old/new/c.core", "+d/z.txt")
	if got := counted.String(); got != "2 files and folders left out by name" {
		t.Errorf("counted: %q", got)
	}
}

// Links are not followed, wherever they lead, but for one that is named; devices and pipes
// are none.
func TestInputsLinks(t *testing.T) {
	files(t, map[string]int{"d/a": 1, "out/b": 1})
	for name, to := range map[string]string{"d/l1": "a", "d/l2": "../out", "d/l3": "none", "d/loop": ".", "d2": "d"} {
		if err := os.Symlink(filepath.FromSlash(to), filepath.FromSlash(name)); err != nil {
			t.Skip(err)
		}
	}
	const link = ": symbolic link"
	in := &inputs{flags: &inputFlags{}, args: []string{"d2", "d/l2", "d/l1"}}
	check(t, "links", told(t.Context(), in), "+d2/a", "+d2/l1"+link, "+d2/l2"+link, "+d2/l3"+link, "+d2/loop"+link, "+d/l2/b", "d/l1")
}

// A folder may change while it is walked: what it loses is told, and so is what takes
// its place; folders that come are walked.
func TestInputsChange(t *testing.T) {
	files(t, map[string]int{"d/a": 1, "d/b": 1, "d/c/c": 1, "d/d": 1, "d/e/e": 1, "out/secret": 1, "z": 1})
	in := &inputs{flags: &inputFlags{}, args: []string{"d", "z"}}
	var got []string
	for i, err := range in.all(t.Context()) {
		if len(got) == 0 {
			if err := errors.Join(os.Remove("d/b"), os.RemoveAll("d/c"), os.WriteFile("d/e/f", []byte{1}, 0o666)); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(os.Rename("d/d", "d/x"), os.Symlink(filepath.Join("..", "out"), "d/c")); err != nil {
				t.Skip(err)
			}
		}
		text := filepath.ToSlash(i.Arg)
		if i.Skip != nil {
			text += ": " + i.Skip.Reason()
		}
		got = append(got, fmt.Sprint(text, err))
	}
	check(t, "changing", got, "d/a<nil>", "d/b: file that vanished meanwhile<nil>", "d/c: symbolic link<nil>", "d/d: file that vanished meanwhile<nil>", "d/e/e<nil>", "d/e/f<nil>", "z<nil>")

	f := &inputFlags{}
	gone := &fs.PathError{Op: "open", Path: "d/b", Err: fs.ErrNotExist}
	if why := f.leftOut(input{Arg: "d/b", Found: true}, nil, gone, false); why != &skipGone {
		t.Errorf("a file that vanished before it was opened: %v", why)
	}
	if why := f.leftOut(input{Arg: "d/b"}, nil, gone, false); why != nil {
		t.Errorf("a file that was named and is not there: %v", why.Reason())
	}
	if why := f.leftOut(input{Arg: "d/a", Found: true}, nil, gone, false); why != nil {
		t.Errorf("a layer that is not there: %v", why.Reason())
	}
}

// What cannot be read is told with its path, and the walk goes on.
func TestInputsUnreadable(t *testing.T) {
	files(t, map[string]int{"d/a/x": 1, "d/b/x": 1, "d/c/x": 1, "e/x": 1})
	if err := os.Chmod("d/b", 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod("d/b", 0o777) })
	if _, err := os.ReadDir("d/b"); err == nil {
		t.Skip("this user may read everything")
	}
	in := &inputs{flags: &inputFlags{}, args: []string{"d", "d/b/*", "e"}}
	check(t, "unreadable", told(t.Context(), in), "+d/a/x", "error: d/b: permission denied", "+d/c/x", "error: d/b: permission denied", "d/b/*", "+e/x")
	failing := &inputs{flags: &inputFlags{}, args: []string{"@-", "e"}, stdin: iotest.ErrReader(errors.New("broken"))}
	check(t, "broken", told(t.Context(), failing), "error: standard input: broken", "+e/x")
}

// The names of a folder are asked of the budget, and given back.
func TestInputsBudget(t *testing.T) {
	files(t, map[string]int{"d/few/x": 1, "d/many/x": 1, "d/more/x": 1})
	for i := range 200 {
		if err := os.WriteFile(filepath.Join("d", "many", fmt.Sprint(i)), []byte{1}, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	b := budget.New(4096)
	in := &inputs{flags: &inputFlags{}, args: []string{"d"}, budget: b}
	got := told(t.Context(), in)
	if len(got) != 3 || got[0] != "+d/few/x" || !strings.HasPrefix(got[1], "error: "+filepath.Join("d", "many")+": ") || !strings.Contains(got[1], "names in the folder") || got[2] != "+d/more/x" {
		t.Errorf("%q", got)
	}
	if b.Taken() != 0 {
		t.Errorf("%d bytes are still taken", b.Taken())
	}
}

// The walk ends when nobody wants more, and with the context, with its cause.
func TestInputsEnd(t *testing.T) {
	files(t, map[string]int{"d/a": 1, "d/b/c": 1, "d/d": 1})
	for stop := 1; stop <= 3; stop++ {
		n := 0
		for range (&inputs{flags: &inputFlags{}, args: []string{"d", "d/*", "@-"}, stdin: strings.NewReader("d")}).all(t.Context()) {
			if n++; n == stop {
				break
			}
		}
		ctx, end := context.WithCancelCause(t.Context())
		why := errors.New("why")
		n = 0
		for in, err := range (&inputs{flags: &inputFlags{}, args: []string{"d", "d/*", "@-"}, stdin: strings.NewReader("d")}).all(ctx) {
			if n++; n == stop {
				end(why)
			}
			if (n > stop) != (err == why) || n > stop+1 || n > stop && in != (input{}) {
				t.Errorf("ending after %d: %d is %+v, %v", stop, n, in, err)
			}
		}
		end(nil)
		if n != stop+1 {
			t.Errorf("ended after %d, not %d", n, stop+1)
		}
	}
}

func TestNewer(t *testing.T) {
	files(t, map[string]int{"36h": 1})
	at := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := os.Chtimes("36h", at, at); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for in, want := range map[string]time.Time{
		"36h": at, "35h": now.Add(-35 * time.Hour), "7d": now.Add(-7 * 24 * time.Hour), "90m": now.Add(-90 * time.Minute), "0s": now,
		"2026-11-27": time.Date(2026, 11, 27, 0, 0, 0, 0, time.Local), "2026-11-27T18:00:00Z": time.Date(2026, 11, 27, 18, 0, 0, 0, time.UTC),
		"2026-11-27T18:00:00.5+01:00": time.Date(2026, 11, 27, 17, 0, 0, 5e8, time.UTC), "2026-11-27 18:00:00": time.Date(2026, 11, 27, 18, 0, 0, 0, time.Local),
	} {
		if got, err := parseNewer(in, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v, want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "-1h", "yesterday", "2026-13-01", "d", "-1d", "100000000000d", "a\x00b"} {
		if got, err := parseNewer(in, now); err == nil || !strings.Contains(err.Error(), "how long ago") {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
}

// A folder of many files is walked in the order of their names, with all names in a budget.
func TestInputsMany(t *testing.T) {
	many := testenv.Rounds(1000, 1000, 100_000)
	files(t, nil)
	for i := range many {
		f, err := os.Create(fmt.Sprintf("f%d", i*7919%many))
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	b := budget.New(uint64(many) * (entryBytes + 8))
	in := &inputs{flags: &inputFlags{}, args: []string{"."}, budget: b, empty: true}
	n, last := 0, ""
	for i, err := range in.all(t.Context()) {
		if n++; err != nil || i.Skip != nil || i.Arg <= last {
			t.Fatalf("%d: %+v, %v after %s", n, i, err, last)
		}
		last = i.Arg
	}
	if n != many {
		t.Errorf("%d files, want %d", n, many)
	}
}

// The rules of names keep the order in which their flags are given, whichever they are.
func TestInputFlags(t *testing.T) {
	var f inputFlags
	cmd := &cobra.Command{}
	f.register(cmd)
	if err := cmd.ParseFlags([]string{"--exclude", "*", "--include", "*.core", "--exclude=old", "-0", "--hidden", "--raw", "--max-size", "4K", "--newer", "2020-01-02"}); err != nil {
		t.Fatal(err)
	}
	want := inputFlags{hidden: true, null: true, raw: true, choice: choice{rules: []nameRule{{"*", false}, {"*.core", true}, {"old", false}}, maxSize: 4096,
		newer: newerFlag{time.Date(2020, 1, 2, 0, 0, 0, 0, time.Local)}}}
	if !reflect.DeepEqual(f, want) {
		t.Errorf("%+v, want %+v", f, want)
	}
	for flag, value := range map[string]string{"include": "[", "exclude": "", "newer": "soon", "max-size": "0"} {
		if err := cmd.ParseFlags([]string{"--" + flag, value}); err == nil {
			t.Errorf("--%s %q is no error", flag, value)
		}
	}
}
