// Package elf reads ELF files by hand: the header, the program headers, and of the
// section headers the first one, for the number of program headers where that does not
// fit in 16 bits; and what a program or library looks like in memory. Cores are read by
// the core package. It is for the engine and may change. Sources: System V ABI, "Object
// Files" and "Program Loading"; elf(5), PN_XNUM; linux fs/binfmt_elf.c, elf_core_dump.
//
// debug/elf will not do: it loses the headers beyond 65,535 without an error
// and gives up on truncated files, whose section headers are gone.
package elf

import (
	"context"
	"fmt"
	"math"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/image"
	"vscan/engine/image/input"
	"vscan/engine/image/magic"
)

const (
	TypeCore    = 4      // e_type ET_CORE
	SegmentLoad = 1      // p_type PT_LOAD
	segmentNote = 4      // p_type PT_NOTE
	pnXNum      = 0xffff // e_phnum where sh_info of section header 0 has the number
)

// Format is the line in the table of detection of ELF files that are no
// cores. They are read where an address says where they lie: see Open.
var Format = magic.Format{Name: "ELF", What: "an ELF file", Match: IsELF, Option: "elf", Open: refuseUnplaced, Holds: image.HoldsProgram}

// Header is the ELF header, as far as it is needed here. Names are those of the System V
// ABI without their prefixes.
type Header struct {
	Wide      bool // ELFCLASS64
	Order     addr.ByteOrder
	Type      uint64
	Machine   uint64
	Flags     uint64
	Phoff     uint64 // file offset of the program headers
	shoff     uint64 // file offset of the section headers
	phentsize uint64 // bytes from one program header to the next
	Phnum     uint64 // as the header has it, PN_XNUM where it does not fit: see File.Count
}

// IsCore reports whether a file begins with the ELF header of a core, or with
// an ELF header that is too damaged to tell.
func IsCore(head []byte) bool {
	if !IsELF(head) {
		return false
	}
	h, err := ParseHeader(head)
	return err != nil || h.Type == TypeCore
}

// ParseHeader reads the ELF header at the start of b. EI_VERSION is not
// looked at: VirtualBox writes 0.
func ParseHeader(b []byte) (Header, error) {
	var h Header
	if len(b) < 16 {
		return h, fmt.Errorf("the ELF header is cut after %d bytes", len(b))
	}
	switch class := b[4]; class {
	case 1, 2:
		h.Wide = class == 2
	default:
		return h, fmt.Errorf("byte 4 of the ELF header: class %d is neither 1 (32-bit) nor 2 (64-bit)", class)
	}
	switch data := b[5]; data {
	case 1:
		h.Order = addr.Little
	case 2:
		h.Order = addr.Big
	default:
		return h, fmt.Errorf("byte 5 of the ELF header: data encoding %d is neither 1 (little-endian) nor 2 (big-endian)", data)
	}
	if size := h.Pick(52, 64); len(b) < size {
		return h, fmt.Errorf("the ELF header is cut after %d of %d bytes", len(b), size)
	}
	f := input.NewFields(b, h.Order)
	h.Type, h.Machine = f.U16(16), f.U16(18)
	if h.Wide {
		h.Phoff, h.shoff, h.Flags = f.U64(32), f.U64(40), f.U32(48)
		h.phentsize, h.Phnum = f.U16(54), f.U16(56)
	} else {
		h.Phoff, h.shoff, h.Flags = f.U32(28), f.U32(32), f.U32(36)
		h.phentsize, h.Phnum = f.U16(42), f.U16(44)
	}
	return h, nil
}

// Pick returns narrow for a 32-bit file and wide for a 64-bit one: sizes and offsets of
// what the two have differently.
func (h *Header) Pick(narrow, wide int) int {
	if h.Wide {
		return wide
	}
	return narrow
}

// WordSize returns the size of an address in the file, in bytes.
func (h *Header) WordSize() int { return h.Pick(4, 8) }

// MaxAddr returns the last address that the file can name.
func (h *Header) MaxAddr() addr.Addr {
	if h.Wide {
		return addr.Max
	}
	return math.MaxUint32
}

// Segment is a program header of type PT_LOAD or PT_NOTE. Names are those of the System V
// ABI without their prefix. A core can have millions, so it has no more than is asked for.
type Segment struct {
	Index             uint32 // in the table of program headers
	Flags             uint32
	Off, Vaddr, Paddr uint64
	Filesz, Memsz     uint64
}

// NoteSegment is a program header of type PT_NOTE.
type NoteSegment struct {
	Segment
	Align uint64
}

