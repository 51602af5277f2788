package heap

import (
	"fmt"
	"testing"

	"vscan/engine/addr"
	"vscan/engine/heap/heaptest"
)

// The links of lists of freed objects were overwritten: the objects before the link count as freed, and a
// gap says that the list breaks off, and at which link.
func TestBrokenLists(t *testing.T) {
	const objects = 5
	for _, arch := range machines {
		for _, c := range []struct {
			name   string
			link   int                         // which link is overwritten, −1: none
			value  func(at []addr.Addr) uint64 // with what
			states [objects]State              // of the objects
			gap    bool
		}{
			{"whole", -1, nil, [objects]State{Cached, Cached, Cached, Cached, Cached}, false},
			{"nowhere", 2, func([]addr.Addr) uint64 { return 0x41414141 }, [objects]State{Cached, Cached, Cached, Used, Used}, true},
			{"zeroed", 1, func([]addr.Addr) uint64 { return 0 }, [objects]State{Cached, Cached, Used, Used, Used}, true},
			{"round", 3, func(at []addr.Addr) uint64 { return uint64(at[1]) }, [objects]State{Cached, Cached, Cached, Cached, Used}, true},
			{"itself", 0, func(at []addr.Addr) uint64 { return uint64(at[0]) }, [objects]State{Cached, Used, Used, Used, Used}, true},
			{"the last", objects - 1, func(at []addr.Addr) uint64 { return 0x41414141 }, [objects]State{Cached, Cached, Cached, Cached, Cached}, false},
		} {
			for _, fast := range []bool{false, true} {
				name := fmt.Sprint(arch, " ", c.name, " fast: ", fast)
				gap := c.gap || fast && c.link == objects-1
				gap = gap && !(fast && c.name == "zeroed") // a fastbin has no count
				w := arch.WordSize()
				m := heaptest.New(arch, 0x100000, 0x3000, 0, 0)
				form := cacheForms[1]
				words := (int(form.bytes(addr.Addr(w)))+w-1)/w + 1
				cache := m.Add(words+words%2, true)
				var at []addr.Addr
				for range objects {
					at = append(at, m.Add(6, true))
					m.Add(8, true)
				}
				top := m.Base + addr.Addr(m.At())
				m.End()
				back := 0 // a fastbin's links are addresses of chunks
				if fast {
					back = 2 * w
				}
				for i, a := range at {
					v := uint64(0)
					if i+1 < len(at) {
						v = uint64(at[i+1]) - uint64(back)
					}
					if i == c.link {
						if v = c.value(at); v != 0 && v != 0x41414141 {
							v -= uint64(back)
						}
					}
					m.Put(int(a-m.Base), v)
				}
				state := heaptest.State{Top: top, Memory: 0x3000}
				if fast {
					state.Fast = []addr.Addr{0, at[0] - addr.Addr(back)}
				} else {
					arch.Order().PutUint(m.Bytes[int(cache-m.Base)+2:][:2], objects)
					m.Put(int(cache-m.Base)+128+w, uint64(at[0]))
				}
				h := find(t, arch, m.Mapping(t, "[heap]"), libc(t, arch, state, 0x100000, 0, 0, false))
				hint := 0
				for i, a := range at {
					want := c.states[i]
					if fast && want == Cached {
						want = Fastbin
					}
					if got := h.Objects()[h.indexNear(a, &hint)].State; got != want {
						t.Errorf("%s: object %d is %v, want %v", name, i, got, want)
					}
				}
				gaps := h.Account().Gaps
				if gap != (len(gaps) > 0) || gap && gaps[0].First != at[c.link] {
					t.Errorf("%s: gaps %v", name, gaps)
				}
			}
		}
	}
}

// A chunk that a bin holds is free even if the one behind it says otherwise, and a gap says so. The
// account also says where the sizes of mapped chunks are not what malloc counts.
func TestDamageThatLeadsOn(t *testing.T) {
	for _, arch := range machines {
		w := arch.WordSize()
		m := heaptest.New(arch, 0x100000, 0x3000, 0, 0)
		m.Add(8, true)
		free := m.Add(200, false)
		behind := m.Add(8, true)
		top := m.Base + addr.Addr(m.At())
		m.End()
		m.Put(int(behind-m.Base)-w, uint64(8*w)|chunkPrevUsed)
		data := heaptest.New(arch, 0x7000000, 0x2000, 0, 0)
		data.PutState(0x500, heaptest.State{Top: top, Memory: 0x3000})
		data.PutBin(0x500, 0, m, []addr.Addr{free})
		lib := data.Mapping(t, "/lib/libc.so.6")
		lib.File = true
		h := find(t, arch, m.Mapping(t, "[heap]"), lib)
		hint := 0
		if o := h.Objects()[h.indexNear(free, &hint)]; o.State != Free {
			t.Errorf("%v: the object of a bin is %v", arch, o.State)
		}
		if gaps := h.Account().Gaps; len(gaps) != 1 || gaps[0].First != behind-addr.Addr(2*w) {
			t.Errorf("%v: gaps %v", arch, gaps)
		}
		x := heaptest.New(arch, 0x2000000, 0x4000, 0, 0)
		x.Put(w, 0x4000|chunkMapped)
		m.Put(int(behind-m.Base)-w, uint64(8*w))
		for bytes, refused := range map[uint64]bool{0x4000: false, 0x3000: true} {
			h := find(t, arch, x.Mapping(t, "x"), m.Mapping(t, "[heap]"), libc(t, arch, heaptest.State{Top: top, Memory: 0x3000}, 0x100000, 1, bytes, false))
			if a := h.Account().Arenas; len(a) != 2 || a[1].Kind != ArenaMapped || (a[1].Refused != "") != refused {
				t.Errorf("%v: %#x bytes: %+v", arch, bytes, a)
			}
		}
	}
}
