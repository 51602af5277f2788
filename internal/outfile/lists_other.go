//go:build !linux

package outfile

import (
	"io/fs"
	"os"
)

// removeList reports whether a new file has no access list, which here cannot be told.
func removeList(*os.File) bool { return true }

// listedMode returns the mode as it is: access lists are not read here.
func listedMode(_ *os.File, mode fs.FileMode) fs.FileMode { return mode }

func listedModeAt(_ string, mode fs.FileMode) fs.FileMode { return mode }
