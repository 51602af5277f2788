// Package bench holds benchmarks of whole scans beside the ceiling of the
// machine, measured in turn.
package bench

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/simd"
	"vscan/patterns"
)

const needle = "\x7fneedle\xf9\x17"

// memoryLike fills b like memory: 45 % zero pages, 25 % pages of pointers, 15 %
// text and 15 % noise, the same each time; and three needles.
func memoryLike(b []byte) {
	rnd := rand.New(rand.NewPCG(42, 42))
	for at := 0; at+4096 <= len(b); at += 4096 {
		page := b[at : at+4096]
		page[0] = 1 // until it is written, a page is the one zero page that all share,
		page[0] = 0 // and that is always in the cache
		switch k := rnd.IntN(100); {
		case k < 45:
		case k < 70:
			for i := 0; i < len(page); i += 8 {
				if v := rnd.Uint64(); v%3 != 0 {
					addr.Little.PutUint(page[i:i+8], 0x7f0000000000+v>>32)
				}
			}
		case k < 85:
			for i := range page {
				page[i] = "etaoin shrdlucmfgypwbvkjxqz0123\n"[rnd.IntN(32)]
			}
		default:
			for i := 0; i < len(page); i += 8 {
				addr.Little.PutUint(page[i:i+8], rnd.Uint64())
			}
		}
	}
	for _, at := range []int{7, len(b) / 3, len(b) - len(needle)} {
		copy(b[at:], needle)
	}
}

func size() int {
	if testing.Short() {
		return 8 << 20
	}
	return 1 << 30
}

func scanner(b *testing.B, level simd.Level, mappings ...engine.Mapping) *engine.Scanner {
	b.Helper()
	space, err := engine.NewSpace(mappings...)
	if err != nil {
		b.Fatal(err)
	}
	p, err := patterns.Parse(needle)
	if err != nil {
		b.Fatal(err)
	}
	set, err := patterns.Compile([]patterns.Pattern{p}, patterns.Target{})
	if err != nil {
		b.Fatal(err)
	}
	sc, err := engine.Compile(space, set, engine.Options{Workers: 1, Kernel: level})
	if err != nil {
		b.Fatal(err)
	}
	return sc
}

func scan(b *testing.B, sc *engine.Scanner) {
	b.Helper()
	stats, err := sc.Scan(context.Background(), func(engine.Hit) bool { return true })
	if err != nil || stats.Hits != 3 || !stats.Complete() {
		b.Fatalf("%+v, %v", stats, err)
	}
}

var sink uint64

// inTurn times two things one after the other, again and again, and reports
// the rates of their medians and the ratio.
func inTurn(b *testing.B, bytes int, plain, scan func()) {
	var plains, scans []time.Duration
	clock := func(f func()) time.Duration {
		begin := time.Now()
		f()
		return time.Since(begin)
	}
	plain()
	scan()
	for b.Loop() {
		plains = append(plains, clock(plain))
		scans = append(scans, clock(scan))
	}
	median := func(d []time.Duration) float64 {
		slices.Sort(d)
		return d[len(d)/2].Seconds()
	}
	p, s := median(plains), median(scans)
	b.ReportMetric(float64(bytes)/p/1e9, "plain-GB/s")
	b.ReportMetric(float64(bytes)/s/1e9, "scan-GB/s")
	b.ReportMetric(100*p/s, "%-of-plain")
}

func levels() []simd.Level {
	return slices.DeleteFunc(simd.Levels(), func(l simd.Level) bool { return l.Check() != nil || l == simd.Reference })
}

// BenchmarkBuffer: one sparse literal, one worker, memory that is resident.
func BenchmarkBuffer(b *testing.B) {
	data := make([]byte, size())
	memoryLike(data)
	m, err := engine.BytesMapping("memory", 0x10000, data)
	if err != nil {
		b.Fatal(err)
	}
	for _, level := range levels() {
		b.Run(level.String(), func(b *testing.B) {
			sc := scanner(b, level, m)
			inTurn(b, len(data), func() { sink += simd.ReadBandwidthProbe(data) }, func() { scan(b, sc) })
		})
	}
}

// BenchmarkFile: one sparse literal, one worker, a file in the page cache that
// is mapped anew and faulted in during each run.
func BenchmarkFile(b *testing.B) {
	data := make([]byte, size())
	memoryLike(data)
	path := filepath.Join(b.TempDir(), "memory")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		b.Fatal(err)
	}
	n := len(data)
	data = nil
	open := func() *image.Image {
		img, err := image.Open(path, image.Options{Format: "raw"})
		if err != nil {
			b.Fatal(err)
		}
		return img
	}
	for _, level := range levels() {
		b.Run(level.String(), func(b *testing.B) {
			inTurn(b, n, func() {
				img := open()
				defer img.Close()
				if err := engine.Guard(func() {
					view, err := img.Mappings[0].Source.View(make([]byte, 0), 0, n)
					if err != nil {
						b.Fatal(err)
					}
					sink += simd.ReadBandwidthProbe(view)
				}); err != nil {
					b.Fatal(err)
				}
			}, func() {
				img := open()
				defer img.Close()
				scan(b, scanner(b, level, img.Mappings...))
			})
		})
	}
}
