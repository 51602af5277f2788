package main

import (
	"io"
	"os"

	"vscan/patterns"
)

// parseIncluding reads the patterns of a file that is open, and of those that
// it includes: their paths are relative to it, those of standard input to the
// working directory.
func parseIncluding(name string, r io.Reader) ([]patterns.Pattern, error) {
	opened := false
	return patterns.ParseFiles(name, func(path string) (io.ReadCloser, error) {
		if !opened {
			opened = true
			return io.NopCloser(r), nil
		}
		return os.Open(path)
	})
}
