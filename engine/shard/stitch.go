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
//
// A shard without results costs the consumer nothing: the worker that closes
// its lane moves the turn on.
type Stitcher[B any] struct {
	ctx   context.Context // of the one run that it is for
	depth int

	mu    sync.Mutex
	lanes []Lane[B] // a ring: shard n has lane n % len
	turn  uint64    // the shard whose batches are delivered now
	next  uint64    // the number that the next claimed shard gets
	ended bool      // there are no more shards to claim
	stop  bool      // the context has ended, or the consumer has had enough
	room  sync.Cond // for workers: a shard may be claimed, or a batch be sent
	ready sync.Cond // for the consumer: a batch has its turn, or all is over
}

// Lane takes the batches of one shard.
type Lane[B any] struct {
	s      *Stitcher[B]
	number uint64
	queue  []B
	closed bool
}

// NewStitcher makes a stitcher for one run, which ends when ctx does; ahead and
// depth are at least 1.
func NewStitcher[B any](ctx context.Context, ahead, depth int) *Stitcher[B] {
	s := &Stitcher[B]{ctx: ctx, depth: depth, lanes: make([]Lane[B], ahead)}
	s.room.L, s.ready.L = &s.mu, &s.mu
	context.AfterFunc(ctx, s.halt)
	return s
}

func (s *Stitcher[B]) halt() {
	s.mu.Lock()
	s.stop = true
	s.mu.Unlock()
	s.room.Broadcast()
	s.ready.Broadcast()
}

// Claim calls claim, which takes the next shard, one call at a time; the order
// of these calls is the order of delivery. It returns nil where claim said that
// there is none, or the run has ended.
func (s *Stitcher[B]) Claim(claim func() bool) *Lane[B] {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.next-s.turn == uint64(len(s.lanes)) && !s.stop {
		s.room.Wait()
	}
	if s.stop || s.ended {
		return nil
	}
	if !claim() {
		s.ended = true
		s.ready.Signal()
		return nil
	}
	lane := &s.lanes[s.next%uint64(len(s.lanes))]
	*lane = Lane[B]{s: s, number: s.next, queue: lane.queue[:0]}
	s.next++
	return lane
}

// Send hands a batch over. It is false where the run ended first; the worker
// then stops.
func (l *Lane[B]) Send(batch B) bool {
	s := l.s
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(l.queue) == s.depth && !s.stop {
		s.room.Wait()
	}
	if s.stop {
		return false
	}
	l.queue = append(l.queue, batch)
	if l.number == s.turn {
		s.ready.Signal()
	}
	return true
}

// Close says that the shard is done.
func (l *Lane[B]) Close() {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.closed = true
	l.s.advance()
}

// advance moves the turn past shards that are done and delivered.
func (s *Stitcher[B]) advance() {
	before := s.turn
	for s.turn < s.next {
		lane := &s.lanes[s.turn%uint64(len(s.lanes))]
		if len(lane.queue) > 0 {
			s.ready.Signal()
			break
		}
		if !lane.closed {
			break
		}
		s.turn++
	}
	if s.turn != before {
		s.room.Broadcast()
	}
	if s.ended && s.turn == s.next {
		s.ready.Signal()
	}
}

// Deliver calls yield with every batch, in order, until all shards are
// delivered, yield is false or the run's context ends. It says whether all were
// delivered. Nothing can be claimed or sent afterwards.
func (s *Stitcher[B]) Deliver(yield func(B) bool) bool {
	defer s.halt()
	for {
		batch, all, ok := s.take()
		if !ok {
			return all
		}
		if !yield(batch) {
			return false
		}
	}
}

// take waits for the batch whose turn it is. It is false at the end, with
// whether all was delivered.
func (s *Stitcher[B]) take() (batch B, all, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if s.stop || s.ctx.Err() != nil {
			return batch, false, false
		}
		if s.turn < s.next {
			lane := &s.lanes[s.turn%uint64(len(s.lanes))]
			if n := len(lane.queue); n > 0 {
				batch = lane.queue[0]
				copy(lane.queue, lane.queue[1:])
				lane.queue = lane.queue[:n-1]
				if n == s.depth {
					s.room.Broadcast()
				}
				s.advance()
				return batch, false, true
			}
		} else if s.ended {
			return batch, true, false
		}
		s.ready.Wait()
	}
}
