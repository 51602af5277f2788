//go:build unix

package main

import (
	"os"

	"vscan/engine/simd"
	"vscan/internal/mmap"
)

// readMapped maps a file and reads every byte of it.
func readMapped(path string) error {
	b, err := mapFile(path)
	if err != nil {
		return err
	}
	sink.Add(simd.ReadBandwidthProbe(b))
	return mmap.Unmap(b)
}

// share writes memory to a file, maps that, and makes it resident, so that peers which map
// the file have the very same pages. How fast memory can be read depends on which pages
// it has, by a factor of 1.5 between one process's and another's.
func share(path string, b []byte) ([]byte, error) {
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return nil, err
	}
	m, err := mapFile(path)
	if err == nil {
		sink.Add(simd.ReadBandwidthProbe(m))
	}
	return m, err
}

func mapFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return mmap.Map(f, uint64(info.Size()))
}
