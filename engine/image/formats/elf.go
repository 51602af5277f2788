package formats

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/input"
	"vscan/engine/image/magic"
)

// ELF cores, read by hand: the header, the program headers, and of the section
// headers the first one, for the number of program headers where that does not
// fit in 16 bits. Sources: System V ABI, "Object Files" and "Program Loading";
// elf(5), PN_XNUM; linux fs/binfmt_elf.c, elf_core_dump.
//
// debug/elf will not do: it loses the headers beyond 65,535 without an error
// and gives up on truncated files, whose section headers are gone.

const (
	elfCore = 4      // e_type ET_CORE
	ptLoad  = 1      // p_type PT_LOAD
	ptNote  = 4      // p_type PT_NOTE
	pnXNum  = 0xffff // e_phnum where sh_info of section header 0 has the number
)

// programFormat is the line in the table of detection of ELF files that are no
// cores. They are read where an address says where they lie: see openProgram.
var programFormat = magic.Format{Name: "ELF", What: "an ELF file", Match: isELFMagic, Option: "elf", Open: refuseUnplaced, Holds: image.HoldsProgram}

// elfHeader is the ELF header, as far as a core needs it.
type elfHeader struct {
	wide      bool // ELFCLASS64
	order     addr.ByteOrder
	Typ       uint64
	machine   uint64
	flags     uint64
	phoff     uint64 // file offset of the program headers
	shoff     uint64 // file offset of the section headers
	phentsize uint64 // bytes from one program header to the next
	phnum     uint64
}

// isELFCore says whether a file begins with the ELF header of a core, or with
// an ELF header that is too damaged to tell.
func isELFCore(head []byte) bool {
	if !isELFMagic(head) {
		return false
	}
	h, err := parseELFHeader(head)
	return err != nil || h.Typ == elfCore
}

// parseELFHeader reads the ELF header at the start of b. EI_VERSION is not
// looked at: VirtualBox writes 0.
func parseELFHeader(b []byte) (elfHeader, error) {
	var h elfHeader
	if len(b) < 16 {
		return h, fmt.Errorf("the ELF header is cut after %d bytes", len(b))
	}
	switch class := b[4]; class {
	case 1, 2:
		h.wide = class == 2
	default:
		return h, fmt.Errorf("ELF header at file offset 0x4: class %d is neither 1 (32-bit) nor 2 (64-bit)", class)
	}
	switch data := b[5]; data {
	case 1:
		h.order = addr.Little
	case 2:
		h.order = addr.Big
	default:
		return h, fmt.Errorf("ELF header at file offset 0x5: data encoding %d is neither 1 (little-endian) nor 2 (big-endian)", data)
	}
	if size := h.pick(52, 64); len(b) < size {
		return h, fmt.Errorf("the ELF header is cut after %d of %d bytes", len(b), size)
	}
	f := input.NewFields(b, h.order)
	h.Typ, h.machine = f.U16(16), f.U16(18)
	if h.wide {
		h.phoff, h.shoff, h.flags = f.U64(32), f.U64(40), f.U32(48)
		h.phentsize, h.phnum = f.U16(54), f.U16(56)
	} else {
		h.phoff, h.shoff, h.flags = f.U32(28), f.U32(32), f.U32(36)
		h.phentsize, h.phnum = f.U16(42), f.U16(44)
	}
	return h, nil
}

// pick is narrow in a 32-bit file and wide in a 64-bit one.
func (h *elfHeader) pick(narrow, wide int) int {
	if h.wide {
		return wide
	}
	return narrow
}

// wordSize is the size of an address in the file.
func (h *elfHeader) wordSize() int { return h.pick(4, 8) }

// maxAddr is the last address that the file can name.
func (h *elfHeader) maxAddr() addr.Addr {
	if h.wide {
		return addr.Max
	}
	return math.MaxUint32
}

// Segment is a program header of type PT_LOAD or PT_NOTE.
type Segment struct {
	index             uint64 // in the table of program headers
	flags             uint64
	off, vaddr, paddr uint64
	Filesz, Memsz     uint64
	align             uint64
}

// elfFile is an ELF file with its header and what matters of its program headers.
type elfFile struct {
	input.Reader
	elfHeader
	img   *image.Draft // for notes about the file, and what is missing of it
	Loads []Segment    // PT_LOAD with memory, in the order of the headers
	notes []Segment    // PT_NOTE
}

// readELFHeader reads the ELF header of a file.
func readELFHeader(in input.Reader) (elfHeader, error) {
	var head [64]byte
	n, err := in.Fill(head[:], 0)
	if err != nil {
		return elfHeader{}, err
	}
	h, err := parseELFHeader(head[:n])
	if err != nil {
		err = fmt.Errorf("%s: %w", in.Path(), err)
	}
	return h, err
}

// refuseUnplaced is the reader of ELF files that are no cores: without an address
// they are refused.
func refuseUnplaced(in input.Reader, _ image.Options) (*image.Draft, error) {
	h, err := readELFHeader(in)
	if err != nil {
		return nil, err
	}
	return nil, h.notDump(in.Path())
}

// notDump is the error about an ELF file that is no core, where no address says
// where it lies.
func (h *elfHeader) notDump(path string) error {
	return &image.UnsupportedError{Path: path, Format: "ELF", What: h.kind() + ", not a dump",
		Advice: magic.PlaceAdvice, RawHelps: magic.ScanBytes, Holds: image.HoldsProgram, Placeable: true}
}

