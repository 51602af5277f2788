// Package throttle bounds how many bytes a second several workers take together.
package throttle

import (
	"context"
	"sync"
	"time"
)

// burst is how long nothing may have been taken and still be taken later: after a pause no
// more than what the rate allows in this time is taken at once.
const burst = 100 * time.Millisecond

// A Throttle is a bucket of tokens, one a byte, that fills at a rate and holds what comes in a
// tenth of a second. Who takes more than it holds waits for all of it first, so that blocks
// may be larger than the bucket. It is safe for concurrent use: who asks first, waits
// least. A nil *Throttle has no limit.
type Throttle struct {
	rate float64 // bytes a second

	mu   sync.Mutex
	paid time.Time // up to when the time for what was taken reaches, which is the time to wait for

	now  func() time.Time
	wait func(context.Context, time.Duration) error
}

// New returns a throttle for so many bytes a second, nil where that is 0.
func New(rate uint64) *Throttle {
	if rate == 0 {
		return nil
	}
	return &Throttle{rate: float64(rate), now: time.Now, wait: wait}
}

// Take waits until n bytes may be taken. Where ctx ends before that, nothing is taken, and
// the error is its cause.
func (t *Throttle) Take(ctx context.Context, n uint64) error {
	if t == nil || n == 0 {
		return nil
	}
	price := t.price(n)
	err := t.wait(ctx, t.pay(price))
	if err != nil {
		t.mu.Lock()
		t.paid = t.paid.Add(-price)
		t.mu.Unlock()
	}
	return err
}

// Pace is Take in the form of engine.Options.Pace, which asks the context itself.
func (t *Throttle) Pace(ctx context.Context, n uint64) { t.Take(ctx, n) }

// longest bounds the time that is reckoned with, so that it does not wrap round.
const longest = 10 * 365 * 24 * time.Hour

// price returns how long n bytes take.
func (t *Throttle) price(n uint64) time.Duration {
	return time.Duration(min(float64(n)/t.rate*float64(time.Second), float64(longest)))
}

// pay takes what has this price, and returns how long to wait for it.
func (t *Throttle) pay(price time.Duration) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if full := now.Add(-burst); t.paid.Before(full) {
		t.paid = full
	}
	t.paid = t.paid.Add(price)
	return t.paid.Sub(now)
}

// wait waits for so long, unless ctx ends before.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
