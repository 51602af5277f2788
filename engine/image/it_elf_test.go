package image

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

// buildProgram makes a program of size bytes. The segments lie at the offsets
// that their at says, which may be 0.
func buildProgram(wide bool, order addr.ByteOrder, typ byte, size int, segs ...testSeg) []byte {
	for i := range segs {
		segs[i].memsz = max(segs[i].memsz, *segs[i].filesz)
	}
	b := buildELF(wide, order, segs, func(h []byte) {
		order.PutUint(h[16:18], uint64(typ))
		for i, s := range segs {
			if wide {
				order.PutUint(h[64+56*i+8:][:8], s.at)
			} else {
				order.PutUint(h[52+32*i+4:][:4], s.at)
			}
		}
	})
	for len(b) < size {
		b = append(b, byte(len(b)%251)|1)
	}
	return b
}

// load is a PT_LOAD of buildProgram.
func load(flags uint32, off, vaddr, filesz, memsz uint64) testSeg {
	return testSeg{typ: 1, flags: flags, at: off, vaddr: vaddr, filesz: num(filesz), memsz: memsz}
}

// noteAt is a PT_NOTE of buildProgram.
func noteAt(off, size uint64) testSeg {
	return testSeg{typ: 4, at: off, vaddr: off, filesz: num(size), memsz: size}
}

// gnuNote is a note with a build-id.
func gnuNote(order addr.ByteOrder, id string) string {
	return testNote(order, 4, "GNU", NoteBuildID, id)
}

// testEntry is an entry of NT_FILE.
type testEntry struct {
	first, last, page uint64 // the last byte, the page of the file
	path              string
}

func entry(first, last, page uint64, path string) testEntry {
	return testEntry{first, last, page, path}
}

// fileNote is a note NT_FILE.
func fileNote(wide bool, order addr.ByteOrder, unit uint64, entries ...testEntry) string {
	w := 4
	if wide {
		w = 8
	}
	numbers := []uint64{uint64(len(entries)), unit}
	paths := ""
	for _, e := range entries {
		numbers = append(numbers, e.first, e.last+1, e.page*4096/unit)
		paths += e.path + "\x00"
	}
	return testNote(order, 4, "CORE", NoteFile, words(order, w, numbers...)+paths)
}

// module is a program of three segments with a build-id, and a core of it.
type testModule struct {
	wide  bool
	order addr.ByteOrder
	typ   byte
	id    string // "": none
}

func module(wide bool, order addr.ByteOrder, typ byte, id string) testModule {
	return testModule{wide, order, typ, id}
}

func (m testModule) file() []byte {
	b := buildProgram(m.wide, m.order, m.typ, 0x3100, load(4, 0, m.low(), 0x800, 0), load(5, 0x1000, m.low()+0x1000, 0x10, 0),
		load(6, 0x2000, m.low()+0x2000, 0x900, 0x2900), noteAt(0x400, 0x100))
	copy(b[0x400:0x500], make([]byte, 0x100))
	if m.id != "" {
		copy(b[0x400:], gnuNote(m.order, m.id))
	}
	return b
}

func (m testModule) low() uint64 {
	if m.typ == Executable {
		return 0x400000
	}
	return 0
}

// core is a core of it at base, with its first page where head says so, and a
// writable data page that was not saved.
func (m testModule) core(path string, base uint64, head bool, more ...testEntry) []byte {
	entries := append([]testEntry{{base, base + 0xfff, 0, path}, {base + 0x1000, base + 0x1fff, 1, path}, {base + 0x2000, base + 0x2fff, 2, path}}, more...)
	first := testSeg{typ: 1, flags: 4, vaddr: base, memsz: 0x1000}
	if head {
		first.data = string(m.file()[:0x1000])
	}
	b := buildELF(m.wide, m.order, []testSeg{
		{typ: 4, data: fileNote(m.wide, m.order, 4096, entries...)},
		first,
		{typ: 1, flags: 5, vaddr: base + 0x1000, memsz: 0x1000},
		{typ: 1, flags: 6, vaddr: base + 0x2000, memsz: 0x1000},
		{typ: 1, flags: 6, vaddr: base + 0x3000, memsz: 0x2000},
	}, nil)
	return b
}

