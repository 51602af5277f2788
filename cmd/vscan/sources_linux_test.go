package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"vscan/cmd/vscan/internal/cli"
	"vscan/engine/image/imagetest/fusetest"
)

// Files that misbehave are handed out by a file system of the test, to a vscan that is
// another process.

const (
	pageSize   = 4 << 10
	sourceSize = 4 << 20
)

// sourceBytes returns the bytes of a file with needles at these offsets.
func sourceBytes(at ...int) []byte {
	b := bytes.Repeat([]byte("x"), sourceSize)
	for _, off := range at {
		copy(b[off:], "needle")
	}
	return b
}

// failsAt returns a function that lets reads fail which ask for bytes of a range.
func failsAt(first, end int64, errno syscall.Errno) func(context.Context, int64, int64) syscall.Errno {
	return func(_ context.Context, off, n int64) syscall.Errno {
		if off < end && off+n > first {
			return errno
		}
		return 0
	}
}

// runVscan runs vscan in a process of its own, and returns its exit code and what it wrote.
func runVscan(t *testing.T, args ...string) (code int, out, complaints string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "vscan", args...)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), o.String(), e.String()
}

// hitsIn returns the addresses of the hits in text, with blanks between.
func hitsIn(out string) string {
	var all []string
	for line := range strings.Lines(out) {
		at, _, _ := strings.Cut(line, "\t")
		all = append(all, at)
	}
	return strings.Join(all, " ")
}

// checkTold checks an exit code, and that what was told has some words.
func checkTold(t *testing.T, what string, code, want int, complaints string, words ...string) {
	t.Helper()
	if code != want {
		t.Errorf("%s: exit code %d, want %d: %s", what, code, want, complaints)
	}
	for _, w := range words {
		if !strings.Contains(complaints, w) {
			t.Errorf("%s: want a line with %q: %s", what, w, complaints)
		}
	}
}

// What can be read around bytes that cannot is found, and the rest is told by address,
// bytes and offset in the file.
func TestSourceFailsInTheMiddle(t *testing.T) {
	const bad = 1<<20 + 3*pageSize
	for _, direct := range []bool{false, true} {
		var once atomic.Bool
		m := fusetest.Mount(t, map[string]*fusetest.File{
			"one":  {Data: sourceBytes(0, bad-6, bad+100, bad+pageSize, sourceSize-6), Direct: direct, Before: failsAt(bad, bad+pageSize, syscall.EIO)},
			"head": {Data: sourceBytes(100, pageSize, sourceSize-6), Direct: direct, Before: failsAt(0, pageSize, syscall.EIO)},
			"tail": {Data: sourceBytes(100, 3<<20-6, 3<<20), Direct: direct, Before: failsAt(3<<20, sourceSize, syscall.EIO)},
			"once": {Data: sourceBytes(0, bad, sourceSize-6), Direct: direct, Before: func(_ context.Context, off, n int64) syscall.Errno {
				if off <= bad && off+n > bad && once.CompareAndSwap(false, true) {
					return syscall.EIO
				}
				return 0
			}},
		})
		for _, more := range []string{"--mmap=always", "--mmap=never", "--overlap"} {
			find := func(name string) (int, string, string) {
				return runVscan(t, "find", "--image-format", "raw", more, "needle", filepath.Join(m.Dir, name))
			}
			code, out, complaints := find("one")
			checkTold(t, "one", code, cli.ExitIncomplete, complaints, "4.0 KiB could not be read, in 1 range, the first 0x103000..0x103fff (4096 bytes), at file offset 0x103000 of ")
			if got := hitsIn(out); got != "0x0 0x102ffa 0x104000 0x3ffffa" {
				t.Errorf("one: %s", got)
			}
			code, out, complaints = find("tail")
			checkTold(t, "tail", code, cli.ExitIncomplete, complaints, "1.0 MiB could not be read, in 1 range, the first 0x300000..0x3fffff (1048576 bytes)")
			if got := hitsIn(out); got != "0x64 0x2ffffa" {
				t.Errorf("tail: %s", got)
			}
			code, out, complaints = find("head")
			checkTold(t, "head", code, cli.ExitIncomplete, complaints, "4.0 KiB could not be read, in 1 range, the first 0x0..0xfff (4096 bytes), at file offset 0x0 of ")
			if got := hitsIn(out); got != "0x1000 0x3ffffa" {
				t.Errorf("head: %s", got)
			}
			code, _, complaints = runVscan(t, "find", more, "needle", filepath.Join(m.Dir, "head"))
			checkTold(t, "head of no format that is given", code, cli.ExitError, complaints, "head: cannot read at file offset 0x0: ", "input/output error")
			once.Store(false)
			code, out, complaints = find("once")
			if got := hitsIn(out); got == "0x0 0x103000 0x3ffffa" {
				checkTold(t, "once", code, cli.ExitFound, complaints)
			} else {
				checkTold(t, "once", code, cli.ExitIncomplete, complaints, "could not be read")
			}
		}
	}
}

