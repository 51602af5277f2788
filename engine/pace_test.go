package engine

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"vscan/engine/addr"
	"vscan/patterns"
)

// Who sets the pace is asked for every byte that is searched, once, whatever pieces memory
// consists of, and nothing else changes.
func TestPace(t *testing.T) {
	rnd := testRand(t)
	for range 100 {
		size := 1 + rnd.IntN(300)
		l := randomLayout(rnd, 7, size)
		s := l.space(t)
		set := compileSet(t, patterns.Target{}, "one="+randomHex(rnd, 4), "two="+randomHex(rnd, 2))
		opt := Options{Workers: 1 + rnd.IntN(4), ShardSize: uint64(1 + rnd.IntN(50))}
		want := collect(t, compile(t, s, set, opt))
		var asked atomic.Uint64
		opt.Pace = func(_ context.Context, n uint64) { asked.Add(n) }
		sc := compile(t, s, set, opt)
		got := collect(t, sc)
		if scans := uint64(2); !slices.Equal(got, want) || asked.Load() != scans*sc.Work() { // collect scans twice
			t.Fatalf("%+v: %d hits, want %d; asked for %d bytes, want %d × %d", l, len(got), len(want), asked.Load(), scans, sc.Work())
		}
	}
}

// A scan that ends while its workers wait has an account of what came before.
func TestPaceCancelled(t *testing.T) {
	const size = 8 << 20
	m, err := BytesMapping("m", 0x1000, make([]byte, size))
	if err != nil {
		t.Fatal(err)
	}
	space, err := NewSpace(m)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var granted atomic.Uint64
	opt := Options{Workers: 2, Ranges: []addr.Range{{First: 0x1000, Last: 0x1000 + size - 1}}}
	opt.Pace = func(ctx context.Context, n uint64) {
		if granted.Add(n) > size/2 {
			cancel()
			<-ctx.Done()
		}
	}
	stats, err := compile(t, space, compileSet(t, patterns.Target{}, "hex:01"), opt).Scan(ctx, func(Hit) bool { return true })
	if !errors.Is(err, context.Canceled) || !stats.Cancelled || stats.Scanned > size/2 {
		t.Errorf("%+v, %v", stats, err)
	}
}