// testThread is NT_PRSTATUS of x86-64 or i386.
func testThread(wide bool, order addr.ByteOrder, id, sp uint64) string {
	desc := make([]byte, 144)
	at, size, pid := 72+15*4, 4, 24
	if wide {
		desc, at, size, pid = make([]byte, 336), 112+19*8, 8, 32
	}
	order.PutUint(desc[pid:pid+4], id)
	order.PutUint(desc[at:at+size], sp)
	return testNote(order, 4, "CORE", NoteStatus, string(desc))
}

// testInfo is NT_PRPSINFO.
func testInfo(wide bool, order addr.ByteOrder, pid uint64, args string) string {
	desc := make([]byte, 124)
	at := 12
	if wide {
		desc, at = make([]byte, 136), 24
	}
	order.PutUint(desc[at:at+4], pid)
	copy(desc[len(desc)-80:], args)
	return testNote(order, 4, "CORE", NoteInfo, string(desc))
}

// testAuxv is NT_AUXV.
func testAuxv(wide bool, order addr.ByteOrder, pairs ...uint64) string {
	return testNote(order, 4, "CORE", NoteAuxv, words(order, wordOf(wide), append(pairs, 0, 0)...))
}

// testFiles is NT_FILE of ranges, each a first address and the one behind its
// last, and their paths.
func testFiles(wide bool, order addr.ByteOrder, ranges []uint64, paths ...string) string {
	table := []uint64{uint64(len(paths)), 0x1000}
	for i := range paths {
		table = append(table, ranges[2*i], ranges[2*i+1], 0)
	}
	return testNote(order, 4, "CORE", NoteFile, words(order, wordOf(wide), table...)+strings.Join(paths, "\x00")+"\x00")
}

func wordOf(wide bool) int {
	if wide {
		return 8
	}
	return 4
}

// forms are the four kinds of ELF file.
func forms(t *testing.T, f func(t *testing.T, wide bool, order addr.ByteOrder, base uint64)) {
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

// testSection is a section header: its type, flags and size.
type testSection struct{ typ, flags, size uint64 }

func section(typ, flags, size uint64) testSection { return testSection{typ, flags, size} }

// withSections is an ELF file with a table of sections behind it.
func withSections(b []byte, wide bool, order addr.ByteOrder, sections ...testSection) []byte {
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

// testSeg is a program header to build. Bytes are laid out one after another
// unless at says where.
type testSeg struct {
	typ, flags   uint32
	vaddr, paddr uint64
	data         string
	filesz       *uint64 // len(data) where nil
	memsz        uint64
	align        uint64
	at           uint64
}

func num(n uint64) *uint64 { return &n }

// buildELF makes an ELF core, or what edit makes of its header.
func buildELF(wide bool, order addr.ByteOrder, segs []testSeg, edit func(h []byte)) []byte {
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
		off, filesz := s.at, uint64(len(s.data))
		if off == 0 {
			off = uint64(len(out))
			out = append(out, s.data...)
		}
		if s.filesz != nil {
			filesz = *s.filesz
		}
		p := out[ehsize+i*phsize:]
		put(p, 0, 4, uint64(s.typ))
		if wide {
			put(p, 4, 4, uint64(s.flags))
			for k, v := range []uint64{off, s.vaddr, s.paddr, filesz, s.memsz, s.align} {
				put(p, 8+8*k, 8, v)
			}
		} else {
			for k, v := range []uint64{off, s.vaddr, s.paddr, filesz, s.memsz, uint64(s.flags), s.align} {
				put(p, 4+4*k, 4, v)
			}
		}
	}
	if edit != nil {
		edit(out)
	}
	return out
}

// testNote is a note, padded.
func testNote(order addr.ByteOrder, pad int, name string, typ uint64, desc string) string {
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

// words is numbers of a size, one after another.
func words(order addr.ByteOrder, size int, vs ...uint64) string {
	b := make([]byte, size*len(vs))
	for i, v := range vs {
		order.PutUint(b[i*size:][:size], v)
	}
	return string(b)
}
