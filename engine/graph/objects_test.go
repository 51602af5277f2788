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
		roots := make([]byte, 64)
		for k := 0; k < 64; k += 16 {
			if rnd.IntN(2) == 0 {
				arch.Order().PutUint(roots[k:k+w], uint64(objects[rnd.IntN(len(objects))]))
			}
		}
		var mappings []engine.Mapping
		for i, name := range []string{"/bin/prog", "[stack]", "other"} {
			m, err := engine.BytesMapping(name, addr.Addr(0x1000*(i+1)), roots[16*i:16*i+16])
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
		r, err := mustForward(t, g, 1+rnd.IntN(3)).Retention(t.Context(), heaps)
		if err != nil {
			t.Fatal(err)
		}
		checkRetention(t, r, all(t, g, addr.All))
	}
}

func checkRetention(t *testing.T, r *Retention, edges []Edge) {
	t.Helper()
	objects := r.Heaps.Objects()
	of := func(a addr.Addr) int {
		return slices.IndexFunc(objects, func(o heap.Object) bool { return o.Contains(a) })
	}
	reached := func(without int, classes func(addr.Addr) bool) []bool {
		in := make([]bool, len(objects))
		for more := true; more; {
			more = false
			for _, e := range edges {
				from, to := of(e.Source), of(e.Target)
				if to < 0 || to == without || in[to] || objects[to].State != heap.Used {
					continue
				}
				if from < 0 && (e.Source >= 0x100000 || !classes(e.Source)) || from >= 0 && !in[from] {
					continue
				}
				in[to], more = true, true
			}
		}
		return in
	}
	every := func(addr.Addr) bool { return true }
	all := reached(-1, every)
	static := reached(-1, func(a addr.Addr) bool { return a < 0x2000 })
	stack := reached(-1, func(a addr.Addr) bool { return a < 0x3000 })
	for i, o := range objects {
		want := Nothing
		switch {
		case static[i]:
			want = Static
		case stack[i]:
			want = Stack
		case all[i]:
			want = Elsewhere
		}
		retained := uint64(0)
		if all[i] {
			less := reached(i, every)
			for k := range objects {
				if all[k] && !less[k] {
					retained += objects[k].Size()
				}
			}
		}
		if r.Anchors[i] != want || r.Retained[i] != retained {
			t.Fatalf("object %v: %v, %d bytes retained, want %v, %d", o, r.Anchors[i], r.Retained[i], want, retained)
		}
	}
}
