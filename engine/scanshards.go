package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// ScanShards is ScanBatches for those who can take hits out of order: nothing
// is stitched, and yield is called on the goroutines of the workers, several
// at a time. Each call is told the number of its worker, from 0, and of its
// shard. Shards are numbered from 0, ascending by address; those of one worker
// ascend, and the batches of one shard come on one worker, in the order of their
// hits. All workers stop soon after yield was false.
//
// It is an error where a pattern drops matches that overlap an earlier one:
// which these are only the order of all hits tells. Options.Overlapping keeps
// them.
func (sc *Scanner) ScanShards(ctx context.Context, yield func(worker int, shard uint64, b *Batch) bool) (Stats, error) {
	if newDropper(sc.set, sc.opt) != nil {
		return Stats{}, errors.New("hits out of order cannot be checked for overlaps, which a pattern drops: set Overlapping")
	}
	begin := time.Now()
	stats := Stats{Absent: sc.plan.absent, Workers: sc.opt.Workers, Kernels: sc.Kernels()}
	outer := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	run := sc.newScan()
	d := &direct{run: run, yield: yield}
	var group errgroup.Group
	for i := range sc.opt.Workers {
		group.Go(func() error {
			w := newWorker(run)
			l := &directLane{direct: d, worker: i}
			w.claims = func(claim func() bool) lane { return l.next(ctx, claim) }
			return w.work(ctx)
		})
	}
	err := group.Wait()
	stats.Hits, stats.Stopped = d.hits.Load(), d.stopped.Load()
	stats.Cut, stats.Excepted = d.stats.Cut, d.stats.Excepted
	stats.Cancelled = ctx.Err() != nil && !stats.Stopped
	stats.Elapsed = time.Since(begin)
	return run.end(outer, stats, err)
}

// direct hands batches to yield where they are made.
type direct struct {
	run     *scan
	yield   func(worker int, shard uint64, b *Batch) bool
	mu      sync.Mutex // held while a shard is claimed
	shards  uint64
	stats   Stats // nothing but Cut and Excepted
	hits    atomic.Uint64
	stopped atomic.Bool
}

// directLane is what one worker sends to.
type directLane struct {
	*direct
	worker int
	shard  uint64
}

// next claims a shard; nil where there is none, or all is over.
func (l *directLane) next(ctx context.Context, claim func() bool) lane {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped.Load() || ctx.Err() != nil || !claim() {
		return nil
	}
	l.shard = l.shards
	l.shards++
	return l
}

func (l *directLane) Send(b *Batch) bool {
	defer l.run.free(b)
	if l.stopped.Load() {
		return false
	}
	b.dropExcepted()
	n := b.Len()
	l.count(b, n)
	if n == 0 {
		return true
	}
	if !l.yield(l.worker, l.shard, b) {
		l.stopped.Store(true)
		return false
	}
	l.hits.Add(n)
	if p := l.run.opt.Progress; p != nil {
		p.Hits.Add(n)
	}
	return true
}

// count counts the hits of a batch that may have been cut off, and what exceptions
// dropped.
func (l *directLane) count(b *Batch, n uint64) {
	if b.sc.cutLens == nil && !b.sc.excepts {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b.countCut(&l.stats, n)
	b.countExcepted(&l.stats, true, n)
}

func (l *directLane) Close() {}
