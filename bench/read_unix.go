//go:build unix

package main

import (
	"os"

	"golang.org/x/sys/unix"

	"vscan/engine/simd"
)

// readMapped maps a file anew and reads every byte of it.
func readMapped(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	b, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	sink.Add(simd.ReadBandwidthProbe(b))
	return unix.Munmap(b)
}
