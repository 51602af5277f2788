package heap

import (
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/heap/heaptest"
)

// Memory of other allocators is told by its form, and by a name only together with that. None of it is
// taken for a heap of glibc's.
func TestOthers(t *testing.T) {
	const base = 0x40000000
	arch := addr.LE64
	put32 := func(m *heaptest.Heap, at int, v uint64) { arch.Order().PutUint(m.Bytes[at:at+4], v) }
	module := func(name string, text string) engine.Mapping {
		m, err := engine.BytesMapping(name, 0x1000, append([]byte(text), make([]byte, 100)...))
		if err != nil {
			t.Fatal(err)
		}
		m.Perm = engine.PermKnown | engine.PermRead | engine.PermWrite
		return m
	}
	other := map[string]func(m *heaptest.Heap) []engine.Mapping{
		"CPython": func(m *heaptest.Heap) []engine.Mapping {
			for at := 0; at < 0x40000; at += 0x4000 {
				index := uint64(at / 0x4000)
				put32(m, at, 3)
				m.Put(at+16, 0x123450)
				m.Put(at+24, 0x123450)
				put32(m, at+36, index)
				put32(m, at+40, 0x100)
				put32(m, at+44, 0x4000-(index+1)*16)
			}
			return nil
		},
		"V8": func(m *heaptest.Heap) []engine.Mapping {
			for at := 0; at < 0x200000; at += 0x40000 {
				for i, v := range []uint64{0x40000, 10, 0x999990, base + uint64(at) + 0x1148, base + uint64(at) + 0x40000} {
					m.Put(at+8*i, v)
				}
			}
			return nil
		},
		"musl": func(m *heaptest.Heap) []engine.Mapping { // the first page describes the others
			m.Put(0, 0x1122334455667788)
			for i := 1; i < 10; i++ {
				meta := 0x40 * i
				m.Put(meta+16, base+uint64(i)*0x2000)
				m.Put(meta+32, 2<<12|5)
				m.Put(i*0x2000, base+uint64(meta))
			}
			return nil
		},
		"jemalloc": func(m *heaptest.Heap) []engine.Mapping {
			m.Put(0, 0x200000)
			m.Put(8, base+0x400000)
			m.Put(24, base+0x100)
			m.Put(0x400000, 0x200000)
			m.Put(0x400018, base+0x400100)
			return nil
		},
		"mimalloc": func(m *heaptest.Heap) []engine.Mapping {
			for at := 0; at < 0x800000; at += 0x400000 {
				m.Put(at+0xd8, (base+uint64(at))^0xf06730a0df1f4142)
			}
			return nil
		},
		"Go": func(m *heaptest.Heap) []engine.Mapping {
			return []engine.Mapping{module("/bin/prog", "\xff Go buildinf:")}
		},
		"tcmalloc": func(m *heaptest.Heap) []engine.Mapping {
			return []engine.Mapping{module("/lib/libtcmalloc.so.4", "")}
		},
	}
	for name, fill := range other {
		m := heaptest.New(arch, base, 0x800000, 0, 0)
		mappings := append(fill(m), m.Mapping(t, "[heap]"))
		h := find(t, arch, mappings...)
		got := h.Account().OtherAllocators
		if len(got) != 1 || got[0].Name != name || got[0].Bytes == 0 || got[0].Bytes > 0x800000 || got[0].Evidence == "" {
			t.Errorf("%s: %+v", name, got)
		}
		if len(h.Objects()) > 0 {
			t.Errorf("%s: %d objects", name, len(h.Objects()))
		}
	}
	for _, name := range []string{"/lib/libjemalloc.so.2", "/lib/libmimalloc.so", "/bin/node", "/lib/libpython3.so"} {
		m := heaptest.New(arch, base, 0x800000, 0, 0)
		if h := find(t, arch, module(name, ""), m.Mapping(t, "x")); len(h.Account().OtherAllocators) > 0 {
			t.Errorf("%s: %+v", name, h.Account().OtherAllocators)
		}
	}
}
