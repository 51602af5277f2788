package elf

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/image"
	"vscan/engine/image/input"
	"vscan/engine/image/raw"
)

// An ELF program or library as it lies in memory: where its program headers
// say. Sources: System V ABI, "Program Loading"; linux fs/binfmt_elf.c,
// elf_load; glibc elf/dl-map-segments.h.
//
// What is mapped are whole pages of the file, so the bytes before and behind a
// segment inside its first and last page are those of the file, but for a
// segment that is longer in memory than in the file: what follows its bytes is
// zero there, to the end of the last page.
//
//	           p_vaddr        + p_filesz             + p_memsz
//	|--- file ---|----- file ----|------- zero --------|--- zero ---|
//	page                                 page                    page
//
// In the page in which the file ends the rest is zero; pages of the file behind
// that are absent, for to touch them is an error (SIGBUS).

const (
	TypeExec      = 2       // e_type ET_EXEC: at the addresses that it names
	typeDyn       = 3       // e_type ET_DYN: anywhere
	ntBuildID     = 3       // NT_GNU_BUILD_ID of "GNU"
	PageSize      = 4096    // bytes of a page, where nothing says otherwise
	maxProgramMem = 1 << 57 // bytes of a segment: more than any processor gives to a process
	maxProgNotes  = 64 << 10
	maxBuildID    = 64
)

// Program is an ELF executable or shared object, or the beginning of one.
type Program struct {
	File
	Low     *Segment // the lowest of loads; nil where there is none
	last    uint64   // the last byte of the highest, in the addresses of the file
	BuildID []byte   // nil where it has none, or none was saved
}

// IsProgram reports whether a file begins with the header of an ELF file that
// is no core. One that is damaged counts as a core: see IsCore.
func IsProgram(head []byte) bool { return IsELF(head) && !IsCore(head) }

// ReadProgram reads the headers of an ELF executable or shared object. What no
// loader would take is an error.
func ReadProgram(ctx context.Context, in input.Reader) (*Program, error) {
	return readProgram(ctx, in, nil)
}

// readProgram does what ReadProgram does, and asks a budget for the memory of segments.
func readProgram(ctx context.Context, in input.Reader, b *budget.Budget) (*Program, error) {
	p := &Program{File: File{Reader: in, Draft: new(image.Draft), Budget: b}}
	var err error
	if p.Header, err = ReadHeader(in); err != nil {
		return nil, err
	}
	if p.Type != TypeExec && p.Type != typeDyn {
		return nil, &image.UnsupportedError{Path: in.Path(), Format: "ELF", What: p.kind(),
			Advice: "nothing says where it lies in memory: lay its bytes as they are", Holds: image.HoldsProgram, AsTheyAre: true}
	}
	if err := p.ReadSegments(ctx); err != nil {
		return nil, err
	}
	if p.Draft.Missing > 0 {
		return nil, fmt.Errorf("%s: the table of program headers at %v is cut: nothing says where the rest lies in memory", in.Path(), p.Place(p.Phoff))
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", in.Path(), err)
	}
	p.findEnds()
	p.BuildID = p.findBuildID()
	return p, nil
}

// check refuses what no loader takes.
func (p *Program) check() error {
	for i := range p.Loads {
		s := &p.Loads[i]
		at := p.HeaderAt(uint64(s.Index))
		switch {
		case s.Filesz > s.Memsz:
			return fmt.Errorf("program header %d at %v: %#x bytes in the file for %#x in memory: no loader takes that", s.Index, p.Place(at), s.Filesz, s.Memsz)
		case s.Memsz > maxProgramMem:
			return fmt.Errorf("program header %d at %v: %#x bytes of memory, more than a process can have", s.Index, p.Place(at), s.Memsz)
		case s.Memsz-1 > uint64(p.MaxAddr())-s.Vaddr:
			return fmt.Errorf("program header %d at %v: %#x bytes from address %#x run past the last address, %v", s.Index, p.Place(at), s.Memsz, s.Vaddr, p.MaxAddr())
		}
	}
	return nil
}

// findEnds finds the lowest PT_LOAD and the last byte of all.
func (p *Program) findEnds() {
	for i := range p.Loads {
		s := &p.Loads[i]
		if p.Low == nil || s.Vaddr < p.Low.Vaddr {
			p.Low = s
		}
		p.last = max(p.last, s.Vaddr+s.Memsz-1)
	}
}

