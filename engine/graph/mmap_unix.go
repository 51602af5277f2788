//go:build unix

package graph

import (
	"errors"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps a file of some size in bytes for reading.
func mapFile(f *os.File, size uint64) ([]byte, error) {
	if size == 0 || size > math.MaxInt {
		return nil, errors.ErrUnsupported
	}
	return unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
}

func unmapFile(b []byte) error { return unix.Munmap(b) }

// letGo gives back the pages of a mapped file. They are read again when they are
// touched.
func letGo(b []byte) {
	if len(b) > 0 {
		unix.Madvise(b, unix.MADV_DONTNEED)
	}
}
