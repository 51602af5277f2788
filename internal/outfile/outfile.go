// Package outfile writes the files that vscan makes. A file appears under its name when
// it is whole and on the disk, or not at all, and what was there before is whole until then.
//
// Where the system and the file system have files without a name (O_TMPFILE of Linux), a
// file has none while it is written, so nothing is left behind however the program ends,
// by SIGKILL too. When it is whole it is linked to its name. Where that name exists, it is
// linked to a temporary name, which is renamed at once: between these two calls alone, after
// all has been written and synced, can a SIGKILL leave something behind, and that is the
// whole file. Elsewhere a file has a temporary name while it is written.
//
// What is written is made of somebody's memory. So it can be read by those only who can
// read the files that it was made of (Options.From), and these are never written over.
package outfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// Options say what a file is made of, and what may be written to. The zero value makes a
// file that only its owner can read.
type Options struct {
	// From are the files that it is made of, as Stat tells of them: those of an image with its
	// layers, or of a graph. The new file is never written over one of them, by no name, and its
	// permissions are at most those that all of them have. Where there are none, only the
	// owner has any.
	From []fs.FileInfo

	// Private has only the owner read it, whatever From says: it is made of the memory of a
	// live process.
	Private bool

	// Named gives the file a temporary name while it is written, for a library that opens it by
	// its name: see File.Temporary. Nothing is written to a stream then.
	Named bool

	// Stream allows for what is written to from its beginning to its end: a pipe, or
	// standard output by its name as a file. Nothing is whole or not at all there.
	Stream bool
}

// A SourceError says that a file would be written over one that it is made of.
type SourceError struct{ Path string }

func (e *SourceError) Error() string {
	return e.Path + " is a file that is read for this: write to another one"
}

// File is a file that is being written. Exactly one of Commit and Close has to be called
// in the end, or Commit first. It is an io.Writer, io.WriterAt, io.ReaderAt and io.Seeker.
type File struct {
	path        string // as it was given, for messages
	target      string // path with links followed; "" of a stream
	file        *os.File
	temp        string       // the temporary name; "" where the file has none
	temporaries *Temporaries // where temporary names are noted, or nil
	most        fs.FileMode
	from        []fs.FileInfo
	private     bool
	closed      bool
}

