package main

import "context"

// await is what f returns; if ctx ends before f does, it is the error of ctx, and f,
// which nothing of the command may use any more, goes on until the program ends. It is
// for what takes long with large inputs and cannot be told to stop.
func await[T any](ctx context.Context, f func() (T, error)) (T, error) {
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
