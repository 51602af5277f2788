//go:build !linux

package formats

import (
	"fmt"

	"vscan/engine/image"
)

// openLive opens the memory of a live process as an image: on Linux only.
func openLive(pid int, o image.Options) (*image.Image, error) {
	return nil, fmt.Errorf("pid:%d: live processes are read on Linux only: take a core of the process and scan that", pid)
}

// processInfo is a process that a name may mean.
type processInfo struct {
	PID  int
	Name string // of the program, with its arguments
}

// findLive returns the processes of a name: on Linux only.
func findLive(name string) ([]processInfo, error) {
	return nil, fmt.Errorf("pid:%s: live processes are read on Linux only: take a core of the process and scan that", name)
}
