package input

import (
	"sync"
	"sync/atomic"

	"vscan/internal/mmap"
)

// near keeps the pages of a mapped file that are in the page table few, where it is gone
// through once: when a view is the first in a step of the file, and there are too many
// others, the pages of the step that was entered first are let go. They stay in the page
// cache, so that one that is looked at again is there at the price of a page fault.
type near struct {
	data []byte
	last atomic.Uint64 // the step of the last view, and one: most views are in the same

	mu      sync.Mutex
	entered []uint64 // steps, in the order in which they were entered
}

const (
	nearStep  = 8 << 20
	nearSteps = 8 // so many are kept: up to 16 workers have one each, and half of them the same
)

func newNear(data []byte) *near { return &near{data: data} }

// touch is told of a view of n bytes at offset off, at least 1.
func (k *near) touch(off uint64, n int) {
	first, last := off/nearStep, (off+uint64(n)-1)/nearStep
	if first == last && k.last.Load() == first+1 {
		return
	}
	k.last.Store(last + 1)
	k.mu.Lock()
	defer k.mu.Unlock()
	for step := first; step <= last; step++ {
		k.enter(step)
	}
}

func (k *near) enter(step uint64) {
	for _, s := range k.entered {
		if s == step {
			return
		}
	}
	if len(k.entered) >= nearSteps {
		from := k.entered[0] * nearStep
		mmap.LetGo(k.data[from:min(from+nearStep, uint64(len(k.data)))])
		k.entered = k.entered[:copy(k.entered, k.entered[1:])]
	}
	k.entered = append(k.entered, step)
}
