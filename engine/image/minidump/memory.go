package minidump

import (
	"fmt"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/input"
)

// The memory that was saved: MINIDUMP_MEMORY_DESCRIPTOR (address, size, file offset of the
// bytes), MINIDUMP_MEMORY_DESCRIPTOR64 (address and size: the bytes of one follow those of
// another), and the stacks that threads name, which mostly are in one of the lists as well.
// Where two overlap, the later one shows; MemoryList comes behind Memory64List, and the
// stacks that neither has are below both.

const (
	rangeSize   = 16 // of either list
	memory64Top = 16 // bytes before the entries of Memory64List: their number, BaseRva
)

// saved is a range that a list names, and where the file has its bytes.
type saved struct {
	addr.Range
	kind  uint64 // the list
	index uint64 // in the list
	off   uint64 // file offset of the first byte; none: it was not saved
	empty bool   // there is no range
}

// none is the file offset of what has no bytes in the file.
const none = 0

// saved makes a range of what an entry of a list says.
func (d *reader) saved(kind, index, first, size, off uint64) saved {
	r, cut, ok := d.sized(first, size)
	if cut {
		d.img.Note("%s: entry %d: %#x bytes from address %v run past the last address, %v: cut there", streamNames[kind], index, size, r.First, addr.Max)
	}
	return saved{Range: r, kind: kind, index: index, off: off, empty: !ok}
}

// readRanges reads the lists of memory.
func (d *reader) readRanges() error {
	if err := d.readMemory64(); err != nil {
		return err
	}
	l, err := d.counted(memoryList, rangeSize)
	if err == nil {
		err = d.each(l, func(i uint64, f input.Fields) { d.add(d.saved(memoryList, i, f.U64(0), f.U32(8), f.U32(12))) })
	}
	if err != nil {
		return err
	}
	d.addStacks()
	return nil
}

// add keeps a range, unless it is empty, as LLDB writes some.
func (d *reader) add(s saved) {
	if !s.empty {
		d.ranges = append(d.ranges, s)
	}
}

// readMemory64 reads Memory64List.
func (d *reader) readMemory64() error {
	f, ok, err := d.begin(memory64List, memory64Top)
	if !ok {
		return err
	}
	s, count, base := d.streams[memory64List], f.U64(0), f.U64(8)
	l := list{kind: memory64List, Records: input.Records{At: s.off + memory64Top, Stride: rangeSize, Size: rangeSize}}
	l.count = d.inRoom(l, count, (s.size-memory64Top)/rangeSize)
	total := uint64(0)
	err = d.each(l, func(i uint64, f input.Fields) {
		size := f.U64(8)
		d.add(d.saved(memory64List, i, f.U64(0), size, total))
		total = input.AddSat(total, size)
	})
	if err != nil {
		return err
	}
	if base < headerSize && len(d.ranges) > 0 {
		d.img.Note("Memory64List at %v: BaseRva %#x is in the header: where the memory lies in the file is not known", d.Place(s.off), base)
		base = d.Size
	}
	base = d.trueBase(base, total)
	for i := range d.ranges {
		d.ranges[i].off = input.AddSat(base, d.ranges[i].off)
	}
	return nil
}

// trueBase returns where the memory of Memory64List begins, whose total size is known: 8
// bytes below BaseRva where it would end 8 bytes behind the file, and the 8 bytes in front
// follow a stream, as LLDB wrote some (llvm#146777). Of a file that was cut they are part
// of a stream.
func (d *reader) trueBase(base, total uint64) uint64 {
	if total == 0 || input.AddSat(base, total) != d.Size+8 || !d.ends[base-8] {
		return base
	}
	d.img.Note("Memory64List: BaseRva %#x is 8 bytes too high, as LLDB wrote it: the memory would end behind the file, and is read from %#x on", base, base-8)
	return base - 8
}

// addStacks puts the stacks of threads in front of the ranges, unless a list has them.
func (d *reader) addStacks() {
	type place struct {
		addr.Range
		off uint64
	}
	stacks := map[place]bool{}
	for i := range d.threads {
		if s := d.threads[i].stack; !s.empty && s.off != none {
			stacks[place{s.Range, s.off}] = true
		}
	}
	for _, s := range d.ranges {
		delete(stacks, place{s.Range, s.off})
	}
	if len(stacks) == 0 {
		return
	}
	var front []saved
	for i := range d.threads {
		if s := d.threads[i].stack; !s.empty && stacks[place{s.Range, s.off}] {
			front = append(front, s)
			delete(stacks, place{s.Range, s.off})
		}
	}
	d.ranges = append(front, d.ranges...)
}

// name returns what a range is called that has no better name.
func (s *saved) name() string {
	switch s.kind {
	case threadList:
		return fmt.Sprintf("stack[%d]", s.index)
	case memory64List:
		return fmt.Sprintf("memory64[%d]", s.index)
	}
	return fmt.Sprintf("memory[%d]", s.index)
}

