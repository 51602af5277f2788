package graph

import (
	"math/rand/v2"
	"slices"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/heap"
	"vscan/engine/heap/heaptest"
)

func mustSpace(t *testing.T, mappings ...engine.Mapping) *engine.Space {
	t.Helper()
	space, err := engine.NewSpace(mappings...)
	if err != nil {
		t.Fatal(err)
	}
	return space
}

// What objects retain is what is not reached any more without them.
func TestRetention(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %#x", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range 300 {
		arch := machines[rnd.IntN(len(machines))]
		w := arch.WordSize()
		h := heaptest.New(arch, 0x100000, 0x1000, 0, 0)
		var objects []addr.Addr
		var words []int
		for n := 3 + rnd.IntN(20); n > 0; n-- {
			k := 4 + 2*rnd.IntN(3)
			objects, words = append(objects, h.Add(k, rnd.IntN(8) > 0)), append(words, k-2)
		}
		h.End()
		for i, o := range objects {
			for k := range words[i] {
				if rnd.IntN(5) == 0 {
					to := rnd.IntN(len(objects))
					h.Put(int(o-h.Base)+k*w, uint64(objects[to])+uint64(rnd.IntN(words[to]*w)))
				}
			}
		}
		roots := make([]byte, 96)
		for k := 0; k < 96; k += 16 {
			if rnd.IntN(3) == 0 {
				arch.Order().PutUint(roots[k:k+w], uint64(objects[rnd.IntN(len(objects))])+uint64(w*rnd.IntN(2)))
			}
		}
		var mappings []engine.Mapping
		for i, name := range []string{"/bin/prog", "[stack]", "other"} {
			m, err := engine.BytesMapping(name, addr.Addr(0x1000*(i+1)), roots[32*i:32*i+32])
			if err != nil {
				t.Fatal(err)
			}
			m.Perm = engine.PermKnown | engine.Write
			mappings = append(mappings, m)
		}
		space := mustSpace(t, append(mappings, h.Mapping(t, "[heap]"))...)
		heaps, err := heap.Find(t.Context(), space, arch)
		if err != nil || len(heaps.Objects()) != len(objects)+1 {
			t.Fatalf("%d objects, want %d; %v", len(heaps.Objects()), len(objects)+1, err)
		}
		g := mustBuild(t, space, arch, Options{})
		var threads []Thread
		if rnd.IntN(2) == 0 { // a word of the stack is stale, one in use
			threads = []Thread{{SP: 0x2010 + 8, RedZone: 8, Registers: []uint64{uint64(objects[rnd.IntN(len(objects))]) + uint64(rnd.IntN(2)), 0x2018, 1<<64 - 1, 0}}}
		}
		r, err := g.Objects(t.Context(), heaps, ObjectOptions{Threads: threads, Retained: true, Workers: 1 + rnd.IntN(3)})
		if err != nil {
			t.Fatal(err)
		}
		checkRetention(t, r, all(t, g, addr.All), threads)
	}
}

// checkRetention compares what was found out with what the plainest of means
// tells: sets of objects that grow until they do not.
func checkRetention(t *testing.T, r *Retention, edges []Edge, threads []Thread) {
	t.Helper()
	objects := r.Heaps.Objects()
	of := func(a addr.Addr) int {
		return slices.IndexFunc(objects, func(o heap.Object) bool { return o.Contains(a) })
	}
	class := func(a addr.Addr) Anchor {
		switch {
		case a < 0x2000:
			return Static
		case a < 0x2010 && len(threads) > 0:
			return Stale
		case a < 0x3000:
			return Stack
		}
		return Elsewhere
	}
	type link struct {
		from, to int // from -1: a root of a class
		class    Anchor
		first    bool
	}
	var links []link
	for _, e := range edges {
		from, to := of(e.Source), of(e.Target)
		if to < 0 || objects[to].State != heap.Used || from < 0 && e.Source >= 0x100000 || from >= 0 && objects[from].State != heap.Used {
			continue
		}
		links = append(links, link{from, to, class(e.Source), e.Target == objects[to].First})
	}
	for _, th := range threads {
		for _, v := range th.Registers {
			if to := of(addr.Addr(v)); to >= 0 && objects[to].State == heap.Used {
				links = append(links, link{-1, to, Register, addr.Addr(v) == objects[to].First})
			}
		}
	}
	// grow is what follows from a set, without one object.
	grow := func(in []bool, without int, follows func(link) bool) []bool {
		in = slices.Clone(in)
		for more := true; more; {
			more = false
			for _, l := range links {
				if l.to != without && !in[l.to] && follows(l) && (l.from < 0 || in[l.from]) {
					in[l.to], more = true, true
				}
			}
		}
		return in
	}
	none := make([]bool, len(objects))
	anchor, loss := make([]Anchor, len(objects)), make([]Loss, len(objects))
	for i := range anchor {
		anchor[i] = Nothing
	}
	reachable := none
	var byClass [anchors][]bool
	for c := Static; c < Stale; c++ {
		reachable = grow(reachable, -1, func(l link) bool { return l.first && (l.from >= 0 || l.class <= c && l.class != Stale) })
		byClass[c] = reachable
		for i := range reachable {
			if reachable[i] && anchor[i] == Nothing {
				anchor[i] = c
			}
		}
	}
	byClass[Stale] = reachable
	possible := reachable
	for c := Static; c < Nothing; c++ {
		next := slices.Clone(possible)
		for _, l := range links { // from what is reachable by the class, or lower, into the middle
			if (l.from < 0 && l.class <= c && (!l.first || l.class == Stale)) || l.from >= 0 && byClass[c][l.from] {
				next[l.to] = true
			}
		}
		next = grow(next, -1, func(l link) bool { return l.from >= 0 && !reachable[l.from] })
		for i := range next {
			if next[i] && !possible[i] {
				anchor[i], loss[i] = c, Possibly
			}
		}
		possible = next
	}
	// Heads: what nothing leads to that it does not lead to itself.
	leads := make([][]bool, len(objects))
	lost := func(i int) bool { return objects[i].State == heap.Used && !possible[i] }
	for i := range objects {
		one := slices.Clone(none)
		one[i] = true
		leads[i] = grow(one, -1, func(l link) bool { return l.from >= 0 && lost(l.to) })
	}
	var heads []Head
	for i := range objects {
		if !lost(i) {
			continue
		}
		loss[i] = Definitely
		for k := range objects {
			if lost(k) && k != i && leads[k][i] && (!leads[i][k] || k < i) {
				loss[i] = Indirectly
			}
		}
	}
	owned := slices.Clone(none)
	for i := range objects {
		if loss[i] != Definitely {
			continue
		}
		h := Head{Object: i}
		for k := range objects {
			if leads[i][k] && !owned[k] {
				owned[k] = true
				h.Blocks++
				h.Bytes += objects[k].Size()
			}
		}
		heads = append(heads, h)
	}
	if !slices.Equal(r.Heads, heads) {
		t.Fatalf("heads %v, want %v", r.Heads, heads)
	}
	every := func(link) bool { return true }
	all := grow(none, -1, every)
	for i, o := range objects {
		retained := uint64(0)
		if all[i] {
			less := grow(none, i, every)
			for k := range objects {
				if all[k] && !less[k] {
					retained += objects[k].Size()
				}
			}
		}
		if r.Anchors[i] != anchor[i] || r.Losses[i] != loss[i] || r.Retained[i] != retained {
			t.Fatalf("object %v: %v, %v, %d bytes retained, want %v, %v, %d", o, r.Anchors[i], r.Losses[i], r.Retained[i], anchor[i], loss[i], retained)
		}
	}
}
