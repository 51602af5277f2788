package core

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/elf"
	"vscan/engine/image/input"
)

// Which addresses the segments of a core have.
//
// A process core has virtual addresses (p_vaddr) and no others. The dump of a
// machine has physical ones (p_paddr), and may have virtual ones as well:
//
//   - QEMU without paging knows no virtual addresses and writes p_paddr, in
//     older versions 0, into p_vaddr (dump/dump.c, write_elf64_load).
//   - QEMU with paging lists what the guest's page tables map, in the order of
//     the physical addresses, each with the virtual one (of user memory with
//     signs that qemu.go undoes); memory that is not mapped is in none of its
//     segments.
//   - VirtualBox writes 0 into p_vaddr (DBGFCoreWrite.cpp, Elf64WriteProgHdr).
//   - Linux's /proc/vmcore has p_vaddr from the kernel's direct map, 0 on some
//     machines, and −1 for high memory (kexec-tools crashdump-elf.c); the
//     kernel's text comes twice, with one physical and two virtual addresses.
//   - −1 in p_paddr is memory whose physical address is not told, as vmalloc
//     areas in a copy of /proc/kcore.
//
// So a segment has a virtual address unless that is −1, or 0 while the
// physical one is not; and an image has virtual addresses if that of any
// segment differs from its physical one.

// noAddr is −1 in the width of the file. A 64-bit file may have it in 32 bits.
func (c *reader) noAddr(a uint64) bool {
	return a == math.MaxUint32 || a == math.MaxUint64
}

func (c *reader) hasVirtual(s *elf.Segment) bool {
	return !c.noAddr(s.Vaddr) && (s.Vaddr != 0 || s.Paddr == 0)
}

// spaces returns the spaces that the image offers, the default first.
func (c *reader) spaces() []image.AddressSpace {
	if !c.isMachine() {
		return []image.AddressSpace{image.Virtual}
	}
	virtual := slices.ContainsFunc(c.Loads, func(s elf.Segment) bool { return c.hasVirtual(&s) && s.Vaddr != s.Paddr })
	// Many segments that are all at 0: physical addresses are not told.
	physical := slices.ContainsFunc(c.Loads, func(s elf.Segment) bool {
		return !c.noAddr(s.Paddr) && (s.Paddr != 0 || len(c.Loads) == 1)
	})
	switch {
	case virtual && physical && c.Live: // each page once, and no terabytes of unused addresses
		return []image.AddressSpace{image.Physical, image.Virtual}
	case virtual && physical:
		return []image.AddressSpace{image.Virtual, image.Physical}
	case virtual:
		return []image.AddressSpace{image.Virtual}
	}
	return []image.AddressSpace{image.Physical}
}

// layOut chooses the space and makes the mappings.
func (c *reader) layOut(o image.Options) error {
	img := c.Draft
	img.Spaces = c.spaces()
	img.Space = img.Spaces[0]
	if o.Space != "" && !slices.Contains(img.Spaces, o.Space) {
		why := "the core of a process has virtual addresses only"
		if c.isMachine() {
			why = fmt.Sprintf("the segments of this dump have %s addresses only", img.Spaces[0])
		}
		return &image.SpaceError{Path: c.Path(), Want: o.Space, Have: img.Spaces, Why: fmt.Sprintf("no %s addresses: %s", o.Space, why)}
	}
	if o.Space != "" {
		img.Space = o.Space
	}
	lay := c.layVirtual
	if img.Space == image.Physical {
		lay = c.layPhysical
	}
	if err := lay(); err != nil {
		return err
	}
	if err := c.noteHidden(); err != nil {
		return err
	}
	c.noteIncomplete()
	return nil
}

// noteHidden notes where segments overlap, which those of cores seldom do: what one saved
// there is hidden by a later one, unless both have the same bytes of the file. The error is
// that of c.ctx.
func (c *reader) noteHidden() error {
	if c.Live {
		return nil // the kernel itself comes twice
	}
	a, b, err := input.Hidden(c.ctx, c.Draft.Mappings)
	if err == nil && a != nil {
		c.Draft.Note("%s, %v, and %s, %v, overlap: where segments do, the later one in the program headers shows, and the other is not searched", a.Name, a.Range, b.Name, b.Range)
	}
	return err
}

