package core

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/image"
	"vscan/engine/image/elf"
	"vscan/engine/image/input"
	"vscan/internal/interrupt"
)

// The notes of an ELF core: of the many kinds, those that name memory, and
// those that tell a machine's memory from a process's. Sources: elf(5), "Notes
// (Nhdr)"; linux fs/binfmt_elf.c, fill_files_note; getauxval(3).

const (
	ntStatus     = 1          // NT_PRSTATUS of "CORE", one a thread
	ntInfo       = 3          // NT_PRPSINFO of "CORE"
	ntAuxv       = 6          // NT_AUXV of "CORE"
	ntFile       = 0x46494c45 // NT_FILE of "CORE"
	nt386TLS     = 0x200      // NT_386_TLS of "LINUX", one a thread of i386
	ntArmTLS     = 0x401      // NT_ARM_TLS of "LINUX", one a thread of AArch64
	maxNoteBytes = 64 << 20   // of one note; linux writes at most 16 MiB of NT_FILE
	maxDescBytes = 256 << 20  // of all notes that are read whole
)

// An entry of NT_FILE takes about fileBytes, as a range, as a module and as a mapping of
// what was not saved, besides its path.
const (
	fileBytes = 1000
	forNotes  = "the notes of the image"
	forFiles  = "the files that the image names"
)

// The entries of the auxiliary vector that are of use here: getauxval(3).
const (
	atPhdr     = 3  // AT_PHDR: the program headers of the program
	atPhent    = 4  // AT_PHENT: the size of one
	atPhnum    = 5  // AT_PHNUM: how many there are
	atPagesz   = 6  // AT_PAGESZ
	atPlatform = 15 // AT_PLATFORM: a string, what the kernel calls the CPU
	atBase     = 7  // AT_BASE: where the program's interpreter is, 0 without one
	atEntry    = 9  // AT_ENTRY: the program's first instruction
	atRandom   = 25 // AT_RANDOM: 16 bytes on the stack of the first thread
	atExecFn   = 31 // AT_EXECFN: a string there, the path that was executed
	atSysinfo  = 33 // AT_SYSINFO_EHDR: the start of the vDSO
)

// noteInfo is what the notes of a core say.
type noteInfo struct {
	noteCount    int
	descBytes    uint64     // of notes that were read whole: see maxDescBytes
	ofMachine    bool       // there is a note that is written for whole machines only
	ofProcess    bool       // there is a note that is written for processes only
	hasRegisters bool       // there is a note of registers, of a thread or a CPU
	ofQEMU       bool       // there is a note of QEMU's
	levels5      bool       // a CPU of QEMU's had five levels of page tables
	writer       string     // who wrote the dump, as far as a note tells
	files        []fileSpan // of NT_FILE; ascending, disjoint
	auxv         map[uint64]uint64
	threads      []image.Thread
	pid          uint64      // of the process; 0: not told
	signal       uint64      // that ended it; 0: none, or not told
	cpus         int         // notes of a CPU's state
	dtb          string      // where the page tables of the first CPU begin
	creator      string      // the program that wrote the dump, and its version
	vmcoreinfo   []byte      // the lines of VMCOREINFO, the first of them
	executed     string      // the path that was executed, as it was given
	platform     string      // of the CPU, as the kernel calls it
	args         string      // its first arguments, cut after 79 bytes
	entries      []fileEntry // of NT_FILE, as they are written
	fileUnit     uint64      // of the offsets of entries, in bytes: see findModules
}

// fileSpan is a range of addresses and the file that was mapped there.
type fileSpan struct {
	addr.Range
	name   string
	offset uint64    // in the file, in bytes
	base   addr.Addr // that offsets in the module count from: see elf.LoadBases
}

// machineNotes are the names of the notes that are written for machines, with
// what they tell of the writer. QEMU target/i386/arch_dump.c; linux
// kernel/vmcore_info.c; VirtualBox DBGFCoreWrite.cpp; Xen xen/elfcore.h.
var machineNotes = map[string]string{
	"QEMU":           "from QEMU",
	"VMCOREINFO":     "with VMCOREINFO",
	"VMCOREINFO_XEN": "with VMCOREINFO",
	"ERASEINFO":      "from makedumpfile",
	"VBCORE":         "from VirtualBox",
	"VBCPU":          "from VirtualBox",
	"Xen":            "from Xen",
	"XEN CORE":       "from Xen",
}

// readNotes walks all notes. A damaged note ends its segment with a remark: no
// memory is lost with it. The walk goes over as many bytes as the file has at
// the most, so segments that share their bytes cannot make it long.
func (c *reader) readNotes() error {
	budget := c.Size
	r := bufio.NewReader(nil)
	for i := range c.Notes {
		s := &c.Notes[i]
		held, want := s.Stored(s.Filesz, c.Size)
		if held < want {
			c.Draft.Note("notes of program header %d: cut at the end of the file, %d of %d bytes", s.Index, held, want)
		}
		if held > budget {
			c.Draft.Note("notes of program header %d at %v: more notes than the file has bytes: not read", s.Index, c.Place(s.Off))
			return nil
		}
		budget -= held
		if err := c.readNoteSegment(r, s, held); err != nil {
			return err
		}
	}
	return nil
}