// LowPage returns the page of the lowest PT_LOAD, in the addresses of the file.
func (p *Program) LowPage(page uint64) uint64 { return p.Low.Vaddr &^ (page - 1) }

// lastPage returns the last byte of the last page of the highest PT_LOAD.
func (p *Program) lastPage(page uint64) uint64 { return p.last | (page - 1) }

// Bias returns what is to be added to the file's addresses, modulo 2^64, for its lowest
// page to be at base.
func (p *Program) Bias(base addr.Addr, page uint64) uint64 { return uint64(base) - p.LowPage(page) }

// CheckBase returns an error that says why the program cannot have its lowest page at
// base, an [*image.PageError] where that is not the first address of a page.
func (p *Program) CheckBase(base addr.Addr, page uint64) error {
	switch size := p.lastPage(page) - p.LowPage(page); {
	case uint64(base)%page != 0:
		return &image.PageError{Path: p.Path(), At: base, Page: page}
	case base > p.MaxAddr() || size > uint64(p.MaxAddr()-base):
		return fmt.Errorf("%s: %#x bytes of memory from address %v run past the last address, %v", p.Path(), size+1, base, p.MaxAddr())
	}
	return nil
}

// Lay makes the mappings of the program with its lowest page at base, each
// over those before it: at most four a program header.
func (p *Program) Lay(base addr.Addr, page uint64, name string) []engine.Mapping {
	var out []engine.Mapping
	for i := range p.Loads {
		out = p.laySegment(out, &p.Loads[i], base, page, name)
	}
	return out
}

// Lost returns how many bytes of its segments the file should hold and does not.
func (p *Program) Lost() uint64 {
	var lost uint64
	for i := range p.Loads {
		held, want := p.Loads[i].Stored(p.Loads[i].Filesz, p.Size)
		lost = input.AddSat(lost, want-held)
	}
	return lost
}

// Part is a segment and where it lies.
type Part struct {
	*Segment
	Place
}

// Places returns the segments and where they lie with the program at base, by ascending
// addresses.
func (p *Program) Places(base addr.Addr, page uint64) []Part {
	var out []Part
	for i := range p.Loads {
		out = append(out, Part{&p.Loads[i], p.placeOf(&p.Loads[i], base, page)})
	}
	slices.SortStableFunc(out, func(a, b Part) int { return cmp.Compare(a.First, b.First) })
	return out
}

// Place is where the pages of a segment lie.
type Place struct {
	First, Last addr.Addr // of the pages
	Off         uint64    // of the file's byte at first
	FileBytes   uint64    // bytes from first that are the file's; the rest is zero
	page        uint64    // 1 where the segment has no whole pages
}

// placeOf returns where the pages of a segment lie with the program at base. The
// offset and the address of a segment agree modulo the page; where they do not,
// it cannot be mapped, and is taken to have been read to its place.
func (p *Program) placeOf(s *Segment, base addr.Addr, page uint64) Place {
	whole := base + addr.Addr(s.Vaddr-p.LowPage(page)) // of p_vaddr
	if s.Off%page != s.Vaddr%page {
		page = 1
	}
	lead := s.Vaddr % page
	pl := Place{First: whole - addr.Addr(lead), Last: (whole + addr.Addr(s.Memsz-1)) | addr.Addr(page-1), Off: s.Off - lead, page: page}
	switch {
	case s.Memsz > s.Filesz && s.Filesz > 0:
		pl.FileBytes = lead + s.Filesz
	case s.Filesz > 0:
		pl.FileBytes = uint64(pl.Last-pl.First) + 1
	}
	return pl
}

func (p *Program) laySegment(out []engine.Mapping, s *Segment, base addr.Addr, page uint64, name string) []engine.Mapping {
	pl := p.placeOf(s, base, page)
	m := engine.Mapping{
		Range: addr.Range{First: pl.First, Last: pl.Last}, Perm: s.Perm(),
		Source: p.Source, Offset: pl.Off, Name: name, NameOffset: uint64(pl.First - base), File: true,
	}
	if pl.FileBytes == 0 {
		m.Source, m.Offset, m.State = nil, 0, engine.Zero
		return append(out, m)
	}
	behind := m
	m.Last = m.First + addr.Addr(pl.FileBytes-1)
	out = append(out, PagesOfFile(m, p.Size, pl.page)...)
	if m.Last < behind.Last {
		out = append(out, zeroFrom(behind, m.Last+1))
	}
	return out
}