// layPhysical makes the mappings of the physical space. One page may be in
// several segments, and may be absent in one of them alone, so everything that
// is absent lies below everything that is present.
func (c *reader) layPhysical() error {
	var absent []engine.Mapping
	present := make([]engine.Mapping, 0, len(c.Loads))
	l := c.newLayout()
	for i := range c.Loads {
		if err := c.watch.Step(1); err != nil {
			return err
		}
		c.laid = i
		s := &c.Loads[i]
		if c.noAddr(s.Paddr) {
			l.leaveOut(s)
			continue
		}
		l.lay(s, addr.Addr(s.Paddr), nil, func(m engine.Mapping) {
			if m.State == engine.Present {
				present = append(present, m)
			} else {
				absent = append(absent, m)
			}
		})
	}
	l.report(image.Physical, image.Virtual)
	c.Draft.Mappings = append(absent, present...)
	return nil
}

// layVirtual makes the mappings of the virtual space, in the order of the
// program headers. In a process core the parts of a segment have the names of
// the files that were mapped there, and files that no segment has are absent,
// below everything.
func (c *reader) layVirtual() error {
	l := c.newLayout()
	machine := c.isMachine()
	var names *namer
	if !machine {
		var err error
		if names, err = c.newNamer(); err != nil {
			return err
		}
		c.executed, c.platform = names.textAt(c.auxv[atExecFn]), names.textAt(c.auxv[atPlatform])
		if c.Draft.Mappings, err = names.unsaved(); err != nil {
			return err
		}
	}
	user := c.userMemory()
	used, err := c.usedAreas()
	if err != nil {
		return err
	}
	c.Draft.Mappings = slices.Grow(c.Draft.Mappings, len(c.Loads)) // most segments are one mapping
	for i := range c.Loads {
		if err := c.watch.Step(1); err != nil {
			return err
		}
		c.laid = i
		s := &c.Loads[i]
		if machine && !c.hasVirtual(s) {
			l.leaveOut(s)
			continue
		}
		if c.Live && (c.noAddr(s.Paddr) || len(c.Draft.Spaces) == 1) { // before linux 4.11 all are 0
			l.layUsed(s, used, func(m engine.Mapping) { c.Draft.Mappings = append(c.Draft.Mappings, m) })
			continue
		}
		user.place(s, func(s *elf.Segment) {
			l.lay(s, addr.Addr(s.Vaddr), names, func(m engine.Mapping) { c.Draft.Mappings = append(c.Draft.Mappings, m) })
		})
	}
	user.report(c.Draft)
	l.report(image.Virtual, image.Physical)
	return nil
}

// layout lays segments and counts what it meets.
type layout struct {
	*reader
	noPerms       bool
	left, leftLen uint64    // segments without an address in this space, their bytes
	cut, cutLen   uint64    // segments that run past the end of the file, the bytes lost
	cutAt         addr.Addr // the first byte lost
	cutLast       uint32    // the index of the last of them
}

// newLayout finds out whether p_flags tell permissions: in a machine dump none
// of whose segments has any they do not (QEMU writes 0).
func (c *reader) newLayout() *layout {
	anyFlags := slices.ContainsFunc(c.Loads, func(s elf.Segment) bool { return s.Flags != 0 })
	return &layout{reader: c, noPerms: c.isMachine() && !anyFlags}
}

func (l *layout) leaveOut(s *elf.Segment) {
	l.left++
	l.leftLen = input.AddSat(l.leftLen, min(s.Filesz, s.Memsz))
}

