package outfile

import (
	"errors"
	"io/fs"
	"os"
)

// MakeFolder makes a folder where there is none, which only its owner can look into: what
// is put there is made of somebody's memory.
func MakeFolder(dir string) error {
	if isMadeUp(dir) {
		return failed(dir, "cannot be made", errMadeUp)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return failed(dir, "cannot be made", err)
	}
	return nil
}

// MakePrivate makes an empty file that only its owner can read, where there is none of the name,
// for a library that opens its files by name.
func MakePrivate(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return failed(path, "cannot be written", err)
	}
	return file.Close()
}
