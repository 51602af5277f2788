package engine

import (
	"context"
	"encoding/hex"
	"runtime"
	"testing"

	"vscan/internal/testenv"
	"vscan/patterns"
)

// BenchmarkBuild measures making a scanner for 100,000 literals of 8 to 24 bytes
// from parsed patterns: the set of patterns, and the scanner for it. What is
// allocated in all, B/op, is an upper bound of the memory that this takes; what
// it keeps, B-kept, is measured after a garbage collection.
func BenchmarkBuild(b *testing.B) {
	n := 100_000
	if testing.Short() {
		n = 2000
	}
	rnd := testenv.From(1, 2)
	data := make([]byte, 1<<20)
	pats := make([]patterns.Pattern, n)
	want := uint64(0)
	for i := range pats {
		lit := make([]byte, 8+rnd.IntN(17))
		for k := range lit {
			lit[k] = byte(rnd.Uint32())
		}
		if i%1000 == 0 {
			copy(data[i/1000*100:], lit)
			want++
		}
		var err error
		if pats[i], err = patterns.Parse("hex:" + hex.EncodeToString(lit)); err != nil {
			b.Fatal(err)
		}
	}
	m, _ := BytesMapping("m", 0, data)
	space, _ := NewSpace(m)
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	var set *patterns.Set
	var sc *Scanner
	for _, step := range []struct {
		name     string
		do, undo func()
	}{
		{"patterns", func() {
			var err error
			if set, err = patterns.Compile(context.Background(), pats, patterns.Target{}); err != nil {
				b.Fatal(err)
			}
		}, func() { set = nil }},
		{"scanner", func() { sc = compile(b, space, set, Options{Workers: 1}) }, func() { sc = nil }},
	} {
		b.Run(step.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				step.do()
			}
			with := heap()
			step.undo()
			kept := with - heap()
			step.do()
			b.ReportMetric(float64(kept), "B-kept")
		})
	}
	if stats, err := sc.ScanBatches(context.Background(), func(*Batch) bool { return true }); err != nil || stats.Hits != want {
		b.Fatalf("%d hits, want %d; %v", stats.Hits, want, err)
	}
}