// File is an ELF file with its header and what matters of its program headers.
type File struct {
	input.Reader
	Header
	Draft  *image.Draft   // for notes about the file, and what is missing of it
	Budget *budget.Budget // asked for the memory of segments; nil has no limit
	Loads  []Segment      // PT_LOAD with memory, in the order of the headers
	Notes  []NoteSegment  // PT_NOTE
	Count  uint64         // program headers, wherever the file says how many; at least, where that is lost
}

// ReadHeader reads the ELF header of a file.
func ReadHeader(in input.Reader) (Header, error) {
	var head [64]byte
	n, err := in.Fill(head[:], 0)
	if err != nil {
		return Header{}, err
	}
	h, err := ParseHeader(head[:n])
	if err != nil {
		err = fmt.Errorf("%s: %w", in.Path(), err)
	}
	return h, err
}

// refuseUnplaced is the reader of ELF files that are no cores: without an address
// they are refused.
func refuseUnplaced(_ context.Context, in input.Reader, _ image.Options) (*image.Draft, error) {
	h, err := ReadHeader(in)
	if err != nil {
		return nil, err
	}
	return nil, h.RefuseUnplaced(in.Path())
}

// RefuseUnplaced returns the error about an ELF file that is no core, where no address says
// where it lies.
func (h *Header) RefuseUnplaced(path string) error {
	return &image.UnsupportedError{Path: path, Format: "ELF", What: h.kind() + ", not a dump",
		Advice: magic.PlaceAdvice, RawHelps: magic.ScanBytes, Holds: image.HoldsProgram, Placeable: true}
}

// kind says what an ELF file that is no core is.
func (h *Header) kind() string {
	switch h.Type {
	case 1:
		return "an ELF object file"
	case 2:
		return "an ELF executable"
	case 3:
		return "an ELF shared object or position-independent executable"
	}
	return fmt.Sprintf("an ELF file of type %d", h.Type)
}

// ReadSegments reads the program headers, as many as the file holds. Those that lie in a
// hole of the file are PT_NULL, and are not read. Errors name the file.
func (c *File) ReadSegments(ctx context.Context) error {
	if c.Phnum == 0 {
		return nil
	}
	size := c.Pick(32, 56)
	if c.phentsize < uint64(size) {
		return fmt.Errorf("%s: ELF header: a program header of %d bytes (e_phentsize), less than the %d that there must be", c.Path(), c.phentsize, size)
	}
	count, err := c.countSegments()
	if err != nil {
		return err
	}
	// Where the count is lost, the table ends where the first segment begins.
	counted := count != lost
	tableEnd := uint64(math.MaxUint64)
	if !counted {
		count = pnXNum
	}
	table := input.Records{At: c.Phoff, Stride: c.phentsize, Size: size}
	held := min(count, c.withData(table))
	if err := c.Budget.Take(budget.Product(held, segmentBytes), forSegments); err != nil {
		return fmt.Errorf("%s: %d program headers at %v: %w", c.Path(), held, c.Place(c.Phoff), err)
	}
	c.Loads = make([]Segment, 0, held)
	var over error // the budget has no more for segments whose number was not known
	wanted := func() uint64 {
		if over != nil {
			return 0
		}
		return count
	}
	read, empty, err := c.Each(ctx, table, wanted, func(i uint64, b []byte) {
		if i >= held && (i-held)%segmentsAtOnce == 0 && over == nil {
			over = c.Budget.Take(segmentsAtOnce*segmentBytes, forSegments)
		}
		s := c.parseSegment(b, i)
		if s.Filesz > 0 && s.Off >= c.HeaderAt(pnXNum) && s.Off < tableEnd {
			tableEnd = s.Off
		}
		if !counted && tableEnd != math.MaxUint64 {
			count = min(max(pnXNum, (tableEnd-c.Phoff)/c.phentsize), math.MaxUint32) // sh_info names no more
		}
	})
	if over != nil {
		return fmt.Errorf("%s: program header %d at %v: %w", c.Path(), read, c.Place(c.HeaderAt(read)), over)
	}
	if ended := ctx.Err(); ended != nil && err != nil {
		return image.Interrupted(ended, c.Path(), "reading program header %d of %d", read, count)
	}
	if err != nil {
		return fmt.Errorf("%s: program header %d at %v: %w", c.Path(), read, c.Place(c.HeaderAt(read)), err)
	}
	c.Count = count
	c.noteUnread(read, empty, counted)
	return nil
}

// A segment takes about segmentBytes while a core is read and its mapping is made. Where it is
// not known how many there are, the budget is asked for segmentsAtOnce at a time.
const (
	segmentBytes   = 200
	segmentsAtOnce = 1 << 12
	forSegments    = "the segments of the image"
)

