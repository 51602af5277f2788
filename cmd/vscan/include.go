package main

import (
	"fmt"
	"io"
	"os"

	"vscan/patterns"
)

// parseIncluding returns the patterns that r holds, which is the open file of this
// name, and those of the files that it includes. Paths of these are relative to the
// file that includes them, or, in standard input, to the working directory.
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

// openRegular is openRegularFile with the type that parsers ask for.
func openRegular(path string) (io.ReadCloser, error) { return openRegularFile(path) }

// openRegularFile opens a file that another file names. It refuses what is no regular
// file: a pipe might keep the command waiting, and a device may have no end.
func openRegularFile(path string) (*os.File, error) {
	about, err := os.Stat(path)
	if err != nil {
		return os.Open(path) // whose error says what is wrong
	}
	if !about.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	return os.Open(path)
}
