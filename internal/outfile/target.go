package outfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// target is where the file that a path names is to be.
type target struct {
	path       string // with all links followed that lead to a file
	stream     bool   // it is not a regular file, and can only be written to as it comes
	descriptor int    // of a stream: the descriptor that the path names, or -1
}

// maxLinks is how many links are followed, as by Linux.
const maxLinks = 40

// findTarget follows the links that a path ends in. It does so itself, since the system
// would open what they lead to, while here that is replaced.
func findTarget(path string) (target, error) {
	t := target{path: path, descriptor: -1}
	for range maxLinks {
		if n := descriptorOf(t.path); n >= 0 {
			t.stream, t.descriptor = true, n
			return t, nil
		}
		info, err := os.Lstat(t.path)
		if errors.Is(err, fs.ErrNotExist) {
			return t, nil
		}
		if err != nil {
			return t, err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			t.stream = info.Mode()&fs.ModeNamedPipe != 0 || isSink(info)
			if t.stream && info.Mode()&fs.ModeNamedPipe != 0 && planted(t.path, info) {
				return t, errPlanted
			}
			return t, nil
		}
		if planted(t.path, info) {
			return t, errPlanted
		}
		if onProc(filepath.Dir(t.path)) {
			return t, errProcLink
		}
		to, err := os.Readlink(t.path)
		if err != nil {
			return t, err
		}
		if !filepath.IsAbs(to) { // not joined, which would resolve .. before links
			dir, _ := filepath.Split(t.path)
			to = dir + to
		}
		t.path = to
	}
	return t, errors.New("too many links, or a ring of them")
}

// errPlanted is the error of a link or a pipe that somebody else has put where everybody can
// put files, as in /tmp. Linux does not follow such links either (protected_symlinks).
var errPlanted = errors.New("a link or pipe that another user has put into a folder for everybody: give another name")

// errProcLink is the error of a link such as /proc/self/exe. What it leads to is a file that
// a process runs or has open, which nobody named.
var errProcLink = errors.New("a link of /proc, to what a process runs or has open: give the name of a file")

// errMadeUp is the error of a name in a folder of /proc or /sys.
var errMadeUp = errors.New("no file can be made in a folder that the system makes up: write to another folder")

// descriptorOf returns the number of the descriptor that a path names, or -1.
func descriptorOf(path string) int {
	switch path {
	case "/dev/stdout":
		return 1
	case "/dev/stderr":
		return 2
	}
	for _, dir := range []string{"/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/", "/proc/" + strconv.Itoa(os.Getpid()) + "/fd/"} {
		if digits, ok := strings.CutPrefix(path, dir); ok {
			if n, err := strconv.ParseUint(digits, 10, 31); err == nil {
				return int(n)
			}
		}
	}
	return -1
}

// isSink reports whether a file is a device that takes whatever is written.
func isSink(info fs.FileInfo) bool {
	for _, name := range []string{os.DevNull, "/dev/full"} {
		if sink, err := os.Stat(name); err == nil && info.Mode()&fs.ModeCharDevice != 0 && os.SameFile(info, sink) {
			return true
		}
	}
	return false
}

// openStream opens a target that is not a regular file, or refuses it.
func (f *File) openStream(ctx context.Context, t target, allowed bool) error {
	if !allowed {
		return fmt.Errorf("%s is not a regular file, and this cannot be written to anything else: give the name of a file", f.path)
	}
	var err error
	if t.descriptor >= 0 {
		f.file, err = duplicate(t.descriptor, f.path)
	} else {
		f.file, err = openPipe(ctx, t.path)
	}
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return f.fail("cannot be opened for writing", err)
	}
	info, err := f.file.Stat()
	if err == nil && (info.IsDir() || info.Mode()&fs.ModeDevice != 0 && info.Mode()&fs.ModeCharDevice == 0) {
		err = fmt.Errorf("%s is %s: give the name of a file", f.path, kindOf(info))
	} else {
		err = f.checkSources(info, err)
	}
	if err != nil {
		f.Close()
	}
	return err
}

// askEvery is how often is asked whether a pipe has a reader.
const askEvery = 20 * time.Millisecond

// openPipe opens a pipe or a device when somebody reads it.
func openPipe(ctx context.Context, path string) (*os.File, error) {
	for {
		file, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if !errors.Is(err, syscall.ENXIO) {
			return file, err
		}
		select {
		case <-time.After(askEvery):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
