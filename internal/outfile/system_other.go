//go:build !unix

package outfile

import (
	"errors"
	"io/fs"
	"os"
)

// readersOf returns all permissions: Windows keeps them in access lists, which a new file
// has from its folder.
func readersOf(fs.FileInfo, fs.FileInfo) fs.FileMode { return 0o666 }

func planted(string, fs.FileInfo) bool { return false }

func umask() fs.FileMode { return 0 }

func duplicate(int, string) (*os.File, error) { return nil, errors.ErrUnsupported }

// closeBeforeRename closes the file, since an open one cannot be renamed.
func closeBeforeRename(f *File) error { return f.file.Close() }

func syncFolder(string) error { return nil }

func scratchNamed(dir string) (*os.File, string, error) {
	file, name, _, err := beginNamed(dir)
	return file, name, err
}
