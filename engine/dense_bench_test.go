package engine

import (
	"bytes"
	"fmt"
	"testing"

	"vscan/internal/testenv"
	"vscan/patterns"
)

// BenchmarkDense measures masses of hits, which take their time on the way
// out of the scanner: one byte that is 2 % and 45 % of memory, numbers of
// which most are hits, and words that a text is full of.
func BenchmarkDense(b *testing.B) {
	data := make([]byte, 64<<20)
	if testing.Short() {
		data = data[:1<<20]
	}
	rnd := testenv.From(1, 1)
	sprinkled := func(share float64) func() {
		return func() {
			for i := range data {
				if data[i] = 1 + byte(rnd.Uint32())&0x7f; rnd.Float64() < share {
					data[i] = 0
				}
			}
		}
	}
	prose := []byte("the quick brown fox jumps over the lazy dog and packs his box with five dozen liquor jugs. ")
	for _, c := range []struct {
		name  string
		fill  func()
		texts []string
	}{
		{"2%", sprinkled(0.02), []string{"hex:00"}},
		{"45%", sprinkled(0.45), []string{"hex:00"}},
		{"numbers", sprinkled(0.45), []string{"u32le:0..0x6fffffff"}},
		{"words", func() { copy(data, bytes.Repeat(prose, 1+len(data)/len(prose))) },
			[]string{"quick", "brown", "fox", "jumps", "over", "lazy", "packs", "dozen", "liquor", "with five"}},
		{"caseless words", func() {}, []string{"text/i:quick", "text/i:brown", "text/i:fox", "text/i:jumps"}},
	} {
		c.fill()
		m, _ := BytesMapping("m", 0, data)
		space, _ := NewSpace(m)
		set := compileSet(b, patterns.Target{}, c.texts...)
		sc := compile(b, space, set, Options{Workers: 1})
		want := uint64(0)
		for i := range data {
			for _, n := range set.Needles() {
				if i+n.Len() <= len(data) && matches(n, data[i:i+n.Len()]) {
					want++
				}
			}
		}
		check := func(hits uint64, err error) {
			if err != nil || hits != want {
				b.Fatalf("%d hits, want %d; %v", hits, want, err)
			}
		}
		for _, how := range []string{"ScanBatches", "Scan"} {
			b.Run(fmt.Sprintf("%s/%s", c.name, how), func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				for b.Loop() {
					hits := uint64(0)
					var err error
					if how == "Scan" {
						_, err = sc.Scan(b.Context(), func(Hit) bool { hits++; return true })
					} else {
						_, err = sc.ScanBatches(b.Context(), func(batch *Batch) bool { hits += batch.Len(); return true })
					}
					check(hits, err)
				}
				b.ReportMetric(float64(want)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mhits/s")
			})
		}
	}
}