// layout makes the mappings and counts what it meets.
type layout struct {
	*reader
	stacks  image.Stacks
	cuts    int // how many more borders of areas may be cut at: ranges may overlap
	unsaved []engine.Mapping
	lost    []engine.Mapping // of ranges that run past the end of the file
	present []engine.Mapping
	short   uint64 // ranges that do, and the bytes of them that are lost
	bytes   uint64
	first   addr.Addr // the first of these
}

// layOut makes the mappings: what was mapped and not saved lies below what should have
// been saved and is lost, and this below what the file has.
func (d *reader) layOut() error {
	l := &layout{reader: d, stacks: d.stacks(), cuts: 2 * len(d.areas)}
	whole := make([]addr.Range, len(d.ranges))
	for i := range d.ranges {
		if err := d.watch.Step(1); err != nil {
			return err
		}
		whole[i] = d.ranges[i].Range
		l.lay(&d.ranges[i])
	}
	if err := l.layUnsaved(addr.Merge(whole)); err != nil {
		return err
	}
	if l.short > 0 {
		d.img.Note("truncated: %d of %s run past the end of the file at offset %#x: %d bytes are lost, the first at address %v", l.short, input.Plural(len(d.ranges), "range"), d.Size, l.bytes, l.first)
		d.img.Lose(l.bytes)
	}
	d.img.Mappings = append(append(l.unsaved, l.lost...), l.present...)
	a, b, err := input.Hidden(d.ctx, d.img.Mappings)
	if err == nil && a != nil {
		d.img.Note("%s, %v, and %s, %v, overlap: where ranges do, the later one in the minidump shows, and the other is not searched", a.Name, a.Range, b.Name, b.Range)
	}
	return err
}

// lay makes the mappings of a range.
//
//	first            + held              + size
//	|---- present ----|---- absent, lost ----|
func (l *layout) lay(s *saved) {
	held := uint64(0)
	if s.off < l.Size {
		held = min(s.Size(), l.Size-s.off)
	}
	rest := s.Range
	if s.off == none {
		l.parts(s, rest, func(m engine.Mapping) {
			m.State = engine.Absent
			l.unsaved = append(l.unsaved, m)
		})
		return
	}
	if held > 0 {
		has := addr.Range{First: s.First, Last: s.First + addr.Addr(held-1)}
		l.parts(s, has, func(m engine.Mapping) {
			m.Source, m.Offset = l.Source, s.off+uint64(m.First-s.First)
			l.present = append(l.present, m)
		})
		if has.Last == s.Last {
			return
		}
		rest.First = has.Last + 1
	}
	if l.short == 0 {
		l.first = rest.First
	}
	l.short, l.bytes = l.short+1, input.AddSat(l.bytes, rest.Size())
	l.parts(s, rest, func(m engine.Mapping) {
		m.State, m.Absence, m.Continuation = engine.Absent, engine.Missing, held > 0 && m.First == rest.First
		l.lost = append(l.lost, m)
	})
}

// parts cuts a part of a range where areas begin and end, and names the pieces.
func (l *layout) parts(s *saved, r addr.Range, yield func(engine.Mapping)) {
	own := l.stacks.On(s.Range)
	if own == "" {
		own = s.name()
	}
	plain := func(r addr.Range, perm engine.Perm) {
		yield(engine.Mapping{Range: r, Perm: perm, Name: own, NameOffset: uint64(r.First - s.First)})
	}
	for i := l.areaAt(r.First); i < len(l.areas) && l.areas[i].First <= r.Last && l.cuts > 0; i++ {
		a := &l.areas[i]
		x, _ := r.Intersect(a.Range)
		if x.First > r.First {
			plain(addr.Range{First: r.First, Last: x.First - 1}, 0)
		}
		if a.name == "" {
			plain(x, a.perm)
		} else {
			yield(a.mapping(x))
		}
		if x.Last == r.Last {
			return
		}
		r.First = x.Last + 1
		l.cuts--
	}
	plain(r, 0)
}

// mapping returns the mapping of a part of an area that has a name.
func (a *area) mapping(r addr.Range) engine.Mapping {
	return engine.Mapping{Range: r, Perm: a.perm, Name: a.name, File: a.file, NameOffset: uint64(r.First - a.base)}
}

// layUnsaved makes the mappings of what of areas is in no range. saved are these, ascending
// and disjoint.
func (l *layout) layUnsaved(saved []addr.Range) error {
	for i := range l.areas {
		if err := l.watch.Step(1); err != nil {
			return err
		}
		a := l.areas[i]
		if a.name == "" {
			a.name, a.base = l.stacks.On(a.Range), a.First
		}
		if a.name == "" {
			a.name = fmt.Sprintf("area[%d]", i)
		}
		for len(saved) > 0 && saved[0].Last < a.First {
			saved = saved[1:]
		}
		a.Range.Without(saved, func(r addr.Range) {
			m := a.mapping(r)
			m.State = engine.Absent
			l.unsaved = append(l.unsaved, m)
		})
	}
	return nil
}
