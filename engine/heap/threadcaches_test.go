package heap

import (
	"slices"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/heap/heaptest"
)

// A cache that holds nothing is told by the thread that has it. A block of zeros that no thread has is no
// cache.
func TestEmptyCachesOfThreads(t *testing.T) {
	for _, arch := range machines {
		w := addr.Addr(arch.WordSize())
		h := heaptest.New(arch, 0x100000, 0x4000, 0, 0)
		words := 64*(2+int(w))/int(w) + 2
		words += words % 2
		first := h.Add(words, true)
		h.Add(6, true)
		empty := h.Add(words, true)
		block := h.Add(words, true)
		h.End()

		tls := make([]byte, 0x4000)
		put := func(at addr.Addr, v addr.Addr) { arch.Order().PutUint(tls[at:at+w], uint64(v)) }
		threads := []addr.Addr{0x21000, 0x22000, 0x23000, 0x90000} // the last is not in the image
		put(0x1000-9*w, first)
		put(0x2000-9*w, empty)
		put(0x3000-9*w, 0)      // it has none yet
		put(0x3000-40*w, block) // a pointer of the program's
		put(0x1000-200*w, first)
		m, err := engine.BytesMapping("tls", 0x20000, tls)
		if err != nil {
			t.Fatal(err)
		}
		m.Perm = engine.PermKnown | engine.PermRead | engine.PermWrite
		space := mustSpace(t, m, h.Mapping(t, "[heap]"))
		owns := func(heaps *Heaps, a addr.Addr) bool {
			return slices.ContainsFunc(heaps.Internal(), func(r addr.Range) bool { return r.Contains(a) })
		}
		with, err := Find(t.Context(), space, arch, Options{ThreadPointers: threads})
		if err != nil {
			t.Fatal(err)
		}
		if !owns(with, first) || !owns(with, empty) || owns(with, block) {
			t.Errorf("%v: own %v; want %v and %v, not %v", arch, with.Internal(), first, empty, block)
		}
		without, err := Find(t.Context(), space, arch, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !owns(without, first) || owns(without, empty) {
			t.Errorf("%v: without threads own %v", arch, without.Internal())
		}
	}
}
