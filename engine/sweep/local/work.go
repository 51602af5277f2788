package local

import (
	"context"
	"errors"
	"slices"

	"vscan/engine/budget"
	"vscan/engine/sweep/state"
)

// work takes what is to be done until nothing is.
func (r *runner) work(ctx context.Context) error {
	for {
		do, err := r.next()
		if do == nil || err != nil {
			return err
		}
		if err := r.db.CheckRoom(); err != nil {
			do.giveBack()
			r.release()
			return err
		}
		err = do.run(ctx)
		r.release()
		if err != nil {
			return err
		}
	}
}

// job is what a worker does.
type job struct {
	run      func(context.Context) error
	giveBack func()
}

// next returns what is to be done: a task of an image that is open, or the next image. It waits
// as long as there may be something, and returns nil when there is nothing more.
func (r *runner) next() (*job, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.ended == nil {
		for _, w := range r.open {
			if len(w.waiting) > 0 {
				k := w.waiting[0]
				w.waiting = w.waiting[1:]
				r.busy++
				return &job{
					run:      func(ctx context.Context) error { return r.task(ctx, w, k) },
					giveBack: func() { r.putBack(w, k) },
				}, nil
			}
		}
		if len(r.open)+r.claiming < r.Open {
			fed := r.fed
			r.claiming++
			r.busy++
			r.mu.Unlock()
			c, err := r.claim()
			r.mu.Lock()
			if err != nil || c == nil {
				r.claiming--
				r.busy--
			}
			switch {
			case err != nil:
				return nil, err
			case c != nil:
				return &job{
					run: func(ctx context.Context) error {
						defer r.claimed()
						return r.image(ctx, c)
					},
					giveBack: func() {
						r.claimed()
						r.db.GiveBack(c.N)
					},
				}, nil
			case r.fed != fed:
				continue // more have come meanwhile
			}
		}
		if r.busy == 0 && !r.feeding {
			r.changed.Broadcast()
			return nil, nil
		}
		r.idle++
		r.lendable.Signal()
		r.changed.Wait()
		r.idle--
	}
	return nil, nil // whoever ended it says why
}

// claim takes the next image that waits, or returns nil.
func (r *runner) claim() (*state.Claim, error) {
	if err := r.db.CheckRoom(); err != nil {
		return nil, err
	}
	return r.db.Claim()
}

// claimed says that a claimed image is settled, given back, or among those that are open.
func (r *runner) claimed() {
	r.mu.Lock()
	r.claiming--
	r.mu.Unlock()
	r.changed.Broadcast()
}

// release says that a worker has done what it had to.
func (r *runner) release() {
	r.mu.Lock()
	r.busy--
	r.mu.Unlock()
	r.changed.Broadcast()
}

// putBack has a task wait again that was not begun.
func (r *runner) putBack(w *openWork, k int) {
	r.mu.Lock()
	w.waiting = slices.Insert(w.waiting, 0, k)
	r.mu.Unlock()
}

// withMemory does something that takes memory, beside others, and once more alone where that is
// not enough: starved reports whether an outcome without an error is so.
func (r *runner) withMemory(do func(alone bool) error, starved func() bool) error {
	r.alone.RLock()
	err := do(false)
	r.alone.RUnlock()
	if over := (*budget.Error)(nil); !errors.As(err, &over) && (err != nil || !starved()) {
		return err
	}
	r.alone.Lock()
	defer r.alone.Unlock()
	return do(true)
}
