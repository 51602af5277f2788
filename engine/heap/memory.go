package heap

import (
	"encoding/binary"
	"strings"

	"vscan/engine"
	"vscan/engine/addr"
)

// memory is the memory that heaps are looked for in.
type memory struct {
	space engine.ArchSpace
	word  addr.Addr // the size of a word in bytes

	spans   []span       // memory that may be written and is of no file, ascending
	stacks  []addr.Range // of spans: what holds the stack of a thread, which may be of malloc, or lie in one mapping with what is
	files   []addr.Range // memory of files that may be written, ascending: libc's variables are there
	present []addr.Range // bytes of spans that the image holds, ascending
}

// span is mappings side by side. Linux makes one mapping of what was mapped side
// by side, and cores make several of one, so borders are a hint and no more.
type span struct {
	addr.Range
	borders []addr.Addr // where mappings begin, ascending, the first included
	brk     bool        // a mapping of it is named [heap]
}

// newMemory takes stock of a space.
func newMemory(space *engine.Space, arch addr.Arch) *memory {
	m := &memory{space: space.For(arch), word: addr.Addr(arch.WordSize())}
	for v := range space.Intervals(addr.Range{First: 0, Last: arch.MaxAddr()}) {
		if v.Mapping == nil || !mayBeWritten(v.Mapping) || v.Last == addr.Max {
			continue
		}
		if ofFile(v.Mapping) {
			m.files = append(m.files, v.Range)
			continue
		}
		if v.Mapping.Name == "[stack]" {
			continue
		}
		if strings.HasPrefix(v.Mapping.Name, "[stack:") {
			m.stacks = append(m.stacks, v.Range)
		}
		m.addInterval(v)
	}
	m.present = addr.Merge(m.present)
	return m
}

func mayBeWritten(m *engine.Mapping) bool { return m.Perm == 0 || m.Perm&engine.PermWrite != 0 }

// ofFile reports whether a mapping is of a file. Memory in huge pages has the name
// of one, and is none.
func ofFile(m *engine.Mapping) bool {
	return (m.File || strings.HasPrefix(m.Name, "/")) && !strings.HasPrefix(m.Name, "/anon_hugepage")
}

// addInterval adds what shows to the span before, or begins a span.
func (m *memory) addInterval(v engine.Interval) {
	k := len(m.spans) - 1
	if k < 0 || m.spans[k].Last+1 != v.First {
		m.spans, k = append(m.spans, span{Range: v.Range}), k+1
	}
	s := &m.spans[k]
	s.Last = v.Last
	s.borders = append(s.borders, v.First)
	s.brk = s.brk || v.Mapping.Name == "[heap]"
	if v.State() != engine.Absent {
		m.present = append(m.present, v.Range)
	}
}

// spanOf is the span that an address is in, nil where there is none.
func (m *memory) spanOf(a addr.Addr) *span {
	lo, hi := 0, len(m.spans)
	for lo < hi {
		if mid := (lo + hi) / 2; m.spans[mid].Last < a {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == len(m.spans) || m.spans[lo].First > a {
		return nil
	}
	return &m.spans[lo]
}

// reader reads words through a window.
type reader struct {
	*memory
	buf       []byte
	first     addr.Addr // of buf
	size      int       // of the window in bytes
	le64      bool      // little-endian words of 8 bytes
	farReader *reader   // for single words far away
	tries     int       // to find bins
	aligned   bool      // what lies before is likely to be asked for as well
}

const (
	walkBytes = 1 << 18 // the window of what is read from end to end
	lookBytes = 1 << 9  // and of what is looked up here and there
)

func (m *memory) reader(size int) *reader {
	a := m.space.Arch()
	return &reader{memory: m, size: size, le64: a == addr.LE64}
}

// wordAt is the word wordAt a; false where it cannot be read.
func (r *reader) wordAt(a addr.Addr) (uint64, bool) {
	off := uint64(a - r.first)
	if off >= uint64(len(r.buf)) || uint64(len(r.buf))-off < uint64(r.word) {
		if !r.fill(a) {
			return 0, false
		}
		off = uint64(a - r.first)
	}
	if r.le64 {
		return binary.LittleEndian.Uint64(r.buf[off:]), true
	}
	return r.space.Arch().Order().Uint(r.buf[off : off+uint64(r.word)]), true
}

// fill moves the window so that it begins at a, or has it inside. Where what was
// asked for last is far away, less is read.
func (r *reader) fill(a addr.Addr) bool {
	if first := a &^ addr.Addr(r.size-1); r.aligned && r.fillFrom(first) && uint64(a-first)+uint64(r.word) <= uint64(len(r.buf)) {
		return true
	}
	return r.fillFrom(a)
}

func (r *reader) fillFrom(a addr.Addr) bool {
	size := r.size
	if far := uint64(a-r.first) > 2*uint64(r.size); far && !r.aligned {
		size = min(size, 1<<12)
	}
	if cap(r.buf) < r.size {
		r.buf = make([]byte, r.size)
	}
	n, _ := r.space.Read(r.buf[:size], a)
	r.buf, r.first = r.buf[:n], a
	return n >= int(r.word)
}

// uint is the unsigned number of size bytes at a, 0 where it cannot be read.
func (r *reader) uint(a addr.Addr, size int) uint64 {
	off := uint64(a - r.first)
	if off >= uint64(len(r.buf)) || uint64(len(r.buf))-off < uint64(size) {
		if !r.fill(a) {
			return 0
		}
		off = uint64(a - r.first)
		if uint64(len(r.buf))-off < uint64(size) {
			return 0
		}
	}
	return r.space.Arch().Order().Uint(r.buf[off : off+uint64(size)])
}

// pointer is the word at a as an address, 0 where it cannot be read.
func (r *reader) pointer(a addr.Addr) addr.Addr {
	v, _ := r.wordAt(a)
	return addr.Addr(v)
}

// far is a reader for single words that lie elsewhere.
func (r *reader) far() *reader {
	if r.farReader == nil {
		r.farReader = r.reader(64)
	}
	return r.farReader
}
