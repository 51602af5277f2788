package graph

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
)

// benchSpace is the core that $VSCAN_GRAPH_CORE names: one that gcore made of
// bench/graph/nodes.cc, say. Without one it is a heap of 64 MiB made here.
func benchSpace(b *testing.B) (*engine.Space, addr.Arch) {
	b.Helper()
	if path := os.Getenv("VSCAN_GRAPH_CORE"); path != "" {
		img, err := image.Open(path, image.Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { img.Close() })
		space, err := engine.NewSpace(img.Mappings...)
		if err != nil {
			b.Fatal(err)
		}
		arch, err := addr.NewArch(img.WordSize, img.Order)
		if err != nil {
			b.Fatal(err)
		}
		return space, arch
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	data, heap := make([]byte, 1<<20), make([]byte, 64<<20)
	const dataAt, heapAt = 0x5555_5555_0000, 0x7f00_0000_0000
	for _, to := range [][]byte{data, heap} {
		for at := 0; at < len(to); at += 8 {
			if rnd.IntN(4) == 0 {
				addr.Little.PutUint(to[at:at+8], heapAt+rnd.Uint64N(uint64(len(heap)))&^15)
			}
		}
	}
	low, _ := engine.BytesMapping("/usr/bin/prog", dataAt, data)
	low.Perm = engine.PermKnown | engine.Read | engine.Write
	high, _ := engine.BytesMapping("[heap]", heapAt, heap)
	high.Perm = low.Perm
	space, err := engine.NewSpace(low, high)
	if err != nil {
		b.Fatal(err)
	}
	return space, addr.LE64
}

// A build of benchSpace, and of a file of 1 GiB (VSCAN_GRAPH_MIB says other
// sizes) in which little is a pointer. allowed-MiB is 1.5 times the index and 64
// MiB; peak-MiB is sampled.
func BenchmarkBuild(b *testing.B) {
	for _, kind := range []string{"dense", "sparse"} {
		b.Run(kind, func(b *testing.B) {
			var space *engine.Space
			arch, want := addr.LE64, uint64(0)
			if kind == "sparse" {
				space, want = sparseFile(b)
			} else {
				space, arch = benchSpace(b)
			}
			for _, workers := range []int{1, 2} {
				b.Run("workers="+strconv.Itoa(workers), func(b *testing.B) { benchBuild(b, space, arch, workers, want) })
			}
		})
	}
}

// benchBuild builds; want is how many edges there have to be, where that is known.
func benchBuild(b *testing.B, space *engine.Space, arch addr.Arch, workers int, want uint64) {
	path := filepath.Join(b.TempDir(), "graph")
	defer reportCPU(b)()
	most := uint64(0)
	for b.Loop() {
		b.StopTimer()
		debug.FreeOSMemory()
		b.StartTimer()
		done := make(chan struct{})
		top := make(chan uint64)
		go func() {
			most := uint64(0)
			for {
				select {
				case <-done:
					top <- most
					return
				case <-time.After(5 * time.Millisecond):
					most = max(most, resident())
				}
			}
		}()
		stats, err := BuildFile(b.Context(), space, arch, Options{Workers: workers}, path)
		close(done)
		most = max(most, <-top)
		if err != nil {
			b.Fatal(err)
		}
		if want == 0 {
			want = stats.Hits
		}
		if stats.Hits != want {
			b.Fatalf("%d edges, want %d", stats.Hits, want)
		}
		b.SetBytes(int64(stats.Scanned))
		info, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(stats.Hits), "edges")
		b.ReportMetric(float64(info.Size())/float64(stats.Hits), "B/edge")
		b.ReportMetric(stats.Sweep.Seconds()*1e3, "ms-sweep")
		b.ReportMetric(stats.Sort.Seconds()*1e3, "ms-sort")
		b.ReportMetric(float64(stats.Bytes)*1.5/(1<<20)+64, "allowed-MiB")
	}
	b.ReportMetric(float64(most)/(1<<20), "peak-MiB")
}

// sparseFile is a file with pages of zeros, text, noise and small numbers, one
// page of a hundred with a pointer in every fourth word. The same bytes come
// every time. edges is how many pointers there are.
func sparseFile(b *testing.B) (_ *engine.Space, edges uint64) {
	b.Helper()
	mebibytes := 1024
	if v := os.Getenv("VSCAN_GRAPH_MIB"); v != "" {
		var err error
		if mebibytes, err = strconv.Atoi(v); err != nil {
			b.Fatal(err)
		}
	}
	base := addr.Addr(0x7f00_0000_0000)
	path := filepath.Join(b.TempDir(), "sparse")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	rnd := rand.New(rand.NewPCG(5, 6))
	total := uint64(mebibytes) << 20
	block := make([]byte, 1<<20)
	for range mebibytes {
		clear(block)
		for page := range slices.Chunk(block, pageSize) {
			kind := rnd.IntN(100)
			for at := 0; at < pageSize; at += 8 {
				word := page[at : at+8]
				switch {
				case kind < 1:
					if at%32 == 0 {
						addr.Little.PutUint(word, uint64(base)+rnd.Uint64N(total))
						edges++
					}
				case kind < 10:
					addr.Little.PutUint(word, rnd.Uint64N(1<<20))
				case kind < 30:
					addr.Little.PutUint(word, rnd.Uint64()&0x0f0f0f0f0f0f0f0f|0x6060606060606060)
				case kind < 50:
					addr.Little.PutUint(word, rnd.Uint64()|1<<63)
				}
			}
		}
		if _, err := f.Write(block); err != nil {
			b.Fatal(err)
		}
	}
	img, err := image.Open(path, image.Options{Format: "raw", Base: &base})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { img.Close() })
	space, err := engine.NewSpace(img.Mappings...)
	if err != nil {
		b.Fatal(err)
	}
	return space, edges
}

