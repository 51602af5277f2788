//go:build unix

package mmap

import (
	"os"

	"golang.org/x/sys/unix"
)

func mapFile(f *os.File, n int) ([]byte, error) {
	return unix.Mmap(int(f.Fd()), 0, n, unix.PROT_READ, unix.MAP_SHARED)
}

// Unmap ends what Map began. Nothing may read the bytes any more.
func Unmap(b []byte) error { return unix.Munmap(b) }

// LetGo takes pages of a mapped file out of the page table. b begins with a page;
// the system takes a part of a page at its end for a whole one. The pages stay in
// the page cache and read the same afterwards.
func LetGo(b []byte) {
	if len(b) > 0 {
		unix.Madvise(b, unix.MADV_DONTNEED)
	}
}
