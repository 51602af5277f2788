package elf

import (
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image/imagetest"
)

func TestProgramLayout(t *testing.T) {
	for name, c := range map[string]struct {
		size int
		segs []imagetest.Segment
		want string
	}{
		"text, data and .bss": {0x3400, []imagetest.Segment{imagetest.Load(4, 0, 0, 0x300, 0), imagetest.Load(5, 0x1000, 0x1000, 0x800, 0), imagetest.Load(6, 0x2f00, 0x3f00, 0x200, 0x2300)}, `
			0x10000..0x10fff present +0x0 r-- prog +0x0
			0x11000..0x11fff present +0x1000 r-x prog +0x1000
			0x13000..0x140ff present +0x2000 rw- prog +0x3000
			0x14100..0x16fff zero rw- prog +0x4100
		`},
		"as long in memory as in the file: all of the pages": {0x3000, []imagetest.Segment{imagetest.Load(4, 0x123, 0x5123, 0x100, 0), imagetest.Load(6, 0x2010, 0x7010, 0x100, 0)}, `
			0x10000..0x10fff present +0x0 r-- prog +0x0
			0x12000..0x12fff present +0x2000 rw- prog +0x2000
		`},
		"the file ends in a page, and before a page": {0x1800, []imagetest.Segment{imagetest.Load(4, 0, 0, 0x3000, 0)}, `
			0x10000..0x117ff present +0x0 r-- prog +0x0
			0x11800..0x11fff zero r-- prog +0x1800
			0x12000..0x12fff absent r-- prog +0x2000
		`},
		"offset beyond the file": {0x1000, []imagetest.Segment{imagetest.Load(4, 0, 0, 0x10, 0), imagetest.Load(6, 0x7000, 0x1000, 0x10, 0x20)}, `
			0x10000..0x10fff present +0x0 r-- prog +0x0
			0x11000..0x1100f absent rw- prog +0x1000
			0x11010..0x11fff zero rw- prog +0x1010
		`},
		".bss alone": {0x1000, []imagetest.Segment{imagetest.Load(4, 0, 0, 0x10, 0), imagetest.Load(6, 0x500, 0x2500, 0, 0x1000)}, `
			0x10000..0x10fff present +0x0 r-- prog +0x0
			0x12000..0x13fff zero rw- prog +0x2000
		`},
		"pages of two segments: the later": {0x3000, []imagetest.Segment{imagetest.Load(4, 0, 0, 0x1800, 0), imagetest.Load(6, 0x2800, 0x1800, 0x100, 0x200)}, `
			0x10000..0x11fff present +0x0 r-- prog +0x0
			0x11000..0x118ff present +0x2000 rw- prog +0x1000
			0x11900..0x11fff zero rw- prog +0x1900
		`},
		"offset and address do not agree: the segment alone": {0x3000, []imagetest.Segment{imagetest.Load(4, 0, 0, 0x1000, 0), imagetest.Load(4, 0x2001, 0x2800, 0x100, 0x110)}, `
			0x10000..0x10fff present +0x0 r-- prog +0x0
			0x12800..0x128ff present +0x2001 r-- prog +0x2800
			0x12900..0x1290f zero r-- prog +0x2900
		`},
		"not in order, and not from 0": {0x3000, []imagetest.Segment{imagetest.Load(6, 0x1000, 0x402000, 8, 0), imagetest.Load(5, 0, 0x400000, 8, 0)}, `
			0x12000..0x12fff present +0x1000 rw- prog +0x2000
			0x10000..0x10fff present +0x0 r-x prog +0x0
		`},
	} {
		t.Run(name, func(t *testing.T) {
			for _, wide := range []bool{true, false} {
				for _, order := range []addr.ByteOrder{addr.Little, addr.Big} {
					p, err := ReadProgram(t.Context(), imagetest.Reader(imagetest.BuildProgram(wide, order, imagetest.SharedObject, c.size, c.segs...)))
					if err != nil {
						t.Fatal(err)
					}
					ms := p.Lay(0x10000, PageSize, "prog")
					if got, want := imagetest.ShowPlaces(ms), strings.ReplaceAll(strings.TrimLeft(c.want, "\n"), "\t", ""); got != want {
						t.Errorf("wide %v, %v:\n%swant:\n%s", wide, order, got, want)
					}
				}
			}
		})
	}
}

