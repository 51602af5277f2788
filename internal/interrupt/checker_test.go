package interrupt

import (
	"context"
	"errors"
	"slices"
	"testing"
)

// sort sorts numbers, and can be ended while it does so.
func sort(c *Checker, n []int) (err error) {
	defer Recover(&err)
	slices.SortFunc(n, func(a, b int) int {
		c.Step(1)
		return a - b
	})
	return nil
}

func numbers(n int) (all []int) {
	for i := range n {
		all = append(all, i*7919%n)
	}
	return all
}

// A context that has ended ends the work, with its cause; one that has not, and no
// Checker, do not.
func TestCheckerStep(t *testing.T) {
	why := errors.New("why")
	ctx, end := context.WithCancelCause(t.Context())
	if err := sort(NewChecker(ctx), numbers(1e5)); err != nil {
		t.Errorf("before the end: %v", err)
	}
	end(why)
	if err := sort(NewChecker(ctx), numbers(1e5)); err != why {
		t.Errorf("%v, want %v", err, why)
	}
	if err := sort(nil, numbers(1e5)); err != nil {
		t.Errorf("without a Checker: %v", err)
	}
}

// Panics of the work itself are none of the package's.
func TestOtherPanics(t *testing.T) {
	defer func() {
		if p := recover(); p != "own" {
			t.Errorf("%v", p)
		}
	}()
	var err error
	defer Recover(&err)
	panic("own")
}
