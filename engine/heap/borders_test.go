package heap

import (
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/heap/heaptest"
)

// An image may split a heap into several mappings. Chunks that begin where one of these does are not the
// first of the heap, even where the first is damaged: what lies in front of them is found all the same.
func TestDamageBeforeBorder(t *testing.T) {
	const size, end = 0x20000, 0x1f000
	for _, arch := range machines {
		w := arch.WordSize()
		for name, c := range map[string]struct {
			whole   bool // nothing is damaged
			noState bool
			noBase  bool // malloc's parameters are not in the image
			top     bool // the top is damaged as well
			apart   bool // the arena is not contiguous
		}{
			"nothing":                    {whole: true},
			"nothing, no state":          {whole: true, noState: true},
			"nothing, no base":           {whole: true, noBase: true},
			"the first chunk":            {},
			"no base":                    {noBase: true},
			"no base, the top":           {noBase: true, top: true},
			"the top":                    {top: true},
			"no state":                   {noState: true},
			"no state, the top":          {noState: true, top: true},
			"not contiguous":             {apart: true},
			"not contiguous, no base":    {apart: true, noBase: true},
			"nothing of what lies apart": {whole: true, apart: true, noBase: true},
		} {
			m := heaptest.New(arch, 0x100000, size, 0, 0)
			var all []addr.Addr
			for i := 0; m.At() < end; i++ {
				words := 4 + i%11*2
				for _, border := range []int{0x8000, 0x14000, 0x18000} {
					if left := (border - m.At()) / w; left > 0 && left < words+4 {
						words = left // ends there
					}
				}
				all = append(all, m.Add(words, true))
			}
			top := m.Base + addr.Addr(m.At())
			m.End()
			damaged := 0
			if !c.whole {
				m.Put(w, 0x5a5b5c5d)
				damaged = 1
			}
			if c.top {
				m.Put(int(top-m.Base)+w, 0x5a5b5c5d)
				damaged++
			}
			h := m.Mapping(t, "[heap]")
			mappings := split(h, 0x8000, 0x14000, 0x18000)
			if !c.noState {
				l := libc(t, arch, heaptest.State{Top: top, Memory: size, Apart: c.apart}, m.Base, 0, 0, false)
				if c.noBase {
					l = libc(t, arch, heaptest.State{Top: top, Memory: size, Apart: c.apart}, 0x5a5b5c5d, 0, 0, false)
				}
				mappings = append(mappings, l)
			}
			found := find(t, arch, mappings...)
			lost, hint := 0, 0
			for i, a := range all[:len(all)-1] {
				if k := found.indexNear(a, &hint); k < 0 || found.Objects()[k].First != a || found.Objects()[k].Last != all[i+1]-addr.Addr(w)-1 || found.Objects()[k].State != Used {
					lost++
				}
			}
			if lost > damaged {
				t.Errorf("%v, %s: %d of %d lost: %+v", arch, name, lost, len(all), found.Account())
			}
			if lost > 0 && len(found.Account().Gaps) == 0 {
				t.Errorf("%v, %s: %d lost, and nothing tells", arch, name, lost)
			}
			if gaps := found.Account().Gaps; c.whole && len(gaps) > 0 {
				t.Errorf("%v, %s: gaps %v", arch, name, gaps)
			}
		}
	}
}

// split returns the parts of a mapping before, between and behind some offsets.
func split(m engine.Mapping, at ...int) (out []engine.Mapping) {
	first := m.First
	for _, off := range append(at, int(m.Size())) {
		part := m
		part.Range = addr.Range{First: first, Last: m.First + addr.Addr(off) - 1}
		part.Offset = m.Offset + uint64(first-m.First)
		out, first = append(out, part), part.Last+1
	}
	return out
}
