package graph

import (
	"math/big"
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
	"vscan/engine/image/formats"
	"vscan/internal/testenv"
)

// benchSpace returns the space of the core that $VSCAN_GRAPH_CORE names, for example one that
// gcore made of bench/graph/nodes.cc. Without one it is a heap of 64 MiB that is made here.
func benchSpace(b *testing.B) (*engine.Space, addr.Arch) {
	b.Helper()
	if path := os.Getenv("VSCAN_GRAPH_CORE"); path != "" {
		img, err := formats.Open(b.Context(), path, image.Options{})
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
	rnd := testenv.From(1, 2)
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
	low.Perm = engine.PermKnown | engine.PermRead | engine.PermWrite
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
// MiB; peak-MiB is the most memory that the program has of its own meanwhile, less
// what it had before, sampled.
func BenchmarkBuild(b *testing.B) {
	for _, kind := range []string{"dense", "sparse"} {
		b.Run(kind, func(b *testing.B) {
			var space *engine.Space
			arch, want := addr.LE64, uint64(0)
			if kind == "sparse" {
				space, want = sparseFile(b)
			} else {
				space, arch = benchSpace(b)
				want = plainCount(b, space, arch)
			}
			for _, workers := range []int{1, 2} {
				b.Run("workers="+strconv.Itoa(workers), func(b *testing.B) { benchBuild(b, space, arch, workers, want) })
			}
		})
	}
}

// plainCount returns how many edges a space has, counted by the plainest of means.
func plainCount(b *testing.B, space *engine.Space, arch addr.Arch) (edges uint64) {
	b.Helper()
	var mapped []addr.Range
	for v := range space.Intervals(addr.All) {
		if v.Mapping != nil {
			mapped = append(mapped, v.Range)
		}
	}
	mapped = addr.Merge(mapped)
	hint, word := 0, arch.WordSize()
	numbers, err := newNumbering(b.Context(), 0, mapped)
	if err != nil {
		b.Fatal(err)
	}
	for v := range space.Intervals(addr.All) {
		if v.State() != engine.Present {
			continue
		}
		for at := v.First; ; at += 1 << 20 { // mappings are of whole pages
			bytes, err := space.Bytes(at, int(min(1<<20, v.Last-at+1)))
			if err != nil {
				b.Fatal(err)
			}
			for i := 0; i+word <= len(bytes); i += word {
				if value := arch.Order().Uint(bytes[i:][:word]); value != 0 {
					if _, ok := numbers.number(addr.Addr(value), &hint); ok {
						edges++
					}
				}
			}
			if v.Last-at < 1<<20 {
				break
			}
		}
	}
	return edges
}

// benchBuild builds a graph; want is how many edges it has to have.
func benchBuild(b *testing.B, space *engine.Space, arch addr.Arch, workers int, want uint64) {
	path := filepath.Join(b.TempDir(), "graph")
	defer reportCPU(b)()
	most := uint64(0)
	for b.Loop() {
		b.StopTimer()
		debug.FreeOSMemory()
		before := resident()
		b.StartTimer()
		done := make(chan struct{})
		top := make(chan uint64)
		go func() {
			now := before
			for {
				select {
				case <-done:
					top <- now - before
					return
				case <-time.After(5 * time.Millisecond):
					now = max(now, resident())
				}
			}
		}()
		stats, err := BuildFile(b.Context(), space, arch, Options{Workers: workers}, path)
		close(done)
		most = max(most, <-top)
		if err != nil {
			b.Fatal(err)
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

// sparseFile returns a file with pages of zeros, text, noise and small numbers, of which one in a
// hundred has a pointer in every fourth word, and how many pointers there are. The bytes are the same
// every time.
func sparseFile(b *testing.B) (_ *engine.Space, edges uint64) {
	b.Helper()
	mebibytes := 1024
	if testing.Short() {
		mebibytes = 16
	}
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
	rnd := testenv.From(5, 6)
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
	img, err := formats.Open(b.Context(), path, image.Options{Format: "raw", Base: &base})
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

// resident returns how many bytes of memory this program has of its own: what is mapped from files
// does not count.
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

func BenchmarkCheck(b *testing.B) {
	benchOverSpace(b, func(g *Graph, space *engine.Space, workers int) error { return g.Check(b.Context(), space, workers) })
}

// BenchmarkObjectsKey is what --save and a question to what it has kept cost.
func BenchmarkObjectsKey(b *testing.B) {
	benchOverSpace(b, func(g *Graph, space *engine.Space, workers int) error {
		_, err := g.ObjectsKey(b.Context(), space, ObjectOptions{Workers: workers})
		return err
	})
}

// benchOverSpace times what goes once through all bytes of a graph's space, with one worker
// and with two.
func benchOverSpace(b *testing.B, f func(g *Graph, space *engine.Space, workers int) error) {
	space, arch := benchSpace(b)
	g, stats, err := Build(b.Context(), space, arch, Options{})
	if err != nil {
		b.Fatal(err)
	}
	for _, workers := range []int{1, 2} {
		b.Run("workers="+strconv.Itoa(workers), func(b *testing.B) {
			defer reportCPU(b)()
			b.SetBytes(int64(stats.Scanned))
			for b.Loop() {
				if err := f(g, space, workers); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	_, path := benchFile(b)
	for b.Loop() {
		g, err := Open(b.Context(), path)
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
	g, err := Open(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	rnd := testenv.From(3, 4)
	var targets []addr.Addr
	w := pageReader{g: g}
	err = w.eachPage(0, len(g.groups.lines), func(page uint64, entries []entry) error {
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
			want := uint64(0)
			for i := range len(took) {
				n, err := g.CountTo(addr.Range{First: targets[i%len(targets)], Last: targets[i%len(targets)] + 63})
				if err != nil {
					b.Fatal(err)
				}
				want += n
			}
			if uint64(edges) != want {
				b.Fatalf("%d edges, want %d", edges, want)
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
	g, err := Open(b.Context(), path)
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
	// All edges are counted at each level, to compare.
	var want [6]string
	listed := uint64(1000000)
	plain := o
	plain.count = countDense
	c, err := f.Chains(plain)
	if err != nil {
		b.Fatal(err)
	}
	sum := new(big.Int)
	for n := range want {
		walks, exact, err := c.Walks(b.Context(), n+1)
		if err != nil || !exact {
			b.Fatal(exact, err)
		}
		want[n] = walks.String()
		sum.Add(sum, walks)
	}
	b.Logf("walks of 1 to 6 pointers: %v; %d roots", want, c.RootCount())
	if made := [6]string{"3", "283", "35190", "4497038", "574754623", "73516662803"}; os.Getenv("VSCAN_GRAPH_CORE") == "" && want != made {
		b.Fatalf("walks of 1 to 6 pointers: %v, and not %v", want, made)
	}
	if sum.IsUint64() {
		listed = min(listed, sum.Uint64())
	}
	b.Run("forward", func(b *testing.B) {
		defer reportCPU(b)()
		for b.Loop() {
			if f, err := g.Forward(b.Context(), 0); err != nil || uint64(len(f.to)) != g.Edges() {
				b.Fatal(err)
			}
		}
	})
	b.Run("counts", func(b *testing.B) {
		defer reportCPU(b)()
		for b.Loop() {
			c, err := f.Chains(o)
			if err != nil {
				b.Fatal(err)
			}
			if _, _, err := c.Walks(b.Context(), o.Depth); err != nil {
				b.Fatal(err)
			}
			for n := range want {
				if walks, exact, err := c.Walks(b.Context(), n+1); err != nil || !exact || walks.String() != want[n] {
					b.Fatalf("%d pointers: %v walks, want %s; %v", n+1, walks, want[n], err)
				}
			}
		}
	})
	b.Run("best1000", func(b *testing.B) {
		defer reportCPU(b)()
		for b.Loop() {
			c, err := f.Chains(o)
			if err != nil {
				b.Fatal(err)
			}
			if best, err := c.Best(b.Context(), 1000, nil); err != nil || uint64(len(best)) != min(1000, listed) {
				b.Fatal(len(best), err)
			}
		}
	})
	// Chains with loops are not listed: of a list, the first million are taken.
	for _, list := range []struct {
		name string
		n    uint64
	}{{"first", 1}, {"list1e6", listed}} {
		b.Run(list.name, func(b *testing.B) {
			defer reportCPU(b)()
			var listing time.Duration
			for b.Loop() {
				c, err := f.Chains(o)
				if err != nil {
					b.Fatal(err)
				}
				n := uint64(0)
				var began time.Time
				var left LeftOut
				for _, err := range c.All(b.Context(), &left) {
					if err != nil {
						b.Fatal(err)
					}
					if n++; n == 1 {
						began = time.Now()
					}
					if n == list.n {
						break
					}
				}
				if n < list.n && (list.n == 1 || left.Loops == 0) {
					b.Fatalf("%d chains, want %d", n, list.n)
				}
				listing += time.Since(began)
			}
			if list.n > 1 {
				b.ReportMetric(float64(list.n)*float64(b.N)/listing.Seconds(), "chains/s")
			}
		})
	}
}