// Create begins to write the file at path. A link is followed: what it leads to is
// replaced, or made where it is not there. Waiting for the reader of a pipe ends with ctx.
func Create(ctx context.Context, path string, o Options) (*File, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if path == "" {
		return nil, errors.New("the name of a file to write is empty")
	}
	f := &File{path: path, from: slices.Clone(o.From), private: o.Private, temporaries: temporariesOf(ctx)}
	t, err := findTarget(path)
	if err != nil {
		return nil, f.fail("cannot be written", err)
	}
	if t.stream {
		if err := f.openStream(ctx, t, o.Stream && !o.Named); err != nil {
			return nil, err
		}
		return f, nil
	}
	f.target = t.path
	if !filepath.IsAbs(f.target) && WorkingFolderGone() {
		return nil, f.fail("cannot be written", errors.New("the working folder was removed: go to another one, or give the whole path"))
	}
	if isMadeUp(filepath.Dir(f.target)) {
		if info, err := os.Stat(f.target); err == nil && info.IsDir() {
			return nil, f.check()
		}
		return nil, f.fail("cannot be written", errMadeUp)
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	var temp string
	if o.Named {
		f.file, temp, f.most, err = beginNamed(filepath.Dir(f.target))
	} else {
		f.file, temp, f.most, err = begin(filepath.Dir(f.target))
	}
	if err != nil {
		return nil, f.fail("cannot write in its folder", err)
	}
	f.setTemp(temp)
	return f, nil
}

// From adds what the file is made of, as Options.From and Options.Private. The error is a
// *SourceError if the file would be written over one of them.
func (f *File) From(private bool, infos ...fs.FileInfo) error {
	f.private = f.private || private
	f.from = append(f.from, infos...)
	return f.check()
}

// check refuses a target that is no regular file, is protected or is one of the files
// that it is made of.
func (f *File) check() error {
	if f.target == "" {
		return f.checkSources(f.file.Stat())
	}
	info, err := os.Lstat(f.target)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	switch {
	case err != nil:
		return f.fail("cannot be looked at", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is %s, not a regular file: this cannot be written there; give another name", f.path, kindOf(info))
	case info.Mode().Perm()&0o222 == 0, isKept(f.target):
		return fmt.Errorf("%s is protected against writing: give another name, or remove it first", f.path)
	}
	if isKept(filepath.Dir(f.target)) {
		return fmt.Errorf("%s cannot be replaced: nothing in its folder can be (chattr): give another name, or a file in another folder", f.path)
	}
	return f.checkSources(info, nil)
}

func (f *File) checkSources(info fs.FileInfo, err error) error {
	if err != nil {
		return f.fail("cannot be looked at", err)
	}
	for _, from := range f.from {
		if Same(info, from) {
			return &SourceError{f.path}
		}
	}
	return nil
}

// setTemp sets the temporary name of the file.
func (f *File) setTemp(name string) {
	f.temp = name
	f.temporaries.Note(name)
}

// Folder returns the folder that the file is in, links followed.
func (f *File) Folder() string { return filepath.Dir(f.target) }

// Temporary returns the temporary name of a file with Options.Named.
func (f *File) Temporary() string { return f.temp }

// OS returns the open file, for a program that is started to write it.
func (f *File) OS() *os.File { return f.file }

func (f *File) Write(p []byte) (int, error) {
	n, err := f.file.Write(p)
	return n, f.writing(err)
}

func (f *File) WriteAt(p []byte, at int64) (int, error) {
	n, err := f.file.WriteAt(p, at)
	return n, f.writing(err)
}

func (f *File) ReadAt(p []byte, at int64) (int, error)   { return f.file.ReadAt(p, at) }
func (f *File) Seek(at int64, whence int) (int64, error) { return f.file.Seek(at, whence) }

// writing returns the error of a write. A pipe that is closed is no error of the file, so
// its error is returned as it is.
func (f *File) writing(err error) error {
	if err == nil || errors.Is(err, syscall.EPIPE) {
		return err
	}
	at, seek := f.file.Seek(0, io.SeekCurrent)
	if seek != nil {
		return f.fail("cannot write", err)
	}
	return f.fail(fmt.Sprintf("cannot write at file offset %#x", at), err)
}

// Commit gives the file its name, when all of it is on the disk. Whatever the error is,
// the file is closed, nothing of it is left, and what was there before is as it was. It does not
// give a name if ctx has ended.
func (f *File) Commit(ctx context.Context) error {
	defer f.Close()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if f.target == "" {
		f.closed = true
		return f.writing(f.file.Close())
	}
	if err := f.check(); err != nil { // somebody may have put something there meanwhile
		return err
	}
	if err := f.setMode(); err != nil {
		return f.fail("cannot keep others from reading it, as its file system does not", err)
	}
	if err := f.file.Sync(); err != nil {
		return f.fail("cannot write all of it to the disk", err)
	}
	if err := f.publish(); err != nil {
		return f.fail("cannot give the file its name", err)
	}
	f.temp = ""
	if err := syncFolder(filepath.Dir(f.target)); err != nil {
		return f.fail("the file is written, but its folder may not be on the disk", err)
	}
	return nil
}

// setMode sets the permissions. On a file system that keeps none it does nothing, if
// nobody can read the file who should not.
func (f *File) setMode() error {
	mode := f.mode()
	err := permit(f.file, mode)
	if err != nil {
		if info, bad := f.file.Stat(); bad == nil && info.Mode().Perm()&0o066&^mode == 0 {
			return nil
		}
	}
	return err
}

// permit sets the permissions of a new file, which nobody but its owner has had. Where the
// folder has given it an access list, that is removed, since it permits more to some.
func permit(file *os.File, mode fs.FileMode) error {
	if !removeList(file) {
		mode &= 0o700 // which takes away what a list permits, too
	}
	return file.Chmod(mode)
}

// Stat returns what the system tells of a file that others may be made of. Where it has an
// access list, which permits less to some than its mode says, the mode is one that permits
// more to nobody.
func Stat(file *os.File) (fs.FileInfo, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode(); mode.Perm()&0o077 != 0 {
		if listed := listedMode(file, mode); listed != mode {
			return listedInfo{info, listed}, nil
		}
	}
	return info, nil
}

// listedInfo is a FileInfo with the mode that an access list leaves.
type listedInfo struct {
	fs.FileInfo
	mode fs.FileMode
}

// Same reports whether two are the same file, as os.SameFile does, also where Stat has told of it.
func Same(a, b fs.FileInfo) bool {
	if listed, ok := a.(listedInfo); ok {
		a = listed.FileInfo
	}
	if listed, ok := b.(listedInfo); ok {
		b = listed.FileInfo
	}
	return os.SameFile(a, b)
}

func (i listedInfo) Mode() fs.FileMode { return i.mode }

// mode returns the permissions of the new file: those that the umask leaves, and that all
// the files have that it is made of, and the one that it replaces.
func (f *File) mode() fs.FileMode {
	own, err := f.file.Stat()
	if err != nil || f.private || len(f.from) == 0 {
		return 0o600
	}
	mode := f.most & 0o666
	for _, info := range f.from {
		mode &= readersOf(info, own) | 0o600
	}
	if old, err := os.Lstat(f.target); err == nil {
		old = listedInfo{old, listedModeAt(f.target, old.Mode())}
		mode &= readersOf(old, own) | 0o600
	}
	return mode | 0o600
}

// Close gives the file up, unless it has its name already: nothing of it is left.
func (f *File) Close() error {
	if f.closed {
		return nil
	}
	f.closed = true
	err := f.file.Close()
	if errors.Is(err, fs.ErrClosed) {
		err = nil
	}
	if f.temp != "" {
		err = errors.Join(err, os.Remove(f.temp))
	}
	return err
}

// fail returns an error with the path, what could not be done, and what helps.
func (f *File) fail(what string, err error) error {
	return failed(f.path, what, err)
}

func failed(path, what string, err error) error {
	cause := err
	var p *fs.PathError
	var l *os.LinkError
	if errors.As(err, &p) {
		cause = p.Err
	} else if errors.As(err, &l) {
		cause = l.Err
	}
	return fmt.Errorf("%s: %s: %w%s", path, what, cause, advice(err))
}

// advice returns what to do about an error of the system.
func advice(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return ": free some space there, or write to another disk"
	case errors.Is(err, syscall.EFBIG):
		return ": the size of files is limited (ulimit -f), or the file system has no larger ones"
	case errors.Is(err, fs.ErrNotExist):
		return ": make the folder first"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return ": write to another folder"
	}
	return ""
}

// WorkingFolderGone reports whether the working folder was removed, so that nothing can be
// found in it or made.
func WorkingFolderGone() bool {
	_, err := os.Getwd()
	return errors.Is(err, fs.ErrNotExist)
}

// kindOf returns what a file is that is not regular.
func kindOf(info fs.FileInfo) string {
	switch mode := info.Mode(); {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeSymlink != 0:
		return "a link"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "special"
}
