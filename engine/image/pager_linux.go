package image

import "golang.org/x/sys/unix"

// pages says whether there is a use for a pager here.
const pages = true

// enter enters pages of a mapped file into the page table, from the file where
// they are not in memory yet. Source: madvise(2), since Linux 5.14.
func enter(b []byte) error { return unix.Madvise(b, unix.MADV_POPULATE_READ) }

// letGo takes pages of a mapped file out of the page table. They read the same
// afterwards.
func letGo(b []byte) { unix.Madvise(b, unix.MADV_DONTNEED) }
