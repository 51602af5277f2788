package graph

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/internal/testenv"
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

// randomSpace returns some mappings in all states, of words that mostly are addresses.
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
	rnd := testenv.Rand(t)
	rounds := testenv.Rounds(50, 120, 300)
	total, others := 0, 0
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
		opened, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		sameEdges(t, "file", all(t, opened, addr.All), want)
		if err := opened.Check(t.Context(), space, o.Workers); err != nil {
			t.Fatal(err)
		}
		checkWindows(t, rnd, opened, want)
		other := changedSpace(t, rnd, space)
		differs, may := difference(space, arch, o, want, naive(t, other, arch, o))
		if err := opened.checkEdges(t.Context(), other, o.Workers); err == nil && differs || err != nil && (!differs && !may || !errors.Is(err, ErrOtherImage)) {
			t.Fatalf("edges differ: %v; %v", differs, err)
		}
		if differs {
			others++
		}
		opened.Close()
	}
	if total == 0 {
		t.Error("no edges")
	}
	t.Logf("%d edges; %d graphs are not those of images that were changed", total, others)
	if others == 0 {
		t.Error("no image was changed")
	}
}

// changedSpace returns a space that lies as another one does, in which up to two bits of a
// mapping differ.
func changedSpace(t *testing.T, rnd *rand.Rand, space *engine.Space) *engine.Space {
	t.Helper()
	var mappings []engine.Mapping
	for _, m := range space.Mappings() {
		c := *m
		if c.State == engine.Present {
			b, err := m.Source.View(make([]byte, m.Source.Size()), 0, int(m.Source.Size()))
			if err != nil {
				t.Fatal(err)
			}
			b = slices.Clone(b)
			for range rnd.IntN(3) {
				b[rnd.IntN(len(b))] ^= 1 << rnd.IntN(8)
			}
			c.Source = engine.BytesSource("changed", b)
		}
		mappings = append(mappings, c)
	}
	return mustSpace(t, mappings...)
}

// difference reports whether edges differ from others of the same memory, and whether any do
// of those that may or may not be compared: where the options restrict edges, these are of
// words that lie in two intervals.
func difference(space *engine.Space, arch addr.Arch, o Options, a, b []Edge) (differs, may bool) {
	filtered := len(o.Sources)+len(o.Targets) > 0 || o.SourceIn != nil || o.TargetIn != nil
	for _, pair := range [][2][]Edge{{a, b}, {b, a}} {
		for _, e := range pair[0] {
			if slices.Contains(pair[1], e) {
				continue
			}
			if filtered && !space.At(e.Source).Contains(e.Source+addr.Addr(arch.WordSize()-1)) {
				may = true
			} else {
				differs = true
			}
		}
	}
	return differs, may
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
		if n, err := g.CountTo(r); err != nil || n != uint64(len(in)) {
			t.Fatalf("%v: counts %d edges, want %d; %v", r, n, len(in), err)
		}
	}
}

