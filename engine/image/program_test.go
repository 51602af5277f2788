package image

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
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

func TestProgramLayout(t *testing.T) {
	for name, c := range map[string]struct {
		size int
		segs []testSeg
		want string
	}{
		"text, data and .bss": {0x3400, []testSeg{load(4, 0, 0, 0x300, 0), load(5, 0x1000, 0x1000, 0x800, 0), load(6, 0x2f00, 0x3f00, 0x200, 0x2300)}, `
			0x10000..0x10fff present +0x0 r-- prog +0x0
			0x11000..0x11fff present +0x1000 r-x prog +0x1000
			0x13000..0x140ff present +0x2000 rw- prog +0x3000
			0x14100..0x16fff zero rw- prog +0x4100
		`},
		"as long in memory as in the file: all of the pages": {0x3000, []testSeg{load(4, 0x123, 0x5123, 0x100, 0), load(6, 0x2010, 0x7010, 0x100, 0)}, `
			0x10000..0x10fff present +0x0 r-- prog +0x0
			0x12000..0x12fff present +0x2000 rw- prog +0x2000
		`},
		"the file ends in a page, and before a page": {0x1800, []testSeg{load(4, 0, 0, 0x3000, 0)}, `
			0x10000..0x117ff present +0x0 r-- prog +0x0
			0x11800..0x11fff zero r-- prog +0x1800
			0x12000..0x12fff absent r-- prog +0x2000
		`},
		"offset beyond the file": {0x1000, []testSeg{load(4, 0, 0, 0x10, 0), load(6, 0x7000, 0x1000, 0x10, 0x20)}, `
			0x10000..0x10fff present +0x0 r-- prog +0x0
			0x11000..0x1100f absent rw- prog +0x1000
			0x11010..0x11fff zero rw- prog +0x1010
		`},
		".bss alone": {0x1000, []testSeg{load(4, 0, 0, 0x10, 0), load(6, 0x500, 0x2500, 0, 0x1000)}, `
			0x10000..0x10fff present +0x0 r-- prog +0x0
			0x12000..0x13fff zero rw- prog +0x2000
		`},
		"pages of two segments: the later": {0x3000, []testSeg{load(4, 0, 0, 0x1800, 0), load(6, 0x2800, 0x1800, 0x100, 0x200)}, `
			0x10000..0x11fff present +0x0 r-- prog +0x0
			0x11000..0x118ff present +0x2000 rw- prog +0x1000
			0x11900..0x11fff zero rw- prog +0x1900
		`},
		"offset and address do not agree: the segment alone": {0x3000, []testSeg{load(4, 0, 0, 0x1000, 0), load(4, 0x2001, 0x2800, 0x100, 0x110)}, `
			0x10000..0x10fff present +0x0 r-- prog +0x0
			0x12800..0x128ff present +0x2001 r-- prog +0x2800
			0x12900..0x1290f zero r-- prog +0x2900
		`},
		"not in order, and not from 0": {0x3000, []testSeg{load(6, 0x1000, 0x402000, 8, 0), load(5, 0, 0x400000, 8, 0)}, `
			0x12000..0x12fff present +0x1000 rw- prog +0x2000
			0x10000..0x10fff present +0x0 r-x prog +0x0
		`},
	} {
		t.Run(name, func(t *testing.T) {
			for _, wide := range []bool{true, false} {
				for _, order := range []addr.ByteOrder{addr.Little, addr.Big} {
					p, err := readProgram(memInput(buildProgram(wide, order, elfDyn, c.size, c.segs...)))
					if err != nil {
						t.Fatal(err)
					}
					ms := p.lay(0x10000, filePage, "prog")
					if got, want := showPlaces(ms), strings.ReplaceAll(strings.TrimLeft(c.want, "\n"), "\t", ""); got != want {
						t.Errorf("wide %v, %v:\n%swant:\n%s", wide, order, got, want)
					}
				}
			}
		})
	}
}

// showPlaces prints mappings with what of their name lies before them.
func showPlaces(ms []engine.Mapping) string {
	var b strings.Builder
	for _, m := range ms {
		fmt.Fprintf(&b, "%s +%#x\n", strings.TrimSuffix(show([]engine.Mapping{m}), "\n"), m.NameOffset)
	}
	return b.String()
}

