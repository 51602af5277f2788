//go:build !unix

package main

import (
	"os"

	"vscan/engine/simd"
)

// readMapped reads a file.
func readMapped(path string) error {
	b, err := os.ReadFile(path)
	sink.Add(simd.ReadBandwidthProbe(b))
	return err
}

// share writes memory to a file too.
func share(path string, b []byte) ([]byte, error) { return b, os.WriteFile(path, b, 0o600) }
