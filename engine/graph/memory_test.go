package graph

import (
	"errors"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/heap"
	"vscan/internal/testenv"
)

// liveHeap returns how many bytes of the heap are in use.
func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// pointerSpace returns memory of so many words, each of which points at a random one.
func pointerSpace(t *testing.T, words int) *engine.Space {
	t.Helper()
	const base = 0x10000000
	rnd := testenv.Seeded(t, 1, 0)
	b := make([]byte, 8*words)
	for i := range words {
		addr.Little.PutUint(b[8*i:8*i+8], base+8*uint64(rnd.IntN(words)))
	}
	m, err := engine.BytesMapping("[heap]", base, b)
	if err != nil {
		t.Fatal(err)
	}
	return mustSpace(t, m)
}

// estimate compares what a question takes of the budget with what it leaves allocated.
func estimate(t *testing.T, what string, g *Graph, ask func() any) {
	t.Helper()
	b := budget.New(1 << 40)
	g.SetBudget(b)
	before := liveHeap()
	answer := ask()
	real, taken := float64(liveHeap())-float64(before), float64(b.Taken())
	t.Logf("%-10s %7.1f MB, estimated %7.1f MB (%.2f)", what, real/1e6, taken/1e6, taken/real)
	if taken < 0.7*real || taken > 3*real {
		t.Errorf("%s: %.0f bytes are allocated, and the budget was asked for %.0f", what, real, taken)
	}
	runtime.KeepAlive(answer)
}