func TestProgramErrors(t *testing.T) {
	for name, c := range map[string]struct {
		segs []testSeg
		edit func(b []byte)
		base addr.Addr
		want string
	}{
		"object file":          {edit: func(b []byte) { b[16] = 1 }, want: "is an ELF object file: nothing says where it lies in memory: lay its bytes as they are"},
		"other type":           {edit: func(b []byte) { b[17] = 0xfe }, want: "is an ELF file of type "},
		"cut table":            {edit: func(b []byte) { b[33] = 0xff }, want: "the table of program headers at file offset 0xff40 is cut"},
		"phentsize":            {edit: func(b []byte) { b[54] = 8 }, want: "a program header of 8 bytes (e_phentsize)"},
		"more than in memory":  {segs: []testSeg{load(4, 0, 0, 8, 0), {typ: 1, filesz: num(9), memsz: 8}}, edit: func(b []byte) { b[64+56+40] = 8 }, want: "program header 1 at file offset 0x78: 0x9 bytes in the file for 0x8 in memory"},
		"huge":                 {segs: []testSeg{load(6, 0, 0, 8, 1<<63)}, want: "0x8000000000000000 bytes of memory, more than a process can have"},
		"wraps round":          {segs: []testSeg{load(6, 0, 1<<64-0x1000, 8, 0x1001)}, want: "run past the last address"},
		"not a page":           {base: 0x10010, want: "address 0x10010 is not that of a page, of 0x1000 bytes, and a program begins with a page: lay its bytes as they are"},
		"beyond the last page": {segs: []testSeg{load(4, 0, 0x1000, 8, 0), load(4, 0, 0x2000, 8, 0)}, base: 1<<64 - 0x1000, want: "0x2000 bytes of memory from address 0xfffffffffffff000 run past the last address"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.segs == nil {
				c.segs = []testSeg{load(4, 0, 0, 8, 0)}
			}
			b := buildProgram(true, addr.Little, elfDyn, 0x1000, c.segs...)
			if c.edit != nil {
				c.edit(b)
			}
			path := tempFile(t, "prog", string(b))
			_, err := Open(path, Options{Base: &c.base})
			checkError(t, err, c.want)
			_, err = OpenLayer(nil, LayerSpec{Path: path, At: c.base}, Options{})
			checkError(t, err, c.want)
			l, err := OpenLayer(nil, LayerSpec{Path: path, Raw: true}, Options{})
			if err != nil || len(l.Mappings) != 1 || l.Mappings[0].Size() != uint64(len(b)) {
				t.Fatalf("as raw bytes: %v, %v", l, err)
			}
			l.Close()
		})
	}
	narrow := tempFile(t, "narrow", string(buildProgram(false, addr.Little, elfDyn, 0x1000, load(4, 0, 0, 8, 0))))
	_, err := OpenLayer(nil, LayerSpec{Path: narrow, At: 1 << 32}, Options{})
	checkError(t, err, "run past the last address, 0xffffffff")
	core := tempFile(t, "core", string(buildELF(true, addr.Little, []testSeg{{typ: 1, data: "abcd", memsz: 4}}, nil)))
	_, err = OpenLayer(nil, LayerSpec{Path: core, At: 0x1000}, Options{})
	checkError(t, err, "is an ELF core: a layer is raw bytes")
}

// As many headers as there can be, all at one place, are as many mappings and
// their zero tails.
func TestProgramManyHeaders(t *testing.T) {
	segs := make([]testSeg, 65534)
	for i := range segs {
		segs[i] = load(6, 0x1001, 0x1001, 0x10, 0x5000)
	}
	p, err := readProgram(memInput(buildProgram(true, addr.Little, elfDyn, 0, segs...)))
	if err != nil {
		t.Fatal(err)
	}
	if ms := p.lay(0, filePage, "prog"); len(ms) != 2*len(segs) {
		t.Errorf("%d mappings of %d headers", len(ms), len(segs))
	}
}

// A program is an image of its own at an address, and says so.
func TestOpenProgram(t *testing.T) {
	path := tempFile(t, "prog", string(buildProgram(true, addr.Little, elfDyn, 0x1800, load(5, 0, 0x2000, 8, 0), load(6, 0x1000, 0x4000, 0x900, 0x1000))))
	base := addr.Addr(0x7000)
	img, err := Open(path, Options{Base: &base})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	checkMappings(t, img, `
		0x7000..0x7fff present +0x0 r-x prog
		0x9000..0x97ff present +0x1000 rw- prog
		0x9800..0x98ff zero rw- prog
		0x9900..0x9fff zero rw- prog
	`)
	checkNotes(t, img, "laid by its program headers from 0x7000, load bias 0x5000", "truncated: the file ends at offset 0x1800: 256 bytes of its segments are lost")
	if img.Format != "ELF program" || img.Space != Virtual || img.WordSize != 8 || !img.OrderKnown || img.Missing != 256 {
		t.Errorf("%+v", img)
	}
	_, err = Open(path, Options{Base: &base, Space: Physical})
	checkError(t, err, "a program has virtual addresses only")
	raw, err := Open(path, Options{Base: &base, Format: "raw"})
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	checkMappings(t, raw, "0x7000..0x87ff present +0x0 prog\n")
}

