package await

import (
	"context"
	"errors"
	"testing"
)

func TestAwait(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	failed := errors.New("failed")
	if n, err := Result(ctx, func() (int, error) { return 3, failed }); n != 3 || err != failed {
		t.Errorf("%d, %v", n, err)
	}
	forever := make(chan struct{})
	defer close(forever)
	n, err := Result(ctx, func() (int, error) {
		cancel()
		<-forever
		return 3, nil
	})
	if n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d, %v: want that it was cancelled", n, err)
	}
}