func TestEstimateOfQuestions(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	words := testenv.Rounds(1<<19, 1<<19, 1<<21)
	g := mustBuild(t, pointerSpace(t, words), addr.LE64, Options{})
	var f *Forward
	estimate(t, "forward", g, func() any {
		var err error
		if f, err = g.Forward(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		return f
	})
	estimate(t, "walks", g, func() any {
		c, err := f.Chains(ChainOptions{Target: addr.Range{First: 0x10000000, Last: 0x10000fff}, Depth: 6, Roots: Roots{Ranges: []addr.Range{{First: 0x10000000, Last: 0x10ffffff}}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Walks(t.Context(), 6); err != nil {
			t.Fatal(err)
		}
		return c
	})
	runtime.KeepAlive(f)
}

// Each question is refused where it takes more than there is, and answered where it does not.
func TestQuestionsAreRefused(t *testing.T) {
	const words = 1 << 16
	space := pointerSpace(t, words)
	g := mustBuild(t, space, addr.LE64, Options{})
	f := mustForward(t, g, 1)
	h, err := heap.Find(t.Context(), space, addr.LE64, heap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	all := addr.Range{First: 0x10000000, Last: 0x10000000 + 8*words - 1}
	for what, ask := range map[string]func() error{
		"forward": func() error { _, err := g.Forward(t.Context(), 1); return err },
		"reach":   func() error { _, err := f.Reach(t.Context(), []addr.Range{all}, 8); return err },
		"components": func() error {
			_, err := f.Components(t.Context(), 8)
			return err
		},
		"chains": func() error {
			c, err := f.Chains(ChainOptions{Target: all, Depth: 4, Roots: Roots{Ranges: []addr.Range{all}}})
			if err == nil {
				_, _, err = c.Walks(t.Context(), 4)
			}
			return err
		},
		"check": func() error { return g.Check(t.Context(), space, 1) },
		"build in memory": func() error {
			_, _, err := Build(t.Context(), space, addr.LE64, Options{Budget: g.budget})
			return err
		},
	} {
		g.SetBudget(budget.New(1000))
		var over *budget.Error
		if err := ask(); !errors.As(err, &over) {
			t.Errorf("%s with a budget of 1000 bytes: %v", what, err)
		}
		g.SetBudget(budget.New(100 << 20))
		if err := ask(); err != nil {
			t.Errorf("%s with a budget of 100 MiB: %v", what, err)
		}
	}
	g.SetBudget(nil)
	if _, err := g.Objects(t.Context(), h, ObjectOptions{}); err != nil {
		t.Error(err)
	}
}

// A build with little memory puts edges into the temporary file, and gives all back.
func TestBuildWithinBudget(t *testing.T) {
	space := pointerSpace(t, 1<<20)
	want := mustBuild(t, space, addr.LE64, Options{})
	b := budget.New(48 << 20)
	path := t.TempDir() + "/g"
	stats, err := BuildFile(t.Context(), space, addr.LE64, Options{Budget: b, Workers: 2}, path)
	if err != nil {
		t.Fatal(err)
	}
	if stats.Hits != want.edges || b.Taken() != 0 {
		t.Errorf("%d of %d edges, %d bytes stay taken", stats.Hits, want.edges, b.Taken())
	}
}

// regionsSpace returns memory of so many mappings that hold nothing, each with a name of its own.
func regionsSpace(t *testing.T, n int) *engine.Space {
	t.Helper()
	all := make([]engine.Mapping, n)
	for i := range all {
		first := addr.Addr(0x10000 + i<<13)
		all[i] = engine.Mapping{Range: addr.Range{First: first, Last: first + 15}, State: engine.Zero, Name: "region " + strconv.Itoa(i)}
	}
	return mustSpace(t, all...)
}

// A build and the opening of a graph of many regions ask for them, and are refused where they
// take more than there is. What was taken is given back.
func TestBudgetOfRegions(t *testing.T) {
	const n = 1 << 16
	space, path := regionsSpace(t, n), filepath.Join(t.TempDir(), "graph")
	var over *budget.Error
	for _, limit := range []uint64{0, n * 100} {
		b := budget.New(limit)
		if _, _, err := Build(t.Context(), space, addr.LE64, Options{Budget: b}); !errors.As(err, &over) || over.What != forRegions || b.Taken() != 0 {
			t.Errorf("a build with %d bytes: %v; %d are taken", limit, err, b.Taken())
		}
	}
	b := budget.New(n*regionBytes + 256<<20)
	if _, err := BuildFile(t.Context(), space, addr.LE64, Options{Budget: b}, path); err != nil || b.Taken() != 0 {
		t.Fatalf("%v; %d are taken", err, b.Taken())
	}
	b = budget.New(1 << 40)
	before := liveHeap()
	g, err := OpenWithin(t.Context(), path, b)
	if err != nil {
		t.Fatal(err)
	}
	real, taken := float64(liveHeap()-before), float64(b.Taken())
	t.Logf("%.0f bytes a region, and the budget was asked for %.0f", real/n, taken/n)
	if taken < 0.7*real || taken > 3*real {
		t.Errorf("%.0f bytes are allocated, and the budget was asked for %.0f", real, taken)
	}
	g.Close()
	if b.Taken() != 0 {
		t.Errorf("%d bytes are taken of a graph that is closed", b.Taken())
	}
	for _, limit := range []uint64{0, n, n * 20, uint64(taken) - 1} {
		b := budget.New(limit)
		if _, err := OpenWithin(t.Context(), path, b); !errors.As(err, &over) || b.Taken() != 0 {
			t.Errorf("opening with %d bytes: %v; %d are taken", limit, err, b.Taken())
		}
	}
}

// A question for chains asks for what it has of each region.
func TestBudgetOfPlaces(t *testing.T) {
	const n = 1 << 16
	g := mustBuild(t, regionsSpace(t, n), addr.LE64, Options{})
	f := mustForward(t, g, 1)
	o := ChainOptions{Target: addr.Range{First: 0x10000, Last: 0x10007}, Depth: 2, Roots: Roots{Ranges: []addr.Range{{First: 0x10000, Last: 0x1ffff}}}}
	estimate(t, "places", g, func() any {
		c, err := f.Chains(o)
		if err != nil {
			t.Fatal(err)
		}
		return c
	})
	g.SetBudget(budget.New(n))
	if _, err := f.Chains(o); !errors.As(err, new(*budget.Error)) {
		t.Error(err)
	}
}

// Chains that are kept are asked for some at a time.
func TestBudgetOfBest(t *testing.T) {
	g := mustBuild(t, pointerSpace(t, 1<<14), addr.LE64, Options{})
	f := mustForward(t, g, 1)
	c, err := f.Chains(ChainOptions{Target: addr.Range{First: 0x10000000, Last: 0x1001ffff}, Depth: 3, Roots: Roots{Ranges: []addr.Range{{First: 0x10000000, Last: 0x10ffffff}}}})
	if err != nil {
		t.Fatal(err)
	}
	const most = 20_000
	for k := 1; k <= 3; k++ {
		if _, _, err := c.Walks(t.Context(), k); err != nil {
			t.Fatal(err)
		}
	}
	var best []Chain
	estimate(t, "chains", g, func() any {
		if best, err = c.Best(t.Context(), most, nil); err != nil || len(best) != most {
			t.Fatal(len(best), err)
		}
		return best
	})
	g.SetBudget(budget.New(1 << 20))
	var over *budget.Error
	if _, err := c.Best(t.Context(), most, nil); !errors.As(err, &over) || over.What != forBest {
		t.Error(err)
	}
}
