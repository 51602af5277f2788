package outfile

import "golang.org/x/sys/unix"

// onProc reports whether a folder is one of procfs, wherever that is mounted.
func onProc(dir string) bool { return fileSystem(dir) == unix.PROC_SUPER_MAGIC }

// isMadeUp reports whether a folder is of a file system in which the kernel alone makes
// files. Source: linux/magic.h.
func isMadeUp(dir string) bool {
	switch fileSystem(dir) {
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC, unix.SECURITYFS_MAGIC,
		unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC, unix.DEVPTS_SUPER_MAGIC:
		return true
	}
	return false
}

// fileSystem returns the type of the file system of a folder, or 0.
func fileSystem(dir string) int64 {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return 0
	}
	return int64(s.Type)
}
