package mmap

import (
	"os"

	"golang.org/x/sys/unix"
)

// CanEnter says whether Enter does anything on this system.
const CanEnter = true

// Enter brings pages of a mapped file into the page table, from the file where
// they are not in memory yet. b begins with a page. Source: madvise(2),
// MADV_POPULATE_READ, since Linux 5.14; older kernels return an error.
func Enter(b []byte) error { return unix.Madvise(b, unix.MADV_POPULATE_READ) }

// Sequential has the system read twice as far ahead where the open file is read in order and
// not in the page cache.
// Source: posix_fadvise(2), POSIX_FADV_SEQUENTIAL.
func Sequential(f *os.File) { unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_SEQUENTIAL) }

// Huge asks for huge pages behind b, memory that is not of a file and begins with a page, wherever
// it was not touched yet. Source: madvise(2), MADV_HUGEPAGE; without transparent huge pages
// nothing happens.
func Huge(b []byte) { unix.Madvise(b, unix.MADV_HUGEPAGE) }

// Fits reports whether the system would let the program have n bytes more, as far as it counts
// memory that is asked for: by RLIMIT_DATA, say, or where it does not overcommit
// (/proc/sys/vm/overcommit_memory). None of it is touched.
func Fits(n int) bool {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	return err == nil && unix.Munmap(b) == nil
}
