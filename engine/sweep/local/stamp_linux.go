package local

import (
	"fmt"
	"io/fs"
	"syscall"
	"time"
)

// settledAfter is how old the status of a file has to be, so that a write that follows gives it
// another time for sure.
const settledAfter = 2 * time.Second

// stamp returns the size, the inode and the times of a file, or "" where they may not tell a
// write.
func stamp(info fs.FileInfo) string {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok || time.Since(time.Unix(s.Ctim.Unix())) < settledAfter {
		return ""
	}
	return fmt.Sprint(s.Size, s.Ino, s.Mtim.Nano(), s.Ctim.Nano())
}
