package macho

import (
	"fmt"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/input"
	"vscan/engine/image/magic"
)

// The segments: name (16), address, size in memory, offset in the file, size in the file,
// and what may be done to the memory at most and at first. They come in any order. What
// memory has more than the file was not saved.

// segment is what a load command says of memory.
type segment struct {
	index  uint64 // of the load command
	name   string
	first  addr.Addr
	mem    uint64 // bytes of memory, 1 or more
	off    uint64 // in the core
	stored uint64 // bytes of the file, at most mem
	perm   engine.Perm
}

// A segment takes about segmentBytes, as it was read and as mappings. So many that are
// smaller would take more memory than the file has.
const (
	segmentBytes   = 450
	segmentsAtOnce = 1 << 12
	fewSegments    = 1 << 17 // that may be as small as they like
	leastBytes     = 1 << 10 // of the file for each, where there are more
)

// takeSegment keeps a segment.
func (c *reader) takeSegment(i uint64, wide bool, b []byte) error {
	f := input.NewFields(b, c.order)
	s := segment{index: i, name: text(b[8:24])}
	var first, prot uint64
	if wide {
		first, s.mem, s.off, s.stored, prot = f.U64(24), f.U64(32), f.U64(40), f.U64(48), f.U32(60)
	} else {
		first, s.mem, s.off, s.stored, prot = f.U32(24), f.U32(28), f.U32(32), f.U32(36), f.U32(44)
	}
	s.first, s.perm = addr.Addr(first), engine.Perm(prot&7) // VM_PROT_READ, _WRITE, _EXECUTE
	if s.mem == 0 {
		return nil
	}
	if s.stored > s.mem {
		c.img.Note("load command %d: %#x bytes in the file for %#x in memory: the surplus is not shown", i, s.stored, s.mem)
	}
	if _, ok := addr.Sized(s.first, s.mem); !ok {
		c.img.Note("load command %d: %#x bytes from address %v run past the last address, %v: cut there", i, s.mem, s.first, addr.Max)
		s.mem = uint64(addr.Max-s.first) + 1
	}
	s.stored = min(s.stored, s.mem)
	if n := uint64(len(c.segments)); n >= max(fewSegments, c.Size/leastBytes) {
		return &image.UnsupportedError{Path: c.Path(), Format: Name,
			What:     fmt.Sprintf("a Mach-O core of %d bytes with more than %d segments", c.Size, n),
			Advice:   "no program writes so many pieces, which take more memory than the file has: look at how it was made",
			RawHelps: magic.ScanBytes}
	}
	if len(c.segments) == c.room {
		if err := c.budget.Take(segmentsAtOnce*segmentBytes, "the segments of the image"); err != nil {
			return fmt.Errorf("%s: load command %d: %w", c.Path(), i, err)
		}
		c.room += segmentsAtOnce
	}
	c.segments = append(c.segments, s)
	return nil
}

// layOut makes the mappings: what is absent in one segment may be present in another, so it
// lies below.
func (c *reader) layOut() error {
	known := engine.Perm(0) // some writers tell no permissions
	for i := range c.segments {
		if c.segments[i].perm != 0 {
			known = engine.PermKnown
		}
	}
	stacks := image.NewStacks(c.threads)
	var unsaved, lost, present []engine.Mapping
	short, bytes := 0, uint64(0)
	for i := range c.segments {
		if err := c.watch.Step(1); err != nil {
			return err
		}
		s := &c.segments[i]
		whole, _ := addr.Sized(s.first, s.mem)
		m := engine.Mapping{Perm: s.perm | known, Name: s.named(i, stacks.On(whole))}
		held := uint64(0)
		if s.off < c.Size {
			held = min(s.stored, c.Size-s.off)
		}
		part := func(from, to uint64) engine.Mapping { // bytes of the segment
			m := m
			m.Range = addr.Range{First: s.first + addr.Addr(from), Last: s.first + addr.Addr(to-1)}
			m.NameOffset, m.Continuation = from, from > 0
			return m
		}
		if held > 0 {
			p := part(0, held)
			p.Source, p.Offset = c.Source, c.base+s.off
			present = append(present, p)
		}
		if held < s.stored {
			p := part(held, s.stored)
			p.State, p.Absence = engine.Absent, engine.Missing
			lost = append(lost, p)
			short, bytes = short+1, input.AddSat(bytes, s.stored-held)
		}
		if s.stored < s.mem {
			p := part(s.stored, s.mem)
			p.State = engine.Absent
			unsaved = append(unsaved, p)
		}
	}
	if short > 0 {
		c.img.Note("truncated: %d of %s run past the end of the file at offset %#x: %d bytes are lost, the first at address %v", short, input.Plural(len(c.segments), "segment"), c.base+c.Size, bytes, lost[0].First)
		c.img.Lose(bytes)
	}
	c.img.Mappings = append(append(unsaved, lost...), present...)
	a, b, err := input.Hidden(c.ctx, c.img.Mappings)
	if err == nil && a != nil {
		c.img.Note("%s, %v, and %s, %v, overlap: where segments do, the later one in the load commands shows, and the other is not searched", a.Name, a.Range, b.Name, b.Range)
	}
	return err
}

// named returns what the segment, the one at an index, is called; stack is the name of the
// stack that it is, or "".
func (s *segment) named(i int, stack string) string {
	switch {
	case s.name != "":
		return s.name
	case stack != "":
		return stack
	}
	return fmt.Sprintf("segment[%d]", i)
}
