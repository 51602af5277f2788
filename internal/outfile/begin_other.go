//go:build !linux

package outfile

import (
	"io/fs"
	"os"
)

// begin makes a file with a temporary name.
func begin(dir string) (*os.File, string, fs.FileMode, error) { return beginNamed(dir) }

// publish gives the file its name.
func (f *File) publish() error { return f.publishNamed() }

func scratch(dir string) (*os.File, string, error) { return scratchNamed(dir) }
