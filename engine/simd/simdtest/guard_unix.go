//go:build unix

package simdtest

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Guarded returns n bytes of memory, a multiple of the page size, between two
// pages that cannot be read or written. The end of the test frees it.
func Guarded(t testing.TB, n int) []byte {
	t.Helper()
	page := os.Getpagesize()
	mem, err := unix.Mmap(-1, 0, n+2*page, unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(mem) })
	inner := mem[page : page+n : page+n]
	if err := unix.Mprotect(inner, unix.PROT_READ|unix.PROT_WRITE); err != nil {
		t.Fatal(err)
	}
	return inner
}
