package search

import (
	"context"
	"errors"

	"vscan/engine"
	"vscan/engine/budget"
	"vscan/patterns"
)

// Run searches the image. It returns the Summary of what was looked at, also where err is
// that of the context, however it ended, or one of the sink's; it is nil where the search
// failed. The sink may be nil, for the Summary alone.
func (s *Search) Run(ctx context.Context, sink Sink) (*Summary, error) {
	if sink == nil {
		sink = HitFunc(func(*Hit) error { return nil })
	}
	r := s.newRunning(ctx, sink)
	defer r.hits.Release()
	defer r.rules.close()
	if r.to.err = sink.Begin(s); r.to.err != nil {
		r.sum.Stopped = true
		return r.sum, wanted(r.to.err)
	}
	stats, err := r.scan(ctx)
	if r.rules != nil && !r.enough() && r.to.err == nil && !stats.Cancelled {
		if err = r.rules.finish(ctx); err != nil {
			stats.Cancelled = ctx.Err() != nil
		}
	}
	r.sum.fill(s.img, s.scanner, stats)
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
}

// newRunning returns a run that has found nothing yet.
func (s *Search) newRunning(ctx context.Context, sink Sink) *running {
	r := &running{Search: s, to: guard{sink: sink}, sum: newSummary(s.img, s.set, s.q.names()), view: s.viewer(ctx), hits: s.budget.Share()}
	if s.q.Rules != nil {
		r.rules = newRuleRun(r)
	}
	return r
}

// enough reports whether what was found is all that is wanted.
func (r *running) enough() bool { return r.q.Want == WantAny && r.sum.Hits > 0 }

// scan scans the memory, counts hits, and hands them on if they are wanted.
func (r *running) scan(ctx context.Context) (engine.Stats, error) {
	q, sum := r.q, r.sum
	if q.Want == WantCount && q.MaxHits == 0 && q.At == nil && r.rules == nil {
		return r.scanner.ScanBatches(ctx, func(b *engine.Batch) bool {
			sum.add(b)
			return true
		})
	}
	open := len(sum.Counts) // how many names may still get hits
	at := cursor{q.At}
	return r.scanner.Scan(ctx, func(h engine.Hit) bool {
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
	})
}

// names returns a function that returns the names of a pattern's hits: the names of the
// rules' strings that the pattern stands for, or else its own name.
func (q *Query) names() func(patterns.Pattern) []string {
	of := map[string][]string{}
	if q.Rules != nil {
		for i, p := range q.Rules.Patterns() {
			of[p.Name] = q.Rules.Names(i)
		}
	}
	return func(p patterns.Pattern) []string {
		if names, ok := of[p.Name]; ok {
			return names
		}
		return []string{p.Name}
	}
}
