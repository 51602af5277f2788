package throttle

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// newAt returns a throttle with a clock of its own, and how long its users have waited.
func newAt(rate uint64) (t *Throttle, clock *time.Time, waited *time.Duration) {
	clock, waited = new(time.Time), new(time.Duration)
	*clock = time.Unix(1e9, 0)
	t = New(rate)
	t.now = func() time.Time { return *clock }
	t.wait = func(ctx context.Context, d time.Duration) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		*waited = max(d, 0)
		*clock = clock.Add(*waited)
		return nil
	}
	return t, clock, waited
}

func TestTake(t *testing.T) {
	th, clock, waited := newAt(1000)
	for i, c := range []struct {
		pause time.Duration // before it is taken
		n     uint64
		wait  time.Duration
	}{
		{0, 100, 0}, // what is in the bucket
		{0, 100, 100 * time.Millisecond},
		{0, 1, time.Millisecond},
		{0, 0, time.Millisecond},        // nothing is taken: the wait is that of the line above
		{0, 5000, 5 * time.Second},      // more than the bucket holds
		{time.Hour, 50, 0},              // after a pause there is what the bucket holds, and no more
		{0, 100, 50 * time.Millisecond}, // half of it was left
		{20 * time.Millisecond, 20, 0},  // what came meanwhile
		{0, 1 << 63, longest},           // the time does not wrap round
		{longest, 200, 100 * time.Millisecond},
	} {
		*clock = clock.Add(c.pause)
		if err := th.Take(t.Context(), c.n); err != nil || *waited != c.wait {
			t.Errorf("%d: %d bytes after %v: waited %v, want %v; %v", i, c.n, c.pause, *waited, c.wait, err)
		}
	}
}

// What was not taken, since the context ended, is left to others.
func TestTakeEnds(t *testing.T) {
	th, _, waited := newAt(1000)
	ctx, end := context.WithCancelCause(t.Context())
	why := errors.New("why")
	end(why)
	if err := th.Take(ctx, 1e9); err != why {
		t.Errorf("%v, want %v", err, why)
	}
	if err := th.Take(t.Context(), 200); err != nil || *waited != 100*time.Millisecond {
		t.Errorf("waited %v; %v", *waited, err)
	}
}

func TestNoLimit(t *testing.T) {
	th := New(0)
	if th != nil || th.Take(t.Context(), 1<<63) != nil {
		t.Error("a rate of 0 is no limit")
	}
	th.Pace(t.Context(), 1<<63)
}

// Several workers together take what the rate allows, and all waits end with the context.
func TestWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := New(1 << 20)
		ctx, end := context.WithCancel(t.Context())
		taken := make(chan uint64, 1000)
		for range 4 {
			go func() {
				for th.Take(ctx, 1<<10) == nil {
					taken <- 1 << 10
				}
			}()
		}
		time.Sleep(700 * time.Millisecond)
		synctest.Wait()
		end()
		synctest.Wait()
		total := uint64(0)
		for range len(taken) {
			total += <-taken
		}
		// 0.7 s and the 0.1 s that the bucket held, less the part of a block.
		if want := uint64(8*(1<<20)/10) >> 10 << 10; total != want {
			t.Errorf("%d bytes in 0.8 s, want %d", total, want)
		}
	})
}
