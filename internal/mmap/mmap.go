// Package mmap maps files into memory for reading, where the system can do it. It
// is for the packages of this module.
//
//	Map, Unmap     the bytes of a file as memory
//	LetGo          its pages leave the page table; they read the same afterwards
//	Enter          its pages come into the page table before they are touched
//	Sequential     it comes from the disk earlier, where it is read in order
//	BlocksRead     how much came from disks
package mmap

import (
	"errors"
	"math"
	"os"

	"vscan/internal/memlimit"
)

// Map returns the first size bytes of a file as memory that may be read, until
// Unmap. The mapping is shared, so that a file which is still being written shows
// its present bytes. Memory that lies behind the end of a file that has shrunk
// faults when it is touched. The error is errors.ErrUnsupported where the system
// cannot map files, where the size is 0, and where it is more than there are
// addresses: the caller then reads the file call by call. So it is where the address space
// is limited (ulimit -v) and the file would leave less than half of it: the program needs
// room for itself, and the runtime ends it where there is none.
func Map(f *os.File, size uint64) ([]byte, error) {
	if size == 0 || size > math.MaxInt {
		return nil, errors.ErrUnsupported
	}
	if l := memlimit.AddressSpace(); l.Left != memlimit.None && (size > l.Left || l.Left-size < l.Of/2) {
		return nil, errors.ErrUnsupported
	}
	return mapFile(f, int(size))
}
