package graph

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/internal/testenv"
)

// plainChain is a chain that a plain search finds, with its words.
type plainChain struct {
	class RootClass
	words []addr.Addr
	sum   uint64
}

// plainChains searches, depth first, for the chains of n pointers, without any of the tables. walks
// counts those with loops too.
func plainChains(edges []Edge, o ChainOptions, class func(addr.Addr) (RootClass, bool), n int) (chains []plainChain, walks uint64) {
	edges = slices.Clone(edges)
	slices.SortFunc(edges, func(a, b Edge) int { return cmp.Compare(a.Source, b.Source) })
	var path []Edge
	var visit func(e Edge)
	near := func(v, to addr.Addr) bool {
		d := int64(to - v)
		return d >= o.Window.Low && d <= o.Window.High
	}
	visit = func(e Edge) {
		path = append(path, e)
		defer func() { path = path[:len(path)-1] }()
		if len(path) < n {
			first := addr.Addr(0)
			if a, ok := e.Target.Sub(uint64(max(-o.Window.Low, 0))); ok {
				first = a
			}
			from, _ := slices.BinarySearchFunc(edges, first, func(e Edge, a addr.Addr) int { return cmp.Compare(e.Source, a) })
			for _, next := range edges[from:] {
				if near(e.Target, next.Source) {
					visit(next)
				} else if next.Source > e.Target && int64(next.Source-e.Target) > o.Window.High {
					break
				}
			}
			return
		}
		best, found := uint64(0), false
		for t := o.Target.First; ; t++ {
			if d := int64(t - e.Target); near(e.Target, t) && (!found || uint64(max(d, -d)) < best) {
				best, found = uint64(max(d, -d)), true
			}
			if t == o.Target.Last {
				break
			}
		}
		if !found {
			return
		}
		walks++
		c := plainChain{sum: best}
		c.class, _ = class(path[0].Source)
		for i, e := range path {
			if slices.Contains(c.words, e.Source) {
				return // a loop
			}
			c.words = append(c.words, e.Source)
			if i > 0 {
				d := int64(e.Source - path[i-1].Target)
				c.sum += uint64(max(d, -d))
			}
		}
		chains = append(chains, c)
	}
	for _, e := range edges {
		if _, ok := class(e.Source); ok {
			visit(e)
		}
	}
	slices.SortFunc(chains, func(a, b plainChain) int {
		return cmp.Or(cmp.Compare(a.class, b.class), slices.Compare(a.words, b.words))
	})
	return chains, walks
}

// tangle returns a space in which everything points at everything.
func tangle(t testing.TB, rnd *rand.Rand, arch addr.Arch, words int) *engine.Space {
	t.Helper()
	word := arch.WordSize()
	perm := engine.PermKnown | engine.PermRead | engine.PermWrite
	var mappings []engine.Mapping
	for i, name := range []string{"/bin/prog", "load[1]", "/lib/libc.so.6", "[stack]", "heap"} {
		first := addr.Addr(0x1000 * (i + 1))
		b := make([]byte, 0x1000)
		if name != "/bin/prog" { // its .bss goes on where it ends
			b = b[:8*(1+rnd.IntN(words))]
		}
		for at := 0; at < min(len(b), 8*words); at += word {
			if rnd.IntN(3) == 0 {
				arch.Order().PutUint(b[at:at+word], uint64(0x1000*(1+rnd.IntN(5))+rnd.IntN(8*words)))
			}
		}
		m, err := engine.BytesMapping(name, first, b)
		if err != nil {
			t.Fatal(err)
		}
		m.Perm = perm
		mappings = append(mappings, m)
	}
	space, err := engine.NewSpace(mappings...)
	if err != nil {
		t.Fatal(err)
	}
	return space
}

func tangleClass(a addr.Addr) (RootClass, bool) {
	switch {
	case a >= 0x1000 && a < 0x3000:
		return RootProgram, true
	case a >= 0x3000 && a < 0x4000:
		return RootLibrary, true
	}
	return 0, false
}

func mustForward(t testing.TB, g *Graph, workers int) *Forward {
	t.Helper()
	f, err := g.Forward(t.Context(), workers)
	if err != nil {
		t.Fatal(err)
	}
	if workers%2 == 1 {
		f.grain = 1 // goroutines for the least of work
	}
	return f
}