// The other commands tell it, too.
func TestSourceFailsOtherCommands(t *testing.T) {
	const bad = 1<<20 + 3*pageSize
	m := fusetest.Mount(t, map[string]*fusetest.File{
		"bad":  {Data: bytes.Repeat([]byte{0, 0x10, 0, 0, 0, 0, 0, 0}, sourceSize/8), Before: failsAt(bad, bad+pageSize, syscall.EIO)},
		"head": {Data: sourceBytes(), Before: failsAt(0, pageSize, syscall.EIO)},
	})
	image, head, built := filepath.Join(m.Dir, "bad"), filepath.Join(m.Dir, "head"), filepath.Join(t.TempDir(), "graph")
	raw := []string{"--image-format", "raw", "--word", "8", "--endian", "little"}
	with := func(args ...string) []string { return append(args, raw...) }

	code, _, complaints := runVscan(t, with("graph", "build", image, "-o", built)...)
	checkTold(t, "graph build", code, cli.ExitIncomplete, complaints, "4.0 KiB could not be read", "at file offset 0x103000 of ", "523776 edges")
	code, _, complaints = runVscan(t, "graph", "to", built, "0x1000", "-m", "1")
	checkTold(t, "graph to", code, cli.ExitIncomplete, complaints, "4.0 KiB of the image could not be read when it was built")
	code, out, complaints := runVscan(t, with("read", image, "0x102ff8", "16", "--as", "hex")...)
	checkTold(t, "read", code, cli.ExitError, complaints, "address 0x103000: cannot be read from "+image+" at offset 0x103000", "input/output error")
	if out != "0010000000000000\n" {
		t.Errorf("read: %q", out)
	}
	code, _, complaints = runVscan(t, with("strings", "-n", "3", image)...)
	checkTold(t, "strings", code, cli.ExitIncomplete, complaints, "4.0 KiB could not be read")
	code, out, complaints = runVscan(t, with("refs", "-c", image, "0x1000")...)
	checkTold(t, "refs", code, cli.ExitIncomplete, complaints, "4.0 KiB could not be read")
	if !strings.HasPrefix(out, "523776\t") {
		t.Errorf("refs: %q", out)
	}
	for _, args := range [][]string{{"map", head}, {"graph", "build", head, "-o", built}, {"read", head, "0x2000"}, {"refs", head, "0x1000"}, {"strings", head}} {
		code, _, complaints = runVscan(t, args...)
		checkTold(t, args[0], code, cli.ExitError, complaints, "head: cannot read at file offset 0x0: ", "input/output error")
	}
}

// A file system that goes away while its file is searched costs what was not read yet,
// and that is told. So it is with one whose server has forgotten the file.
func TestSourceVanishes(t *testing.T) {
	for _, more := range []string{"--mmap=always", "--mmap=never", "--overlap"} {
		for _, stale := range []bool{false, true} {
			var mounted atomic.Pointer[fusetest.Mounted]
			var gone atomic.Bool
			var once sync.Once
			f := &fusetest.File{Data: sourceBytes(0, sourceSize-6)}
			f.Before = func(_ context.Context, off, n int64) syscall.Errno {
				if off+n > 2<<20 && off < 3<<20 { // the end of the file is looked at when it is opened
					gone.Store(true)
					if !stale {
						once.Do(func() { go mounted.Load().Vanish() })
						time.Sleep(100 * time.Millisecond)
					}
				}
				if gone.Load() {
					return syscall.ESTALE
				}
				return 0
			}
			f.Attr = func(*fuse.Attr) syscall.Errno {
				if gone.Load() {
					return syscall.ESTALE
				}
				return 0
			}
			m := fusetest.Mount(t, map[string]*fusetest.File{"image": f})
			mounted.Store(m)
			code, out, complaints := runVscan(t, "find", "--image-format", "raw", "-j", "1", "--shard-size", "256K", more, "needle", filepath.Join(m.Dir, "image"))
			checkTold(t, "find", code, cli.ExitIncomplete, complaints, "could not be read", "not complete: the file changed while it was looked at: it can no longer be asked whether it changed")
			if got := hitsIn(out); got != "0x0" {
				t.Errorf("hits at %q: %s", got, complaints)
			}
		}
	}
}

