package search

import (
	"context"
	"errors"
	"slices"

	"vscan/engine"
	"vscan/engine/budget"
	"vscan/engine/image"
)

// Run searches the image. It returns the Summary of what was looked at, also where err is
// that of the context, however it ended, or one of the sink's; it is nil where the search
// failed. The sink may be nil, for the Summary alone.
func (s *Search) Run(ctx context.Context, sink Sink) (*Summary, error) { return s.run(ctx, sink, nil) }

// run does what Run does, or where found is not nil, what Stitch does.
func (s *Search) run(ctx context.Context, sink Sink, found *Found) (*Summary, error) {
	if sink == nil {
		sink = HitFunc(func(*Hit) error { return nil })
	}
	r := s.newRunning(ctx, sink)
	r.found = found
	defer r.hits.Release()
	defer r.rules.close()
	if hidden, err := s.img.Space.Hidden(ctx); err == nil { // else the scan ends at once, and tells it
		r.sum.Hidden = hidden
	}
	if r.to.err = sink.Begin(s); r.to.err != nil {
		r.sum.Stopped = true
		return r.sum, wanted(r.to.err)
	}
	stats, err := r.scan(ctx)
	if err == nil && r.rules != nil && !r.enough() && r.to.err == nil && !stats.Cancelled && !r.partial() {
		if err = r.rules.finish(ctx); err != nil {
			stats.Cancelled = ctx.Err() != nil
		}
	}
	r.sum.fill(s.img, s.scanner, stats)
	if found != nil {
		for _, c := range found.Changed {
			if !slices.Contains(r.sum.Changed, c) { // the image may tell it too
				r.sum.Changed = append(r.sum.Changed, c)
			}
		}
		r.sum.Complete = r.sum.Complete && !found.Partial && !image.ContentChanged(found.Changed)
	}
	if r.to.err != nil {
		r.sum.Stopped = true
		return r.sum, wanted(r.to.err)
	}
	if err != nil && !stats.Cancelled {
		return nil, err
	}
	if bad := wanted(sink.End(r.sum)); bad != nil {
		return r.sum, bad
	}
	return r.sum, err
}

// wanted returns an error of a sink, nil where it only ended the search.
func wanted(err error) error {
	if errors.Is(err, ErrStop) {
		return nil
	}
	return err
}

// running is a search that runs.
type running struct {
	*Search
	to    guard    // hands what is found to the sink
	sum   *Summary // what was found so far
	view  *viewer
	rules *ruleRun       // nil: there are no rules
	hits  *budget.Budget // what the hits of rules take of the budget
	found *Found         // what is put together, of Stitch; nil: the memory is scanned
}

// newRunning returns a run that has found nothing yet.
func (s *Search) newRunning(ctx context.Context, sink Sink) *running {
	r := &running{Search: s, to: guard{sink: sink}, sum: newSummary(s.img, &s.names), view: s.viewer(ctx), hits: s.budget.Share()}
	if s.q.Rules != nil {
		r.rules = newRuleRun(r)
	}
	return r
}

// enough reports whether what was found is all that is wanted.
func (r *running) enough() bool { return r.q.Want == WantAny && r.sum.Hits > 0 }

// partial reports whether parts are missing of what is put together.
func (r *running) partial() bool { return r.found != nil && r.found.Partial }

// scan scans the memory, counts hits, and hands them on if they are wanted.
func (r *running) scan(ctx context.Context) (engine.Stats, error) {
	if r.found != nil {
		return r.replay(ctx, r.taker(ctx, nil))
	}
	t := r.newTail()
	take := r.taker(ctx, t)
	if t != nil {
		return t.scan(ctx, take)
	}
	if r.countsAll() {
		return r.scanner.ScanBatches(ctx, func(b *engine.Batch) bool {
			r.sum.add(b)
			return true
		})
	}
	return r.scanner.Scan(ctx, take)
}

// countsAll reports whether all hits are counted and nothing else is asked of them, so
// that batches need not be taken apart.
func (r *running) countsAll() bool {
	q := r.q
	return q.Want == WantCount && q.MaxHits == 0 && q.At == nil && r.rules == nil
}

// taker returns a function that takes the hits of the scan in their order: it counts them,
// hands them on if they are wanted, and reports whether more are. Those near the end of a
// file that may grow it leaves to t, if that is not nil; t hands them back.
func (r *running) taker(ctx context.Context, t *tail) func(engine.Hit) bool {
	q, sum := r.q, r.sum
	open := len(sum.Counts) // how many names may still get hits
	at := cursor{q.At}
	return func(h engine.Hit) bool {
		if t != nil && h.Addr >= t.watched && !t.handing {
			return t.hit(h)
		}
		if q.At != nil && !at.has(h.Addr) {
			return true
		}
		if r.rules != nil && r.rules.take(ctx, h) {
			return r.rules.err == nil && (!q.AllStrings || r.rules.show(h))
		}
		k := sum.first[h.Pattern]
		n := sum.Counts[k]
		if n == q.MaxHits && q.MaxHits > 0 {
			return true
		}
		sum.Counts[k]++
		sum.Hits++
		if q.Want == WantAny {
			return false
		}
		if q.Want == WantHits && !r.to.hit(r.view.show(h)) {
			return false
		}
		if n+1 == q.MaxHits {
			sum.Limited = true
			open--
		}
		return open > 0 || r.rules != nil
	}
}
