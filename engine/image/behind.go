package image

import "sync/atomic"

// behind lets go of the pages of a mapped file that a pass over it has left
// behind, on a goroutine of its own: to take a page out of the page table takes
// nearly as long as to read it, and would else be waited for at the end. The
// pages stay in the page cache, so that one that is looked at again, late, is
// there at the price of a page fault.
//
//	file    |---------------------------|--behindStep--|--behindStep--|
//	         let go                      still there    ^ the furthest view
type behind struct {
	data    []byte
	reached atomic.Uint64 // the furthest view, in steps
	wake    chan struct{}
	done    chan struct{}
}

// behindStep is how many bytes are let go at a time. Workers are within a few
// shards of one another, which is less.
const behindStep = 32 << 20

func newBehind(data []byte) *behind {
	b := &behind{data: data, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go b.run()
	return b
}

// at notes a view at offset off.
func (b *behind) at(off uint64) {
	step := off / behindStep
	if step <= b.reached.Load() {
		return
	}
	b.reached.Store(step) // others may do so too: it is but a hint
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *behind) run() {
	defer close(b.done)
	gone := uint64(0)
	for range b.wake {
		// One step is spared for those who come later.
		if to := (max(b.reached.Load(), 1) - 1) * behindStep; to > gone && to <= uint64(len(b.data)) {
			letGo(b.data[gone:to])
			gone = to
		}
	}
}

// close waits for the goroutine. There must be no view any more.
func (b *behind) close() {
	close(b.wake)
	<-b.done
}
