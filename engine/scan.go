package engine

import (
	"sync"

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