// readNoteSegment walks n bytes of notes. Each is a header of three 32-bit
// words (length of the name, length of the contents, type), the name with its
// zero byte and the contents, both padded to 4 bytes, or to 8 in a segment
// that is aligned so.
func (c *reader) readNoteSegment(r *bufio.Reader, s *elf.NoteSegment, n uint64) error {
	pad := uint64(4)
	if s.Align == 8 {
		pad = 8
	}
	var head [12]byte
	zeros, end := uint64(0), uint64(0) // bytes of zeros that were just read, and where data end that r reads
	for pos := uint64(0); n-pos >= uint64(len(head)); {
		at := s.Off + pos
		if err := c.watch.Step(1); err != nil {
			return err
		}
		if at >= end {
			stop, hole := c.Extent(at)
			step := 12 + (pad-12%pad)%pad // of a note of zeros, which is padding
			if k := min((min(stop, s.Off+n)-at)/step, (n-pos)/step); hole && k > 0 {
				pos += k * step
				continue
			}
			end = stop
			r.Reset(io.NewSectionReader(c, int64(at), int64(n-pos)))
		}
		if err := c.fill(r, head[:], at); err != nil {
			return err
		}
		f := input.NewFields(head[:], c.Order)
		nameLen, descLen, typ := f.U32(0), f.U32(4), f.U32(8)
		// 32-bit lengths: none of these sums wraps.
		desc := 12 + nameLen + (-(12 + nameLen))%pad
		if desc+descLen > n-pos {
			c.Draft.Note("note at %v: %d bytes, beyond the end of its segment", c.Place(at), desc+descLen)
			return nil
		}
		next := min(desc+descLen+(-descLen)%pad, n-pos)

		name := make([]byte, min(nameLen, 32))
		if err := c.fill(r, name, at); err != nil {
			return err
		}
		skip(r, c, desc-12-uint64(len(name)), at+desc, s.Off+n)
		read, err := c.takeNote(string(bytes.TrimRight(name, "\x00")), typ, r, descLen, at+desc)
		if err != nil {
			return err
		}
		if nameLen|descLen|typ != 0 { // else padding
			c.noteCount++
			zeros = 0
		} else if zeros += next; zeros >= input.MaxZeroRecords && c.Thin() {
			c.Draft.Note("notes of program header %d: from %v on there are %d bytes of zeros in a file that has less on disk than its size: the %d bytes behind them are not read", s.Index, c.Place(at+next-zeros), zeros, n-pos-next)
			return nil
		}
		skip(r, c, next-desc-read, at+next, s.Off+n)
		pos += next
	}
	return nil
}

// skip passes over n bytes of r, up to a file offset; the notes end at another one. What
// is long is not read.
func skip(r *bufio.Reader, from io.ReaderAt, n, off, end uint64) {
	if n <= 64<<10 {
		r.Discard(int(n))
		return
	}
	r.Reset(io.NewSectionReader(from, int64(off), int64(end-off)))
}

// fill reads all of b. The file held the bytes when it was opened; where it
// has been cut since, they are zeros.
func (c *reader) fill(r io.Reader, b []byte, at uint64) error {
	n, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		clear(b[n:])
		err = nil
	}
	if err != nil {
		return fmt.Errorf("%s: cannot read the note at %v: %w", c.Path(), c.Place(at), err)
	}
	return nil
}

// takeNote keeps what a note says, and returns how many of its size bytes it
// has read.
func (c *reader) takeNote(name string, typ uint64, r io.Reader, size, at uint64) (uint64, error) {
	c.noteKind(name, typ)
	if writer, ok := machineNotes[name]; ok {
		if c.writer == "" || c.writer == "with VMCOREINFO" {
			c.writer = writer
		}
		switch {
		case name == "QEMU":
			return c.takeQEMU(r, size, at)
		case name == "VBCORE" || name == "VBCPU":
			return c.takeVirtualBox(name, r, size, at)
		case name == "VMCOREINFO" && c.vmcoreinfo == nil:
			return c.takeVMCoreInfo(r, size, at)
		}
		return 0, nil
	}
	if name == "CORE" && (typ == ntStatus || typ == ntInfo) {
		return c.takeThread(typ, r, size, at)
	}
	if name == "LINUX" && (typ == ntArmTLS || typ == nt386TLS) {
		return c.takePointer(r, size, at)
	}
	if name != "CORE" || (typ != ntAuxv && typ != ntFile) {
		return 0, nil
	}
	if size > maxNoteBytes {
		c.Draft.Note("note at %v: %d bytes: too large, names of mappings are not read", c.Place(at), size)
		return 0, nil
	}
	if c.descBytes += size; c.descBytes > maxDescBytes {
		c.Draft.Note("note at %v: %d bytes, behind %d of such notes: too many, names of mappings are not read", c.Place(at), size, c.descBytes-size)
		return 0, nil
	}
	if err := c.Budget.Take(size, forNotes); err != nil {
		return 0, fmt.Errorf("%s: note at %v: %w", c.Path(), c.Place(at), err)
	}
	defer c.Budget.Give(size)
	desc := make([]byte, size) // as many as the file holds, at the most, and maxNoteBytes
	if err := c.fill(r, desc, at); err != nil {
		return 0, err
	}
	switch {
	case typ == ntAuxv && c.auxv == nil:
		c.takeAuxv(desc)
	case typ == ntFile && len(c.files) == 0:
		err := c.takeFiles(desc, at)
		return size, err
	}
	return size, nil
}

