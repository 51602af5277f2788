package graph

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
)

// naive returns the edges of a space by the plainest of means: it reads every word and looks its value
// up.
func naive(t testing.TB, space *engine.Space, arch addr.Arch, o Options) []Edge {
	t.Helper()
	align := addr.Addr(o.Align)
	if align == 0 {
		align = addr.Addr(arch.WordSize())
	}
	in := func(a addr.Addr, ranges []addr.Range) bool {
		return len(ranges) == 0 || slices.ContainsFunc(ranges, func(r addr.Range) bool { return r.Contains(a) })
	}
	var edges []Edge
	s := space.For(arch)
	for v := range space.Intervals(addr.All) {
		if v.State() != engine.Present && v.State() != engine.Zero {
			continue
		}
		inside, _ := space.Bytes(v.First, int(v.Size())) // reading word by word takes long
		first, ok := v.First.AlignUp(uint64(align))
		for a := first; ok && a <= v.Last && a >= first; a += align {
			// The whole word has to be there, and allowed as a source.
			last, fits := a.Add(uint64(arch.WordSize()) - 1)
			if !fits {
				break
			}
			good := true
			for b := a; ; b++ {
				m := v
				if !v.Contains(b) {
					m = space.At(b)
				}
				good = good && m.Mapping != nil && (o.SourceIn == nil || o.SourceIn(m.Mapping)) && in(b, o.Sources)
				if b == last {
					break
				}
			}
			var value uint64
			var err error
			if v.Contains(last) {
				value = arch.Order().Uint(inside[a-v.First:][:arch.WordSize()])
			} else {
				value, err = s.Word(a)
			}
			if !good || err != nil || value == 0 {
				continue
			}
			to := space.At(addr.Addr(value))
			if to.Mapping == nil || o.PresentOnly && to.State() == engine.Absent || o.TargetIn != nil && !o.TargetIn(to.Mapping) || !in(addr.Addr(value), o.Targets) {
				continue
			}
			edges = append(edges, Edge{a, addr.Addr(value)})
		}
	}
	slices.SortFunc(edges, byTarget)
	return edges
}

func byTarget(a, b Edge) int {
	return cmp.Or(cmp.Compare(a.Target, b.Target), cmp.Compare(a.Source, b.Source))
}

// all returns the edges of a graph to r.
func all(t testing.TB, g *Graph, r addr.Range) []Edge {
	t.Helper()
	var edges []Edge
	for e, err := range g.To(r) {
		if err != nil {
			t.Fatal(err)
		}
		edges = append(edges, e)
	}
	return edges
}

func mustBuild(t testing.TB, space *engine.Space, arch addr.Arch, o Options) *Graph {
	t.Helper()
	g, stats, err := Build(t.Context(), space, arch, o)
	if err != nil {
		t.Fatal(err)
	}
	if stats.Hits != g.Edges() {
		t.Fatalf("%d hits, %d edges", stats.Hits, g.Edges())
	}
	return g
}

func sameEdges(t testing.TB, what string, got, want []Edge) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("%s: %d edges, want %d; edge %d is %v, want %v", what, len(got), len(want), i, got[i], want[i])
		}
	}
	t.Fatalf("%s: %d edges, want %d", what, len(got), len(want))
}

// core is a sample that has been opened.
type core struct {
	name  string
	arch  addr.Arch
	space *engine.Space
}

// eachCore calls f with every ELF core among the samples, or skips the test.
func eachCore(t *testing.T, f func(core)) {
	t.Helper()
	dir := t.TempDir()
	n := 0
	imagetest.EachCore(t, func(path string, b []byte) {
		file := filepath.Join(dir, "core")
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		img, err := formats.Open(t.Context(), file, image.Options{})
		if err != nil || img.WordSize == 0 || !img.OrderKnown {
			return // one has registers only
		}
		defer img.Close()
		arch, err := addr.NewArch(img.WordSize, img.Order)
		if err != nil {
			t.Fatal(err)
		}
		space, err := engine.NewSpace(img.Mappings...)
		if err != nil {
			t.Fatal(err)
		}
		n++
		f(core{path, arch, space})
	})
	t.Logf("%d cores", n)
	if n < 40 {
		t.Errorf("%d cores", n)
	}
}
