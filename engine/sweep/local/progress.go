package local

import (
	"context"
	"sync"

	"vscan/engine"
	"vscan/engine/sweep/state"
)

// Progress is how far a sweep has come. It may be read while the sweep runs.
type Progress struct {
	mu    sync.Mutex
	is    Counters
	under map[*UnderWay]bool
}

// Counters are numbers of a sweep. Those that were counted before it was resumed are
// among them.
type Counters struct {
	Images   uint64 // that are known
	AllKnown bool   // whether these are all
	Settled  uint64 // images of which all is done that will be done
	Failed   uint64 // of these, those that were not searched, or not wholly
	Skipped  uint64 // of these, those that were not to be searched
	Unopened uint64 // of those that were settled when the sweep was gone on with, those that are there and cannot be opened any more: maybe they are others by now
	Bytes    uint64 // bytes searched, of images that are settled and of tasks that have ended
	Hits     uint64 // of images that are settled; of tasks that have ended, matches, some of which may be no hits
}

// UnderWay is an image, or a task of one, that is searched.
type UnderWay struct {
	Arg              string
	Task             int    // its number, from 0
	Tasks            int    // 0: the image is one task
	Bytes            uint64 // bytes to be searched; 0: not known yet
	*engine.Progress        // nil: it is not searched yet
}

// Read returns the numbers, and what is under way, in no order.
func (p *Progress) Read() (Counters, []UnderWay) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var under []UnderWay
	for u := range p.under {
		under = append(under, *u)
	}
	return p.is, under
}

// begin takes the numbers of what was done before.
func (p *Progress) begin(ctx context.Context, db *state.DB) error {
	totals, err := db.Totals(ctx)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.is = Counters{
		Images: totals.Images, AllKnown: totals.Listed, Settled: totals.Images - totals.States[state.Waiting],
		Failed: totals.States[state.Failed] + totals.States[state.Partial] + totals.States[state.Aside], Skipped: totals.States[state.Skipped],
		Bytes: totals.Scanned, Hits: totals.Hits,
	}
	p.under = map[*UnderWay]bool{}
	return nil
}

// known says that so many images became known.
func (p *Progress) known(added state.Added) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.is.Images += added.Images
	p.is.Skipped += added.Skipped - added.Named
	p.is.Failed += added.Failed
	p.is.Settled += added.Skipped + added.Failed - added.Named
}

func (p *Progress) allKnown() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.is.AllKnown = true
}

// again says that a settled image is searched anew.
func (p *Progress) again(rec *state.Settled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.is.Settled--
	p.is.Bytes -= rec.Scanned
	p.is.Hits -= rec.Hits
	if rec.State != state.Done {
		p.is.Failed--
	}
}

// unopened says that a settled image cannot be opened any more.
func (p *Progress) unopened() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.is.Unopened++
}

func (p *Progress) settled(rec *state.Image) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.is.Settled++
	p.is.Bytes += rec.Scanned
	p.is.Hits += rec.Hits
	switch rec.State {
	case state.Done:
	case state.Skipped:
		p.is.Skipped++
	default:
		p.is.Failed++
	}
}

// unsettled returns how many images that are known are not settled.
func (p *Progress) unsettled() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int(p.is.Images - p.is.Settled)
}

// taskEnded says that a task of an image has searched so many bytes, and found so many matches.
func (p *Progress) taskEnded(w *openWork, of *engine.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	bytes, hits := of.Bytes.Load(), of.Hits.Load()
	w.bytes, w.hits = w.bytes+bytes, w.hits+hits
	p.is.Bytes += bytes
	p.is.Hits += hits
}

// settling says that an image is settled next, whose record counts, and not its tasks.
func (p *Progress) settling(w *openWork) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.is.Bytes -= w.bytes
	p.is.Hits -= w.hits
	w.bytes, w.hits = 0, 0
}

// start says that something is under way, until end.
func (p *Progress) start(u UnderWay) *tracked {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.under[&u] = true
	return &tracked{p, &u}
}

// tracked is something that is under way.
type tracked struct {
	p *Progress
	u *UnderWay
}

// searching says that a search of so many bytes has begun.
func (t *tracked) searching(bytes uint64, p *engine.Progress) {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	t.u.Bytes, t.u.Progress = bytes, p
}

func (t *tracked) end() {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	delete(t.p.under, t.u)
}
