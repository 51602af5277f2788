//go:build !unix

package image

import (
	"errors"
	"os"
)

// mapFile is not there: files are read call by call.
func mapFile(*os.File, int) ([]byte, error) { return nil, errors.ErrUnsupported }

func unmapFile([]byte) error { return nil }
