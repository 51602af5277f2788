package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"vscan/engine/addr"
	"vscan/internal/testenv"
	"vscan/patterns"
)

// ScanShards hands over the hits of Scan: those of a shard in order, the shards
// of a worker ascending.
func TestScanShards(t *testing.T) {
	rnd := testenv.Seeded(t, 3, 1)
	data := make([]byte, 1<<20)
	for i := range data {
		data[i] = byte(rnd.IntN(3))
	}
	m, err := BytesMapping("m", 0x1000, data)
	if err != nil {
		t.Fatal(err)
	}
	space, err := NewSpace(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range [][]string{{"ptr:0x1000000000000..0x1ffffffffffff"}, {"hex:0001"}, {"u16:1..2", "hex:020202"}} {
		set := compileSet(t, patterns.Target{WordSize: 8, OrderKnown: true}, text...)
		for _, workers := range []int{1, 4} {
			sc := compile(t, space, set, Options{Workers: workers, ShardSize: 10000})
			var want []addr.Addr
			if _, err := sc.Scan(t.Context(), func(h Hit) bool { want = append(want, h.Addr); return true }); err != nil {
				t.Fatal(err)
			}
			var mu sync.Mutex
			shards := map[uint64][]addr.Addr{}
			last := map[int]uint64{}
			stats, err := sc.ScanShards(t.Context(), func(worker int, shard uint64, b *Batch) bool {
				mu.Lock()
				defer mu.Unlock()
				if last[worker] > shard || worker >= workers {
					t.Errorf("worker %d has shard %d after %d", worker, shard, last[worker])
				}
				last[worker] = shard
				size := 0
				for h := range b.Hits() {
					shards[shard] = append(shards[shard], h.Addr)
					size += h.Len
				}
				if len(text) == 1 && text[0][0] == 'p' && len(b.Bytes()) != size {
					t.Errorf("%d bytes of %d", len(b.Bytes()), size)
				}
				return true
			})
			if err != nil || stats.Hits != uint64(len(want)) || stats.Scanned != uint64(len(data)) || !stats.Complete() {
				t.Fatalf("%+v; %v", stats, err)
			}
			var got []addr.Addr
			for n := range uint64(len(data)/10000 + 1) {
				got = append(got, shards[n]...)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q, %d workers: %d hits, want %d", text, workers, len(got), len(want))
			}
		}
	}
	sc := compile(t, space, compileSet(t, patterns.Target{}, "hex:0001"), Options{Workers: 3, ShardSize: 10000})
	if stats, err := sc.ScanShards(t.Context(), func(int, uint64, *Batch) bool { return false }); err != nil || !stats.Stopped || stats.Hits > 0 {
		t.Errorf("stopped: %+v; %v", stats, err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	stats, err := sc.ScanShards(ctx, func(int, uint64, *Batch) bool { cancel(why); return true })
	if !errors.Is(err, why) || !stats.Cancelled || stats.Complete() {
		t.Errorf("cancelled: %+v; %v", stats, err)
	}
}
