// Package await waits for work that cannot be told to stop.
package await

import "context"

// Result returns what f returns. If ctx ends before f does, it returns the error of ctx,
// and f goes on until it ends by itself: nothing may use what f works on any more.
func Result[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		of  T
		err error
	}
	done := make(chan result, 1)
	go func() {
		of, err := f()
		done <- result{of, err}
	}()
	select {
	case r := <-done:
		return r.of, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
