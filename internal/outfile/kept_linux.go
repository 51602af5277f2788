package outfile

import "golang.org/x/sys/unix"

// isKept reports whether a file can be neither replaced nor removed, or nothing in a folder:
// they are immutable, or can only be appended to (chattr +i, +a).
func isKept(path string) bool {
	var s unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, 0, &s) != nil {
		return false
	}
	return s.Attributes&(unix.STATX_ATTR_IMMUTABLE|unix.STATX_ATTR_APPEND) != 0
}
