package formats

import (
	"context"

	"vscan/engine/image"
	"vscan/engine/image/proc"
)

// OpenProcess opens the memory of a live process as an image. It works on Linux only,
// by /proc/PID/smaps, /proc/PID/pagemap and /proc/PID/mem. The process goes on
// running: what its memory is when it is read is what is found. proc.Open says what of
// it is read from where. Of the options, those of files are not heeded.
func OpenProcess(ctx context.Context, pid int, o image.Options) (*image.Image, error) {
	return proc.Open(ctx, pid, o)
}

// ProcessInfo is a process that a name may mean.
type ProcessInfo = proc.Info

// FindProcesses returns the processes that go by a name, ascending by their number:
// those whose comm it is, or whose program's or first argument's file name. This
// process is not among them. It works on Linux only. The error may be that of ctx.
func FindProcesses(ctx context.Context, name string) ([]ProcessInfo, error) {
	return proc.Find(ctx, name)
}
