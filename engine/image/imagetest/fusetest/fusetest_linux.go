// Package fusetest mounts file systems whose files misbehave. It is for tests.
package fusetest

import (
	"context"
	"io"
	"log"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// File is a file that misbehaves.
type File struct {
	Data []byte
	Size uint64 // what the file system says that its size is; 0: the length of Data

	// Before, if not nil, is called before bytes are read. It may wait, and what it
	// returns other than 0 is the error of the read. ctx ends when whoever reads is
	// interrupted.
	Before func(ctx context.Context, off, n int64) syscall.Errno

	// Attr, if not nil, changes what is told of the file, or returns an error.
	Attr func(out *fuse.Attr) syscall.Errno

	Direct bool // nothing is read but what is asked for, and the system keeps none of it
}

// Mounted is a mounted file system.
type Mounted struct {
	Dir    string
	server *fuse.Server
	once   sync.Once
}

// Mount mounts files by their names, until the test ends. It skips the test where that
// cannot be done. What maps or reads the files has to be another process: a thread of this
// one that waits for a page cannot be stopped, and the program that answers it would wait
// for that.
func Mount(t testing.TB, files map[string]*File) *Mounted {
	t.Helper()
	dir, err := os.MkdirTemp("", "vscan-fuse")
	if err != nil {
		t.Fatal(err)
	}
	none := time.Duration(0)
	server, err := fs.Mount(dir, &root{files: files}, &fs.Options{
		MountOptions: fuse.MountOptions{Name: "vscantest", Logger: log.New(io.Discard, "", 0), DirectMount: os.Geteuid() == 0},
		AttrTimeout:  &none, EntryTimeout: &none,
	})
	if err != nil {
		os.Remove(dir)
		t.Skipf("no file system can be mounted here: %v", err)
	}
	m := &Mounted{Dir: dir, server: server}
	t.Cleanup(m.Vanish)
	return m
}

// Vanish takes the file system away, also from those that have its files open.
func (m *Mounted) Vanish() {
	m.once.Do(func() {
		syscall.Unmount(m.Dir, syscall.MNT_DETACH|syscall.MNT_FORCE)
		m.server.Unmount()
		os.Remove(m.Dir)
	})
}

// root is the folder that has the files.
type root struct {
	fs.Inode
	files map[string]*File
}

func (r *root) OnAdd(ctx context.Context) {
	for name, f := range r.files {
		r.AddChild(name, r.NewPersistentInode(ctx, &node{file: f}, fs.StableAttr{Mode: syscall.S_IFREG}), true)
	}
}

// node is a file of the file system.
type node struct {
	fs.Inode
	file *File
}

func (n *node) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if n.file.Direct {
		return nil, fuse.FOPEN_DIRECT_IO, 0
	}
	return nil, 0, 0
}

func (n *node) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Nlink = 0o444, 1
	if out.Size = n.file.Size; out.Size == 0 {
		out.Size = uint64(len(n.file.Data))
	}
	out.Mtime, out.Ctime = 1_000_000_000, 1_000_000_000
	if n.file.Attr != nil {
		return n.file.Attr(&out.Attr)
	}
	return 0
}

func (n *node) Read(ctx context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if n.file.Before != nil {
		if errno := n.file.Before(ctx, off, int64(len(dest))); errno != 0 {
			return nil, errno
		}
	}
	if off >= int64(len(n.file.Data)) {
		return fuse.ReadResultData(nil), 0
	}
	return fuse.ReadResultData(n.file.Data[off:min(off+int64(len(dest)), int64(len(n.file.Data)))]), 0
}
