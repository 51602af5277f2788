//go:build !linux

package state

// freeBytes returns how many bytes of the disk of a folder are free: not known.
func freeBytes(string) (uint64, bool) { return 0, false }
