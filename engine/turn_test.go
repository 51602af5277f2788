package engine

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"

	"vscan/patterns"
)

// Workers that have to ask whether it is their turn change nothing of what is found, whether
// they get it always, now and then or never, and give back every turn that they got.
func TestTurn(t *testing.T) {
	rnd := testRand(t)
	for i := range 60 {
		size := 1 + rnd.IntN(300)
		l := randomLayout(rnd, 7, size)
		s := l.space(t)
		set := compileSet(t, patterns.Target{}, "one="+randomHex(rnd, 4), "two="+randomHex(rnd, 2))
		opt := Options{Workers: 1 + rnd.IntN(4), ShardSize: uint64(1 + rnd.IntN(50))}
		want := collect(t, compile(t, s, set, opt))
		var asked, given, back atomic.Int64
		opt.Turn = func(ctx context.Context) func() {
			if n := asked.Add(1); i%3 == 0 || i%3 == 1 && n%2 == 0 {
				<-ctx.Done()
				return nil
			}
			given.Add(1)
			return func() { back.Add(1) }
		}
		sc := compile(t, s, set, opt)
		got := collect(t, sc)
		stats, err := sc.ScanShards(t.Context(), func(int, uint64, *Batch) bool { return true })
		if err != nil || !slices.Equal(got, want) || stats.Hits != uint64(len(want)) || stats.Scanned != sc.Work() {
			t.Fatalf("%+v: %d hits, want %d; %+v, %v", l, len(got), len(want), stats, err)
		}
		if given.Load() != back.Load() {
			t.Fatalf("%d turns were given, %d given back", given.Load(), back.Load())
		}
		if sc.workers == 1 && asked.Load() > 0 {
			t.Fatalf("the only worker asked for %d turns", asked.Load())
		}
	}
}
