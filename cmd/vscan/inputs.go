package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"vscan/patterns"
)

// This file opens and reads the files that flags name, other than images: patterns,
// literals, rules, hits. They are regular files, standard input, and pipes that the shell
// has opened already, as for <(COMMAND). A pipe with a name might keep the command
// waiting for who writes it, and a device may have no end or do something when it is opened.

// readFile returns what parse makes of a file, or of standard input if its name is -.
func readFile[T any](ctx context.Context, stdin io.Reader, name string, parse func(context.Context, string, io.Reader) (T, error)) (T, error) {
	if name == "-" {
		return parse(ctx, fileName(name), stdin)
	}
	file, err := openInput(ctx, name)
	if err != nil {
		var none T
		return none, err
	}
	defer file.Close()
	return parse(ctx, name, file)
}

// fileName returns the name of a file for messages.
func fileName(name string) string {
	if name == "-" {
		return "standard input"
	}
	return name
}

// openInput opens a file that a flag names, to be read once. The end of ctx ends reading
// what may keep the reader waiting.
func openInput(ctx context.Context, path string) (io.ReadCloser, error) {
	if !isDescriptor(path) {
		return openNamed(path)
	}
	about, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if about.Mode().IsRegular() || about.IsDir() {
		return openNamed(path)
	}
	// O_NONBLOCK: a pipe that nobody writes any more does not keep the open waiting.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	return &struct {
		io.Reader
		io.Closer
	}{readUntil(ctx, file), file}, nil
}

// isDescriptor reports whether a path is that of a file which this program had open when it
// began, as shells write <(COMMAND).
func isDescriptor(path string) bool {
	path = filepath.ToSlash(filepath.Clean(path))
	n, ok := strings.CutPrefix(path, "/dev/fd/")
	if !ok {
		n, ok = strings.CutPrefix(path, "/proc/self/fd/")
	}
	_, err := strconv.ParseUint(n, 10, 31)
	return path == "/dev/stdin" || path == "/dev/stdout" || path == "/dev/stderr" || ok && err == nil
}

// openNamed opens a regular file that the command line names. Its errors say what else a
// file is, and what to do.
func openNamed(path string) (*os.File, error) { return openRegular(path, checkKind) }

// openRegular opens a regular file. It asks what the file is before it opens it, and
// once more afterwards, should another have taken its place meanwhile.
func openRegular(path string, check func(string, fs.FileMode) error) (*os.File, error) {
	about, err := os.Stat(path)
	if err == nil {
		if err := check(path, about.Mode()); err != nil {
			return nil, err
		}
	}
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // whose error says what is wrong
	return stillRegular(path, file, err, check)
}

