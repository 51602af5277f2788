package imagetest

import (
	"fmt"
	"strings"
	"testing"

	"vscan/engine/addr"
)

// What the files that are made here say of themselves: System V ABI, elf.h.
const (
	Executable   = 2 // e_type
	SharedObject = 3

	NoteStatus  = 1 // NT_PRSTATUS
	NoteInfo    = 3 // NT_PRPSINFO
	NoteBuildID = 3 // NT_GNU_BUILD_ID
	NoteAuxv    = 6 // NT_AUXV
	NoteFile    = 0x46494c45

	SectionNoBits = 8 // sh_type
	SectionWrite  = 1 // sh_flags
	SectionAlloc  = 2
)

// BuildProgram makes a program of size bytes. The segments lie at the offsets
// that their at says, which may be 0.
func BuildProgram(wide bool, order addr.ByteOrder, typ byte, size int, segs ...Segment) []byte {
	for i := range segs {
		segs[i].Memsz = max(segs[i].Memsz, *segs[i].Filesz)
	}
	b := BuildELF(wide, order, segs, func(h []byte) {
		order.PutUint(h[16:18], uint64(typ))
		for i, s := range segs {
			if wide {
				order.PutUint(h[64+56*i+8:][:8], s.At)
			} else {
				order.PutUint(h[52+32*i+4:][:4], s.At)
			}
		}
	})
	for len(b) < size {
		b = append(b, byte(len(b)%251)|1)
	}
	return b
}

// Load returns a PT_LOAD of BuildProgram.
func Load(flags uint32, off, vaddr, filesz, memsz uint64) Segment {
	return Segment{Type: 1, Flags: flags, At: off, Vaddr: vaddr, Filesz: Num(filesz), Memsz: memsz}
}

// NoteAt returns a PT_NOTE of BuildProgram.
func NoteAt(off, size uint64) Segment {
	return Segment{Type: 4, At: off, Vaddr: off, Filesz: Num(size), Memsz: size}
}

// BuildIDNote returns a note with a build-id.
func BuildIDNote(order addr.ByteOrder, id string) string {
	return Note(order, 4, "GNU", NoteBuildID, id)
}

// Entry is an entry of NT_FILE.
type Entry struct {
	first, last, page uint64 // the last byte, the page of the file
	path              string
}

func NewEntry(first, last, page uint64, path string) Entry {
	return Entry{first, last, page, path}
}

// FileNote returns a note NT_FILE.
func FileNote(wide bool, order addr.ByteOrder, unit uint64, entries ...Entry) string {
	w := 4
	if wide {
		w = 8
	}
	numbers := []uint64{uint64(len(entries)), unit}
	var paths strings.Builder
	for _, e := range entries {
		numbers = append(numbers, e.first, e.last+1, e.page*4096/unit)
		paths.WriteString(e.path + "\x00")
	}
	return Note(order, 4, "CORE", NoteFile, Words(order, w, numbers...)+paths.String())
}

// module is a program of three segments with a build-id, and a core of it.
type Module struct {
	wide  bool
	order addr.ByteOrder
	typ   byte
	Id    string // "": none
}

func NewModule(wide bool, order addr.ByteOrder, typ byte, id string) Module {
	return Module{wide, order, typ, id}
}

func (m Module) File() []byte {
	b := BuildProgram(m.wide, m.order, m.typ, 0x3100, Load(4, 0, m.low(), 0x800, 0), Load(5, 0x1000, m.low()+0x1000, 0x10, 0),
		Load(6, 0x2000, m.low()+0x2000, 0x900, 0x2900), NoteAt(0x400, 0x100))
	copy(b[0x400:0x500], make([]byte, 0x100))
	if m.Id != "" {
		copy(b[0x400:], BuildIDNote(m.order, m.Id))
	}
	return b
}

func (m Module) low() uint64 {
	if m.typ == Executable {
		return 0x400000
	}
	return 0
}

// Core returns a core of it at base, with its first page where head says so, and a
// writable data page that was not saved.
func (m Module) Core(path string, base uint64, head bool, more ...Entry) []byte {
	entries := append([]Entry{{base, base + 0xfff, 0, path}, {base + 0x1000, base + 0x1fff, 1, path}, {base + 0x2000, base + 0x2fff, 2, path}}, more...)
	first := Segment{Type: 1, Flags: 4, Vaddr: base, Memsz: 0x1000}
	if head {
		first.Data = string(m.File()[:0x1000])
	}
	b := BuildELF(m.wide, m.order, []Segment{
		{Type: 4, Data: FileNote(m.wide, m.order, 4096, entries...)},
		first,
		{Type: 1, Flags: 5, Vaddr: base + 0x1000, Memsz: 0x1000},
		{Type: 1, Flags: 6, Vaddr: base + 0x2000, Memsz: 0x1000},
		{Type: 1, Flags: 6, Vaddr: base + 0x3000, Memsz: 0x2000},
	}, nil)
	return b
}

// ThreadNote is NT_PRSTATUS of x86-64 or i386.
func ThreadNote(wide bool, order addr.ByteOrder, id, sp uint64) string {
	desc := make([]byte, 144)
	at, size, pid := 72+15*4, 4, 24
	if wide {
		desc, at, size, pid = make([]byte, 336), 112+19*8, 8, 32
	}
	order.PutUint(desc[pid:pid+4], id)
	order.PutUint(desc[at:at+size], sp)
	return Note(order, 4, "CORE", NoteStatus, string(desc))
}

// InfoNote is NT_PRPSINFO.
func InfoNote(wide bool, order addr.ByteOrder, pid uint64, args string) string {
	desc := make([]byte, 124)
	at := 12
	if wide {
		desc, at = make([]byte, 136), 24
	}
	order.PutUint(desc[at:at+4], pid)
	copy(desc[len(desc)-80:], args)
	return Note(order, 4, "CORE", NoteInfo, string(desc))
}

