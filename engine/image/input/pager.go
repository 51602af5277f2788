package input

import (
	"sync/atomic"

	"vscan/internal/mmap"
)

// pager sees to the pages of a mapped file while a pass goes over it: on a
// goroutine of its own it enters those that come next into the page table, and
// takes out those that lie behind. To do either takes nearly as long as to read
// the page, and the pass need not wait for it. With it a mapped file is faster
// than reads of it, whether the page cache has it in small pages or in large
// folios, or not yet: by 1.2 to 2.8 times, with one worker and with two. Pages
// stay in the page cache, so that one that is looked at again, late, is there at
// the price of a page fault.
//
//	file    |- let go -|-- spared --|-- the furthest view --|-- ahead --|
type pager struct {
	data    []byte
	reached atomic.Uint64 // the furthest view, in steps
	flows   atomic.Bool   // whether it was reached from the step before
	closing atomic.Bool
	wake    chan struct{}
	done    chan struct{}

	// Of the goroutine:
	entered uint64 // pages before are in the page table, or may be
	gone    uint64 // pages before are not
}

const (
	pagerStep  = 16 << 20      // bytes between two looks
	pagerAhead = 2 * pagerStep // how far pages are entered
	pagerEnter = 4 << 20       // entered at a time: what is waited for at the end
	pagerSpare = 2 * pagerStep // what stays behind the furthest view: up to four workers are within 8 shards of one another, which is as much
	pagerGo    = 2 * pagerStep // let go at a time
	pagerLeast = 4 * pagerStep // the least size of a file that is worth it

	// passView is how many bytes a view has, at least, that is a pass's. Smaller
	// ones are somebody's who looks a thing up, anywhere.
	passView = 128 << 10
)

func newPager(data []byte) *pager {
	p := &pager{data: data, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go p.run()
	return p
}

// at notes a view at offset off. Others may do so at the same time: what is
// noted is but a hint.
func (p *pager) at(off uint64) {
	step, reached := off/pagerStep, p.reached.Load()
	if step <= reached {
		return
	}
	p.flows.Store(step == reached+1)
	p.reached.Store(step)
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *pager) run() {
	defer close(p.done)
	for range p.wake {
		p.ahead()
		p.behind()
	}
}

// ahead enters pages as long as the pass goes on from step to step. It stops
// for good where the system cannot do it.
func (p *pager) ahead() {
	for p.flows.Load() && !p.closing.Load() {
		next := (p.reached.Load() + 1) * pagerStep
		from := max(p.entered, next)
		to := min(from+pagerEnter, uint64(len(p.data)))
		if from >= to || from >= next+pagerAhead {
			return
		}
		p.entered = to
		if mmap.Enter(p.data[from:to]) != nil {
			p.entered = uint64(len(p.data))
		}
	}
}

// behind lets go of pages.
func (p *pager) behind() {
	to := min(p.reached.Load()*pagerStep, uint64(len(p.data)))
	if to = to - min(to, pagerSpare); to >= p.gone+pagerGo {
		mmap.LetGo(p.data[p.gone:to])
		p.gone = to
	}
}

// close waits for the goroutine. There must be no view any more.
func (p *pager) close() {
	p.closing.Store(true)
	close(p.wake)
	<-p.done
}