// lay makes the mappings of a segment whose first byte is at first: the part
// that the file holds is present, the rest absent.
//
//	first                 + held             + p_filesz       + p_memsz
//	|------- present -------|---- missing -----|---- unsaved ---|
func (l *layout) lay(s *elf.Segment, first addr.Addr, names *namer, yield func(engine.Mapping)) {
	mem := s.Memsz
	if room := uint64(l.MaxAddr() - first); mem-1 > room {
		l.Draft.Note("program header %d at %v: %#x bytes from address %v run past the last address, %v: cut there", s.Index, l.Place(l.HeaderAt(uint64(s.Index))), mem, first, l.MaxAddr())
		mem = room + 1
	}
	held, want := s.Stored(mem, l.Size)
	if held < want {
		if l.cut == 0 {
			l.cutAt = first + addr.Addr(held)
		}
		if l.cut == 0 || l.cutLast != s.Index { // of a segment in two parts each may be cut
			l.cut++
		}
		l.cutLast = s.Index
		l.cutLen = input.AddSat(l.cutLen, want-held)
	}
	perm := s.Perm()
	if l.noPerms {
		perm = 0
	}
	part := func(r addr.Range, name string, begin addr.Addr) {
		cut := false
		for _, zone := range []struct {
			end uint64 // from first on
			engine.Mapping
		}{
			{held, engine.Mapping{Source: l.Source}},
			{want, engine.Mapping{State: engine.Absent, Absence: engine.Missing}},
			{mem, engine.Mapping{State: engine.Absent}},
		} {
			off, m := uint64(r.First-first), zone.Mapping
			if off >= zone.end {
				continue
			}
			m.Range = addr.Range{First: r.First, Last: min(r.Last, first+addr.Addr(zone.end-1))}
			m.Perm, m.Name, m.NameOffset, m.Continuation = perm, name, uint64(r.First-begin), cut
			if m.State == engine.Present {
				m.Offset = s.Off + off
			}
			yield(m)
			if m.Last == r.Last {
				return
			}
			r.First, cut = m.Last+1, true
		}
	}
	whole := addr.Range{First: first, Last: first + addr.Addr(mem-1)}
	if names == nil {
		part(whole, l.defaultName(s), first)
		return
	}
	names.split(s, whole, part)
}

// report turns what was counted into notes and missing bytes.
func (l *layout) report(space, other image.AddressSpace) {
	if l.cut > 0 {
		l.Draft.Note("truncated: %d of %s run past the end of the file at offset %#x: %d bytes are lost, the first at address %v", l.cut, input.Plural(len(l.Loads), "load segment"), l.Size, l.cutLen, l.cutAt)
		l.Draft.Lose(l.cutLen)
	}
	if l.left > 0 {
		what, hint := "", image.Hint{}
		if slices.Contains(l.Draft.Spaces, other) {
			what, hint.Space = fmt.Sprintf(": their addresses are %s", other), other
		}
		l.Draft.NoteHint(hint, "%s with %d bytes have no %s address and are not shown%s", input.Plural(int(l.left), "load segment"), l.leftLen, space, what)
	}
}

// noteIncomplete reads the flag that makedumpfile sets in e_flags when it ran
// out of space (DUMP_ELF_INCOMPLETE), on the machines whose e_flags have no
// other meaning.
func (c *reader) noteIncomplete() {
	free := c.Machine == 3 || c.Machine == 62 || c.Machine == 183 || c.Machine == 22 && c.Wide
	if free && c.isMachine() && c.Flags&1 != 0 {
		c.Draft.Note("the dump says that it is incomplete (makedumpfile, e_flags bit 0): memory that it lacks is shown as absent")
		c.Draft.Lose(1)
	}
}

// defaultName returns the name of a segment that has no better one. Of millions of names each
// would be an allocation: they are parts of few texts.
func (c *reader) defaultName(s *elf.Segment) string {
	const most = len("load[4294967295]")
	if c.names.Cap()-c.names.Len() < most {
		c.names = strings.Builder{}
		c.names.Grow(min(len(c.Loads), 1<<12) * most)
	}
	begin := c.names.Len()
	var number [most]byte
	c.names.WriteString("load[")
	c.names.Write(strconv.AppendUint(number[:0], uint64(s.Index), 10))
	c.names.WriteByte(']')
	return c.names.String()[begin:]
}