// zeroFrom returns the part of a mapping from an address in it on, as zeros.
func zeroFrom(m engine.Mapping, first addr.Addr) engine.Mapping {
	m.NameOffset += uint64(first - m.First)
	m.Continuation = m.Continuation || first > m.First
	m.First, m.Source, m.Offset, m.State = first, nil, 0, engine.Zero
	return m
}

// PagesOfFile cuts a mapping of a file of size bytes where the file ends: the
// rest of the page in which it ends is zero, pages behind it are absent.
func PagesOfFile(m engine.Mapping, size, page uint64) []engine.Mapping {
	n := uint64(m.Last-m.First) + 1
	held, filled := uint64(0), uint64(0)
	if m.Offset < size {
		held = min(n, size-m.Offset)
		filled = min(n, input.AddSat(held, -(m.Offset+held)%page))
	}
	var out []engine.Mapping
	if held > 0 {
		present := m
		present.Last = m.First + addr.Addr(held-1)
		out = append(out, present)
	}
	if filled > held {
		zero := zeroFrom(m, m.First+addr.Addr(held))
		zero.Last = m.First + addr.Addr(filled-1)
		out = append(out, zero)
	}
	if filled < n {
		absent := zeroFrom(m, m.First+addr.Addr(filled))
		absent.State = engine.Absent
		out = append(out, absent)
	}
	return out
}

// findBuildID reads the build-id of the program's notes; nil where there is
// none. Of each segment of notes the first 64 KiB are looked at, and of the
// segments the first 16.
func (p *Program) findBuildID() []byte {
	for _, s := range p.Notes[:min(len(p.Notes), 16)] {
		b := make([]byte, min(s.Filesz, maxProgNotes, p.Size))
		n, _ := p.Fill(b, s.Off)
		if id := buildIDIn(b[:n], p.Order, s.Align); id != nil {
			return id
		}
	}
	return nil
}

// buildIDIn walks notes, of which each is a header of three 32-bit
// words (length of the name, length of the contents, type), the name with its zero
// byte and the contents, both padded to 4 bytes, or to 8 in a segment that is aligned
// so.
func buildIDIn(b []byte, order addr.ByteOrder, align uint64) []byte {
	pad := uint64(4)
	if align == 8 {
		pad = 8
	}
	for len(b) >= 12 {
		f := input.NewFields(b, order)
		nameLen, descLen, typ := f.U32(0), f.U32(4), f.U32(8)
		desc := 12 + nameLen + (-(12 + nameLen))%pad // 32-bit lengths: no sum wraps
		end := desc + descLen
		if end > uint64(len(b)) {
			return nil
		}
		if typ == ntBuildID && string(b[12:12+nameLen]) == "GNU\x00" && descLen > 0 && descLen <= maxBuildID {
			return bytes.Clone(b[desc:end])
		}
		b = b[min(end+(-descLen)%pad, uint64(len(b))):]
	}
	return nil
}

// Describe returns what a note says of a program that was laid.
func (p *Program) Describe(base addr.Addr, page uint64) string {
	what := "position-independent"
	if p.Type == TypeExec {
		what = "of fixed addresses"
	}
	return fmt.Sprintf("ELF program or library, %s, laid by its program headers from %v, load bias %#x", what, base, p.Bias(base, page)&uint64(p.MaxAddr()))
}

// SpanFrom returns how many bytes of memory a program asks for whose lowest page is at
// base, in whole pages; 0 where its file does not begin there.
func (p *Program) SpanFrom(base addr.Addr, page uint64) uint64 {
	if p.Low.Off >= page || p.CheckBase(base, page) != nil {
		return 0
	}
	return p.lastPage(page) - p.LowPage(page) + 1
}

