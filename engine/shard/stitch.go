package shard

import (
	"context"
	"sync"
)

// Stitcher puts the batches of results that workers find in shards into the
// order of the shards, while the workers go on.
//
// Workers call Claim, in which shards get their numbers, send the shard's
// batches on the Lane that they got, and Close it. One consumer calls Deliver.
// At most ahead shards are claimed and not yet delivered, and a lane holds at
// most depth batches before its worker waits, so memory is bounded for any
// number of results. The lane whose turn it is always drains: no deadlock.
//
//	claimed   #4 ▢      #5 ▢▢▢ closed   #6 ▢▢
//	Deliver   ↑ takes #4's batches as they come, then #5's, then #6's
type Stitcher[B any] struct {
	depth int
	slots chan struct{} // a token for each shard that is claimed and not delivered
	lanes chan *Lane[B] // the claimed ones in order; closed after the last
	mu    sync.Mutex
	ended bool
}

// NewStitcher makes a stitcher; ahead and depth are at least 1.
func NewStitcher[B any](ahead, depth int) *Stitcher[B] {
	return &Stitcher[B]{
		depth: depth,
		slots: make(chan struct{}, ahead),
		lanes: make(chan *Lane[B], ahead),
	}
}

// Lane takes the batches of one shard.
type Lane[B any] struct{ batches chan B }

// Claim calls next, which claims the next shard, one call at a time; the order
// of these calls is the order of delivery. It returns nil where next said that
// there is none, or ctx has ended.
func (s *Stitcher[B]) Claim(ctx context.Context, next func() bool) *Lane[B] {
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || ctx.Err() != nil {
		return nil
	}
	if !next() {
		s.ended = true
		close(s.lanes)
		return nil
	}
	lane := &Lane[B]{make(chan B, s.depth)}
	s.lanes <- lane // never waits: it has as much room as there are slots
	return lane
}

// Send hands a batch over. It is false where ctx ended first; the worker then
// stops.
func (l *Lane[B]) Send(ctx context.Context, batch B) bool {
	select {
	case l.batches <- batch:
		return true
	case <-ctx.Done():
		return false
	}
}

// Close says that the shard is done.
func (l *Lane[B]) Close() { close(l.batches) }

// Deliver calls yield with every batch, in order, until all shards are
// delivered, yield is false or ctx ends. It says whether all were delivered.
func (s *Stitcher[B]) Deliver(ctx context.Context, yield func(B) bool) bool {
	done := ctx.Done()
	for {
		var lane *Lane[B]
		var ok bool
		select {
		case lane, ok = <-s.lanes:
			if !ok {
				return true
			}
		case <-done:
			return false
		}
		for open := true; open; {
			var batch B
			select {
			case batch, open = <-lane.batches:
				if open && (ctx.Err() != nil || !yield(batch)) {
					return false
				}
			case <-done:
				return false
			}
		}
		<-s.slots
	}
}
