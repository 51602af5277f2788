//go:build unix

package image

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps the first n bytes of a file for reading. The mapping is shared,
// so that a file which is still being written shows its present bytes.
func mapFile(f *os.File, n int) ([]byte, error) {
	return unix.Mmap(int(f.Fd()), 0, n, unix.PROT_READ, unix.MAP_SHARED)
}

func unmapFile(b []byte) error { return unix.Munmap(b) }
