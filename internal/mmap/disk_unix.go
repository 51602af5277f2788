//go:build unix

package mmap

import "golang.org/x/sys/unix"

// BlocksRead returns how many blocks of 512 bytes were read from disks for this program, by
// all of its threads, the pages included that the system read ahead for it; 0 where the system
// does not count. Source: getrusage(2), ru_inblock.
func BlocksRead() int64 {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return int64(r.Inblock)
}