// Bytes that show at two addresses are sources at both, a byte that is hidden is
// none, and a word that runs from one mapping into the next is one.
func TestAliases(t *testing.T) {
	b := make([]byte, 32)
	addr.Little.PutUint(b[8:16], 0x5000)
	src := engine.BytesSource("b", b)
	hide := make([]byte, 8)
	at := func(first addr.Addr, n uint64, off uint64) engine.Mapping {
		r, _ := addr.Sized(first, n)
		return engine.Mapping{Range: r, Source: src, Offset: off}
	}
	top, _ := engine.BytesMapping("top", 0x3008, hide)
	space, err := engine.NewSpace(
		at(0x1000, 32, 0), at(0x2000, 32, 0), // aliases
		at(0x3000, 32, 0), top, // hidden
		at(0x4004, 8, 4), at(0x400c, 8, 12), // a word across a border
		engine.Mapping{Range: addr.Range{First: 0x5000, Last: 0x5000}, State: engine.Absent},
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, workers := range []int{1, 3} {
		g := mustBuild(t, space, addr.LE64, Options{Workers: workers})
		sameEdges(t, "aliases", all(t, g, addr.All), []Edge{{0x1008, 0x5000}, {0x2008, 0x5000}, {0x4008, 0x5000}})
		g = mustBuild(t, space, addr.LE64, Options{Workers: workers, PresentOnly: true})
		sameEdges(t, "present", all(t, g, addr.All), nil)
		g = mustBuild(t, space, addr.LE64, Options{Workers: workers, Targets: []addr.Range{{First: 0x5000, Last: 0x5000}}, Align: 1})
		sameEdges(t, "one target", all(t, g, addr.All), naive(t, space, addr.LE64, Options{Align: 1}))
	}
}

// The folder of the image is never written to, whether memory suffices or not.
func TestImageFolder(t *testing.T) {
	images, graphs := t.TempDir(), t.TempDir()
	b := make([]byte, 4<<20)
	for i := 0; i < len(b); i += 8 {
		addr.Little.PutUint(b[i:i+8], uint64(i*5%len(b)))
	}
	path := filepath.Join(images, "raw")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(images)
	if err != nil {
		t.Fatal(err)
	}
	img, err := formats.Open(t.Context(), path, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	space, err := engine.NewSpace(img.Mappings...)
	if err != nil {
		t.Fatal(err)
	}
	stats, err := BuildFile(t.Context(), space, addr.LE64, Options{Memory: 1}, filepath.Join(graphs, "g"))
	if err != nil || stats.Spilled == 0 || stats.Hits == 0 {
		t.Fatalf("%+v; %v", stats, err)
	}
	after, err := os.Stat(images)
	if err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("the folder was changed: %v, %v; %v", before.ModTime(), after.ModTime(), err)
	}
	if entries, err := os.ReadDir(images); err != nil || len(entries) != 1 {
		t.Errorf("%v; %v", entries, err)
	}
}

// Sources at all distances, and targets in partitions of all sizes, are kept by
// the sweep as they are; partitions do not end where they would by themselves.
func TestDistances(t *testing.T) {
	rnd := testenv.Rand(t)
	const at, some, many = 0x7f00_0012_3000, 0x10_0000_0000, 0x20_0000_0000
	for _, arch := range testenv.Some(t, 1, []addr.Arch{addr.LE64, addr.BE64}) {
		b := make([]byte, 40<<20)
		for i := 8 * rnd.IntN(20000); i+8 <= len(b); {
			to := []uint64{at + rnd.Uint64N(uint64(len(b))), some + rnd.Uint64N(256<<20), many + rnd.Uint64N(16<<40)}[rnd.IntN(3)]
			arch.Order().PutUint(b[i:i+8], to)
			i += 8 * (1 + []int{0, rnd.IntN(3), rnd.IntN(400), rnd.IntN(200), rnd.IntN(40000)}[rnd.IntN(5)])
			if rnd.IntN(200) == 0 {
				i += 8 * rnd.IntN(100000)
			}
		}
		heap, err := engine.BytesMapping("[heap]", at, b)
		if err != nil {
			t.Fatal(err)
		}
		space, err := engine.NewSpace(heap,
			engine.Mapping{Range: addr.Range{First: some, Last: some + 256<<20 - 1}, State: engine.Absent},
			engine.Mapping{Range: addr.Range{First: many, Last: many + 16<<40 - 1}, State: engine.Absent})
		if err != nil {
			t.Fatal(err)
		}
		want := naive(t, space, arch, Options{})
		if len(want) < 500 {
			t.Errorf("%d edges", len(want))
		}
		for _, o := range []Options{{Workers: 1}, {Workers: 3}, {Workers: 2, Memory: 1}} {
			sameEdges(t, "all", all(t, mustBuild(t, space, arch, o), addr.All), want)
		}
	}
}
