//go:build unix

package search

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// ownerOf returns the name of the user who owns a file, or the number of one without a
// name; "" if that is not known.
func ownerOf(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	id := strconv.FormatUint(uint64(stat.Uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}
