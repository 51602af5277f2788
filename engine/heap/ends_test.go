package heap

import (
	"strings"
	"testing"
	"unsafe"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/heap/heaptest"
)

// In a main heap of chunks of many sizes, one is damaged that matters more than others: the rest is
// found.
func TestDamagedEnds(t *testing.T) {
	const garbage = 0x5a5b5c5d
	for _, arch := range machines {
		w := arch.WordSize()
		build := func() (*heaptest.Heap, addr.Addr, []addr.Addr) {
			m := heaptest.New(arch, 0x100000, 0x20000, 0, 0)
			var all []addr.Addr
			for i := 0; m.At() < 0x1f000; i++ {
				all = append(all, m.Add(4+i%11*2, true))
			}
			top := m.Base + addr.Addr(m.At())
			m.End()
			return m, top, all
		}
		for name, spoil := range map[string]func(m *heaptest.Heap, top addr.Addr, all []addr.Addr, s *heaptest.State) (noState bool){
			"nothing": func(*heaptest.Heap, addr.Addr, []addr.Addr, *heaptest.State) bool { return false },
			"the first chunk": func(m *heaptest.Heap, _ addr.Addr, _ []addr.Addr, _ *heaptest.State) bool {
				m.Put(w, garbage)
				return false
			},
			"the top": func(m *heaptest.Heap, top addr.Addr, _ []addr.Addr, _ *heaptest.State) bool {
				m.Put(int(top-m.Base)+w, garbage)
				return false
			},
			"the state's top": func(_ *heaptest.Heap, _ addr.Addr, _ []addr.Addr, s *heaptest.State) bool {
				s.Top = garbage
				return false
			},
			"the state's memory": func(_ *heaptest.Heap, _ addr.Addr, _ []addr.Addr, s *heaptest.State) bool {
				s.Memory = garbage
				return false
			},
			"top of the state, wrong": func(m *heaptest.Heap, _ addr.Addr, all []addr.Addr, s *heaptest.State) bool {
				s.Top = all[50] - addr.Addr(w) // no chunk
				return false
			},
			"no state": func(*heaptest.Heap, addr.Addr, []addr.Addr, *heaptest.State) bool { return true },
			"no state, the first": func(m *heaptest.Heap, _ addr.Addr, _ []addr.Addr, _ *heaptest.State) bool {
				m.Put(w, garbage)
				return true
			},
			"no state, in the middle": func(m *heaptest.Heap, _ addr.Addr, all []addr.Addr, _ *heaptest.State) bool {
				m.Put(int(all[70]-m.Base)-w, garbage)
				return true
			},
			"what looks like fenceposts": func(m *heaptest.Heap, _ addr.Addr, all []addr.Addr, _ *heaptest.State) bool {
				m.Put(int(all[70]-m.Base)-w, uint64(2*w)|chunkPrevUsed)
				m.Put(int(all[70]-m.Base)+w, uint64(2*w)|chunkPrevUsed)
				return false
			},
		} {
			m, top, all := build()
			s := heaptest.State{Top: top, Memory: 0x20000}
			noState := spoil(m, top, all, &s)
			mappings := []engine.Mapping{m.Mapping(t, "[heap]")}
			if !noState {
				mappings = append(mappings, libc(t, arch, s, m.Base, 0, 0, false))
			}
			h := find(t, arch, mappings...)
			lost, hint := 0, 0
			for i, a := range all[:len(all)-1] {
				if k := h.indexNear(a, &hint); k < 0 || h.Objects()[k].First != a || h.Objects()[k].Last != all[i+1]-addr.Addr(w)-1 || h.Objects()[k].State != Used {
					lost++
				}
			}
			if lost > 2 {
				t.Errorf("%v, %s: %d of %d lost: %+v", arch, name, lost, len(all), h.Account())
			}
			if a := h.Account().Arenas; len(a) != 1 || a[0].Refused != "" || len(a[0].Heaps) != 1 {
				t.Errorf("%v, %s: %+v", arch, name, a)
			}
			if lost > 0 && len(h.Account().Gaps) == 0 {
				t.Errorf("%v, %s: %d lost, and nothing tells", arch, name, lost)
			}
		}
	}
}

// Where brk gave memory that is no heap, the account says so, unless something says that malloc is not
// used.
func TestNoHeapInBrk(t *testing.T) {
	m := heaptest.New(addr.LE64, 0x100000, 0x10000, 0, 0)
	for i := range 0x10000 / 8 {
		m.Put(i*8, uint64(i)*0x123456789)
	}
	h := find(t, addr.LE64, m.Mapping(t, "[heap]"))
	if a := h.Account().Arenas; len(a) != 1 || !strings.Contains(a[0].Refused, "0x100000..0x10ffff") || len(h.Objects()) > 0 {
		t.Errorf("%+v, %d objects", a, len(h.Objects()))
	}
	l := libc(t, addr.LE64, heaptest.State{Top: 0x7000000 + stateAt + 16 + 10*8}, 0, 0, 0, false) // the top at first
	h = find(t, addr.LE64, m.Mapping(t, "[heap]"), l)
	if a := h.Account().Arenas; len(a) != 1 || a[0].Refused != "" || len(a[0].Heaps) > 0 {
		t.Errorf("%+v", a)
	}
}

// A thread's heap whose arena is damaged is followed if most of it makes sense.
func TestDamagedArena(t *testing.T) {
	for _, arch := range machines {
		w := arch.WordSize()
		m := threadHeapAt(arch, 0x4000000, 0, 0, 0x8000)
		var all []addr.Addr
		for i := 0; m.At() < 0x7000; i++ {
			all = append(all, m.Add(4+i%9*2, true))
		}
		m.PutState(6*w, heaptest.State{Top: m.Base + addr.Addr(m.At()), Memory: 0x8000, Apart: true})
		m.End()
		for i := 7 * w; i < 150*w; i += w {
			m.Put(i, 0x41414141)
		}
		m.Put(int(all[20]-m.Base)-w, 0x41414141)
		h := find(t, arch, m.Mapping(t, "x"))
		lost, hint := 0, 0
		for _, a := range all {
			if k := h.indexNear(a, &hint); k < 0 || h.Objects()[k].First != a {
				lost++
			}
		}
		if a := h.Account(); lost > 2 || len(a.Arenas) != 1 || a.Arenas[0].Refused != "" || len(a.Gaps) == 0 {
			t.Errorf("%v: %d of %d lost; %+v", arch, lost, len(all), a)
		}
	}
}

// Objects are kept by the million.
func TestSizeOfObject(t *testing.T) {
	if size := unsafe.Sizeof(Object{}); size != 24 {
		t.Errorf("an object takes %d bytes, want 24", size)
	}
}
