//go:build !unix

package main

import (
	"os"

	"vscan/engine/simd"
)

// readMapped reads every byte of a file, without mapping it.
func readMapped(path string) error {
	b, err := os.ReadFile(path)
	sink.Add(simd.ReadBandwidthProbe(b))
	return err
}

// share writes memory to a file, and returns the memory as it is.
func share(path string, b []byte) ([]byte, error) { return b, os.WriteFile(path, b, 0o600) }
