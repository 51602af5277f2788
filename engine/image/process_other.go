//go:build !linux

package image

import "fmt"

// OpenProcess opens the memory of a live process as an image: on Linux only.
func OpenProcess(pid int, o Options) (*Image, error) {
	return nil, fmt.Errorf("pid:%d: live processes are read on Linux only: take a core of the process and scan that", pid)
}

// ProcessInfo is a process that a name may mean.
type ProcessInfo struct {
	PID  int
	Name string // of the program, with its arguments
}

// FindProcesses returns the processes of a name: on Linux only.
func FindProcesses(name string) ([]ProcessInfo, error) {
	return nil, fmt.Errorf("pid:%s: live processes are read on Linux only: take a core of the process and scan that", name)
}
