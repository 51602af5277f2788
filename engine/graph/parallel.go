package graph

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// errRegion is the error of an edge one of whose ends is not mapped. Only a file
// that was forged has one.
var errRegion = errors.New("an edge leads from or to where nothing is mapped: the file is damaged; build the graph again")

// parallelPages calls f with the entries of all pages, on several goroutines, each
// with a state of its own, which start makes. It returns the states. Entries ascend
// by source, but those of a hub by offset, then source.
func parallelPages[S any](ctx context.Context, g *Graph, workers int, start func() S, f func(state S, page uint64, entries []entry) error) ([]S, error) {
	return parallelGroups(ctx, g, workers, start, func(state S, _ int, page uint64, entries []entry) error { return f(state, page, entries) })
}

// parallelGroups is parallelPages for callers that want to know the group of a page.
// All pages of a group come to the same goroutine, ascending.
func parallelGroups[S any](ctx context.Context, g *Graph, workers int, start func() S, f func(state S, group int, page uint64, entries []entry) error) ([]S, error) {
	const atOnce = 16
	workers = workersOr(workers)
	var next atomic.Int64
	var mu sync.Mutex
	var states []S
	lines := len(g.groups.lines)
	group, ctx := errgroup.WithContext(ctx)
	for range min(workers, lines/atOnce+1) {
		group.Go(func() error {
			w, state := pageReader{g: g}, start()
			mu.Lock()
			states = append(states, state)
			mu.Unlock()
			for {
				first := int(next.Add(atOnce)) - atOnce
				if first >= lines {
					return nil
				}
				if err := context.Cause(ctx); err != nil {
					return err
				}
				for i := first; i < min(first+atOnce, lines); i++ {
					if err := w.eachPage(i, i+1, func(page uint64, entries []entry) error { return f(state, i, page, entries) }); err != nil {
						return err
					}
				}
			}
		})
	}
	return states, group.Wait()
}

// workersOr returns how many goroutines are to work: one for each processor where n is not above 0.
func workersOr(n int) int {
	if n <= 0 {
		return runtime.GOMAXPROCS(0)
	}
	return n
}
