package formats

import (
	"vscan/engine/image"
)

// ProcessInfo is a process that a name may mean.
type ProcessInfo = processInfo

// OpenProcess opens the memory of a live process as an image, on Linux only: see
// openLive. The process goes on running, and what its memory is when it is read is
// what is found.
func OpenProcess(pid int, o image.Options) (*image.Image, error) { return openLive(pid, o) }

// FindProcesses returns the processes that go by a name, ascending by their number,
// on Linux only. This process is not among them.
func FindProcesses(name string) ([]ProcessInfo, error) { return findLive(name) }
