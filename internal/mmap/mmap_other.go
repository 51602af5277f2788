//go:build !unix

package mmap

import (
	"errors"
	"os"
)

func mapFile(*os.File, int) ([]byte, error) { return nil, errors.ErrUnsupported }

// Unmap does nothing: no file is ever mapped here.
func Unmap([]byte) error { return nil }

// LetGo does nothing: no file is ever mapped here.
func LetGo([]byte) {}
