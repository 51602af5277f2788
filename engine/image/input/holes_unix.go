//go:build linux || freebsd || darwin

package input

import (
	"errors"
	"io/fs"
	"syscall"
)

// bytesOnDisk returns how many bytes a file takes on disk, and whether that is known.
// Source: stat(2), st_blocks.
func bytesOnDisk(info fs.FileInfo) (uint64, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Blocks < 0 {
		return 0, false
	}
	return uint64(st.Blocks) * 512, true
}

// isNoMore reports whether an error of SEEK_DATA says that no data follow.
func isNoMore(err error) bool { return errors.Is(err, syscall.ENXIO) }
