package graph

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/heap"
	"vscan/engine/heap/heaptest"
	"vscan/internal/testenv"
)

func mustSpace(t *testing.T, mappings ...engine.Mapping) *engine.Space {
	t.Helper()
	space, err := engine.NewSpace(mappings...)
	if err != nil {
		t.Fatal(err)
	}
	return space
}

// An object retains what is not reached any more without it.
func TestRetention(t *testing.T) {
	rnd := testenv.Rand(t)
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
			m.Perm = engine.PermKnown | engine.PermWrite
			mappings = append(mappings, m)
		}
		space := mustSpace(t, append(mappings, h.Mapping(t, "[heap]"))...)
		heaps, err := heap.Find(t.Context(), space, arch, heap.Options{})
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

// checkRetention compares what was found out with what the plainest of means tell: sets of objects
// that grow until they do not grow any more.
func checkRetention(t *testing.T, r *Retention, edges []Edge, threads []Thread) {
	t.Helper()
	objects := r.heaps.Objects()
	of := func(a addr.Addr) int {
		return slices.IndexFunc(objects, func(o heap.Object) bool { return o.Contains(a) })
	}
	class := func(a addr.Addr) Anchor {
		switch {
		case a < 0x2000:
			return AnchorStatic
		case a < 0x2010 && len(threads) > 0:
			return AnchorStale
		case a < 0x3000:
			return AnchorStack
		}
		return AnchorOther
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
				links = append(links, link{-1, to, AnchorRegister, addr.Addr(v) == objects[to].First})
			}
		}
	}
	// grow returns what a set leads to, without one object.
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
		anchor[i] = AnchorNone
	}
	reachable := none
	var byClass [anchorCount][]bool
	for c := AnchorStatic; c < AnchorStale; c++ {
		reachable = grow(reachable, -1, func(l link) bool { return l.first && (l.from >= 0 || l.class <= c && l.class != AnchorStale) })
		byClass[c] = reachable
		for i := range reachable {
			if reachable[i] && anchor[i] == AnchorNone {
				anchor[i] = c
			}
		}
	}
	byClass[AnchorStale] = reachable
	possible := reachable
	for c := AnchorStatic; c < AnchorNone; c++ {
		next := slices.Clone(possible)
		for _, l := range links { // from what is reachable by the class, or lower, into the middle
			if (l.from < 0 && l.class <= c && (!l.first || l.class == AnchorStale)) || l.from >= 0 && byClass[c][l.from] {
				next[l.to] = true
			}
		}
		next = grow(next, -1, func(l link) bool { return l.from >= 0 && !reachable[l.from] })
		for i := range next {
			if next[i] && !possible[i] {
				anchor[i], loss[i] = c, LossPossible
			}
		}
		possible = next
	}
	// Nothing leads to a head that it does not lead to itself.
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
		loss[i] = LossDefinite
		for k := range objects {
			if lost(k) && k != i && leads[k][i] && (!leads[i][k] || k < i) {
				loss[i] = LossIndirect
			}
		}
	}
	owned := slices.Clone(none)
	for i := range objects {
		if loss[i] != LossDefinite {
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
		if r.Anchors[i] != anchor[i] || r.Losses[i] != loss[i] || r.retained[i] != retained {
			t.Fatalf("object %v: %v, %v, %d bytes retained, want %v, %v, %d", o, r.Anchors[i], r.Losses[i], r.retained[i], anchor[i], loss[i], retained)
		}
	}
}

