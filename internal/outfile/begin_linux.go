package outfile

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// begin makes a file in a folder, without a name where that can be had. It returns its
// temporary name otherwise, and the permissions that the umask leaves.
func begin(dir string) (*os.File, string, fs.FileMode, error) {
	file, most, err := beginNameless(dir, 0)
	if err == nil {
		return file, "", most, nil
	}
	if !errors.Is(err, errNameless) {
		return nil, "", 0, err
	}
	return beginNamed(dir)
}

// errNameless says that there are no files without a name.
var errNameless = errors.New("no files without a name here")

// beginNameless makes a file without a name in a folder. It is made with all permissions
// that the umask leaves, to learn these, and loses them before it has a byte or a name.
func beginNameless(dir string, flags int) (*os.File, fs.FileMode, error) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		return nil, 0, errNameless // it could not be given a name
	}
	var fd int
	for {
		var err error
		fd, err = unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC|flags, 0o666)
		if err == nil {
			break
		}
		switch err {
		case unix.EINTR:
			continue
		case unix.EOPNOTSUPP, unix.EISDIR, unix.EINVAL, unix.ENOENT: // ENOENT: also a folder that is not there, as beginNamed will tell
			return nil, 0, errNameless
		}
		return nil, 0, err
	}
	file := os.NewFile(uintptr(fd), filepath.Join(dir, "(file without a name)"))
	info, err := file.Stat()
	if err == nil {
		err = file.Chmod(0o600)
	}
	if err != nil {
		file.Close()
		return nil, 0, err
	}
	return file, info.Mode().Perm(), nil
}

// publish gives the file its name.
func (f *File) publish() error {
	if f.temp != "" {
		return f.publishNamed()
	}
	err := f.link(f.target)
	if errors.Is(err, unix.EEXIST) {
		// A name that exists is not linked to. From here to the end of Rename, a SIGKILL
		// leaves the temporary name behind.
		name := filepath.Join(filepath.Dir(f.target), ".vscan-"+rand.Text()+".tmp")
		if err = f.link(name); err == nil {
			f.setTemp(name)
			return os.Rename(name, f.target)
		}
	}
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.ENOENT), errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EXDEV):
		return f.publishCopy(err)
	}
	return err
}

// link gives the file, which has no name, a name that does not exist.
func (f *File) link(name string) error {
	for {
		err := unix.Linkat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(int(f.file.Fd())), unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW)
		if err != unix.EINTR {
			return err
		}
	}
}

// scratch makes a file that never gets a name.
func scratch(dir string) (*os.File, string, error) {
	file, _, err := beginNameless(dir, unix.O_EXCL)
	if errors.Is(err, errNameless) {
		return scratchNamed(dir)
	}
	return file, "", err
}
