package graph

import (
	"errors"
	"slices"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/internal/testenv"
)

// Counts, tops, reach and components are those that plain maps give.
func TestAnalyses(t *testing.T) {
	rnd := testenv.Rand(t)
	for range 60 {
		arch := machines[rnd.IntN(len(machines))]
		space := randomSpace(t, rnd, arch)
		if rnd.IntN(2) == 0 {
			space = tangle(t, rnd, arch, 60)
		}
		g := mustBuild(t, space, arch, Options{})
		edges := all(t, g, addr.All)
		checkCounts(t, g, edges)
		unit := uint64(16) << rnd.IntN(9)
		checkReach(t, g, edges, unit, addr.Range{First: 0x1000, Last: 0x1000 + addr.Addr(rnd.IntN(0x1000))})
		checkComponents(t, g, edges, unit)
		checkAround(t, g, edges, unit, rnd.IntN(4))
		var from []Edge
		r := addr.Range{First: addr.Addr(rnd.IntN(0x3000)), Last: addr.Addr(0x3000 + rnd.IntN(0x10000))}
		for e, err := range g.From(t.Context(), r) {
			if err != nil {
				t.Fatal(err)
			}
			from = append(from, e)
		}
		var want []Edge
		for _, e := range edges {
			if r.Contains(e.Source) {
				want = append(want, e)
			}
		}
		bySource := func(a, b Edge) int { return int(int64(a.Source) - int64(b.Source)) }
		slices.SortFunc(want, bySource)
		sameEdges(t, "from", from, want)
		sameEdges(t, "forward", slices.Collect(mustForward(t, g, 2).From(r)), want)
	}
}

func checkCounts(t *testing.T, g *Graph, edges []Edge) {
	t.Helper()
	cells, targets, pages := map[[2]int]uint64{}, map[addr.Addr]uint64{}, map[addr.Addr]uint64{}
	for _, e := range edges {
		cells[[2]int{g.RegionAt(e.Source), g.RegionAt(e.Target)}]++
		targets[e.Target]++
		pages[e.Target&^offsetMask]++
	}
	got, err := g.Matrix(t.Context(), 2)
	if err != nil || len(got) != len(cells) {
		t.Fatalf("%d cells, want %d; %v", len(got), len(cells), err)
	}
	for _, c := range got {
		if cells[[2]int{c.From, c.To}] != c.Edges {
			t.Fatalf("cell %v, want %d", c, cells[[2]int{c.From, c.To}])
		}
	}
	plain := map[[2]addr.Addr]uint64{}
	for _, e := range edges {
		plain[[2]addr.Addr{e.Target &^ offsetMask, e.Source &^ offsetMask}]++
	}
	var before [2]addr.Addr
	n := 0
	for c, err := range g.PageCells() {
		at := [2]addr.Addr{c.To, c.From}
		if err != nil || c.Edges == 0 || plain[at] != c.Edges || n > 0 && slices.Compare(before[:], at[:]) >= 0 {
			t.Fatalf("page cell %+v after %v, want %d edges; %v", c, before, plain[at], err)
		}
		before = at
		n++
	}
	for range g.PageCells() {
		break
	}
	if n != len(plain) {
		t.Fatalf("%d page cells, want %d", n, len(plain))
	}
	ranked := func(m map[addr.Addr]uint64, size addr.Addr, k int) []Ranked {
		var all []Ranked
		for a, n := range m {
			all = append(all, Ranked{addr.Range{First: a, Last: a + size - 1}, n})
		}
		slices.SortFunc(all, compareRanked)
		return all[:min(k, len(all))]
	}
	for _, k := range []int{1, 7, 1000} {
		top, err := g.TopTargets(t.Context(), k, 3)
		if err != nil || !slices.Equal(top, ranked(targets, 1, k)) {
			t.Fatalf("top %d addresses %v, want %v; %v", k, top, ranked(targets, 1, k), err)
		}
		if top, err = g.TopPages(t.Context(), k); err != nil || !slices.Equal(top, ranked(pages, pageSize, k)) {
			t.Fatalf("top %d pages %v, want %v; %v", k, top, ranked(pages, pageSize, k), err)
		}
	}
	if i := g.Info(); i.Edges != uint64(len(edges)) || i.Pages != uint64(len(pages)) {
		t.Fatalf("%+v: want %d edges, %d pages", i, len(edges), len(pages))
	}
}

