//go:build unix

package outfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"vscan/internal/testenv"
)

// childVar names what the test binary does when a test starts it.
const childVar = "OUTFILE_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childVar) {
	case "":
		os.Exit(m.Run())
	case "new": // writes files under ever new names
		for i := 0; ; i++ {
			childWrites(fmt.Sprintf("out%d.%d", os.Getpid(), i)) // those of the last one are there already
		}
	case "replace":
		for {
			childWrites("out")
		}
	case "refused":
		f, err := Create(context.Background(), "out", Options{})
		if err == nil {
			f.Close()
			os.Exit(1)
		}
		fmt.Print(err)
		os.Exit(0)
	}
}

const childBytes = 200000

// childWrites writes a file.
func childWrites(path string) {
	f, err := Create(context.Background(), path, Options{})
	if err != nil {
		os.Exit(2)
	}
	for range childBytes / 1000 {
		f.Write(bytes.Repeat([]byte{'x'}, 1000))
	}
	if f.Commit(context.Background()) != nil {
		os.Exit(2)
	}
}

// A program that is killed leaves nothing but whole files.
func TestKilled(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("files have names while they are written")
	}
	rounds := testenv.Rounds(10, 15, 60)
	rnd := testenv.Rand(t)
	for _, what := range []string{"new", "replace"} {
		dir := t.TempDir()
		for range rounds {
			cmd := exec.Command(os.Args[0])
			cmd.Dir, cmd.Env = dir, append(os.Environ(), childVar+"="+what)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(rnd.IntN(40)) * time.Millisecond)
			cmd.Process.Kill()
			cmd.Wait()
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if info, err := e.Info(); err != nil || info.Size() != childBytes {
				t.Errorf("%s: %v, %v", e.Name(), info, err)
			}
			// Between link and rename alone, a whole file may be left beside the one it was to replace.
			if strings.HasSuffix(e.Name(), ".tmp") && what == "new" {
				t.Errorf("%s is left", e.Name())
			}
		}
	}
}

// withUmask sets the umask while f runs.
func withUmask(mask int, f func()) {
	old := syscall.Umask(mask)
	defer syscall.Umask(old)
	f()
}

func TestModes(t *testing.T) {
	from := func(modes ...fs.FileMode) (all []fs.FileInfo) {
		dir := t.TempDir()
		for i, m := range modes {
			all = append(all, stat(t, put(t, filepath.Join(dir, fmt.Sprint(i)), "x", m)))
		}
		return all
	}
	for _, c := range []struct {
		umask   int
		from    []fs.FileInfo
		private bool
		old     fs.FileMode // of what is replaced; 0: nothing
		want    fs.FileMode
	}{
		{0, nil, false, 0, 0o600},
		{0, nil, false, 0o666, 0o600},
		{0, from(0o600), false, 0, 0o600},
		{0, from(0o400), false, 0, 0o600},
		{0, from(0o640), false, 0, 0o640},
		{0, from(0o755), false, 0, 0o644},
		{0, from(0o666), false, 0, 0o666},
		{0, from(0o666), true, 0, 0o600},
		{0o022, from(0o666), false, 0, 0o644},
		{0o077, from(0o666), false, 0, 0o600},
		{0o777, from(0o666), false, 0, 0o600},
		{0, from(0o644, 0o640), false, 0, 0o640},
		{0, from(0o644, 0o604), false, 0, 0o604},
		{0, from(0o640, 0o604), false, 0, 0o600},
		{0, from(0o644), false, 0o640, 0o640},
		{0, from(0o600), false, 0o666, 0o600},
	} {
		path := filepath.Join(t.TempDir(), "out")
		if c.old != 0 {
			put(t, path, "old", c.old)
		}
		withUmask(c.umask, func() {
			if err := write(t, path, "new", Options{From: c.from, Private: c.private}); err != nil {
				t.Fatal(err)
			}
		})
		if got := stat(t, path).Mode(); got != c.want {
			t.Errorf("umask %#o, %d files, over %#o: %v, want %v", c.umask, len(c.from), c.old, got, c.want)
		}
	}
	// A file of another group: what its group may is none of our group's, and what others may
	// is none of its group's.
	for mode, want := range map[fs.FileMode]fs.FileMode{0o640: 0o600, 0o604: 0o600, 0o644: 0o644, 0o664: 0o644, 0o646: 0o644} {
		other := put(t, filepath.Join(t.TempDir(), "x"), "x", mode)
		if err := os.Chown(other, -1, 12345); err != nil {
			t.Skip("groups cannot be changed: ", err)
		}
		path := filepath.Join(t.TempDir(), "out")
		withUmask(0, func() {
			if err := write(t, path, "new", Options{From: []fs.FileInfo{stat(t, other)}}); err != nil {
				t.Fatal(err)
			}
		})
		if got := stat(t, path).Mode(); got != want {
			t.Errorf("of another group's file of mode %v: %v, want %v", mode, got, want)
		}
	}
}

