package local

import (
	"context"

	"vscan/engine/search"
)

// This file has workers help others once there is nothing left that they could begin, so
// that all of them end at about the same time, however few tasks there are.

// queryOf returns the query of what a worker begins now. Where workers will be without a task
// of their own before it ends, its search has a few workers more, each of which runs only as
// long as one of those is lent to it. What is done alone, since memory is short, has none.
func (r *runner) queryOf(alone bool) *search.Query {
	q := *r.query
	if alone {
		return &q
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := r.helpers(); n > 0 {
		q.Workers, q.Turn = 1+n, r.lend
	}
	return &q
}

// helpers returns how many workers may help with what is begun now. r.mu must be held.
func (r *runner) helpers() int {
	left := r.Progress.unsettled() - len(r.open) - r.claiming // images that nobody has begun
	for _, w := range r.open {
		left += len(w.waiting)
	}
	if r.feeding || left >= r.Workers {
		return 0
	}
	tasks := max(r.busy+left, 1)
	return min((r.Workers+tasks-1)/tasks, r.Workers-1)
}

// lend waits until a worker has nothing to do and is not lent yet, and returns what ends
// the loan, or nil once ctx has ended.
func (r *runner) lend(ctx context.Context) (over func()) {
	wake := func() {
		r.mu.Lock() // so that nobody is between looking at ctx and waiting
		defer r.mu.Unlock()
		r.lendable.Broadcast()
	}
	defer context.AfterFunc(ctx, wake)()
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.lent >= r.idle {
		if ctx.Err() != nil {
			r.lendable.Signal() // which this one may have been woken by
			return nil
		}
		r.lendable.Wait()
	}
	r.lent++
	return r.endLoan
}

func (r *runner) endLoan() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lent--
	r.lendable.Signal()
}
