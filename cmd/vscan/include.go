package main

import (
	"fmt"
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
		return openRegular(path)
	})
}

// openRegular opens a file that another one names. A pipe would be waited for, and a
// device may have no end.
func openRegular(path string) (io.ReadCloser, error) { return openRegularFile(path) }

func openRegularFile(path string) (*os.File, error) {
	about, err := os.Stat(path)
	if err != nil {
		return os.Open(path) // which says what is wrong
	}
	if !about.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	return os.Open(path)
}