// A heap of many groups of pages, with objects that lie in several of them, gives the same with any
// number of workers, and the same as plain searches of the edges.
func TestRetentionLarge(t *testing.T) {
	rnd := testenv.Rand(t)
	h := heaptest.New(addr.LE64, 0x100000, 3<<20, 0, 0)
	var objects []addr.Addr
	var words []int
	for at := 0; at < 3<<20-400<<10; {
		k := 4 + 2*rnd.IntN(8)
		if rnd.IntN(300) == 0 {
			k = 2 << rnd.IntN(15)
		}
		k = max(k, 4)
		objects, words = append(objects, h.Add(k, true)), append(words, k-2)
		at += 8 * k
	}
	h.End()
	for i, o := range objects {
		for range rnd.IntN(4) {
			to := rnd.IntN(len(objects))
			if rnd.IntN(3) > 0 {
				to = min(len(objects)-1, i+rnd.IntN(20))
			}
			h.Put(int(o-h.Base)+8*rnd.IntN(words[i]), uint64(objects[to])+8*uint64(rnd.IntN(words[to])*rnd.IntN(2)))
		}
	}
	root := make([]byte, 8*200)
	for i := range 200 {
		addr.Little.PutUint(root[8*i:8*i+8], uint64(objects[rnd.IntN(len(objects))]))
	}
	m, err := engine.BytesMapping("/bin/prog", 0x1000, root)
	if err != nil {
		t.Fatal(err)
	}
	m.Perm = engine.PermKnown | engine.PermWrite
	space := mustSpace(t, m, h.Mapping(t, "[heap]"))
	heaps, err := heap.Find(t.Context(), space, addr.LE64, heap.Options{})
	if err != nil || len(heaps.Objects()) != len(objects)+1 {
		t.Fatalf("%d objects, want %d; %v", len(heaps.Objects()), len(objects)+1, err)
	}
	g := mustBuild(t, space, addr.LE64, Options{})
	r, err := g.Objects(t.Context(), heaps, ObjectOptions{Retained: true, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	again, err := g.Objects(t.Context(), heaps, ObjectOptions{Retained: true, Workers: 4})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.Anchors, again.Anchors) || !slices.Equal(r.Losses, again.Losses) || !slices.Equal(r.retained, again.retained) || !slices.Equal(r.Heads, again.Heads) || r.Edges != again.Edges {
		t.Error("with other workers it is another answer")
	}
	checkLarge(t, rnd, r, all(t, g, addr.All))
}

func checkLarge(t *testing.T, rnd *rand.Rand, r *Retention, edges []Edge) {
	t.Helper()
	objects := r.heaps.Objects()
	index := func(a addr.Addr) int {
		i, found := slices.BinarySearchFunc(objects, a, func(o heap.Object, a addr.Addr) int { return cmp.Compare(o.First, a) })
		if !found {
			i--
		}
		if i < 0 || !objects[i].Contains(a) || objects[i].State != heap.Used {
			return -1
		}
		return i
	}
	links, pairs := make([][]int, len(objects)), map[[2]int]bool{}
	var roots []int
	first := map[[2]int]bool{} // by a pointer to the first byte
	for _, e := range edges {
		to := index(e.Target)
		switch from := index(e.Source); {
		case to < 0 || from == to:
		case from >= 0:
			links[from] = append(links[from], to)
			pairs[[2]int{from, to}] = true
			first[[2]int{from, to}] = first[[2]int{from, to}] || e.Target == objects[to].First
		case e.Source < 0x2000:
			roots = append(roots, to)
		}
	}
	reach := func(without int, follow func(from, to int) bool) []bool {
		in := make([]bool, len(objects))
		todo := slices.DeleteFunc(slices.Clone(roots), func(o int) bool { return o == without })
		for _, o := range todo {
			in[o] = true
		}
		for len(todo) > 0 {
			o := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			for _, to := range links[o] {
				if !in[to] && to != without && follow(o, to) {
					in[to] = true
					todo = append(todo, to)
				}
			}
		}
		return in
	}
	every := func(int, int) bool { return true }
	all, definite := reach(-1, every), reach(-1, func(from, to int) bool { return first[[2]int{from, to}] })
	for i, o := range objects {
		lost := r.Losses[i] >= LossIndirect
		if o.State == heap.Used && (lost == all[i] || (r.Losses[i] == LossNone) != definite[i]) {
			t.Fatalf("object %v: %v, reached: %t, by first bytes: %t", o, r.Losses[i], all[i], definite[i])
		}
	}
	if r.Edges != uint64(len(pairs)) {
		t.Errorf("%d edges, want %d", r.Edges, len(pairs))
	}
	blocks := uint64(0)
	for _, h := range r.Heads {
		blocks += h.Blocks
	}
	if lost := r.Totals().Losses[LossDefinite].N + r.Totals().Losses[LossIndirect].N; blocks != lost {
		t.Errorf("heads lead to %d blocks, %d are lost", blocks, lost)
	}
	for range 30 {
		i := rnd.IntN(len(objects))
		want, less := uint64(0), reach(i, every)
		for k := range objects {
			if all[k] && !less[k] {
				want += objects[k].Size()
			}
		}
		if r.retained[i] != want {
			t.Fatalf("object %v retains %d, want %d", objects[i], r.retained[i], want)
		}
	}
}
