package graph

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/heap"
	"vscan/engine/heap/heaptest"
	"vscan/internal/testenv"
)

// smallHeap returns a graph and the heap of six objects: one that data refer to, with one behind it, a
// lost chain of two, one that is possibly lost, and the top.
func smallHeap(t *testing.T) (*Graph, *heap.Heaps, *engine.Space) {
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
	return mustBuild(t, space, addr.LE64, Options{}), heaps, space
}

// keyOf returns the key of what is known of objects, which is the same for any number of workers.
func keyOf(t *testing.T, g *Graph, space *engine.Space, o ObjectOptions) (key [sha256.Size]byte) {
	t.Helper()
	for i, workers := range []int{1, 4} {
		o.Workers = workers
		k, err := g.ObjectsKey(t.Context(), space, o)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 && k != key {
			t.Error("the key depends on the number of workers")
		}
		key = k
	}
	return key
}

// The key of what is known of objects is another one where any byte of the image is, of
// which the graph tells nothing, or any address, name or permission.
func TestObjectsKeyOfContent(t *testing.T) {
	g, _, _ := smallHeap(t)
	rnd := testenv.Rand(t)
	bytes := make([]byte, 3*digestPart/2)
	for i := range bytes {
		bytes[i] = byte(rnd.Uint32())
	}
	space := func(edit func(m *engine.Mapping, b []byte)) *engine.Space {
		b := slices.Clone(bytes)
		m := engine.Mapping{Range: addr.Range{First: 0x5000, Last: 0x5000 + addr.Addr(len(b)) - 1}, Name: "m"}
		edit(&m, b)
		if m.State == engine.Present {
			m.Source = engine.BytesSource("m", b)
		}
		return mustSpace(t, m)
	}
	seen := map[[sha256.Size]byte]string{}
	for name, edit := range map[string]func(m *engine.Mapping, b []byte){
		"nothing":             func(*engine.Mapping, []byte) {},
		"the first byte":      func(_ *engine.Mapping, b []byte) { b[0]++ },
		"one in the middle":   func(_ *engine.Mapping, b []byte) { b[digestPart-1]++ },
		"behind the first":    func(_ *engine.Mapping, b []byte) { b[digestPart]++ },
		"the last":            func(_ *engine.Mapping, b []byte) { b[len(b)-1]++ },
		"another address":     func(m *engine.Mapping, _ []byte) { m.First, m.Last = m.First+8, m.Last+8 },
		"another end":         func(m *engine.Mapping, _ []byte) { m.Last-- },
		"another name":        func(m *engine.Mapping, _ []byte) { m.Name = "n" },
		"another permission":  func(m *engine.Mapping, _ []byte) { m.Perm = engine.PermKnown | engine.PermWrite },
		"of a file":           func(m *engine.Mapping, _ []byte) { m.File = true },
		"elsewhere in a file": func(m *engine.Mapping, _ []byte) { m.NameOffset = 8 },
		"zeros":               func(m *engine.Mapping, _ []byte) { m.State = engine.Zero },
		"absent":              func(m *engine.Mapping, _ []byte) { m.State = engine.Absent },
	} {
		key := keyOf(t, g, space(edit), ObjectOptions{})
		if other, same := seen[key]; same {
			t.Errorf("the key of %q is that of %q", name, other)
		}
		seen[key] = name
	}

	// In whichever layers and pieces the same bytes lie, it is the same.
	whole := space(func(*engine.Mapping, []byte) {})
	hidden := mustSpace(t, engine.Mapping{Range: addr.Range{First: 0x5000, Last: 0x5fff}, Source: engine.BytesSource("hidden", make([]byte, 4096))})
	var mapping engine.Mapping
	for _, m := range whole.Mappings() {
		mapping = *m
	}
	over, err := hidden.Add(mapping)
	if err != nil {
		t.Fatal(err)
	}
	if keyOf(t, g, over, ObjectOptions{}) != keyOf(t, g, whole, ObjectOptions{}) {
		t.Error("what is hidden counts")
	}

	// Bytes that cannot be read are not those of zeros.
	broken := mapping
	broken.Source = &brokenSource{Source: mapping.Source, from: digestPart / 2, to: digestPart/2 + 5000}
	first := keyOf(t, g, mustSpace(t, broken), ObjectOptions{})
	broken.Source = &brokenSource{Source: mapping.Source, from: digestPart / 2, to: digestPart/2 + 9000}
	if second := keyOf(t, g, mustSpace(t, broken), ObjectOptions{}); second == first || seen[first] != "" || seen[second] != "" {
		t.Error("what cannot be read does not count")
	}
}

// brokenSource is a source with bytes that cannot be read.
type brokenSource struct {
	engine.Source
	from, to uint64
}

func (s *brokenSource) View(buf []byte, off uint64, n int) ([]byte, error) {
	if off >= s.to || off+uint64(n) <= s.from {
		return s.Source.View(buf, off, n)
	}
	if off >= s.from {
		return nil, errors.New("broken")
	}
	b, err := s.Source.View(buf, off, int(s.from-off))
	return b, cmp.Or(err, errors.New("broken"))
}

// What a file gives back is what was found out, and a damaged file is an error.
func TestKeepObjects(t *testing.T) {
	g, heaps, space := smallHeap(t)
	o := ObjectOptions{Retained: true, Threads: []Thread{{SP: 0x1000}}}
	want, err := g.Objects(t.Context(), heaps, o)
	if err != nil {
		t.Fatal(err)
	}
	path, key := filepath.Join(t.TempDir(), "g.objects"), keyOf(t, g, space, o)
	if err := want.Save(t.Context(), path, key); err != nil {
		t.Fatal(err)
	}
	got, err := OpenObjects(t.Context(), path, key)
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
		if _, err := OpenObjects(t.Context(), path, keyOf(t, g, space, other)); !errors.Is(err, ErrOtherGraph) {
			t.Errorf("%+v: %v", other, err)
		}
	}
	if _, err := OpenObjects(t.Context(), path+"x", key); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := OpenObjects(t.Context(), t.TempDir(), key); err == nil {
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
			if _, err := readObjects(t.Context(), path, b, key); err == nil {
				t.Fatalf("byte %d changed, or the file cut there, and it opens", i)
			}
		}
	}
	if _, err := readObjects(t.Context(), path, append(whole, 0), key); err == nil {
		t.Error("with a byte more it opens")
	}
}

func FuzzKeptObjects(f *testing.F) {
	f.Add([]byte(objectsMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		readObjects(t.Context(), "file", b, [32]byte{})
	})
}

// Registers at the ends of the address space, stack pointers outside of any mapping, and very many
// threads do no harm.
func TestThreadsOdd(t *testing.T) {
	g, heaps, _ := smallHeap(t)
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
	g, _, _ := smallHeap(t)
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
