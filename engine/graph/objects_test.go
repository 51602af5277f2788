package graph

import (
	"math/rand/v2"
	"slices"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
)

// testHeap is a heap that is put together by hand.
type testHeap struct {
	arch  addr.Arch
	base  addr.Addr
	b     []byte
	flags uint64
	used  []bool // whether a chunk is in use
	at    []int  // of chunks, in b
}

func newTestHeap(arch addr.Arch, base addr.Addr, size int, flags uint64, head int) *testHeap {
	return &testHeap{arch: arch, base: base, b: make([]byte, size), flags: flags, at: []int{head}}
}

func (h *testHeap) put(at int, v uint64) {
	w := h.arch.WordSize()
	h.arch.Order().PutUint(h.b[at:at+w], v)
}

// add adds a chunk of so many words, an even number, and returns the address of
// its object.
func (h *testHeap) add(words int, used bool) addr.Addr {
	w := h.arch.WordSize()
	at := h.at[len(h.at)-1]
	size := uint64(words*w) | h.flags
	if len(h.used) == 0 || h.used[len(h.used)-1] {
		size |= chunkPrevUsed
	}
	h.put(at+w, size)
	h.used = append(h.used, used)
	h.at = append(h.at, at+words*w)
	return h.base + addr.Addr(at+2*w)
}

// end adds the top.
func (h *testHeap) end() {
	h.flags = 0 // the top does not say whose it is
	h.add((len(h.b)-h.at[len(h.at)-1])/h.arch.WordSize(), false)
}

func (h *testHeap) mapping(t *testing.T, name string) engine.Mapping {
	t.Helper()
	m, err := engine.BytesMapping(name, h.base, h.b)
	if err != nil {
		t.Fatal(err)
	}
	m.Perm = engine.PermKnown | engine.Read | engine.Write
	return m
}

func mustSpace(t *testing.T, mappings ...engine.Mapping) *engine.Space {
	t.Helper()
	space, err := engine.NewSpace(mappings...)
	if err != nil {
		t.Fatal(err)
	}
	return space
}

func TestFindHeaps(t *testing.T) {
	for _, arch := range machines {
		w := addr.Addr(arch.WordSize())
		main := newTestHeap(arch, 0x10000, 0x4000, 0, 0)
		cacheWords := (64*(2+int(w)))/int(w) + 2
		cache := main.add(cacheWords+cacheWords%2, true)
		a, b, c := main.add(6, true), main.add(8, false), main.add(4, true)
		d := main.add(4, true)
		main.end()
		// Two cached objects of a size: d, then c; the link is mangled.
		main.b[cache-main.base+3*1] = 0
		arch.Order().PutUint(main.b[cache-main.base+2*5:][:2], 2)
		main.put(int(cache-main.base)+64*2+5*int(w), uint64(d))
		main.put(int(d-main.base), uint64(c)^uint64(d)>>12)
		main.put(int(c-main.base), uint64(c)>>12)

		mapped := newTestHeap(arch, 0x40000, 0x3000, 0, 0)
		mapped.put(int(w), 0x2000|chunkMapped)
		mapped.put(0x2000+int(w), 0x1000|chunkMapped)

		arena := newTestHeap(arch, 0x10000000, 0x2000, chunkOther, 0x8a0)
		arena.put(0, uint64(arena.base)+5*uint64(w))
		arena.put(2*int(w), 0x2000)
		e := arena.add(10, true)
		arena.add(4, true)
		arena.end()
		noHeap := newTestHeap(arch, 0x70000, 0x1000, 0, 0)
		noHeap.add(6, true)

		h, err := FindHeaps(t.Context(), mustSpace(t, main.mapping(t, "[heap]"), mapped.mapping(t, "x"), arena.mapping(t, "y"), noHeap.mapping(t, "z")), arch)
		if err != nil {
			t.Fatal(err)
		}
		states := map[addr.Addr]ObjectState{}
		for _, o := range h.Objects() {
			states[o.First] = o.State
		}
		want := map[addr.Addr]ObjectState{
			cache: Used, a: Used, b: Free, c: Cached, d: Cached, mapped.base + 2*w: Used, mapped.base + 0x2000 + 2*w: Used, e: Used, e + 10*w: Used,
		}
		if len(h.Objects()) != len(want)+2 { // the tops
			t.Errorf("%v: %d objects: %v", arch, len(h.Objects()), h.Objects())
		}
		for at, s := range want {
			if got, ok := states[at]; !ok || got != s {
				t.Errorf("%v: object at %v: %v (%v), want %v", arch, at, got, ok, s)
			}
		}
		hint := 0
		for i, o := range h.Objects() {
			for _, x := range []addr.Addr{o.First, o.First + 3, o.Last} {
				if got := h.find(x, &hint); got != i {
					t.Errorf("%v: %v is in object %d, want %d", arch, x, got, i)
				}
			}
			if got := h.find(o.First-w, &hint); got >= 0 && h.Objects()[got].Last < o.First-w {
				t.Errorf("%v: %v is in object %d", arch, o.First-w, got)
			}
		}
	}
}

// Memory of any content is walked without harm.
func FuzzHeaps(f *testing.F) {
	h := newTestHeap(addr.LE64, 0x10000, 0x1000, 0, 0)
	h.add(84, true)
	h.add(6, true)
	h.end()
	f.Add(h.b, uint8(0))
	f.Add(make([]byte, 100), uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, machine uint8) {
		arch := machines[machine%4]
		m, err := engine.BytesMapping("h", 0x10000000, b)
		if err != nil {
			return
		}
		space := mustSpace(t, m)
		h, err := FindHeaps(t.Context(), space, arch)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range h.Objects() {
			if !o.Valid() || !m.Covers(o.Range) || i > 0 && o.First <= h.Objects()[i-1].Last {
				t.Fatalf("object %d %v", i, o)
			}
		}
		if len(h.Objects()) == 0 {
			return
		}
		g := mustBuild(t, space, arch, Options{Workers: 1})
		if _, err := mustForward(t, g, 2).Retention(t.Context(), h); err != nil {
			t.Fatal(err)
		}
	})
}

// What objects retain is what is not reached any more without them.
func TestRetention(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %#x", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range 300 {
		arch := machines[rnd.IntN(len(machines))]
		w := arch.WordSize()
		h := newTestHeap(arch, 0x100000, 0x1000, 0, 0)
		var objects []addr.Addr
		var words []int
		for n := 3 + rnd.IntN(20); n > 0; n-- {
			k := 4 + 2*rnd.IntN(3)
			objects, words = append(objects, h.add(k, rnd.IntN(8) > 0)), append(words, k-2)
		}
		h.end()
		for i, o := range objects {
			for k := range words[i] {
				if rnd.IntN(5) == 0 {
					to := rnd.IntN(len(objects))
					h.put(int(o-h.base)+k*w, uint64(objects[to])+uint64(rnd.IntN(words[to]*w)))
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
		space := mustSpace(t, append(mappings, h.mapping(t, "[heap]"))...)
		heaps, err := FindHeaps(t.Context(), space, arch)
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
		return slices.IndexFunc(objects, func(o Object) bool { return o.Contains(a) })
	}
	reached := func(without int, classes func(addr.Addr) bool) []bool {
		in := make([]bool, len(objects))
		for more := true; more; {
			more = false
			for _, e := range edges {
				from, to := of(e.Source), of(e.Target)
				if to < 0 || to == without || in[to] || objects[to].State != Used {
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
