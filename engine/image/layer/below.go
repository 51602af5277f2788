package layer

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

const maxLinks = 40 // symbolic links on the way to a file, as Linux has it

// below is the file that a path of slashes leads to below the folder root, where
// root is what / is on the machine that the path is of: links that begin with a
// slash, and .., do not lead out of it. Otherwise a link in a copy of that machine
// would show files of this one. An error is of the path as it was asked for.
func below(root, name string) (string, error) {
	fail := func(err error) (string, error) {
		var of *fs.PathError
		if errors.As(err, &of) {
			err = of.Err
		}
		return "", &fs.PathError{Op: "stat", Path: filepath.Join(root, filepath.FromSlash(name)), Err: err}
	}
	at, links := "/", 0
	for part, rest := "", name; rest != ""; {
		part, rest, _ = strings.Cut(rest, "/")
		next := path.Join(at, part) // part may be nothing, . or ..
		file := filepath.Join(root, filepath.FromSlash(next))
		info, err := os.Lstat(file)
		if err != nil {
			return fail(err)
		}
		if info.Mode()&fs.ModeSymlink == 0 || next == "/" {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return fail(syscall.ELOOP)
		}
		link, err := os.Readlink(file)
		if err != nil {
			return fail(err)
		}
		if link = filepath.ToSlash(link); strings.HasPrefix(link, "/") {
			at = "/"
		}
		rest = link + "/" + rest
	}
	return filepath.Join(root, filepath.FromSlash(at)), nil
}
