package image

import (
	"context"

	"vscan/engine/addr"
)

// Thread is a thread of the process that an image is of.
type Thread struct {
	ID      uint64
	SP      addr.Addr // its stack pointer; 0: not told
	Pointer addr.Addr // its thread pointer, near which its control block and its thread-local memory are; 0: not told
	RedZone uint64    // bytes below SP that may be in use

	// Registers are the words of its general registers, in the order of the
	// format; of a live process those that the kernel tells without stopping it, see
	// Partial.
	Registers []uint64

	// Partial says that there are registers that are not told: of a live process
	// in a system call or stopped, all but SP, the program counter and the arguments
	// of the call; of one that runs, all.
	Partial bool
}

// Threads returns the threads of the process, in the order of the image: none
// where the format or the machine does not tell any. Of a live process they are
// asked for now, and it is not stopped for it; what may not be asked for is an
// error, and so is the end of ctx.
func (img *Image) Threads(ctx context.Context) ([]Thread, error) {
	if img.threads == nil {
		return nil, nil
	}
	return img.threads(ctx)
}
