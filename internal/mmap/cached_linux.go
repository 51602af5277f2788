package mmap

import "golang.org/x/sys/unix"

// Cached reports whether the byte of a file at an offset is in the page cache. known is false
// where the system or the file system does not tell.
// Source: preadv2(2), RWF_NOWAIT, since Linux 4.14.
func Cached(fd int, off int64) (cached, known bool) {
	var b [1]byte
	switch _, err := unix.Preadv2(fd, [][]byte{b[:]}, off, unix.RWF_NOWAIT); err {
	case nil:
		return true, true
	case unix.EAGAIN:
		return false, true
	}
	return false, false
}

// Fetch has the system read a part of a file into the page cache, without waiting for that.
// Source: posix_fadvise(2), POSIX_FADV_WILLNEED.
func Fetch(fd int, off, n int64) { unix.Fadvise(fd, off, n, unix.FADV_WILLNEED) }

// Forget has the system drop a file from the page cache, as far as nobody uses it: for tests.
func Forget(fd int) { unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED) }