// Open places an ELF program or library at o.Base, which is where the
// page of its lowest segment is.
func Open(ctx context.Context, in input.Reader, o image.Options) (*image.Draft, error) {
	p, err := ReadWhole(ctx, in, o.Budget)
	if err != nil {
		return nil, err
	}
	if len(p.Loads) == 0 {
		return openUnplaced(ctx, in, o)
	}
	if o.Space == image.Physical {
		return nil, &image.SpaceError{Path: in.Path(), Want: o.Space, Have: []image.AddressSpace{image.Virtual}, Why: "a program has virtual addresses only", RawHelps: true}
	}
	if err := p.CheckBase(*o.Base, PageSize); err != nil {
		return nil, err
	}
	if err := o.Budget.Take(budget.Product(uint64(len(p.Loads)), segmentBytes), forSegments); err != nil {
		return nil, fmt.Errorf("%s: %d load segments: %w", in.Path(), len(p.Loads), err)
	}
	img := &image.Draft{Image: image.Image{Format: "ELF program", Space: image.Virtual, Spaces: []image.AddressSpace{image.Virtual}}}
	name, narrow := MachineName(p.Machine)
	img.WordSize, img.Order, img.OrderKnown = p.WordSize(), p.Order, true
	if p.Wide && narrow {
		img.AltWordSize = 4
	}
	img.Detail = fmt.Sprintf("%d-bit %s-endian %s, %s", 8*p.WordSize(), p.Order, name, input.Plural(len(p.Loads), "load segment"))
	img.Mappings = p.Lay(*o.Base, PageSize, input.BaseName(in.Path()))
	img.Modules = []image.Module{image.NewModule(input.BaseName(in.Path()), p.BuildID, in.Source, img.Mappings)}
	img.Note("%s", p.Describe(*o.Base, PageSize))
	img.Tell("machine", name)
	img.Tell("build_id", hex.EncodeToString(p.BuildID))
	if lost := p.Lost(); lost > 0 {
		img.Note("truncated: the file ends at offset %#x: %d bytes of its segments are lost", p.Size, lost)
		img.Lose(lost)
	}
	return img, nil
}

// openUnplaced places the bytes of a program without any load segment as they
// are: nothing else can be made of it.
func openUnplaced(ctx context.Context, in input.Reader, o image.Options) (*image.Draft, error) {
	img, err := raw.Open(ctx, in, o)
	if err == nil {
		img.Note("an ELF file without load segments: its bytes are laid as they are")
	}
	return img, err
}

// SameMachine reports whether two headers are of one class, byte order and
// machine.
func (h *Header) SameMachine(o *Header) bool {
	return h.Wide == o.Wide && h.Order == o.Order && h.Machine == o.Machine
}

// DescribeMachine returns the header's class, byte order and machine in words.
func (h *Header) DescribeMachine() string {
	name, _ := MachineName(h.Machine)
	return fmt.Sprintf("%d-bit %s-endian %s", 8*h.WordSize(), h.Order, name)
}

// SameStart compares the first bytes of two files, up to a page, but for what
// of the ELF header tells of sections, which strip changes. It reports as well
// whether there was enough to compare.
func SameStart(a, b input.Reader, h *Header) (same, compared bool) {
	var x, y [PageSize]byte
	n, err1 := a.Fill(x[:min(a.Size, PageSize)], 0)
	m, err2 := b.Fill(y[:min(b.Size, PageSize)], 0)
	n = min(n, m)
	if err1 != nil || err2 != nil || n < h.Pick(52, 64) {
		return false, false
	}
	clearSections(x[:], h)
	clearSections(y[:], h)
	return bytes.Equal(x[:n], y[:n]), true
}

// SameLoads reports whether the program that head is the beginning of has the same
// load segments.
func (p *Program) SameLoads(ctx context.Context, head input.Reader) bool {
	other, err := ReadHead(ctx, head)
	if err != nil || len(other.Loads) != len(p.Loads) {
		return false
	}
	for i, s := range other.Loads {
		if t := p.Loads[i]; s.Off != t.Off || s.Vaddr != t.Vaddr || s.Filesz != t.Filesz || s.Memsz != t.Memsz {
			return false
		}
	}
	return true
}

// clearSections clears e_shoff, e_shentsize, e_shnum and e_shstrndx.
func clearSections(b []byte, h *Header) {
	clear(b[h.Pick(32, 40):h.Pick(36, 48)])
	clear(b[h.Pick(46, 58):h.Pick(52, 64)])
}

// ReadHead reads the headers at the beginning of a program that was mapped.
func ReadHead(ctx context.Context, head input.Reader) (*Program, error) {
	var magic [4]byte
	if n, _ := head.Fill(magic[:], 0); n < 4 || !IsELF(magic[:]) {
		return nil, ErrNoELF
	}
	p, err := ReadProgram(ctx, head)
	if err == nil && len(p.Loads) == 0 {
		err = ErrNoELF
	}
	return p, err
}

// IsELF reports whether bytes begin as an ELF file does.
func IsELF(head []byte) bool { return bytes.HasPrefix(head, []byte("\x7fELF")) }

var ErrNoELF = errors.New("not an ELF program or library")
