package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// ScanShards does what ScanBatches does, for callers that can take hits out of
// order: nothing is stitched, and yield is called on the goroutines of the
// workers, several at a time, with the number of the worker and of the shard.
// Workers are numbered from 0, and so are shards, ascending by address. The shards
// of one worker ascend, and the batches of one shard come from one worker, in the
// order of their hits. All workers stop soon after yield has returned false.
//
// It is an error where a pattern drops matches that overlap an earlier one, since
// which these are is only known in the order of all hits. Options.Overlapping and
// Options.Unsettled keep them.
func (sc *Scanner) ScanShards(ctx context.Context, yield func(worker int, shard uint64, b *Batch) bool) (Stats, error) {
	if sc.dropsOverlaps() {
		return Stats{}, errors.New("hits out of order cannot be checked for overlaps, which a pattern drops: set Overlapping")
	}
	begin := time.Now()
	stats := sc.newStats()
	outer := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := sc.newScan()
	d := &direct{scan: s, yield: yield}
	var group errgroup.Group
	s.start(ctx, &group, func(i int) func(func() bool) lane {
		l := &directLane{direct: d, worker: i}
		return func(claim func() bool) lane { return l.next(ctx, claim) }
	})
	err := group.Wait()
	stats.Hits, stats.Stopped = d.hits.Load(), d.stopped.Load()
	stats.Cut, stats.Excepted = d.stats.Cut, d.stats.Excepted
	stats.Cancelled = ctx.Err() != nil && !stats.Stopped
	stats.Elapsed = time.Since(begin)
	return s.end(outer, stats, err)
}

// A direct hands batches to yield on the goroutines that make them.
type direct struct {
	scan    *scan
	yield   func(worker int, shard uint64, b *Batch) bool
	mu      sync.Mutex // held while a shard is claimed
	shards  uint64
	stats   Stats // only Cut and Excepted are used
	hits    atomic.Uint64
	stopped atomic.Bool
}

// A directLane is the lane of one worker, for one shard after another.
type directLane struct {
	*direct
	worker int
	shard  uint64
}

// next claims a shard. It returns nil where there is none, or the scan has ended.
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
	defer l.scan.free(b)
	if l.stopped.Load() {
		return false
	}
	if !l.scan.opt.KeepExcepted {
		b.dropExcepted()
	}
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
	if p := l.scan.opt.Progress; p != nil {
		p.Hits.Add(n)
	}
	return true
}

// count adds to the statistics how many of the n hits of a batch may have been cut
// off, and how many matches exceptions dropped.
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
