// Package interrupt lets long work end when a context does.
//
//	Watch                      a loop that asks its context now and then
//	Checker                    the same for what cannot return an error, such as a comparison
//	SortFunc, SortStableFunc   as those of package slices
package interrupt

import (
	"context"
	"slices"
)

// every is how many steps a Watch counts from one question to the next. A step is about
// a record of a file, or some comparisons: so many take some milliseconds.
const every = 1 << 13

// A Watch asks a context whether to go on. To ask takes longer than a step of most
// loops, so steps are counted and few of them ask. The zero value is not ready: see New.
type Watch struct {
	ctx  context.Context
	left int // steps until the next question
}

// New returns a watch that asks ctx at its first step.
func New(ctx context.Context) *Watch { return &Watch{ctx: ctx} }

// Step counts n steps of work. Once the context has ended, it returns the error of that
// within every steps.
func (w *Watch) Step(n int) error {
	if w.left -= n; w.left > 0 {
		return nil
	}
	w.left = every
	return w.ctx.Err()
}

// chunk is how many elements are sorted without a question.
const chunk = 1 << 14

// SortFunc sorts as slices.SortFunc does. Once ctx has ended, it returns the error of
// that; the elements are in any order then.
func SortFunc[S ~[]E, E any](ctx context.Context, s S, cmp func(a, b E) int) error {
	return sortChunks(ctx, s, cmp, slices.SortFunc[S, E])
}

// SortStableFunc sorts as slices.SortStableFunc does. Once ctx has ended, it returns the
// error of that; the elements are in any order then, and some may be lost.
func SortStableFunc[S ~[]E, E any](ctx context.Context, s S, cmp func(a, b E) int) error {
	return sortChunks(ctx, s, cmp, slices.SortStableFunc[S, E])
}

// sortChunks sorts chunks, and merges neighbours until all are one. What is in order
// already is only looked at.
func sortChunks[S ~[]E, E any](ctx context.Context, s S, cmp func(a, b E) int, sort func(S, func(a, b E) int)) error {
	for part := range slices.Chunk(s, chunk) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !slices.IsSortedFunc(part, cmp) {
			sort(part, cmp)
		}
	}
	var buf S // the lower of two neighbours
	for size := chunk; size < len(s); size *= 2 {
		for lo := 0; lo+size < len(s); lo += 2 * size {
			mid, hi := lo+size, min(lo+2*size, len(s))
			if err := ctx.Err(); err != nil {
				return err
			}
			if cmp(s[mid-1], s[mid]) <= 0 {
				continue
			}
			buf = append(buf[:0], s[lo:mid]...)
			if err := merge(ctx, s[lo:hi], buf, cmp); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// merge merges lower with the upper part of s, which lies behind as many elements.
// Of two that are equal, that of lower comes first.
func merge[S ~[]E, E any](ctx context.Context, s, lower S, cmp func(a, b E) int) error {
	w := New(ctx)
	upper := s[len(lower):]
	for i := range s {
		if len(lower) == 0 {
			return nil // the rest of upper is in its place
		}
		if len(upper) > 0 && cmp(upper[0], lower[0]) < 0 {
			s[i], upper = upper[0], upper[1:]
		} else {
			s[i], lower = lower[0], lower[1:]
		}
		if err := w.Step(1); err != nil {
			return err
		}
	}
	return nil
}
