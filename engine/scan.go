package engine

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"vscan/engine/addr"
	"vscan/engine/shard"
)

// A scan is one scan of a Scanner.
type scan struct {
	*Scanner
	cutter *shard.Cutter // called while a shard is claimed, one call at a time

	// These change while a shard is claimed.
	passed  int    // how many of left were passed
	skimmed uint64 // how many bytes these have

	mu         sync.Mutex
	scanned    uint64
	unreadable []addr.Range
	ways       []WayStats
}

// A lane takes the batches of one shard. Where Send returns false, the worker stops.
type lane interface {
	Send(*Batch) bool
	Close()
}

// newScan begins a scan.
func (sc *Scanner) newScan() *scan {
	return &scan{Scanner: sc, cutter: shard.NewCutter(sc.cut, sc.opt.ShardSize, uint64(sc.overlap))}
}

// start starts the workers, each with what claims its shards. Where Options.Turn is asked,
// the first worker need not ask, and has none wait any more once no shard is left.
func (s *scan) start(ctx context.Context, group *errgroup.Group, claimsOf func(worker int) func(claim func() bool) lane) {
	turns, over := context.WithCancel(ctx)
	work := func(i int, turn func() func()) error {
		w := newWorker(s)
		w.claims, w.turn = claimsOf(i), turn
		return w.work(ctx)
	}
	group.Go(func() error {
		defer over()
		return work(0, nil)
	})
	var turn func() func()
	if s.opt.Turn != nil {
		turn = func() func() { return s.opt.Turn(turns) }
	}
	for i := 1; i < s.workers; i++ {
		group.Go(func() error { return work(i, turn) })
	}
}

// next returns the spans of the next shard, in spans. It is called while a shard is claimed.
// Zeros that are left out count as searched once a shard is claimed that lies behind them, or
// none is left.
func (s *scan) next(spans []shard.Span) []shard.Span {
	spans = s.cutter.Next(spans[:0])
	passed := uint64(0)
	for ; s.passed < len(s.left); s.passed++ {
		zeros := s.left[s.passed]
		if len(spans) > 0 && zeros.First > spans[len(spans)-1].Core.Last {
			break
		}
		passed = addSize(passed, zeros)
	}
	s.skimmed += passed
	if p := s.opt.Progress; p != nil {
		p.Bytes.Add(passed)
	}
	return spans
}

// lostHoles returns the holes that were passed over and that lie past the present end of
// their source.
func (s *scan) lostHoles() (lost []addr.Range) {
	if len(s.holes) == 0 {
		return nil
	}
	l := losses{plan: &s.plan}
	for _, zeros := range s.left[:s.passed] {
		l.past(zeros, func(r addr.Range) { lost = append(lost, r) })
	}
	return lost
}

func (s *scan) batch() *Batch {
	if b, ok := s.batches.Get().(*Batch); ok {
		b.sc = s.Scanner
		return b
	}
	return &Batch{sc: s.Scanner, Offsets: make([]uint32, 0, batchHits)}
}

func (s *scan) free(b *Batch) {
	b.reset()
	b.sc = nil // which may have an image
	s.batches.Put(b)
}
