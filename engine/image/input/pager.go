package input

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"vscan/internal/mmap"
)

// pager sees to the pages of a mapped file while it is gone through once. On a goroutine of
// its own it enters those into the page table that come next, where views go on from step to
// step, and takes those out that lie in the steps entered first, where there are too many. To
// do either takes nearly as long as to read the page, and a pass need not wait for it while
// a processor is idle. Pages stay in the page cache, so that one that is looked at again, late,
// is there at the price of a page fault.
//
// Each time that pages are taken out, all processors that run threads of the program are told,
// and wait. So several steps are let go of at a time: with two workers on a virtual machine
// with huge pages in its page cache, a pass took 5 % less time than with one step at a time.
//
//	file    |- let go -|-- gone --|-- kept --|-- the furthest view --|-- entered --|
type pager struct {
	data   []byte
	helped func(entered bool, n int, d time.Duration) // is told what that took

	last    atomic.Uint64 // the step of the last view, and one: most views are in the same
	flows   atomic.Bool   // views go on from step to step
	reached atomic.Uint64 // the furthest step that was viewed, and one
	closing atomic.Bool
	wake    chan struct{}
	done    chan struct{}

	mu   sync.Mutex
	kept []uint64 // steps that were viewed, in the order in which that began
	gone []uint64 // such as are to be let go of, and were not viewed since

	ahead atomic.Uint64 // pages before were entered, or may be; the goroutine sets it
}

const (
	pagerStep  = 8 << 20
	pagerKept  = 6             // steps: up to 12 workers have a shard in one of them each
	pagerAhead = 2 * pagerStep // how far pages are entered
	pagerGone  = 4             // steps that are let go of at a time
	pagerLate  = pagerGone + 3 // so many steps are let go of by who views, where the goroutine has no time
	pagerEnter = 4 << 20       // entered at a time: what is waited for at the end
)

func newPager(data []byte, helped func(entered bool, n int, d time.Duration)) *pager {
	p := &pager{data: data, helped: helped, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go p.run()
	return p
}

// touch is told of a view of n bytes at offset off, at least 1.
func (p *pager) touch(off uint64, n int) {
	first, last := off/pagerStep, (off+uint64(n)-1)/pagerStep
	if first == last && p.last.Load() == first+1 {
		return
	}
	p.last.Store(last + 1)
	p.mu.Lock()
	fresh := false
	for step := first; step <= last; step++ {
		fresh = p.keep(step) || fresh
	}
	if r := p.reached.Load(); last+1 > r {
		for step := r; step < first && step*pagerStep < p.ahead.Load(); step++ {
			p.gone = append(p.gone, step) // entered in vain
		}
		p.flows.Store(r > 0 && last+1-r <= 2) // shards are not taken quite in order
		p.reached.Store(last + 1)
	}
	late := len(p.gone) >= pagerLate
	p.mu.Unlock()
	if late {
		p.letGo()
	}
	if fresh {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
}

// rest is told that the pass goes on without views: what comes next is not entered until
// views go on from step to step again.
func (p *pager) rest() {
	if p.flows.Load() {
		p.flows.Store(false)
	}
}

// keep notes that a step was viewed, and reports whether it was not noted yet.
func (p *pager) keep(step uint64) bool {
	if slices.Contains(p.kept, step) {
		return false
	}
	if len(p.kept) >= pagerKept {
		p.gone = append(p.gone, p.kept[0])
		p.kept = p.kept[:copy(p.kept, p.kept[1:])]
	}
	p.kept = append(p.kept, step)
	p.gone = slices.DeleteFunc(p.gone, func(s uint64) bool { return s == step })
	return true
}

func (p *pager) run() {
	defer close(p.done)
	for range p.wake {
		p.letGo()
		for p.enter() {
			p.letGo()
		}
	}
}

// enter enters some of the pages that come next. It returns false where there are none, and
// stops for good where the system cannot do it.
func (p *pager) enter() bool {
	if !mmap.CanEnter || !p.flows.Load() || p.closing.Load() {
		return false
	}
	next := p.reached.Load() * pagerStep
	from := max(p.ahead.Load(), next)
	to := min(from+pagerEnter, uint64(len(p.data)))
	if from >= to || from >= next+pagerAhead {
		return false
	}
	p.ahead.Store(to)
	begin := time.Now()
	if mmap.Enter(p.data[from:to]) != nil {
		p.ahead.Store(uint64(len(p.data)))
		return false
	}
	p.tell(true, int(to-from), time.Since(begin))
	return true
}

// letGo lets go of the steps of which there were too many, once they are worth it.
func (p *pager) letGo() {
	p.mu.Lock()
	var gone []uint64
	if len(p.gone) >= pagerGone {
		gone, p.gone = p.gone, nil
	}
	p.mu.Unlock()
	slices.Sort(gone)
	for len(gone) > 0 {
		n := 1
		for n < len(gone) && gone[n] <= gone[n-1]+1 {
			n++
		}
		from := gone[0] * pagerStep
		to := min((gone[n-1]+1)*pagerStep, uint64(len(p.data)))
		gone = gone[n:]
		begin := time.Now()
		mmap.LetGo(p.data[from:to])
		p.tell(false, int(to-from), time.Since(begin))
	}
}

func (p *pager) tell(entered bool, n int, d time.Duration) {
	p.helped(entered, n, d)
}

// close waits for the goroutine. There must be no view any more.
func (p *pager) close() {
	p.closing.Store(true)
	close(p.wake)
	<-p.done
}
