//go:build !linux

package mmap

// Cached says that it is not known.
func Cached(int, int64) (cached, known bool) { return false, false }

// Fetch does nothing.
func Fetch(fd int, off, n int64) {}

// Forget does nothing.
func Forget(int) {}
