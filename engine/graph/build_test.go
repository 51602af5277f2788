package graph

import (
	"math/rand/v2"
	"path/filepath"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
)

// The edges of every sample core are those that a plain pass finds.
func TestSampleCores(t *testing.T) {
	machines := map[addr.Arch]int{}
	edges := 0
	eachCore(t, func(c core) {
		want := naive(t, c.space, c.arch, Options{})
		g := mustBuild(t, c.space, c.arch, Options{})
		sameEdges(t, c.name, all(t, g, addr.All), want)
		if len(want) > 0 {
			machines[c.arch]++
		}
		edges += len(want)
	})
	t.Logf("%d edges, cores with edges by machine: %v", edges, machines)
	for _, a := range []addr.Arch{addr.LE64, addr.LE32, addr.BE64, addr.BE32} {
		if machines[a] == 0 {
			t.Errorf("no core of a %v machine has an edge", a)
		}
	}
}

// randomSpace is some mappings in all states, of words that mostly are
// addresses.
func randomSpace(t testing.TB, rnd *rand.Rand, arch addr.Arch) *engine.Space {
	t.Helper()
	word := arch.WordSize()
	bases := []addr.Addr{0, 0x10000, 0x7fff_0000}
	if word == 8 {
		bases = append(bases, 0x5555_5555_0000, 0xffff_ffff_ffff_0000)
	}
	var mappings []engine.Mapping
	var ranges []addr.Range
	for range 1 + rnd.IntN(12) {
		first := bases[rnd.IntN(len(bases))] + addr.Addr(rnd.IntN(0x8000))
		if rnd.IntN(3) > 0 {
			first &^= 0xfff
		}
		r, ok := addr.Sized(first, 1+rnd.Uint64N(0x4000))
		if !ok {
			continue
		}
		m := engine.Mapping{Range: r, Name: string(rune('a' + len(mappings)))}
		switch rnd.IntN(4) {
		case 0:
			m.State = engine.Absent
		case 1:
			m.State = engine.Zero
		}
		mappings, ranges = append(mappings, m), append(ranges, r)
	}
	for i := range mappings {
		if mappings[i].State != engine.Present {
			continue
		}
		b := make([]byte, mappings[i].Size()+16)
		phase := rnd.IntN(2) * rnd.IntN(word)
		for at := phase; at+word <= len(b); at += word {
			switch rnd.IntN(4) {
			case 0, 1:
				r := ranges[rnd.IntN(len(ranges))]
				arch.Order().PutUint(b[at:at+word], uint64(r.First)+rnd.Uint64N(r.Size()+2)-1)
			case 2:
				arch.Order().PutUint(b[at:at+word], rnd.Uint64())
			}
		}
		mappings[i].Source = engine.BytesSource(mappings[i].Name, b)
		mappings[i].Offset = rnd.Uint64N(16)
	}
	space, err := engine.NewSpace(mappings...)
	if err != nil {
		t.Fatal(err)
	}
	return space
}

var machines = []addr.Arch{addr.LE64, addr.LE32, addr.BE64, addr.BE32}

func TestRandomSpaces(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %#x", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	rounds := 300
	if testing.Short() {
		rounds = 50
	}
	total := 0
	for range rounds {
		arch := machines[rnd.IntN(len(machines))]
		space := randomSpace(t, rnd, arch)
		o := Options{Align: []uint64{0, 1, 2, 4, 8}[rnd.IntN(5)], PresentOnly: rnd.IntN(3) == 0, Workers: 1 + rnd.IntN(5)}
		if rnd.IntN(3) == 0 {
			o.Sources = []addr.Range{{First: addr.Addr(rnd.IntN(0x20000)), Last: addr.Max}, {First: 0, Last: 0x4ff3}}
		}
		if rnd.IntN(3) == 0 {
			o.Targets = []addr.Range{{First: addr.Addr(rnd.IntN(0x20000)), Last: addr.Addr(rnd.Uint64() | 1<<40)}}
		}
		odd := func(m *engine.Mapping) bool { return m.Name[0]&1 == 1 }
		if rnd.IntN(4) == 0 {
			o.SourceIn = odd
		}
		if rnd.IntN(4) == 0 {
			o.TargetIn = odd
		}
		want := naive(t, space, arch, o)
		g := mustBuild(t, space, arch, o)
		sameEdges(t, "all", all(t, g, addr.All), want)
		total += len(want)
		checkWindows(t, rnd, g, want)

		path := filepath.Join(t.TempDir(), "g")
		if _, err := BuildFile(t.Context(), space, arch, o, path); err != nil {
			t.Fatal(err)
		}
		opened, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		sameEdges(t, "file", all(t, opened, addr.All), want)
		if err := opened.Check(space); err != nil {
			t.Fatal(err)
		}
		checkWindows(t, rnd, opened, want)
		opened.Close()
	}
	if total == 0 {
		t.Error("no edges")
	}
	t.Logf("%d edges", total)
}

// checkWindows asks for ranges of targets.
func checkWindows(t *testing.T, rnd *rand.Rand, g *Graph, want []Edge) {
	t.Helper()
	for range 8 {
		if len(want) == 0 {
			return
		}
		first := want[rnd.IntN(len(want))].Target
		r := addr.Range{First: first - min(first, addr.Addr(rnd.IntN(3))), Last: first}
		if last, ok := first.Add(rnd.Uint64N(0x3000)); ok {
			r.Last = last
		}
		var in []Edge
		for _, e := range want {
			if r.Contains(e.Target) {
				in = append(in, e)
			}
		}
		sameEdges(t, r.String(), all(t, g, r), in)
	}
}
