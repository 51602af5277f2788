package input

import (
	"os"
	"sync/atomic"

	"vscan/internal/mmap"
)

// ahead sees to it that a file which is gone through once, and is not in the page cache, comes
// from the disk before it is wanted. The system does so by itself for the next 128 KiB, and
// for mapped pages less well, which is too little for fast disks and for slow ones.
type ahead struct {
	fd     int
	size   uint64
	cannot atomic.Bool      // it is not told what is in the page cache
	seen   [8]atomic.Uint64 // steps that were looked at, and one, each in the place of its remainder
}

const (
	aheadLen  = 8 << 20 // how far behind a block the system is asked
	aheadStep = 1 << 20 // what a question is about: its first byte stands for all
)

func newAhead(file *os.File, size uint64) *ahead { return &ahead{fd: int(file.Fd()), size: size} }

// at is told of a block at file offset off.
func (a *ahead) at(off uint64) {
	step := (off + aheadLen) / aheadStep
	seen := &a.seen[step%uint64(len(a.seen))]
	if seen.Load() == step+1 || step*aheadStep >= a.size || a.cannot.Load() {
		return
	}
	seen.Store(step + 1)
	cached, known := mmap.Cached(a.fd, int64(step*aheadStep))
	if !known {
		a.cannot.Store(true)
	} else if !cached {
		mmap.Fetch(a.fd, int64(step*aheadStep), aheadStep)
	}
}