// stillRegular returns a file that was opened, if it is a regular one.
func stillRegular(path string, file *os.File, err error, check func(string, fs.FileMode) error) (*os.File, error) {
	if err != nil {
		return nil, err
	}
	about, err := file.Stat()
	if err == nil {
		err = check(path, about.Mode())
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// checkRegular refuses what is no regular file.
func checkRegular(path string, mode fs.FileMode) error {
	if !mode.IsRegular() {
		return fmt.Errorf("%s is no regular file", path)
	}
	return nil
}

// checkKind refuses what is no regular file, and says what it is.
func checkKind(path string, mode fs.FileMode) error {
	switch {
	case mode.IsDir():
		return fmt.Errorf("%s is a directory: name a file in it", path)
	case mode&fs.ModeNamedPipe != 0:
		return fmt.Errorf("%s is a pipe, and nobody may ever write it: save what it sends to a file first, or pass it on as standard input (-)", path)
	case mode&fs.ModeSocket != 0:
		return fmt.Errorf("%s is a socket: save what it sends to a file first", path)
	case mode&fs.ModeDevice != 0:
		return fmt.Errorf("%s is a device: save its bytes to a file first", path)
	}
	return checkRegular(path, mode)
}

// readUntil returns a reader of r that fails with the cause once ctx ends, also where r
// keeps it waiting, as a pipe or a terminal does. A read of r that is under way then is
// left behind.
func readUntil(ctx context.Context, r io.Reader) io.Reader { return &untilReader{ctx: ctx, r: r} }

type untilReader struct {
	ctx    context.Context
	r      io.Reader
	chunks chan readChunk // nil until the first Read
	chunk  readChunk      // what is left of the latest
}

// readChunk is what one read has returned.
type readChunk struct {
	bytes []byte
	err   error
}

func (u *untilReader) Read(b []byte) (int, error) {
	if u.chunks == nil {
		u.chunks = make(chan readChunk)
		go u.readOn()
	}
	for len(u.chunk.bytes) == 0 {
		if u.chunk.err != nil {
			return 0, u.chunk.err
		}
		select {
		case u.chunk = <-u.chunks:
		case <-u.ctx.Done():
			u.chunk.err = context.Cause(u.ctx)
		}
	}
	n := copy(b, u.chunk.bytes)
	u.chunk.bytes = u.chunk.bytes[n:]
	return n, nil
}

// readOn reads until an error. While one buffer is with Read, the other is filled.
func (u *untilReader) readOn() {
	var buffers [2][]byte
	for i := 0; ; i ^= 1 {
		if buffers[i] == nil {
			buffers[i] = make([]byte, 1<<16)
		}
		n, err := u.r.Read(buffers[i])
		select {
		case u.chunks <- readChunk{buffers[i][:n], err}:
		case <-u.ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// includes opens the files that files of patterns and rules include. What includes them may
// be from somewhere else, so they have to lie below a folder, unless anywhere is set.
type includes struct {
	root     string // the folder: that of the file that the command line names
	anywhere bool
}

// includesOf returns what opens the files that the file of this name includes: those
// below its folder. For standard input, that is the working directory.
func includesOf(name string, anywhere bool) includes {
	if name == "-" {
		return includes{".", anywhere}
	}
	return includes{filepath.Dir(name), anywhere}
}

// open opens a file that is included. A file that lies elsewhere is refused before it is
// looked at, and so is one to which a link below the folder leads.
func (i includes) open(path string) (io.ReadCloser, error) {
	if i.anywhere {
		return openRegular(path, checkRegular)
	}
	outside := fmt.Errorf("%s does not lie below %s, the folder of the file that the command line names: --include-anywhere reads it nevertheless", path, i.root)
	root, err := filepath.Abs(i.root)
	if err != nil {
		return nil, err
	}
	whole, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		return nil, err
	}
	if !isBelow(root, whole) && !isBelow(real, whole) {
		return nil, outside
	}
	target, err := filepath.EvalSymlinks(whole)
	if err != nil {
		return nil, err
	}
	if !isBelow(real, target) {
		return nil, outside
	}
	// A link that takes the place of a file meanwhile does not lead out of the folder either.
	folder, err := os.OpenRoot(real)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	name, err := filepath.Rel(real, target)
	if err != nil {
		return nil, err
	}
	about, err := folder.Stat(name)
	if err == nil {
		err = checkRegular(path, about.Mode())
	}
	if err != nil {
		return nil, err
	}
	file, err := folder.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	file, err = stillRegular(path, file, err, checkRegular)
	if err != nil {
		return nil, err
	}
	return file, nil
}

// isBelow reports whether a path is below a folder, by their names.
func isBelow(folder, path string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(rel)
}

// parseIncluding returns a function that returns the patterns that r holds, which is the
// open file of this name, and those of the files that it includes. Paths of these are
// relative to the file that includes them, or, in standard input, to the working directory.
func (i includes) parseIncluding(ctx context.Context, name string, r io.Reader) ([]patterns.Pattern, error) {
	opened := false
	return patterns.ParseFiles(ctx, name, func(path string) (io.ReadCloser, error) {
		if !opened {
			opened = true
			return io.NopCloser(r), nil
		}
		return i.open(path)
	})
}
