//go:build !linux

package input

import "os"

// ahead does nothing: the system does not tell what is in the page cache.
type ahead struct{}

func newAhead(*os.File, uint64) *ahead { return nil }

func (*ahead) at(uint64) {}
