package outfile

import (
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// beginNamed makes a file with a temporary name in a folder, which only its owner can
// read. It returns the permissions that the umask leaves.
func beginNamed(dir string) (*os.File, string, fs.FileMode, error) {
	for tries := 0; ; tries++ {
		name := filepath.Join(dir, ".vscan-"+rand.Text()+".tmp") // short, since names of 255 bytes are the longest
		file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) && tries < 100 {
			continue
		}
		return file, name, 0o666 &^ umask(), err
	}
}

// publishNamed renames a file that has a temporary name.
func (f *File) publishNamed() error {
	if err := closeBeforeRename(f); err != nil {
		return err
	}
	return os.Rename(f.temp, f.target)
}

// publishCopy copies a file that has no name, and cannot be given one, to one that has a
// temporary name, and renames that.
func (f *File) publishCopy(why error) error {
	file, name, _, err := beginNamed(filepath.Dir(f.target))
	if err != nil {
		return why
	}
	nameless := f.file
	defer nameless.Close()
	f.file = file
	f.setTemp(name)
	info, err := nameless.Stat()
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, io.NewSectionReader(nameless, 0, info.Size())); err != nil {
		return err
	}
	if err := errors.Join(permit(file, info.Mode().Perm()), file.Sync()); err != nil {
		return err
	}
	return f.publishNamed()
}

// Scratch makes a file for what memory does not hold, in a folder, and returns what closes it
// and removes it. Where that can be had, the file has no name, so that nothing is left behind
// however the program ends. Only the owner can read it.
func Scratch(dir string) (file *os.File, remove func() error, err error) {
	file, name, err := scratch(dir)
	if err != nil {
		return nil, nil, failed(dir, "cannot make a temporary file there", err)
	}
	return file, func() error {
		err := file.Close()
		if name != "" {
			err = errors.Join(err, os.Remove(name))
		}
		return err
	}, nil
}