// withData returns how many records of a table are known to lie in data of the file, and not
// in a hole, from the first on. What append would leave behind of millions is more than what
// they take.
func (c *File) withData(table input.Records) uint64 {
	end, hole := c.Extent(table.At)
	if hole || c.Thin() || end < table.At {
		return 0
	}
	return (end - table.At) / table.Stride
}

// noteUnread tells which program headers were not read, and why.
func (c *File) noteUnread(read, empty uint64, counted bool) {
	held := c.Count
	if room := c.Reader.Count(input.Records{At: c.Phoff, Stride: c.phentsize}); room < held {
		held = room
	}
	if empty > 0 {
		c.Draft.Note("%d of %d program headers, from %v on, lie in holes of the file: what they said is lost", empty, c.Count, c.Place(c.Phoff))
		c.Draft.Lose(input.MulSat(empty, c.phentsize))
	}
	least := ""
	if !counted {
		least = "at least "
	}
	switch unread := c.Count - read; {
	case unread == 0:
	case read < held && c.Thin():
		c.Draft.Note("%d of %d program headers, from %v on, follow %d bytes of zeros in a file that has less on disk than its size: not read", unread, c.Count, c.Place(c.HeaderAt(read)), input.MaxZeroRecords)
		c.Draft.Lose(input.MulSat(unread, c.phentsize))
	default:
		c.Draft.Note("truncated: the file ends within the table of program headers at %v: %d of %s%d were read", c.Place(c.Phoff), read, least, c.Count)
		c.Draft.Lose(input.MulSat(unread, c.phentsize))
	}
}

// lost is the count of a table whose length the file does not tell any more.
const lost = math.MaxUint64

// countSegments returns the number of program headers that the file should have.
func (c *File) countSegments() (uint64, error) {
	if c.Phnum != pnXNum {
		return c.Phnum, nil
	}
	b := make([]byte, c.Pick(40, 64))
	if c.shoff != 0 {
		n, err := c.Fill(b, c.shoff)
		if err != nil {
			return 0, err
		}
		if n == len(b) {
			if count := input.NewFields(b, c.Order).U32(c.Pick(28, 44)); count != 0 {
				return count, nil
			}
		}
	}
	c.Draft.Note("more than 65,534 program headers, but the section header that says how many (%v) is not there: reading as many as there seem to be", c.Place(c.shoff))
	c.Draft.Lose(1)
	return lost, nil
}

// HeaderAt returns the file offset of a program header, by its index.
func (c *File) HeaderAt(index uint64) uint64 {
	return input.AddSat(c.Phoff, input.MulSat(index, c.phentsize))
}

// parseSegment keeps a program header where it is one of those that matter.
func (c *File) parseSegment(b []byte, index uint64) Segment {
	f := input.NewFields(b, c.Order)
	s := Segment{Index: uint32(index)} // of at most 2^32 − 1
	var align uint64
	if c.Wide {
		s.Flags, s.Off, s.Vaddr, s.Paddr = uint32(f.U32(4)), f.U64(8), f.U64(16), f.U64(24)
		s.Filesz, s.Memsz, align = f.U64(32), f.U64(40), f.U64(48)
	} else {
		s.Off, s.Vaddr, s.Paddr = f.U32(4), f.U32(8), f.U32(12)
		s.Filesz, s.Memsz, s.Flags, align = f.U32(16), f.U32(20), uint32(f.U32(24)), f.U32(28)
	}
	switch f.U32(0) {
	case SegmentLoad:
		if s.Filesz > s.Memsz {
			c.Draft.Note("program header %d at %v: %#x bytes in the file for %#x in memory: the surplus is not shown", index, c.Place(c.HeaderAt(index)), s.Filesz, s.Memsz)
		}
		if s.Memsz > 0 {
			c.Loads = append(c.Loads, s)
		}
	case segmentNote:
		c.Notes = append(c.Notes, NoteSegment{s, align})
	}
	return s
}

// Perm returns the permissions that p_flags tell.
func (s *Segment) Perm() engine.Perm {
	p := engine.PermKnown
	for i, flag := range []engine.Perm{engine.PermExecute, engine.PermWrite, engine.PermRead} {
		if s.Flags&(1<<i) != 0 {
			p |= flag
		}
	}
	return p
}

// Stored returns how many of the segment's first n bytes a file of size bytes holds, and
// how many it should.
func (s *Segment) Stored(n, size uint64) (held, want uint64) {
	want = min(s.Filesz, n)
	if s.Off < size {
		held = min(want, size-s.Off)
	}
	return held, want
}
