package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
)

// A space whose index could not be built in time says so, and is as good as before: with
// layers over and under, too.
func TestIndexInterrupted(t *testing.T) {
	absent := func(first, last addr.Addr) engine.Mapping {
		return engine.Mapping{Range: addr.Range{First: first, Last: last}, State: engine.Absent}
	}
	space, err := engine.NewSpace(absent(0x1000, 0x1fff), absent(0x3000, 0x3fff))
	if err != nil {
		t.Fatal(err)
	}
	under, err := space.AddUnder(engine.Mapping{Range: addr.Range{First: 0x1800, Last: 0x27ff}, State: engine.Zero})
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for _, s := range []*engine.Space{space, under} {
		if err := s.Index(ended); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "index of") {
			t.Errorf("the index was built for a context that has ended: %v", err)
		}
		if !s.IsMapped(0x3000) || s.IsMapped(0x2800) {
			t.Error("lookups are wrong after an index that was not built")
		}
		if err := s.Index(ended); err != nil {
			t.Errorf("an index that is there: %v", err)
		}
	}
	if s := under.State(0x1800); s != engine.Zero {
		t.Errorf("state %v at 0x1800, want zero", s)
	}
}
