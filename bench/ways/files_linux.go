package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
	"unsafe"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

const (
	needle  = "~needle~17~"
	needles = 41        // of them in each file
	turn    = 256 << 20 // bytes that are written in pieces of one size, where there are several
)

// A kind is a kind of file. make makes one and returns its path, and what undoes all that;
// before is done before each run, which leaves the page cache as it finds it else.
type kind struct {
	name   string
	make   func(o *options) (path string, cleanup func(), err error)
	before func(path string) error
}

func (o *options) kinds() []*kind {
	plain := func(pieces ...int) func(*options) (string, func(), error) {
		return func(o *options) (string, func(), error) {
			path := filepath.Join(o.dir, "memory")
			return path, func() { os.Remove(path) }, o.write(path, pieces...)
		}
	}
	const large, small = 32 << 20, 4 << 10
	return []*kind{
		{name: "written in pieces of 4 KiB", make: plain(small)},
		{name: "of 32 MiB", make: plain(large)},
		{name: "by turns, 256 MiB each", make: plain(small, large)},
		{name: "copied with cp", make: makeCopy},
		{name: "tmpfs", make: makeTmpfs},
		{name: "overlayfs", make: makeOverlay},
		{name: "FUSE", make: makeFUSE},
		{name: "half in the page cache, 64 MiB by turns", make: plain(large), before: func(path string) error { return drop(path, 2) }},
		{name: "the same, written in pieces of 4 KiB", make: plain(small), before: func(path string) error { return drop(path, 2) }},
		{name: "not in the page cache", make: plain(large), before: func(path string) error { return drop(path, 1) }},
	}
}

// write writes a file, in pieces of each of the sizes by turns, which divide 32 MiB, and has it written to
// the disk, since pages that are not stay in the page cache.
func (o *options) write(path string, pieces ...int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	size, part := o.mib<<20, content()
	for at, k := 0, 0; at < size; k++ {
		piece := pieces[k%len(pieces)]
		for end := min(at+turn, size); at < end; at += piece {
			n := min(piece, end-at)
			from := at % len(part)
			if _, err := f.Write(part[from : from+n]); err != nil {
				return err
			}
		}
		at = min(at, size)
	}
	for i := range needles { // where blocks and steps meet, too
		if _, err := f.WriteAt([]byte(needle), int64(size-len(needle))*int64(i)/int64(needles-1)/4096*4096+int64(i%8)); err != nil {
			return err
		}
	}
	return f.Sync()
}

// content returns 32 MiB that look like memory: zero pages, pointers, text, noise.
func content() []byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 32<<20)
	for at := 0; at < len(b); at += 4096 {
		page := b[at : at+4096]
		switch k := rnd.IntN(100); {
		case k < 45:
		case k < 70:
			for i := 0; i < len(page); i += 8 {
				if v := rnd.Uint32(); v%3 != 0 {
					copy(page[i:], []byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24), 0x70, 0x7f})
				}
			}
		case k < 90:
			for n := 0; n < len(page); {
				n += copy(page[n:], fmt.Sprintf("kmalloc inode user@host_%x\n", rnd.Uint32()))
			}
		default:
			for i := range page {
				page[i] = byte(rnd.Uint32())
			}
		}
	}
	return bytes.ReplaceAll(b, []byte(needle), []byte("~nothing~0~"))
}

func makeCopy(o *options) (string, func(), error) {
	from, to := filepath.Join(o.dir, "memory"), filepath.Join(o.dir, "copy")
	cleanup := func() { os.Remove(from); os.Remove(to) }
	err := o.write(from, 32<<20)
	if err == nil {
		err = exec.Command("cp", from, to).Run()
	}
	return to, cleanup, err
}

func makeTmpfs(o *options) (string, func(), error) {
	dir, err := os.MkdirTemp(o.shm, "vscan-ways")
	if err != nil {
		return "", func() {}, &skipError{err}
	}
	path := filepath.Join(dir, "memory")
	return path, func() { os.RemoveAll(dir) }, o.write(path, 32<<20)
}