// takeAuxv reads the auxiliary vector: pairs of words, a type and a value. Of
// two of one type the first counts.
func (c *reader) takeAuxv(desc []byte) {
	c.auxv = make(map[uint64]uint64)
	w := c.WordSize()
	for ; len(desc) >= 2*w && len(c.auxv) < 256; desc = desc[2*w:] {
		typ, value := c.Order.Uint(desc[:w]), c.Order.Uint(desc[w:2*w])
		if typ == 0 { // AT_NULL
			return
		}
		if _, ok := c.auxv[typ]; !ok {
			c.auxv[typ] = value
		}
	}
}

// takeFiles reads NT_FILE: the number of files, the unit of their offsets,
// then of each its first address, the one behind its last, and its offset;
// then their paths, each with a zero byte. All numbers are words of the file's
// class.
func (c *reader) takeFiles(desc []byte, at uint64) error {
	w := c.WordSize()
	if len(desc) < 2*w {
		c.Draft.Note("NT_FILE at %v: %d bytes, too few for its header", c.Place(at), len(desc))
		return nil
	}
	named := c.Order.Uint(desc[:w])
	count := named
	c.fileUnit = c.Order.Uint(desc[w : 2*w])
	desc = desc[2*w:]
	if held := uint64(len(desc) / (3*w + 1)); count > held {
		c.Draft.Note("NT_FILE at %v: it names %d files and has room for %d", c.Place(at), named, held)
		count = held
	}
	paths := desc[int(count)*3*w:]
	if err := c.Budget.Take(budget.Product(count, fileBytes), forFiles); err != nil {
		return fmt.Errorf("%s: NT_FILE at %v: %d files: %w", c.Path(), c.Place(at), count, err)
	}
	c.files, c.entries = make([]fileSpan, 0, count), make([]fileEntry, 0, count)
	for i := range int(count) {
		if err := c.watch.Step(1); err != nil {
			return err
		}
		path, rest, ok := bytes.Cut(paths, []byte{0})
		if !ok {
			c.Draft.Note("NT_FILE at %v: its paths end after %d of %d", c.Place(at), i, named)
			break
		}
		paths = rest
		entry := desc[i*3*w:]
		first, end := addr.Addr(c.Order.Uint(entry[:w])), addr.Addr(c.Order.Uint(entry[w:2*w]))
		if first < end && len(path) > 0 {
			r := addr.Range{First: first, Last: end - 1}
			off := input.MulSat(c.Order.Uint(entry[2*w:3*w]), c.fileUnit)
			name := string(path)
			if n := len(c.files); n > 0 && c.files[n-1].name == name {
				name = c.files[n-1].name // a file is mapped in several ranges
			}
			c.files = append(c.files, fileSpan{Range: r, name: name, offset: off})
			c.entries = append(c.entries, fileEntry{image.FileRange{Range: r, Offset: off}, name})
		}
	}
	var err error
	c.files, err = disjoint(c.ctx, c.files)
	return err
}

// disjoint sorts the spans and cuts off each what an earlier one covers. The error is
// that of ctx.
func disjoint(ctx context.Context, spans []fileSpan) ([]fileSpan, error) {
	if err := interrupt.SortStableFunc(ctx, spans, func(a, b fileSpan) int { return cmp.Compare(a.First, b.First) }); err != nil {
		return nil, err
	}
	out := spans[:0]
	for _, s := range spans {
		if n := len(out); n > 0 {
			if prev := &out[n-1]; s.Last <= prev.Last {
				continue
			} else if s.First <= prev.Last {
				s.offset = input.AddSat(s.offset, uint64(prev.Last+1-s.First))
				s.First = prev.Last + 1
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// joined returns the spans, which are ascending and disjoint, with those of one name
// and base that touch made one.
func joined(spans []fileSpan) []fileSpan {
	var out []fileSpan
	for _, s := range spans {
		if n := len(out); n > 0 && s.First == out[n-1].Last+1 && s.name == out[n-1].name && s.base == out[n-1].base {
			out[n-1].Last = s.Last
			continue
		}
		out = append(out, s)
	}
	return out
}
