package imagetest

import "context"

// Asked is a context that ends with its question number Left + 1, so that a test can
// end what it opens at any place, and count how often it asks.
type Asked struct {
	context.Context
	Left  int // questions that it answers as one that goes on
	Count int // questions so far
}

func (c *Asked) Err() error {
	if c.Count++; c.Count > c.Left {
		return context.Canceled
	}
	return nil
}