// Chains at depths 1 to 4 are those of a plain depth-first search, and their
// counts those of a plain count.
func TestRandomChains(t *testing.T) {
	rnd := testenv.Rand(t)
	total, loops := 0, uint64(0)
	for range 150 {
		arch := machines[rnd.IntN(len(machines))]
		space := tangle(t, rnd, arch, 4+rnd.IntN(12))
		g := mustBuild(t, space, arch, Options{Align: []uint64{0, 4, 1}[rnd.IntN(3)]})
		edges := all(t, g, addr.All)
		if len(edges) == 0 {
			continue
		}
		o := ChainOptions{Depth: 4, Window: &Window{-int64(rnd.IntN(3) * rnd.IntN(20)), int64(rnd.IntN(40))}}
		if rnd.IntN(4) == 0 {
			o.Window.Low = min(o.Window.High, 8)
		}
		target := edges[rnd.IntN(len(edges))].Target + addr.Addr(rnd.IntN(20))
		o.Target = addr.Range{First: target, Last: target + addr.Addr(rnd.IntN(2)*rnd.IntN(30))}
		t.Logf("%d edges to %v, window %d to %d", len(edges), o.Target, o.Window.Low, o.Window.High)
		n, left := checkChains(t, mustForward(t, g, 1+rnd.IntN(4)), o, edges, tangleClass)
		total += n
		loops += left
	}
	t.Logf("%d chains, %d loops", total, loops)
	if total == 0 || loops == 0 {
		t.Error("nothing was compared")
	}
}

// checkChains compares what o finds with the plain search.
func checkChains(t *testing.T, f *Forward, o ChainOptions, edges []Edge, class func(addr.Addr) (RootClass, bool)) (int, uint64) {
	t.Helper()
	checkChainsAs(t, f, o, edges, class)
	o.count = countNear
	checkChainsAs(t, f, o, edges, class)
	o.count = countDense
	return checkChainsAs(t, f, o, edges, class)
}

func checkChainsAs(t *testing.T, f *Forward, o ChainOptions, edges []Edge, class func(addr.Addr) (RootClass, bool)) (int, uint64) {
	t.Helper()
	c, err := f.Chains(o)
	if err != nil {
		t.Fatal(err)
	}
	// What is asked first is computed by other means than what is asked later: the one asks for the
	// longest chains first, the other lists first.
	longest, err := f.Chains(o)
	if err != nil {
		t.Fatal(err)
	}
	var want []plainChain
	walks := uint64(0)
	checkWalks := func(c *Chains, n int, want uint64) {
		t.Helper()
		got, exact, err := c.Walks(t.Context(), n)
		if err != nil || !exact || !got.IsUint64() || got.Uint64() != want {
			t.Fatalf("%d pointers: %v walks (%v), want %d; %v", n, got, exact, want, err)
		}
	}
	counts := make([]uint64, o.Depth+1)
	for n := 1; n <= o.Depth; n++ {
		var some []plainChain
		some, counts[n] = plainChains(edges, o, class, n)
		want = append(want, some...)
		walks += counts[n]
	}
	for n := o.Depth; n > 0; n-- {
		checkWalks(longest, n, counts[n])
	}
	var left LeftOut
	i := 0
	for ch, err := range c.All(t.Context(), &left) {
		if err != nil {
			t.Fatal(err)
		}
		if i == len(want) {
			t.Fatalf("chain %d, %v, is one too many", i, ch.Words)
		}
		w := want[i]
		if ch.Class != w.class || !slices.Equal(ch.Words, w.words) || ch.offsetSum() != w.sum {
			t.Fatalf("chain %d: %v %v sum %d, want %v %v sum %d", i, ch.Class, ch.Words, ch.offsetSum(), w.class, w.words, w.sum)
		}
		if end := follow(t, f, ch.Root, ch.Offsets); end != ch.Target || !o.Target.Contains(end) {
			t.Fatalf("chain %d, %v %v, leads to %v, not %v", i, ch.Root, ch.Offsets, end, ch.Target)
		}
		i++
	}
	if i != len(want) {
		t.Fatalf("%d chains, want %d", i, len(want))
	}
	for n := 1; n <= o.Depth; n++ {
		checkWalks(c, n, counts[n])
	}
	if (left.Loops > 0) != (walks > uint64(len(want))) {
		t.Fatalf("%d loops of %d walks and %d chains", left.Loops, walks, len(want))
	}
	slices.SortStableFunc(want, func(a, b plainChain) int {
		return cmp.Or(cmp.Compare(len(a.words), len(b.words)), cmp.Compare(a.class, b.class), cmp.Compare(a.sum, b.sum), slices.Compare(a.words, b.words))
	})
	for _, k := range []int{1, 3, 10, len(want) + 1} {
		by := []*Chains{c, longest}[k%2]
		if k == 10 {
			if by, err = f.Chains(o); err != nil {
				t.Fatal(err)
			}
		}
		best, err := by.Best(t.Context(), k, nil)
		if err != nil || len(best) != min(k, len(want)) {
			t.Fatalf("best %d of %d: %d; %v", k, len(want), len(best), err)
		}
		for i, ch := range best {
			if w := want[i]; ch.Class != w.class || !slices.Equal(ch.Words, w.words) || ch.offsetSum() != w.sum {
				t.Fatalf("best %d: %v %v sum %d, want %v %v sum %d", i, ch.Class, ch.Words, ch.offsetSum(), w.class, w.words, w.sum)
			}
		}
	}
	return len(want), left.Loops
}