// resident is the memory that this program has of its own, in bytes: what is
// mapped from files does not count.
func resident() uint64 {
	text, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "RssAnon:" {
			n, _ := strconv.ParseUint(f[1], 10, 64)
			return n << 10
		}
	}
	return 0
}

// reportCPU reports the processor time of an iteration: on a machine that others
// use too, it says more than what has passed.
func reportCPU(b *testing.B) func() {
	ticks := func() (n float64) { // of 10 ms
		text, _ := os.ReadFile("/proc/self/stat")
		if f := strings.Fields(string(text)); len(f) > 14 {
			for _, s := range f[13:15] {
				v, _ := strconv.ParseFloat(s, 64)
				n += v
			}
		}
		return n
	}
	before := ticks()
	return func() { b.ReportMetric((ticks()-before)*10/float64(b.N), "ms-cpu/op") }
}

func benchFile(b *testing.B) (*engine.Space, string) {
	b.Helper()
	space, arch := benchSpace(b)
	path := filepath.Join(b.TempDir(), "graph")
	if _, err := BuildFile(b.Context(), space, arch, Options{}, path); err != nil {
		b.Fatal(err)
	}
	return space, path
}

func BenchmarkOpen(b *testing.B) {
	_, path := benchFile(b)
	for b.Loop() {
		g, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		g.Close()
	}
}

// Who refers to 64 bytes from a word that is pointed at, in all the graph alike,
// so that hubs come as often as they are pointed at.
func BenchmarkTo(b *testing.B) {
	_, path := benchFile(b)
	g, err := Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	rnd := rand.New(rand.NewPCG(3, 4))
	var targets []addr.Addr
	w := walk{g: g}
	err = w.each(0, len(g.groups.lines), func(page uint64, entries []entry) error {
		hint := 0
		for _, e := range entries {
			if rnd.IntN(int(g.edges/10000+1)) == 0 {
				targets = append(targets, g.targets.at(page, &hint)+addr.Addr(e.offset()))
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	rnd.Shuffle(len(targets), func(i, j int) { targets[i], targets[j] = targets[j], targets[i] })
	for _, distinct := range []bool{false, true} {
		name := "by-edge"
		if distinct {
			name = "by-target"
			slices.Sort(targets)
			targets = slices.Compact(targets)
			rnd.Shuffle(len(targets), func(i, j int) { targets[i], targets[j] = targets[j], targets[i] })
		}
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			edges, i := 0, 0
			for b.Loop() {
				begin := time.Now()
				for _, err := range g.To(addr.Range{First: targets[i%len(targets)], Last: targets[i%len(targets)] + 63}) {
					if err != nil {
						b.Fatal(err)
					}
					edges++
				}
				took = append(took, time.Since(begin))
				i++
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1e3, "µs-p50")
			b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1e3, "µs-p99")
			b.ReportMetric(float64(edges)/float64(len(took)), "edges/query")
		})
	}
}

// Chains of at most 6 pointers with a window of 4096 bytes to a word that is
// pointed at: counts, the best 1,000, the first, and a listing.
func BenchmarkChains(b *testing.B) {
	_, path := benchFile(b)
	g, err := Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	begin := time.Now()
	f, err := g.Forward(b.Context(), 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d edges, turned round in %v", g.Edges(), time.Since(begin))
	r := g.regions[g.RegionAt(f.target(uint32(len(f.to)/2)))]
	middle := r.First + (r.Last-r.First)/2
	target, found := addr.Addr(0), false
	for e, err := range g.To(addr.Range{First: middle, Last: addr.Max}) {
		if err != nil {
			b.Fatal(err)
		}
		target, found = e.Target, true
		break
	}
	if !found {
		b.Fatal("nothing is pointed at")
	}
	o := ChainOptions{Target: addr.Range{First: target + 8, Last: target + 8}, Depth: 6, Window: &Window{0, 4095}}
	for _, what := range []string{"forward", "counts", "best1000", "first", "list1e6"} {
		b.Run(what, func(b *testing.B) {
			n := 0
			defer reportCPU(b)()
			for b.Loop() {
				if what == "forward" {
					if _, err := g.Forward(b.Context(), 0); err != nil {
						b.Fatal(err)
					}
					continue
				}
				c, err := f.Chains(o)
				if err != nil {
					b.Fatal(err)
				}
				switch what {
				case "counts":
					if _, _, err := c.Walks(b.Context(), o.Depth); err != nil {
						b.Fatal(err)
					}
				case "best1000":
					best, err := c.Best(b.Context(), 1000, nil)
					if err != nil {
						b.Fatal(err)
					}
					n = len(best)
				case "first", "list1e6":
					n = 0
					for _, err := range c.All(b.Context(), nil) {
						if err != nil {
							b.Fatal(err)
						}
						if n++; n == 1000000 || what == "first" {
							break
						}
					}
				}
				if what == "counts" {
					for n := range o.Depth {
						walks, exact, _ := c.Walks(b.Context(), n+1)
						b.Logf("%d pointers: %v walks, exact %v", n+1, walks, exact)
					}
				}
			}
			b.ReportMetric(float64(n), "chains")
		})
	}
}
