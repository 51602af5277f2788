package heap

import (
	"fmt"

	"vscan/engine/addr"
)

// fastbins notes where the heads of an arena's fastbins are. A head is the address of a
// chunk, whose object begins with the address of the next one, and so on to 0:
//
//	state  …| head | head | …          0
//	           └──► chunk ──► chunk ──┘     all of one size
//
// From glibc 2.32 on the links are mangled like those of caches (tcache.go).
func (f *finder) fastbins(s *state) {
	const most = 11
	first := s.bins - (2+most)*f.word
	if s.start != 0 {
		first = max(first, (s.start+8+f.word-1)&^(f.word-1))
	}
	if last := s.bins - 2*f.word - 1; first < last {
		f.fastHeads = append(f.fastHeads, addr.Range{First: first, Last: last})
	}
}

// markFast marks the objects of the fastbin whose head is the word at a.
func (m *marker) markFast(a addr.Addr) {
	size, lost, link := addr.Addr(0), 0, a
	for at := m.r.pointer(a); at != 0 && m.budget > 0; at = m.link(link, 2*m.r.word) {
		m.budget--
		i := m.starting(at + 2*m.r.word)
		if i < 0 && m.inGap(at+2*m.r.word) && lost < 2 {
			lost++
			link = at + 2*m.r.word
			continue
		}
		fits := i >= 0 && m.objects[i].State == Used
		if fits {
			length := m.length(i)
			fits = size == 0 && length/(2*m.r.word)-2 < 11 || length == size
			size = max(size, length)
		}
		if !fits {
			if link != a {
				m.broken = append(m.broken, m.breaksOff(link, fmt.Sprintf("the fastbin at %v", a)))
			}
			return
		}
		link = at + 2*m.r.word
		m.objects[i].State = Fastbin
	}
}