// gnuNote is a note with a build-id.
func gnuNote(order addr.ByteOrder, id string) string { return testNote(order, 4, "GNU", ntBuildID, id) }

func TestBuildID(t *testing.T) {
	for _, order := range []addr.ByteOrder{addr.Little, addr.Big} {
		f := fields{order: order}
		for name, c := range map[string]struct {
			notes string
			align uint64
			want  string
		}{
			"alone":     {gnuNote(order, "0123456789"), 4, "0123456789"},
			"second":    {testNote(order, 4, "GNU", 1, "abi") + gnuNote(order, "01"), 4, "01"},
			"aligned":   {testNote(order, 8, "GNU", 5, "property") + testNote(order, 8, "GNU", ntBuildID, "01"), 8, "01"},
			"not GNU":   {testNote(order, 4, "Go", ntBuildID, "01"), 4, ""},
			"too long":  {gnuNote(order, strings.Repeat("x", 65)), 4, ""},
			"empty":     {gnuNote(order, ""), 4, ""},
			"cut":       {gnuNote(order, "0123456789")[:20], 4, ""},
			"hostile":   {words(order, 4, 1<<32-1, 1<<32-1, 3), 4, ""},
			"zero fill": {strings.Repeat("\x00", 100), 4, ""},
		} {
			if got := string(buildIDIn([]byte(c.notes), f, c.align)); got != c.want {
				t.Errorf("%v, %s: %q", order, name, got)
			}
		}
	}
}

// FuzzProgram lays hostile programs at an address and under a core that names
// them.
func FuzzProgram(f *testing.F) {
	for _, wide := range []bool{true, false} {
		for _, order := range []addr.ByteOrder{addr.Little, addr.Big} {
			f.Add(buildProgram(wide, order, elfDyn, 0x1800, load(5, 0, 0x2000, 8, 0), load(6, 0x1000, 0x4000, 0x900, 0x1000), noteAt(0x200, 0x40)), uint64(0x10000))
			f.Add(buildProgram(wide, order, elfExec, 0x1800, load(4, 0, 0, 0x1800, 0), load(6, 0x800, 0x800, 1, 1<<31)), uint64(0))
			f.Add(buildProgram(wide, order, elfExec, 0, load(4, 0x9000, 0, 8, 0)), uint64(1<<32-0x1000))
		}
	}
	m := testModule{true, addr.Little, elfDyn, "0123"}
	f.Add(withSections(m.file(), true, addr.Little, testSection{}, testSection{shtNobits, shfAlloc, 8}), uint64(0x10000))
	f.Fuzz(func(t *testing.T, b []byte, base uint64) {
		p, err := readWholeProgram(memInput(b))
		if err != nil {
			return
		}
		if len(p.loads) == 0 || p.room(addr.Addr(base), filePage) != nil {
			return
		}
		ms := p.lay(addr.Addr(base), filePage, "prog")
		checkLaid(t, ms, len(p.loads), uint64(len(b)), addr.Addr(base), p.maxAddr())
	})
}

// checkLaid holds for everything that is made of a program.
func checkLaid(t *testing.T, ms []engine.Mapping, headers int, size uint64, base, last addr.Addr) {
	t.Helper()
	if len(ms) > 4*headers {
		t.Errorf("%d mappings of %d headers", len(ms), headers)
	}
	for i := range ms {
		m := &ms[i]
		switch err := m.Validate(); {
		case err != nil:
			t.Fatal(err)
		case m.First < base || m.Last > last || m.NameOffset != uint64(m.First-base):
			t.Fatalf("%v of a program at %v..%v, place %#x", m.Range, base, last, m.NameOffset)
		case m.State == engine.Present && (m.Offset > size || m.Size() > size-m.Offset):
			t.Fatalf("%v: %#x bytes at offset %#x of %#x", m.Range, m.Size(), m.Offset, size)
		}
	}
}

func writeFile(t testing.TB, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
