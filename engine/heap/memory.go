package heap

import (
	"encoding/binary"
	"fmt"
	"strings"

	"vscan/engine"
	"vscan/engine/addr"
)

// memory is the memory that heaps are looked for in.
type memory struct {
	space engine.ArchSpace
	word  addr.Addr // the size of a word in bytes

	spans   []span       // memory that may be written and belongs to no file, ascending
	stacks  []addr.Range // the parts of spans that hold the stack of a thread; malloc may have given it, or have heaps in the same mapping
	files   []addr.Range // memory of files that may be written, ascending: libc's variables are there
	present []addr.Range // the parts of spans that the image holds, ascending

	bounds []Gap // what bounds of the search kept from being looked at
}

// span is mappings side by side. Linux makes one mapping of what was mapped side by side, and
// cores make several of one, so borders are a hint and no more.
type span struct {
	addr.Range
	borders []addr.Addr // the addresses where mappings begin, ascending, the first included
	brk     bool        // whether one of its mappings is named [heap]
}

// newMemory returns the memory of a space.
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

// mayBeWritten reports whether a mapping may be written, or does not say.
func mayBeWritten(m *engine.Mapping) bool { return m.Perm == 0 || m.Perm&engine.PermWrite != 0 }

// ofFile reports whether a mapping belongs to a file. Memory in huge pages has the name of a
// file, and belongs to none.
func ofFile(m *engine.Mapping) bool {
	return (m.File || strings.HasPrefix(m.Name, "/")) && !strings.HasPrefix(m.Name, "/anon_hugepage")
}

// addInterval adds what shows in an interval to the span before it, or begins a span.
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

// spanOf returns the span that an address is in, or nil where it is in none.
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

// bound notes that a bound kept something in a range from being looked at: the answer is
// not whole.
func (m *memory) bound(r addr.Range, format string, args ...any) {
	m.bounds = append(m.bounds, Gap{r, fmt.Sprintf(format, args...)})
}

// reader reads words through a buffer.
type reader struct {
	*memory
	buf       []byte
	first     addr.Addr // the address of buf[0]
	size      int       // the size of the buffer in bytes
	le64      bool      // whether words are little-endian and have 8 bytes
	farReader *reader   // reads single words that lie elsewhere; nil until it is needed
	tries     int       // how often binsAt was asked
	aligned   bool      // whether the buffer begins at a multiple of its size, for what lies before is likely to be asked for as well
}

const (
	walkBytes = 1 << 18 // the buffer of what is read from end to end
	lookBytes = 1 << 9  // the buffer of what is looked up here and there
)

// reader returns a reader with a buffer of so many bytes, a power of 2.
func (m *memory) reader(size int) *reader {
	a := m.space.Arch()
	return &reader{memory: m, size: size, le64: a == addr.LE64}
}

// wordAt returns the word at a, and false where it cannot be read.
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

// fill reads the buffer anew so that it has the word at a, and reports whether it could. Where
// that is far from what was asked for last, less is read.
func (r *reader) fill(a addr.Addr) bool {
	if first := a &^ addr.Addr(r.size-1); r.aligned && r.fillFrom(first) && uint64(a-first)+uint64(r.word) <= uint64(len(r.buf)) {
		return true
	}
	return r.fillFrom(a)
}

// fillFrom reads the buffer from a on.
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

// uint returns the unsigned number of size bytes at a, or 0 where it cannot be read.
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

// pointer returns the word at a as an address, or 0 where it cannot be read.
func (r *reader) pointer(a addr.Addr) addr.Addr {
	v, _ := r.wordAt(a)
	return addr.Addr(v)
}

// far returns a reader for single words that lie elsewhere, which leaves this one's buffer alone.
func (r *reader) far() *reader {
	if r.farReader == nil {
		r.farReader = r.reader(64)
	}
	return r.farReader
}
