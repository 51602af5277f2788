package heap

import (
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/heap/heaptest"
)

var machines = []addr.Arch{addr.LE64, addr.LE32, addr.BE64, addr.BE32}

func mustSpace(t *testing.T, mappings ...engine.Mapping) *engine.Space {
	t.Helper()
	space, err := engine.NewSpace(mappings...)
	if err != nil {
		t.Fatal(err)
	}
	return space
}

func TestFind(t *testing.T) {
	for _, arch := range machines {
		w := addr.Addr(arch.WordSize())
		main := heaptest.New(arch, 0x10000, 0x4000, 0, 0)
		cacheWords := (64*(2+int(w)))/int(w) + 2
		cache := main.Add(cacheWords+cacheWords%2, true)
		a, b, c := main.Add(6, true), main.Add(8, false), main.Add(4, true)
		d := main.Add(4, true)
		main.End()
		// Two cached objects of a size: d, then c; the link is mangled.
		arch.Order().PutUint(main.Bytes[cache-main.Base:][:2], 2)
		main.Put(int(cache-main.Base)+64*2, uint64(d))
		main.Put(int(d-main.Base), uint64(c)^uint64(d)>>12)
		main.Put(int(c-main.Base), uint64(c)>>12)

		mapped := heaptest.New(arch, 0x40000, 0x3000, 0, 0)
		mapped.Put(int(w), 0x2000|chunkMapped)
		mapped.Put(0x2000+int(w), 0x1000|chunkMapped)

		arena := heaptest.New(arch, 0x10000000, 0x2000, chunkOther, 0x8a0)
		arena.Put(0, uint64(arena.Base)+5*uint64(w))
		arena.Put(2*int(w), 0x2000)
		e := arena.Add(10, true)
		arena.Add(4, true)
		arena.End()
		noHeap := heaptest.New(arch, 0x70000, 0x1000, 0, 0)
		noHeap.Add(6, true)

		h, err := Find(t.Context(), mustSpace(t, main.Mapping(t, "[heap]"), mapped.Mapping(t, "x"), arena.Mapping(t, "y"), noHeap.Mapping(t, "z")), arch, Options{})
		if err != nil {
			t.Fatal(err)
		}
		states := map[addr.Addr]State{}
		for _, o := range h.Objects() {
			states[o.First] = o.State
		}
		want := map[addr.Addr]State{
			cache: Used, a: Used, b: Free, c: Cached, d: Cached, mapped.Base + 2*w: Used, mapped.Base + 0x2000 + 2*w: Used, e: Used, e + 10*w: Used,
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
				if got := h.indexNear(x, &hint); got != i {
					t.Errorf("%v: %v is in object %d, want %d", arch, x, got, i)
				}
			}
			if got := h.indexNear(o.First-w, &hint); got >= 0 && h.Objects()[got].Last < o.First-w {
				t.Errorf("%v: %v is in object %d", arch, o.First-w, got)
			}
		}
	}
}

// A heap of a million chunks, a ninth of them free and in bins.
func BenchmarkFind(b *testing.B) {
	const n = 1_000_000
	arch := addr.LE64
	m := heaptest.New(arch, 0x100000, 60<<20, 0, 0)
	var free []addr.Addr
	for i := range n {
		o := m.Add(4+i%4*2, i%9 != 4)
		if i%9 == 4 {
			free = append(free, o)
		}
	}
	top := m.Base + addr.Addr(m.At())
	m.End()
	data := heaptest.New(arch, 0x7000000, 0x3000, 0, 0)
	data.PutState(stateAt, heaptest.State{Top: top, Memory: 60 << 20})
	data.PutBin(stateAt, 0, m, free)
	space, err := engine.NewSpace(m.Mapping(b, "[heap]"), data.Mapping(b, "/lib/libc.so.6"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		h, err := Find(b.Context(), space, arch, Options{})
		if err != nil || len(h.Objects()) != n+1 {
			b.Fatalf("%d objects, %v", len(h.Objects()), err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/object")
}