// A link stays, and what it leads to is replaced or made.
func TestLinks(t *testing.T) {
	dir := t.TempDir()
	sub := filepath.Join(dir, "a", "b")
	if err := os.MkdirAll(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	link := func(to, name string) string {
		path := filepath.Join(dir, name)
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	put(t, filepath.Join(dir, "file"), "old", 0o644)
	link("a/b", "to-b") // a folder
	for path, at := range map[string]string{link("file", "l1"): "file", link("l1", "l2"): "file", link("a/b/new", "dangling"): "a/b/new", link(filepath.Join(dir, "abs"), "l3"): "abs", link("to-b/../up", "l4"): "a/up"} {
		if err := write(t, path, path, Options{}); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, at)); err != nil || string(got) != path {
			t.Errorf("%s: %q, %v", path, got, err)
		}
		if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeSymlink == 0 {
			t.Errorf("%s is a link no more", path)
		}
	}
	link("ring2", "ring1")
	link("ring1", "ring2")
	for path, want := range map[string]string{filepath.Join(dir, "ring1"): "links", link("no/file", "nofolder"): "make the folder first", dir: "is a folder", link("a", "tofolder"): "is a folder",
		put(t, filepath.Join(dir, "protected"), "x", 0o444): "protected", filepath.Join(dir, "file", "x"): "not a directory"} {
		if err := write(t, path, "x", Options{}); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), path) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

// A link that somebody else has put into /tmp is not followed.
func TestPlanted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("another user's link cannot be made")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777|fs.ModeSticky); err != nil {
		t.Fatal(err)
	}
	victim := put(t, filepath.Join(t.TempDir(), "victim"), "old", 0o600)
	path, pipe := filepath.Join(dir, "link"), filepath.Join(dir, "pipe")
	if err := errors.Join(os.Symlink(victim, path), syscall.Mkfifo(pipe, 0o666)); err != nil {
		t.Fatal(err)
	}
	if err := write(t, path, "by myself", Options{}); err != nil {
		t.Error(err)
	}
	for _, p := range []string{path, pipe} {
		if err := os.Lchown(p, 12345, 12345); err != nil {
			t.Fatal(err)
		}
		if err := write(t, p, "x", Options{Stream: true}); err == nil || !strings.Contains(err.Error(), "another user") {
			t.Errorf("%s: %v", p, err)
		}
	}
}

// What is no file is written to only as it comes, where that is allowed.
func TestStreams(t *testing.T) {
	dir := t.TempDir()
	pipe, socket := filepath.Join(dir, "pipe"), filepath.Join(dir, "s")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Skip(err)
	}
	defer l.Close()
	for _, path := range []string{pipe, socket, "/dev/stdout", "/dev/null", "/dev/fd/1"} {
		if err := write(t, path, "x", Options{}); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := write(t, socket, "x", Options{Stream: true}); err == nil || !strings.Contains(err.Error(), "is a socket") {
		t.Error(err)
	}
	if err := write(t, "/dev/null", "x", Options{Stream: true}); err != nil {
		t.Error(err)
	}
	got := make(chan string)
	go func() {
		b, _ := os.ReadFile(pipe)
		got <- string(b)
	}()
	if err := write(t, pipe, "through a pipe", Options{Stream: true}); err != nil {
		t.Error(err)
	}
	if s := <-got; s != "through a pipe" {
		t.Errorf("%q", s)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Create(ctx, pipe, Options{Stream: true}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a pipe without a reader: %v", err)
	}

	// A descriptor that is a file is written on, and not made anew.
	path := filepath.Join(dir, "file")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	io.WriteString(file, "before, ")
	name := fmt.Sprintf("/dev/fd/%d", file.Fd())
	if err := write(t, name, "behind", Options{Stream: true}); err != nil {
		t.Error(err)
	}
	if b, _ := os.ReadFile(path); string(b) != "before, behind" {
		t.Errorf("%q", b)
	}
	var source *SourceError
	if err := write(t, name, "x", Options{Stream: true, From: []fs.FileInfo{stat(t, path)}}); !errors.As(err, &source) {
		t.Error(err)
	}
}

// A folder where nothing can be written is an error that says so.
func TestReadOnlyFolder(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "out"), "old", 0o666)
	cmd := exec.Command(os.Args[0])
	cmd.Dir, cmd.Env = dir, append(os.Environ(), childVar+"=refused")
	if os.Geteuid() == 0 { // who may write anywhere
		for d := dir; len(d) > 1; d = filepath.Dir(d) {
			if info := stat(t, d); info.Mode().Perm()&0o001 == 0 {
				if err := os.Chmod(d, info.Mode()|0o111); err != nil {
					t.Fatal(err)
				}
			}
		}
		exe := filepath.Join(dir, "exe")
		b, err := os.ReadFile(os.Args[0])
		if err != nil {
			t.Fatal(err)
		}
		put(t, exe, string(b), 0o755)
		cmd.Path, cmd.Args = exe, []string{exe}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 12345, Gid: 12345}}
	}
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o755)
	said, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(said), "permission denied: write to another folder") {
		t.Errorf("%v, %s", err, said)
	}
}

// A disk that is full leaves what was there, and nothing else.
func TestFullDisk(t *testing.T) {
	if err := write(t, "/dev/full", "x", Options{Stream: true}); err == nil || !strings.Contains(err.Error(), "free some space") {
		t.Errorf("/dev/full: %v", err)
	}
	dir := fullDisk(t)
	path := put(t, filepath.Join(dir, "out"), "old", 0o600)
	f, err := Create(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if _, err = f.Write(make([]byte, 1000)); err != nil {
			break
		}
	}
	if err == nil || !strings.HasPrefix(err.Error(), path+": cannot write at file offset 0x") || !strings.HasSuffix(err.Error(), "free some space there, or write to another disk") {
		t.Errorf("%v", err)
	}
	f.Close()
	holds(t, dir, map[string]string{"out": "old"})
	if err := write(t, path, "new", Options{}); err != nil { // there is room again
		t.Error(err)
	}
}