func checkReach(t *testing.T, g *Graph, edges []Edge, unit uint64, root addr.Range) {
	t.Helper()
	r, err := mustForward(t, g, 1).Reach(t.Context(), []addr.Range{root}, unit)
	if err != nil {
		t.Fatal(err)
	}
	of := func(a addr.Addr) addr.Addr { return a.AlignDown(unit) }
	reached, referenced := map[addr.Addr]bool{}, map[addr.Addr]bool{}
	for a := root.First; a <= root.Last; a++ {
		if g.RegionAt(a) >= 0 {
			reached[of(a)] = true
		}
	}
	for more := true; more; {
		more = false
		for _, e := range edges {
			referenced[of(e.Target)] = true
			if reached[of(e.Source)] && !reached[of(e.Target)] {
				reached[of(e.Target)], more = true, true
			}
		}
	}
	if r.Reached != uint64(len(reached)) || r.Referenced != uint64(len(referenced)) {
		t.Fatalf("%d units reached, %d referenced, want %d and %d", r.Reached, r.Referenced, len(reached), len(referenced))
	}
	var lost, alone []addr.Range
	for _, region := range g.regions {
		for a := region.First; region.State != engine.Absent; a++ {
			if !reached[of(a)] {
				lost = append(lost, addr.Range{First: a, Last: a})
			}
			if !referenced[of(a)] {
				alone = append(alone, addr.Range{First: a, Last: a})
			}
			if a == region.Last {
				break
			}
		}
	}
	if got := addr.Merge(slices.Collect(r.Unreached())); !slices.Equal(got, addr.Merge(lost)) {
		t.Fatalf("not reached %v, want %v", got, addr.Merge(lost))
	}
	if got := addr.Merge(slices.Collect(r.Unreferenced())); !slices.Equal(got, addr.Merge(alone)) {
		t.Fatalf("not referenced %v, want %v", got, addr.Merge(alone))
	}
}

func checkComponents(t *testing.T, g *Graph, edges []Edge, unit uint64) {
	t.Helper()
	label := map[addr.Addr]addr.Addr{}
	of := func(a addr.Addr) addr.Addr { return a.AlignDown(unit) }
	for _, e := range edges {
		label[of(e.Source)], label[of(e.Target)] = of(e.Source), of(e.Target)
	}
	for more := true; more; {
		more = false
		for _, e := range edges {
			a, b := of(e.Source), of(e.Target)
			if low := min(label[a], label[b]); label[a] != low || label[b] != low {
				label[a], label[b], more = low, low, true
			}
		}
	}
	want := map[addr.Addr]Component{}
	for _, l := range label {
		c := want[l]
		c.First, c.Units = l, c.Units+1
		want[l] = c
	}
	for _, e := range edges {
		c := want[label[of(e.Source)]]
		c.Edges++
		want[label[of(e.Source)]] = c
	}
	got, err := mustForward(t, g, 1).Components(t.Context(), unit)
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d components, want %d; %v", len(got), len(want), err)
	}
	for _, c := range got {
		if want[c.First] != c {
			t.Fatalf("%+v, want %+v", c, want[c.First])
		}
	}
}

func checkAround(t *testing.T, g *Graph, edges []Edge, unit uint64, hops int) {
	t.Helper()
	if len(edges) == 0 {
		return
	}
	of := func(a addr.Addr) addr.Addr { return a.AlignDown(unit) }
	start := edges[len(edges)/2].Target
	known := map[addr.Addr]int{of(start): 0}
	for hop := 1; hop <= hops; hop++ {
		for _, e := range edges {
			for _, d := range [][2]addr.Addr{{e.Source, e.Target}, {e.Target, e.Source}} {
				from, in := known[of(d[0])]
				if _, seen := known[of(d[1])]; in && from < hop && !seen {
					known[of(d[1])] = hop
				}
			}
		}
	}
	links := map[[2]addr.Addr]uint64{}
	for _, e := range edges {
		_, from := known[of(e.Source)]
		if _, to := known[of(e.Target)]; from && to {
			links[[2]addr.Addr{of(e.Source), of(e.Target)}]++
		}
	}
	f := mustForward(t, g, 1)
	n, err := f.Neighbourhood(t.Context(), []addr.Range{{First: start, Last: start}}, hops, unit, 1<<20)
	if err != nil || len(n.Nodes) != len(known) || len(n.Links) != len(links) {
		t.Fatalf("%+v, want %d nodes and %d links; %v", n, len(known), len(links), err)
	}
	for _, node := range n.Nodes {
		if hop, in := known[node.First]; !in || hop != node.Hops {
			t.Fatalf("%+v, want %d hops (%v)", node, hop, in)
		}
	}
	for _, l := range n.Links {
		if want := links[[2]addr.Addr{n.Nodes[l.From].First, n.Nodes[l.To].First}]; want != l.Edges {
			t.Fatalf("%+v, want %d edges", l, want)
		}
	}
	if len(links) > 1 {
		if _, err := f.Neighbourhood(t.Context(), []addr.Range{{First: start, Last: start}}, hops, unit, len(links)-1); !errors.Is(err, ErrTooManyLinks) {
			t.Fatalf("%v", err)
		}
	}
}
