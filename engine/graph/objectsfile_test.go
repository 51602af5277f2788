package graph

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/heap"
	"vscan/engine/heap/heaptest"
)

// smallHeap returns a graph and the heap of six objects: one that data refer to, with one behind it, a
// lost chain of two, one that is possibly lost, and the top.
func smallHeap(t *testing.T) (*Graph, *heap.Heaps) {
	t.Helper()
	h := heaptest.New(addr.LE64, 0x100000, 0x1000, 0, 0)
	var objects []addr.Addr
	for range 5 {
		objects = append(objects, h.Add(6, true))
	}
	h.End()
	put := func(from, to addr.Addr) { h.Put(int(from-h.Base), uint64(to)) }
	put(objects[0], objects[1])
	put(objects[2], objects[3])
	root := make([]byte, 16)
	addr.LE64.Order().PutUint(root[:8], uint64(objects[0]))
	addr.LE64.Order().PutUint(root[8:], uint64(objects[4]+8))
	m, err := engine.BytesMapping("/bin/prog", 0x1000, root)
	if err != nil {
		t.Fatal(err)
	}
	m.Perm = engine.PermKnown | engine.PermWrite
	space := mustSpace(t, m, h.Mapping(t, "[heap]"))
	heaps, err := heap.Find(t.Context(), space, addr.LE64, heap.Options{})
	if err != nil || len(heaps.Objects()) != 6 {
		t.Fatalf("%d objects, %v", len(heaps.Objects()), err)
	}
	return mustBuild(t, space, addr.LE64, Options{}), heaps
}

// What a file gives back is what was found out, and a damaged file is an error.
func TestKeepObjects(t *testing.T) {
	g, heaps := smallHeap(t)
	o := ObjectOptions{Retained: true, Threads: []Thread{{SP: 0x1000}}}
	want, err := g.Objects(t.Context(), heaps, o)
	if err != nil {
		t.Fatal(err)
	}
	path, key := filepath.Join(t.TempDir(), "g.objects"), g.ObjectsKey(o)
	if err := want.Save(t.Context(), path, key); err != nil {
		t.Fatal(err)
	}
	got, err := OpenObjects(path, key)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want.Len() {
		if got.Object(i) != want.Object(i) || got.RetainedBy(i) != want.RetainedBy(i) {
			t.Errorf("object %d is %v, %d, want %v, %d", i, got.Object(i), got.RetainedBy(i), want.Object(i), want.RetainedBy(i))
		}
	}
	for _, pair := range [][2]any{{got.Anchors, want.Anchors}, {got.Losses, want.Losses}, {got.Heads, want.Heads}, {got.Edges, want.Edges}, {got.Totals(), want.Totals()}, {got.Account(), want.Account()}} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%+v, want %+v", pair[0], pair[1])
		}
	}
	if err := got.Close(); err != nil {
		t.Fatal(err)
	}

	// With other threads, or without the memory that tells pointers to bases, it is another answer.
	for _, other := range []ObjectOptions{{}, {Threads: []Thread{{SP: 0x1001}}}, {Threads: o.Threads, Space: mustSpace(t)}} {
		if _, err := OpenObjects(path, g.ObjectsKey(other)); !errors.Is(err, ErrOtherGraph) {
			t.Errorf("%+v: %v", other, err)
		}
	}
	if _, err := OpenObjects(path+"x", key); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := OpenObjects(t.TempDir(), key); err == nil {
		t.Error("a folder opens")
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		bad := append([]byte(nil), whole...)
		bad[i] ^= 1 << (i % 8)
		for _, b := range [][]byte{bad, whole[:i]} {
			if _, err := readObjects(path, b, key); err == nil {
				t.Fatalf("byte %d changed, or the file cut there, and it opens", i)
			}
		}
	}
	if _, err := readObjects(path, append(whole, 0), key); err == nil {
		t.Error("with a byte more it opens")
	}
}

func FuzzKeptObjects(f *testing.F) {
	f.Add([]byte(objectsMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		readObjects("file", b, [32]byte{})
	})
}

// Registers at the ends of the address space, stack pointers outside of any mapping, and very many
// threads do no harm.
func TestThreadsOdd(t *testing.T) {
	g, heaps := smallHeap(t)
	threads := []Thread{
		{SP: 1, RedZone: 128, Registers: []uint64{0, 1, 1<<64 - 1, 1 << 63}},
		{SP: addr.Max, Pointer: addr.Max, RedZone: 1<<64 - 1},
		{SP: 0x1008, Pointer: 0x1000},
		{SP: 0xfff, Pointer: 0x100ff0},
	}
	for range 100_000 {
		threads = append(threads, Thread{SP: 0x100048, Registers: []uint64{0x100040}})
	}
	r, err := g.Objects(t.Context(), heaps, ObjectOptions{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	if r.Anchors[0] != AnchorStatic || r.Anchors[1] != AnchorStatic || r.Losses[1] != LossNone || r.Losses[2] != LossDefinite || r.Losses[3] != LossIndirect {
		t.Errorf("anchors %v, losses %v", r.Anchors, r.Losses)
	}
}

// The objects of another image than the graph's give nonsense and no panic.
func TestObjectsOfOther(t *testing.T) {
	g, _ := smallHeap(t)
	h := heaptest.New(addr.LE32, 0x1000, 0x1000, 0, 0)
	for range 3 {
		h.Add(8, true)
	}
	h.End()
	heaps, err := heap.Find(t.Context(), mustSpace(t, h.Mapping(t, "[heap]")), addr.LE32, heap.Options{})
	if err != nil || len(heaps.Objects()) != 4 {
		t.Fatalf("%d objects, %v", len(heaps.Objects()), err)
	}
	if _, err := g.Objects(t.Context(), heaps, ObjectOptions{Retained: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Objects(t.Context(), &heap.Heaps{}, ObjectOptions{Retained: true}); err != nil {
		t.Fatal(err)
	}
}