// follow follows offsets from a root.
func follow(t *testing.T, f *Forward, a addr.Addr, offsets []int64) addr.Addr {
	t.Helper()
	for _, o := range offsets {
		v, ok := f.Target(a)
		if !ok {
			t.Fatalf("%v is no edge", a)
		}
		a = v + addr.Addr(o)
	}
	return a
}

// The same holds on real cores, for chains from the data of modules to addresses near which most
// pointers lead.
func TestSampleChains(t *testing.T) {
	checked, total := 0, 0
	eachCore(t, func(c core) {
		if checked == testenv.Rounds(3, 3, 6) {
			return
		}
		g := mustBuild(t, c.space, c.arch, Options{})
		edges := all(t, g, addr.All)
		class := func(a addr.Addr) (RootClass, bool) {
			for _, m := range g.Modules() {
				for _, d := range m.Data {
					if d.Contains(a) && m.Program {
						return RootProgram, true
					} else if d.Contains(a) {
						return RootLibrary, true
					}
				}
			}
			return 0, false
		}
		known := map[addr.Addr]RootClass{} // Modules is slow
		for _, e := range edges {
			if k, ok := class(e.Source); ok {
				known[e.Source] = k
			}
		}
		if len(edges) < 300 || len(edges) > 5000 || len(known) == 0 {
			return
		}
		checked++
		f := mustForward(t, g, 2)
		target := edges[len(edges)/2].Target + 8
		n, _ := checkChains(t, f, ChainOptions{Depth: 4, Window: &Window{0, 48}, Target: addr.Range{First: target, Last: target}}, edges,
			func(a addr.Addr) (RootClass, bool) { k, ok := known[a]; return k, ok })
		t.Logf("%s: %d edges, %d roots, %d chains", c.name, len(edges), len(known), n)
		total += n
	})
	if checked < 3 || total == 0 {
		t.Errorf("%d cores, %d chains", checked, total)
	}
}