// A file whose reads give less or more than its size says is not called complete.
func TestSourceLiesAboutItsSize(t *testing.T) {
	for _, direct := range []bool{false, true} {
		m := fusetest.Mount(t, map[string]*fusetest.File{
			"larger":  {Data: sourceBytes(0, sourceSize-6), Size: 2 * sourceSize, Direct: direct},
			"smaller": {Data: sourceBytes(0, sourceSize-6), Size: sourceSize / 2, Direct: direct},
		})
		for _, more := range []string{"--mmap=always", "--mmap=never", "--overlap"} {
			code, out, complaints := runVscan(t, "find", "--image-format", "raw", more, "needle", filepath.Join(m.Dir, "larger"))
			checkTold(t, "larger", code, cli.ExitIncomplete, complaints, " could not be read, in ")
			first := regexp.MustCompile(`the first (0x[4-7][0-9a-f]{5})\.\..* at file offset (0x[0-9a-f]+) of `).FindStringSubmatch(complaints)
			if first == nil || first[1] != first[2] || direct && first[1] != "0x400000" { // else the system makes zeros of some pages, also of the first
				t.Errorf("larger: %q: %s", first, complaints)
			}
			if got := hitsIn(out); got != "0x0 0x3ffffa" {
				t.Errorf("larger: %s: %s", got, complaints)
			}
			code, out, complaints = runVscan(t, "find", "--image-format", "raw", more, "needle", filepath.Join(m.Dir, "smaller"))
			if direct { // else the system itself reads no further than the size
				checkTold(t, "smaller", code, cli.ExitIncomplete, complaints, "its size changed from 2097152 to more than 2097152 bytes")
			}
			if got := hitsIn(out); got != "0x0" {
				t.Errorf("smaller: %s: %s", got, complaints)
			}
		}
	}
}

// A file whose time changes while it is looked at is told by all commands.
func TestSourceTimeChanges(t *testing.T) {
	var times atomic.Uint64
	var read atomic.Bool
	m := fusetest.Mount(t, map[string]*fusetest.File{"image": {
		Data: bytes.Repeat([]byte{0, 0x10, 0, 0, 0, 0, 0, 0}, 1<<10),
		Attr: func(out *fuse.Attr) syscall.Errno {
			if read.Load() {
				out.Mtime += times.Add(1)
			}
			return 0
		},
		Before: func(context.Context, int64, int64) syscall.Errno { read.Store(true); return 0 },
		Direct: true,
	}})
	image, built := filepath.Join(m.Dir, "image"), filepath.Join(t.TempDir(), "graph")
	for _, args := range [][]string{{"map", image}, {"find", "hex:0010", image}, {"read", image, "0", "8"}, {"graph", "build", image, "-o", built}, {"refs", image, "0x1000"}} {
		read.Store(false)
		args = append(args, "--word", "8", "--endian", "little")
		if args[0] != "map" { // which reads no more than it takes to tell the format
			args = append(args, "--image-format", "raw")
		}
		code, _, complaints := runVscan(t, args...)
		checkTold(t, args[0], code, cli.ExitIncomplete, complaints, "not complete: the file changed while it was looked at: it was written to: its modification time was ")
	}
	read.Store(false)
	code, _, complaints := runVscan(t, "graph", "to", built, "0x1000")
	checkTold(t, "graph to", code, cli.ExitIncomplete, complaints)
}

// A read that takes as long as it likes holds up neither the progress nor the end.
func TestSourceIsSlow(t *testing.T) {
	for _, more := range []string{"--mmap=always", "--mmap=never", "--overlap"} {
		t.Run(more, func(t *testing.T) {
			t.Parallel()
			held, reached := make(chan struct{}), make(chan struct{}, 1)
			m := fusetest.Mount(t, map[string]*fusetest.File{"image": {
				Data: sourceBytes(0),
				Before: func(_ context.Context, off, n int64) syscall.Errno {
					if off+n > 2<<20 && off < 3<<20 {
						select {
						case reached <- struct{}{}:
						default:
						}
						<-held
					}
					return 0
				},
			}})
			release := sync.OnceFunc(func() { close(held) })
			t.Cleanup(release)
			guard := time.AfterFunc(2*time.Minute, release)
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, "vscan", "find", "--image-format", "raw", "-j", "1", "--progress", "always", more, "needle", filepath.Join(m.Dir, "image"))
			cmd.Env = append(os.Environ(), "GOGC=1") // the runtime stops all threads often
			complaints, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			<-reached
			lines := bufio.NewScanner(complaints)
			for n := 0; n < 3 && lines.Scan(); n++ {
				if !strings.Contains(lines.Text(), " of 4.0 MiB") {
					t.Errorf("%q", lines.Text())
				}
			}
			// The first request ends it as soon as it can, the second one at once.
			cmd.Process.Signal(os.Interrupt)
			second := time.AfterFunc(5*time.Second, func() { cmd.Process.Signal(os.Interrupt) })
			for lines.Scan() {
			}
			err = cmd.Wait()
			second.Stop()
			if !guard.Stop() {
				t.Errorf("%s: it ended with the read, and not before: %v", more, err)
			}
			release()
			m.Vanish()
		})
	}
}