// As many headers as there can be, all at one place, are as many mappings and
// their zero tails.
func TestProgramManyHeaders(t *testing.T) {
	segs := make([]imagetest.Segment, 65534)
	for i := range segs {
		segs[i] = imagetest.Load(6, 0x1001, 0x1001, 0x10, 0x5000)
	}
	p, err := ReadProgram(t.Context(), imagetest.Reader(imagetest.BuildProgram(true, addr.Little, imagetest.SharedObject, 0, segs...)))
	if err != nil {
		t.Fatal(err)
	}
	if ms := p.Lay(0, PageSize, "prog"); len(ms) != 2*len(segs) {
		t.Errorf("%d mappings of %d headers", len(ms), len(segs))
	}
}

func TestBuildID(t *testing.T) {
	for _, order := range []addr.ByteOrder{addr.Little, addr.Big} {

		for name, c := range map[string]struct {
			notes string
			align uint64
			want  string
		}{
			"alone":     {imagetest.BuildIDNote(order, "0123456789"), 4, "0123456789"},
			"second":    {imagetest.Note(order, 4, "GNU", 1, "abi") + imagetest.BuildIDNote(order, "01"), 4, "01"},
			"aligned":   {imagetest.Note(order, 8, "GNU", 5, "property") + imagetest.Note(order, 8, "GNU", ntBuildID, "01"), 8, "01"},
			"not GNU":   {imagetest.Note(order, 4, "Go", ntBuildID, "01"), 4, ""},
			"too long":  {imagetest.BuildIDNote(order, strings.Repeat("x", 65)), 4, ""},
			"empty":     {imagetest.BuildIDNote(order, ""), 4, ""},
			"cut":       {imagetest.BuildIDNote(order, "0123456789")[:20], 4, ""},
			"hostile":   {imagetest.Words(order, 4, 1<<32-1, 1<<32-1, 3), 4, ""},
			"zero fill": {strings.Repeat("\x00", 100), 4, ""},
		} {
			if got := string(buildIDIn([]byte(c.notes), order, c.align)); got != c.want {
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
			f.Add(imagetest.BuildProgram(wide, order, imagetest.SharedObject, 0x1800, imagetest.Load(5, 0, 0x2000, 8, 0), imagetest.Load(6, 0x1000, 0x4000, 0x900, 0x1000), imagetest.NoteAt(0x200, 0x40)), uint64(0x10000))
			f.Add(imagetest.BuildProgram(wide, order, imagetest.Executable, 0x1800, imagetest.Load(4, 0, 0, 0x1800, 0), imagetest.Load(6, 0x800, 0x800, 1, 1<<31)), uint64(0))
			f.Add(imagetest.BuildProgram(wide, order, imagetest.Executable, 0, imagetest.Load(4, 0x9000, 0, 8, 0)), uint64(1<<32-0x1000))
		}
	}
	m := imagetest.NewModule(true, addr.Little, imagetest.SharedObject, "0123")
	f.Add(imagetest.WithSections(m.File(), true, addr.Little, imagetest.Section{}, imagetest.NewSection(imagetest.SectionNoBits, imagetest.SectionAlloc, 8)), uint64(0x10000))
	f.Fuzz(func(t *testing.T, b []byte, base uint64) {
		p, err := ReadWhole(t.Context(), imagetest.Reader(b), nil)
		if err != nil {
			return
		}
		if len(p.Loads) == 0 || p.CheckBase(addr.Addr(base), PageSize) != nil {
			return
		}
		ms := p.Lay(addr.Addr(base), PageSize, "prog")
		checkLaid(t, ms, len(p.Loads), uint64(len(b)), addr.Addr(base), p.MaxAddr())
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
