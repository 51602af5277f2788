package shard

import (
	"context"
	"sync"
)

// A Stitcher puts the batches of results that workers find in shards into the
// order of the shards, while the workers go on.
//
// A worker calls Claim, which gives the shard its number, sends the shard's
// batches on the Lane that it got, and closes that. One consumer calls Deliver.
// INVARIANT: at most ahead shards are claimed and not yet delivered, and a lane
// holds at most depth batches before its worker waits. So memory is bounded for
// any number of results; and since the lane whose turn it is can always be
// drained, there is no deadlock.
//
//	claimed   #4 ▢      #5 ▢▢▢ closed   #6 ▢▢
//	Deliver   ↑ takes #4's batches as they come, then #5's, then #6's
//
// A shard without results costs the consumer nothing: the worker that closes
// its lane moves the turn on.
type Stitcher[B any] struct {
	ctx   context.Context // ends the one scan that the Stitcher is for
	depth int

	mu    sync.Mutex
	lanes []Lane[B] // a ring: shard n has lane n % len
	turn  uint64    // the shard whose batches are delivered now
	next  uint64    // the number that the next claimed shard gets
	ended bool      // no shard is left to be claimed
	stop  bool      // the context has ended, or Deliver has returned
	room  sync.Cond // workers wait on it until a shard may be claimed or a batch be sent
	ready sync.Cond // the consumer waits on it until a batch has its turn or there is nothing more to wait for
}

// A Lane takes the batches of one shard.
type Lane[B any] struct {
	s      *Stitcher[B]
	number uint64
	queue  []B
	closed bool
}

// NewStitcher makes a Stitcher for one scan, which ends when ctx does. ahead
// and depth must be at least 1.
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

// Claim calls claim, which takes the next shard and returns false where there
// is none. Calls of claim never overlap, and their order is the order of
// delivery. Claim waits while too many shards are claimed and not delivered. It
// returns nil where there is no shard or the scan has ended.
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

// Send hands a batch over, and waits while the lane is full. It returns false
// where the scan ended first; the worker has to stop then.
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

// Close tells the Stitcher that the shard is done.
func (l *Lane[B]) Close() {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.closed = true
	l.s.advance()
}

// advance moves the turn past shards that are done and delivered. s.mu must be
// held.
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
// delivered, yield returns false, or the context ends. It reports whether all
// were delivered. Nothing can be claimed or sent afterwards.
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

// take waits for the batch whose turn it is. At the end it returns false for
// ok, and in all whether everything was delivered.
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