// A ring of pointers has more walks than 2^64, and more than 2^128.
func TestManyWalks(t *testing.T) {
	const words = 64
	b := make([]byte, 8*words)
	for i := range words { // everything points at the first word
		addr.Little.PutUint(b[8*i:][:8], 0x1000)
	}
	m, err := engine.BytesMapping("/bin/prog", 0x1000, b)
	if err != nil {
		t.Fatal(err)
	}
	space, err := engine.NewSpace(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, workers := range []int{1, 2, 3} {
		f := mustForward(t, mustBuild(t, space, addr.LE64, Options{}), workers)
		c, err := f.Chains(ChainOptions{count: countMethod(workers - 1), Target: addr.Range{First: 0x1000, Last: 0x1000}, Window: &Window{0, 8*words - 1}, Depth: MaxDepth})
		if err != nil {
			t.Fatal(err)
		}
		// There are 64 roots, and 64 ways to go on at each of n − 1 steps: 2^6n walks.
		for n := 1; n <= MaxDepth; n++ {
			walks, exact, err := c.Walks(t.Context(), n)
			if err != nil {
				t.Fatal(err)
			}
			if wantExact := n <= 22; exact != wantExact { // sums up to 2^126 of 21 pointers
				t.Errorf("%d pointers: exact %v", n, exact)
			}
			if exact && (walks.BitLen() != 6*n+1 || walks.TrailingZeroBits() != uint(6*n)) {
				t.Errorf("%d pointers: %v walks", n, walks)
			}
		}
		best, err := c.Best(t.Context(), 100, nil)
		if err != nil || len(best) != 100 {
			t.Fatal(len(best), err)
		}
		if fmt.Sprint(best[0].Words, best[64].Words) != "[0x1000] [0x1008 0x1000]" {
			t.Errorf("%v", best)
		}
	}
}

func TestChainsCancelled(t *testing.T) {
	space := tangle(t, testenv.Seeded(t, 1, 1), addr.LE64, 16)
	f := mustForward(t, mustBuild(t, space, addr.LE64, Options{}), 1)
	c, err := f.Chains(ChainOptions{Target: addr.Range{First: 0x5000, Last: 0x5fff}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range c.All(ctx, nil) {
		if err != context.Canceled {
			t.Errorf("%v", err)
		}
	}
}

// A chain holds in another run where its module lies elsewhere, and one that
// does not is left out.
func TestOtherGraphs(t *testing.T) {
	run := func(prog, heap addr.Addr, second int) *Forward {
		data, b := make([]byte, 64), make([]byte, 256)
		addr.Little.PutUint(data[8:16], uint64(heap))     // → 0x20 → target
		addr.Little.PutUint(data[16:24], uint64(heap)+64) // +0x10 → target, in one run only
		addr.Little.PutUint(b[0x20:0x28], uint64(heap)+0x80)
		addr.Little.PutUint(b[64+second:][:8], uint64(heap)+0x80)
		one, _ := engine.BytesMapping("/bin/prog", prog, data)
		two, _ := engine.BytesMapping("[heap]", heap, b)
		one.Perm, two.Perm = engine.PermKnown|engine.PermWrite, engine.PermKnown|engine.PermWrite
		space, err := engine.NewSpace(one, two)
		if err != nil {
			t.Fatal(err)
		}
		return mustForward(t, mustBuild(t, space, addr.LE64, Options{}), 2)
	}
	f, other := run(0x1000, 0x8000, 16), run(0x5000, 0x9000, 24)
	there := addr.Range{First: 0x9088, Last: 0x9088}
	elsewhere := addr.Range{First: 0x9080, Last: 0x9080}
	for _, c := range []struct {
		others []OtherGraph
		want   int
	}{
		{nil, 2}, {[]OtherGraph{{Forward: other}}, 1}, {[]OtherGraph{{Forward: other, Target: &there}}, 1}, {[]OtherGraph{{Forward: other, Target: &elsewhere}}, 0},
	} {
		chains, err := f.Chains(ChainOptions{Target: addr.Range{First: 0x8088, Last: 0x8088}, Window: &Window{0, 0x3f}, Depth: 2, OtherGraphs: c.others})
		if err != nil {
			t.Fatal(err)
		}
		var left LeftOut
		best, err := chains.Best(t.Context(), 10, &left)
		if err != nil || len(best) != c.want || left.NotInOthers != uint64(2-c.want) {
			t.Errorf("%d chains %v, %+v, want %d; %v", len(best), best, left, c.want, err)
		}
		if c.want == 1 && (best[0].Place != Place{"/bin/prog", 0x1000, 8} || !slices.Equal(best[0].Offsets, []int64{32, 8})) {
			t.Errorf("%v", best)
		}
	}
}

// Counts and the best chains of a larger graph are the same for any number of workers. They are also
// the same whether the first levels are counted by asking who refers, or by going through all edges.
func TestWalksAgree(t *testing.T) {
	g := mustBuild(t, bigSpace(t, 1<<20), addr.LE64, Options{})
	var counts []string
	var best []Chain
	for _, workers := range []int{1, 2, 5} {
		f := mustForward(t, g, workers)
		for _, way := range []countMethod{countBest, countDense, countNear} {
			target := addr.Addr(0x7f00_0005_0000)
			c, err := f.Chains(ChainOptions{
				Target: addr.Range{First: target, Last: target + 7}, Depth: 6, Window: &Window{-64, 512}, count: way,
				Roots: Roots{Ranges: []addr.Range{{First: 0x7f00_0000_0000, Last: 0x7f00_0000_ffff}}},
			})
			if err != nil {
				t.Fatal(err)
			}
			var now []string
			for n := 1; n <= 6; n++ {
				walks, exact, err := c.Walks(t.Context(), n)
				if err != nil {
					t.Fatal(err)
				}
				now = append(now, fmt.Sprint(walks, exact))
			}
			some, err := c.Best(t.Context(), 300, nil)
			if err != nil {
				t.Fatal(err)
			}
			if counts == nil {
				counts, best = now, some
				t.Logf("walks %v, %d chains", counts, len(best))
				if len(best) != 300 {
					t.Errorf("%d chains", len(best))
				}
				continue
			}
			if !slices.Equal(now, counts) {
				t.Errorf("%d workers, %v: walks %v, want %v", workers, way, now, counts)
			}
			for i := range best {
				if !slices.Equal(some[i].Words, best[i].Words) || !slices.Equal(some[i].Offsets, best[i].Offsets) {
					t.Fatalf("%d workers, %v: chain %d is %v, want %v", workers, way, i, some[i], best[i])
				}
			}
		}
	}
}
