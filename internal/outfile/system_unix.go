//go:build unix

package outfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// readersOf returns the permissions that a file made of another one may have. Where the
// two are of different groups, the new one's group is among the others of the old one, and
// the old one's group among the others of the new one: group and others may what both may.
func readersOf(of, own fs.FileInfo) fs.FileMode {
	mode := of.Mode().Perm()
	a, known := of.Sys().(*syscall.Stat_t)
	b, ok := own.Sys().(*syscall.Stat_t)
	if known && ok && a.Gid == b.Gid {
		return mode
	}
	both := mode >> 3 & mode & 0o007
	return mode&^0o077 | both<<3 | both
}

// planted reports whether a link or a pipe is one that another user has put into a folder
// where everybody can put files.
func planted(path string, info fs.FileInfo) bool {
	dir, err := os.Stat(filepath.Dir(path))
	if err != nil || dir.Mode()&fs.ModeSticky == 0 || dir.Mode().Perm()&0o002 == 0 {
		return false
	}
	a, known := info.Sys().(*syscall.Stat_t)
	b, ok := dir.Sys().(*syscall.Stat_t)
	return known && ok && int(a.Uid) != os.Geteuid() && a.Uid != b.Uid
}

// umask returns the umask. It cannot be asked for without being set.
func umask() fs.FileMode {
	mask := syscall.Umask(0o077)
	syscall.Umask(mask)
	return fs.FileMode(mask) & fs.ModePerm
}

// duplicate opens a descriptor of this program once more.
func duplicate(descriptor int, path string) (*os.File, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := syscall.Dup(descriptor)
	if err != nil {
		return nil, err
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), path), nil
}

// closeBeforeRename does nothing: an open file can be renamed.
func closeBeforeRename(*File) error { return nil }

// syncFolder writes a folder to the disk, where its file system can do that.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) { // a folder that may be written and not read
			return nil
		}
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}

// scratchNamed makes a file and takes its name away.
func scratchNamed(dir string) (*os.File, string, error) {
	file, name, _, err := beginNamed(dir)
	if err == nil && os.Remove(name) == nil {
		name = ""
	}
	return file, name, err
}