func makeOverlay(o *options) (string, func(), error) {
	dir := filepath.Join(o.dir, "overlay")
	merged := filepath.Join(dir, "merged")
	mounted := false
	cleanup := func() {
		if mounted {
			syscall.Unmount(merged, syscall.MNT_DETACH)
		}
		os.RemoveAll(dir)
	}
	lower, upper, work := filepath.Join(dir, "lower"), filepath.Join(dir, "upper"), filepath.Join(dir, "work")
	for _, d := range []string{lower, upper, work, merged} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return "", cleanup, err
		}
	}
	if err := o.write(filepath.Join(lower, "memory"), 32<<20); err != nil {
		return "", cleanup, err
	}
	options := "lowerdir=" + lower + ",upperdir=" + upper + ",workdir=" + work
	if err := syscall.Mount("overlay", merged, "overlay", 0, options); err != nil {
		return "", cleanup, &skipError{fmt.Errorf("it cannot be mounted: %w", err)}
	}
	mounted = true
	return filepath.Join(merged, "memory"), cleanup, nil
}

// makeFUSE serves a folder as it is, through a program: this one.
func makeFUSE(o *options) (string, func(), error) {
	below, mount := filepath.Join(o.dir, "below"), filepath.Join(o.dir, "fuse")
	var server *fuse.Server
	cleanup := func() {
		if server != nil {
			server.Unmount()
		}
		os.RemoveAll(below)
		os.Remove(mount)
	}
	for _, d := range []string{below, mount} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return "", cleanup, err
		}
	}
	root, err := fs.NewLoopbackRoot(below)
	if err != nil {
		return "", cleanup, err
	}
	server, err = fs.Mount(mount, root, &fs.Options{MountOptions: fuse.MountOptions{Name: "ways", DirectMount: os.Geteuid() == 0}})
	if err != nil {
		return "", cleanup, &skipError{fmt.Errorf("it cannot be mounted: %w", err)}
	}
	return filepath.Join(mount, "memory"), cleanup, o.write(filepath.Join(below, "memory"), 32<<20)
}

// dropStretch is how many bytes are in the page cache side by side, or not.
const dropStretch = 64 << 20

// drop brings a file into the page cache, as it was written, but for one of every n stretches.
func drop(path string, n int) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	for at, k := int64(0), 0; at < info.Size(); at, k = at+dropStretch, k+1 {
		if k%n != n-1 { // one that is to be there
			if _, err := io.Copy(io.Discard, io.NewSectionReader(f, at, dropStretch)); err != nil {
				return err
			}
		}
	}
	for at, k := int64(0), 0; at < info.Size(); at, k = at+dropStretch, k+1 {
		if k%n == n-1 {
			if err := letGo(f, at, dropStretch); err != nil {
				return err
			}
		}
	}
	return nil
}

// letGo drops pages of a file from the page cache, and returns an error where they stay.
// Source: posix_fadvise(2), POSIX_FADV_DONTNEED; mincore(2).
func letGo(f *os.File, at, n int64) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	n = min(n, info.Size()-at)
	const dontNeed = 4
	for try := 0; ; try++ {
		if _, _, errno := syscall.Syscall6(syscall.SYS_FADVISE64, f.Fd(), uintptr(at), uintptr(n), dontNeed, 0, 0); errno != 0 {
			return errno
		}
		b, err := syscall.Mmap(int(f.Fd()), at, int(n), syscall.PROT_READ, syscall.MAP_SHARED)
		if err != nil {
			return err
		}
		there := make([]byte, (n+4095)/4096)
		_, _, errno := syscall.Syscall(syscall.SYS_MINCORE, uintptr(unsafe.Pointer(&b[0])), uintptr(n), uintptr(unsafe.Pointer(&there[0])))
		syscall.Munmap(b)
		if errno != 0 {
			return errno
		}
		left := 0
		for _, t := range there {
			left += int(t & 1)
		}
		if left*100 <= len(there) {
			return nil
		}
		if try == 20 {
			return fmt.Errorf("%d of %d pages stay in the page cache", left, len(there))
		}
		time.Sleep(50 * time.Millisecond) // they may be on their way to the disk
	}
}
