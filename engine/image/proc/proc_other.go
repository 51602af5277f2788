//go:build !linux

package proc

import (
	"context"
	"fmt"

	"vscan/engine/image"
)

// Open opens the memory of a live process as an image: on Linux only.
func Open(_ context.Context, pid int, o image.Options) (*image.Image, error) {
	return nil, fmt.Errorf("pid:%d: live processes are read on Linux only: take a core of the process and scan that", pid)
}

// Info is a process that a name may mean.
type Info struct {
	PID  int
	Name string // of the program, with its arguments
}

// Find returns the processes of a name: on Linux only.
func Find(_ context.Context, name string) ([]Info, error) {
	return nil, fmt.Errorf("pid:%s: live processes are read on Linux only: take a core of the process and scan that", name)
}