// kind says what an ELF file that is no core is.
func (h *elfHeader) kind() string {
	switch h.Typ {
	case 1:
		return "an ELF object file"
	case 2:
		return "an ELF executable"
	case 3:
		return "an ELF shared object or position-independent executable"
	}
	return fmt.Sprintf("an ELF file of type %d", h.Typ)
}

// readSegments reads the program headers, as many as the file holds.
func (c *elfFile) readSegments() error {
	if c.phnum == 0 {
		return nil
	}
	size := uint64(c.pick(32, 56))
	if c.phentsize < size {
		return fmt.Errorf("ELF header: a program header of %d bytes (e_phentsize), less than the %d that there must be", c.phentsize, size)
	}
	count, err := c.countSegments()
	if err != nil {
		return err
	}
	var held uint64 // headers that the file has room for
	if c.phoff < c.Size {
		held = (c.Size - c.phoff) / c.phentsize
	}
	// Where the count is lost, the table ends where the first segment begins.
	counted := count != lost
	tableEnd := uint64(math.MaxUint64)
	if !counted {
		count = pnXNum
	}

	table := int(min(1<<16, input.MulSat(min(count, held), c.phentsize)))
	r := bufio.NewReaderSize(io.NewSectionReader(c, int64(min(c.phoff, c.Size)), math.MaxInt64), table)
	b := make([]byte, size)
	read := uint64(0)
	for ; read < min(count, held); read++ {
		if _, err := io.ReadFull(r, b); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break // the file has just been cut
		} else if err != nil {
			return fmt.Errorf("program header %d at file offset %#x: %w", read, c.headerAt(read), err)
		}
		s := c.parseSegment(b, read)
		if s.Filesz > 0 && s.off >= c.headerAt(pnXNum) && s.off < tableEnd {
			tableEnd = s.off
		}
		if !counted && tableEnd != math.MaxUint64 {
			count = max(pnXNum, (tableEnd-c.phoff)/c.phentsize)
		}
		r.Discard(int(c.phentsize - size)) // what it cannot skip, the next read cannot have
	}
	if !counted && read < count {
		count = max(read, pnXNum)
	}
	if read < count {
		c.img.Note("truncated: the file ends within the table of program headers at file offset %#x: %d of %d were read", c.phoff, read, count)
		c.img.Lose(input.MulSat(count-read, c.phentsize))
	}
	return nil
}

// lost is the count of a table whose length the file does not tell any more.
const lost = math.MaxUint64

// countSegments is the number of program headers that the file should have.
func (c *elfFile) countSegments() (uint64, error) {
	if c.phnum != pnXNum {
		return c.phnum, nil
	}
	b := make([]byte, c.pick(40, 64))
	if c.shoff != 0 {
		n, err := c.Fill(b, c.shoff)
		if err != nil {
			return 0, err
		}
		if n == len(b) {
			if count := input.NewFields(b, c.order).U32(c.pick(28, 44)); count != 0 {
				return count, nil
			}
		}
	}
	c.img.Note("more than 65,534 program headers, but the section header that says how many (file offset %#x) is not there: reading as many as there seem to be", c.shoff)
	c.img.Lose(1)
	return lost, nil
}

// headerAt is the file offset of a program header.
func (c *elfFile) headerAt(index uint64) uint64 {
	return input.AddSat(c.phoff, input.MulSat(index, c.phentsize))
}

// parseSegment keeps a program header where it is one of those that matter.
func (c *elfFile) parseSegment(b []byte, index uint64) Segment {
	f := input.NewFields(b, c.order)
	s := Segment{index: index}
	if c.wide {
		s.flags, s.off, s.vaddr, s.paddr = f.U32(4), f.U64(8), f.U64(16), f.U64(24)
		s.Filesz, s.Memsz, s.align = f.U64(32), f.U64(40), f.U64(48)
	} else {
		s.off, s.vaddr, s.paddr = f.U32(4), f.U32(8), f.U32(12)
		s.Filesz, s.Memsz, s.flags, s.align = f.U32(16), f.U32(20), f.U32(24), f.U32(28)
	}
	switch f.U32(0) {
	case ptLoad:
		if s.Filesz > s.Memsz {
			c.img.Note("program header %d at file offset %#x: %#x bytes in the file for %#x in memory: the surplus is not shown", index, c.headerAt(index), s.Filesz, s.Memsz)
		}
		if s.Memsz > 0 {
			c.Loads = append(c.Loads, s)
		}
	case ptNote:
		c.notes = append(c.notes, s)
	}
	return s
}

// Perm is p_flags.
func (s *Segment) Perm() engine.Perm {
	p := engine.PermKnown
	for i, flag := range []engine.Perm{engine.PermExecute, engine.PermWrite, engine.PermRead} {
		if s.flags&(1<<i) != 0 {
			p |= flag
		}
	}
	return p
}

// stored is how many of the segment's first n bytes the file holds, and how
// many it should.
func (s *Segment) stored(n, size uint64) (held, want uint64) {
	want = min(s.Filesz, n)
	if s.off < size {
		held = min(want, size-s.off)
	}
	return held, want
}