// AuxvNote is NT_AUXV.
func AuxvNote(wide bool, order addr.ByteOrder, pairs ...uint64) string {
	return Note(order, 4, "CORE", NoteAuxv, Words(order, WordOf(wide), append(pairs, 0, 0)...))
}

// FilesNote is NT_FILE of ranges, each a first address and the one behind its
// last, and their paths.
func FilesNote(wide bool, order addr.ByteOrder, ranges []uint64, paths ...string) string {
	table := []uint64{uint64(len(paths)), 0x1000}
	for i := range paths {
		table = append(table, ranges[2*i], ranges[2*i+1], 0)
	}
	return Note(order, 4, "CORE", NoteFile, Words(order, WordOf(wide), table...)+strings.Join(paths, "\x00")+"\x00")
}

func WordOf(wide bool) int {
	if wide {
		return 8
	}
	return 4
}

// EachForm are the four kinds of ELF file.
func EachForm(t *testing.T, f func(t *testing.T, wide bool, order addr.ByteOrder, base uint64)) {
	for _, wide := range []bool{true, false} {
		for _, order := range []addr.ByteOrder{addr.Little, addr.Big} {
			base := uint64(0x8000_0000)
			if wide {
				base = 0xffff_8000_0000_0000
			}
			t.Run(fmt.Sprintf("wide=%v/%v", wide, order), func(t *testing.T) { f(t, wide, order, base) })
		}
	}
}

// Section is a section header: its type, flags and size.
type Section struct{ typ, flags, size uint64 }

func NewSection(typ, flags, size uint64) Section { return Section{typ, flags, size} }

// WithSections returns an ELF file with a table of sections behind it.
func WithSections(b []byte, wide bool, order addr.ByteOrder, sections ...Section) []byte {
	pick := func(narrow, of64 int) int {
		if wide {
			return of64
		}
		return narrow
	}
	size, w := pick(40, 64), pick(4, 8)
	order.PutUint(b[pick(32, 40):][:w], uint64(len(b)))
	order.PutUint(b[pick(46, 58):][:2], uint64(size))
	order.PutUint(b[pick(48, 60):][:2], uint64(len(sections)))
	for _, s := range sections {
		row := make([]byte, size)
		order.PutUint(row[4:8], s.typ)
		order.PutUint(row[8:][:w], s.flags)
		order.PutUint(row[pick(20, 32):][:w], s.size)
		b = append(b, row...)
	}
	return b
}

// Segment is a program header to build. Bytes are laid out one after another
// unless at says where.
type Segment struct {
	Type, Flags  uint32
	Vaddr, Paddr uint64
	Data         string
	Filesz       *uint64 // len(data) where nil
	Memsz        uint64
	Align        uint64
	At           uint64
}

func Num(n uint64) *uint64 { return &n }

// BuildELF makes an ELF core, or what edit makes of its header.
func BuildELF(wide bool, order addr.ByteOrder, segs []Segment, edit func(h []byte)) []byte {
	ehsize, phsize := 52, 32
	if wide {
		ehsize, phsize = 64, 56
	}
	out := make([]byte, ehsize+phsize*len(segs))
	put := func(b []byte, off, size int, v uint64) { order.PutUint(b[off:off+size], v) }
	copy(out, "\x7fELF")
	out[4], out[5], out[6] = 1, byte(order)+1, 1
	put(out, 16, 2, 4)
	put(out, 18, 2, 3)
	if wide {
		out[4] = 2
		put(out, 18, 2, 62)
		put(out, 32, 8, uint64(ehsize))
		put(out, 54, 2, uint64(phsize))
		put(out, 56, 2, uint64(min(len(segs), 0xffff)))
	} else {
		put(out, 28, 4, uint64(ehsize))
		put(out, 42, 2, uint64(phsize))
		put(out, 44, 2, uint64(min(len(segs), 0xffff)))
	}
	for i, s := range segs {
		off, filesz := s.At, uint64(len(s.Data))
		if off == 0 {
			off = uint64(len(out))
			out = append(out, s.Data...)
		}
		if s.Filesz != nil {
			filesz = *s.Filesz
		}
		p := out[ehsize+i*phsize:]
		put(p, 0, 4, uint64(s.Type))
		if wide {
			put(p, 4, 4, uint64(s.Flags))
			for k, v := range []uint64{off, s.Vaddr, s.Paddr, filesz, s.Memsz, s.Align} {
				put(p, 8+8*k, 8, v)
			}
		} else {
			for k, v := range []uint64{off, s.Vaddr, s.Paddr, filesz, s.Memsz, uint64(s.Flags), s.Align} {
				put(p, 4+4*k, 4, v)
			}
		}
	}
	if edit != nil {
		edit(out)
	}
	return out
}

// Note returns a note, padded.
func Note(order addr.ByteOrder, pad int, name string, typ uint64, desc string) string {
	b := make([]byte, 12)
	order.PutUint(b[0:4], uint64(len(name)+1))
	order.PutUint(b[4:8], uint64(len(desc)))
	order.PutUint(b[8:12], typ)
	fill := func() {
		for len(b)%pad != 0 {
			b = append(b, 0)
		}
	}
	b = append(append(b, name...), 0)
	fill()
	b = append(b, desc...)
	fill()
	return string(b)
}

// Words is numbers of a size, one after another.
func Words(order addr.ByteOrder, size int, vs ...uint64) string {
	b := make([]byte, size*len(vs))
	for i, v := range vs {
		order.PutUint(b[i*size:][:size], v)
	}
	return string(b)
}
