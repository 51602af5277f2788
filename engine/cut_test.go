package engine

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"vscan/patterns"
)

// Hits as long as a match may be are counted by pattern, for any number of
// workers, size of shards and way of taking hits; hits of patterns that
// always have that length are not.
func TestCut(t *testing.T) {
	b := slices.Concat([]byte("\n"), bytes.Repeat([]byte("A"), 1000), []byte("\nABAB"), bytes.Repeat([]byte("B\x00"), 60), []byte("AAAA"))
	m, err := BytesMapping("memory", 0, b)
	if err != nil {
		t.Fatal(err)
	}
	space, err := NewSpace(m)
	if err != nil {
		t.Fatal(err)
	}
	set := compileSet(t, patterns.Target{MaxMatch: 100}, "text:AAAA", "re:A{3,}", "re:A{100}", "re/w:B+", "re:(?:AB)+", "hex:0a [-] 41")
	want := []uint64{0, 10, 0, 1, 0, 0}
	for _, opt := range []Options{{}, {Workers: 1}, {Workers: 3, ShardSize: 64}} {
		sc := compile(t, space, set, opt)
		cut := make([]uint64, len(want))
		stats, err := sc.Scan(context.Background(), func(h Hit) bool {
			if h.Cut {
				cut[h.Pattern]++
			}
			return true
		})
		if !slices.Equal(cut, want) {
			t.Errorf("%+v: %v of the hits are cut", opt, cut)
		}
		if err != nil || !slices.Equal(stats.Cut, want) {
			t.Errorf("%+v: %v, %v", opt, stats.Cut, err)
		}
		stats, err = sc.ScanBatches(context.Background(), func(*Batch) bool { return true })
		if err != nil || !slices.Equal(stats.Cut, want) {
			t.Errorf("%+v: batches: %v, %v", opt, stats.Cut, err)
		}
		opt.Overlapping = true
		stats, err = compile(t, space, set, opt).ScanShards(context.Background(), func(int, uint64, *Batch) bool { return true })
		if err != nil || !slices.Equal(stats.Cut, []uint64{0, 901, 0, 11, 0, 0}) {
			t.Errorf("%+v: shards: %v, %v", opt, stats.Cut, err)
		}
	}
	plain := compile(t, space, compileSet(t, patterns.Target{}, "text:AAAA", "re:A{1,9}"), Options{})
	if stats, err := plain.Scan(context.Background(), func(Hit) bool { return true }); err != nil || stats.Cut != nil || plain.cutLens != nil {
		t.Errorf("nothing can be cut: %v, %v", stats.Cut, err)
	}
}
