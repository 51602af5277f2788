package heap

import "vscan/engine/addr"

// fastbins keeps where the heads of an arena's fastbins are. Each is a chunk, whose
// object holds the next, and so on to 0; all have the size of the bin, and from
// glibc 2.32 on the links are those of tcaches (tcache.go).
func (f *finder) fastbins(s *state) {
	const most = 11
	first := s.bins - (2+most)*f.word
	if s.start != 0 {
		first = max(first, (s.start+8+f.word-1)&^(f.word-1))
	}
	if last := s.bins - 2*f.word - 1; first < last {
		f.fast = append(f.fast, addr.Range{First: first, Last: last})
	}
}

// markFast marks the objects of a fastbin whose head is the word at a.
func (m *marker) markFast(a addr.Addr) {
	at := m.r.pointer(a)
	size := addr.Addr(0)
	for at != 0 && m.budget > 0 {
		m.budget--
		i := m.starting(at + 2*m.r.word)
		if i < 0 {
			return
		}
		length := m.length(i)
		index := length/(2*m.r.word) - 2
		if size == 0 && (index >= 11 || a%m.r.word != 0) || size != 0 && length != size || m.objects[i].State != Used {
			return
		}
		size = length
		m.objects[i].State = Fast
		at = m.link(at+2*m.r.word, 2*m.r.word)
	}
}
