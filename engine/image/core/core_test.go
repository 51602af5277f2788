package core

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/imagetest"
)

func openTestELF(t *testing.T, b []byte, o image.Options) *image.Image {
	t.Helper()
	img, err := imagetest.Finished(Open(t.Context(), imagetest.Reader(b), o))
	if err != nil {
		t.Fatal(err)
	}
	imagetest.CheckImage(t, img, uint64(len(b)))
	return img
}

func TestELFStates(t *testing.T) {
	imagetest.EachForm(t, func(t *testing.T, wide bool, order addr.ByteOrder, base uint64) {
		b := imagetest.BuildELF(wide, order, []imagetest.Segment{
			{Type: 1, Flags: 5, Vaddr: base, Data: "abcd", Memsz: 4},
			{Type: 1, Flags: 6, Vaddr: base + 0x1000, Data: "abcd", Memsz: 16},
			{Type: 1, Flags: 0, Vaddr: base + 0x2000, Memsz: 16},
			{Type: 6, Vaddr: base, Memsz: 16},
			{Type: 1, Flags: 4, Vaddr: base + 1, Data: "abcd", Memsz: 2},
			{Type: 1, Flags: 4, Vaddr: base + 1, Data: "abcd", Memsz: 0},
		}, nil)
		img := openTestELF(t, b, image.Options{})
		start, size := uint64(52+6*32), 32
		if wide {
			start, size = 64+6*56, 64
		}
		imagetest.CheckMappings(t, img, fmt.Sprintf(`
		%#x..%#x present +%#x r-x load[0]
		%#x..%#x present +%#x rw- load[1]
		%#x..%#x absent rw- load[1]
		%#x..%#x absent --- load[2]
		%#x..%#x present +%#x r-- load[4]
		`, base, base+3, start,
			base+0x1000, base+0x1003, start+4,
			base+0x1004, base+0x100f,
			base+0x2000, base+0x200f,
			base+1, base+2, start+8))
		imagetest.CheckNotes(t, img, "the surplus is not shown", "the surplus is not shown", "load[0], ")
		if img.Missing != 0 || img.WordSize*8 != size && size == 64 || img.Order != order || !img.OrderKnown ||
			img.Format != "ELF process core" || img.Space != image.Virtual || len(img.Spaces) != 1 {
			t.Errorf("%+v", img)
		}
	})
}

func TestELFEndOfAddresses(t *testing.T) {
	b := imagetest.BuildELF(true, addr.Little, []imagetest.Segment{
		{Type: 1, Vaddr: 1<<64 - 4, Data: "abcd", Memsz: 4},
		{Type: 1, Vaddr: 1<<64 - 2, Data: "abcd", Memsz: 4},
		{Type: 1, Vaddr: 1<<64 - 8, Data: "abcd", Memsz: 1<<64 - 1},
	}, nil)
	img := openTestELF(t, b, image.Options{})
	imagetest.CheckMappings(t, img, `
	0xfffffffffffffffc..0xffffffffffffffff present +0xe8 --- load[0]
	0xfffffffffffffffe..0xffffffffffffffff present +0xec --- load[1]
	0xfffffffffffffff8..0xfffffffffffffffb present +0xf0 --- load[2]
	0xfffffffffffffffc..0xffffffffffffffff absent --- load[2]
	`)
	imagetest.CheckNotes(t, img, "program header 1 at file offset 0x78: 0x4 bytes from address 0xfffffffffffffffe run past", "program header 2", "load[0], ")

	b = imagetest.BuildELF(false, addr.Big, []imagetest.Segment{{Type: 1, Vaddr: 1<<32 - 2, Data: "abcd", Memsz: 4}}, nil)
	img = openTestELF(t, b, image.Options{})
	imagetest.CheckMappings(t, img, "0xfffffffe..0xffffffff present +0x54 --- load[0]\n")
}

func TestELFCutFile(t *testing.T) {
	b := imagetest.BuildELF(true, addr.Little, []imagetest.Segment{
		{Type: 1, Vaddr: 0x1000, Data: "abcdefgh", Memsz: 12},
		{Type: 1, Vaddr: 0x2000, Data: "abcdefgh", Memsz: 8},
		{Type: 1, Vaddr: 0x3000, Filesz: imagetest.Num(1 << 40), Memsz: 1 << 41, At: 1 << 63},
		{Type: 1, Vaddr: 0x4000, Filesz: imagetest.Num(0), Memsz: 4, At: 1<<64 - 1},
	}, nil)
	img := openTestELF(t, b[:len(b)-10], image.Options{})
	imagetest.CheckMappings(t, img, `
	0x1000..0x1005 present +0x120 --- load[0]
	0x1006..0x1007 absent --- load[0]
	0x1008..0x100b absent --- load[0]
	0x2000..0x2007 absent --- load[1]
	0x3000..0x10000002fff absent --- load[2]
	0x10000003000..0x20000002fff absent --- load[2]
	0x4000..0x4003 absent --- load[3]
	`)
	if want := uint64(2 + 8 + 1<<40); img.Missing != want || imagetest.MissingBytes(img) != want {
		t.Errorf("%d bytes missing, %d of mappings, want %d", img.Missing, imagetest.MissingBytes(img), want)
	}
	imagetest.CheckNotes(t, img, "truncated: 3 of 4 load segments run past the end of the file at offset 0x126: 1099511627786 bytes are lost, the first at address 0x1006")
}

func TestELFCutTable(t *testing.T) {
	b := imagetest.BuildELF(true, addr.Little, []imagetest.Segment{
		{Type: 1, Vaddr: 0x1000, Data: "abcd", Memsz: 4},
		{Type: 1, Vaddr: 0x2000, Data: "abcd", Memsz: 4},
		{Type: 1, Vaddr: 0x3000, Data: "abcd", Memsz: 4},
	}, nil)
	img := openTestELF(t, b[:64+2*56+55], image.Options{})
	imagetest.CheckMappings(t, img, `
	0x1000..0x1003 absent --- load[0]
	0x2000..0x2003 absent --- load[1]
	`)
	imagetest.CheckNotes(t, img, "the file ends within the table of program headers at file offset 0x40: 2 of 3 were read", "truncated: 2 of 2")
	if img.Missing != 56+8 {
		t.Errorf("%d bytes missing", img.Missing)
	}
}

// Every prefix of a core, and every byte of its headers changed, gives an
// image or an error.
func TestELFPrefixes(t *testing.T) {
	imagetest.EachForm(t, func(t *testing.T, wide bool, order addr.ByteOrder, base uint64) {
		b := imagetest.BuildELF(wide, order, []imagetest.Segment{
			{Type: 4, Data: namedNotes(wide, order, base)},
			{Type: 1, Vaddr: base, Data: "abcdefgh", Memsz: 16},
			{Type: 1, Vaddr: base + 0x1000, Data: "abcdefgh", Memsz: 8},
		}, nil)
		for n := range b {
			if img, err := imagetest.Finished(Open(t.Context(), imagetest.Reader(b[:n:n]), image.Options{})); err == nil {
				imagetest.CheckImage(t, img, uint64(n))
				if img.Missing == 0 {
					t.Errorf("%d of %d bytes: nothing is missing", n, len(b))
				}
			} else if strings.Contains(err.Error(), "\n") {
				t.Errorf("error of several lines: %q", err)
			}
		}
		for n := range b {
			for _, v := range []byte{0, 1, 0x7f, 0x80, 0xff} {
				was := b[n]
				b[n] = v
				for _, space := range []image.AddressSpace{"", image.Physical} {
					if img, err := imagetest.Finished(Open(t.Context(), imagetest.Reader(b), image.Options{Space: space})); err == nil {
						imagetest.CheckImage(t, img, uint64(len(b)))
					}
				}
				b[n] = was
			}
		}
	})
}

// namedNotes are notes that name the two segments at base and base+0x1000.
func namedNotes(wide bool, order addr.ByteOrder, base uint64) string {
	w := 4
	if wide {
		w = 8
	}
	return imagetest.Note(order, 4, "CORE", 1, "status") +
		imagetest.Note(order, 4, "CORE", ntFile, imagetest.Words(order, w, 2, 4096,
			base+2, base+4, 0,
			base+0x1000, base+0x2000, 1)+"/bin/a b\x00/lib/x\x00") +
		imagetest.Note(order, 4, "CORE", ntAuxv, imagetest.Words(order, w, atSysinfo, base+6, atRandom, base+0x1004, 0, 0, atSysinfo, 1))
}

func TestELFNames(t *testing.T) {
	imagetest.EachForm(t, func(t *testing.T, wide bool, order addr.ByteOrder, base uint64) {
		b := imagetest.BuildELF(wide, order, []imagetest.Segment{
			{Type: 1, Vaddr: base, Data: "abcdefgh", Memsz: 16},
			{Type: 1, Vaddr: base + 0x1000, Data: "abcdefgh", Memsz: 8},
			{Type: 4, Data: namedNotes(wide, order, base)},
		}, nil)
		img := openTestELF(t, b, image.Options{})
		at := uint64(52 + 3*32)
		if wide {
			at = 64 + 3*56
		}
		imagetest.CheckMappings(t, img, fmt.Sprintf(`
		%#x..%#x absent /lib/x
		%#x..%#x present +%#x --- [vdso]
		%#x..%#x present +%#x --- /bin/a b
		%#x..%#x present +%#x --- [vdso]
		%#x..%#x absent --- [vdso]
		%#x..%#x present +%#x --- /lib/x
		`, base+0x1008, base+0x1fff, base, base+1, at, base+2, base+3, at+2, base+4, base+7, at+4, base+8, base+15, base+0x1000, base+0x1007, at+8))
		imagetest.CheckNotes(t, img)
		if !strings.HasSuffix(img.Detail, ", 2 load segments, 3 notes") {
			t.Errorf("detail %q", img.Detail)
		}
	})
}

func TestELFHostileNotes(t *testing.T) {
	le := addr.Little
	load := imagetest.Segment{Type: 1, Vaddr: 0x1000, Data: "abcd", Memsz: 4}
	const plain = "0x1000..0x1003 present +0x"
	for name, c := range map[string]struct {
		notes string
		align uint64
		note  string
		named bool
		rest  string // what of the file no segment has
	}{
		"length of all":     {notes: imagetest.Words(le, 4, 5, 0xffffffff, 6) + "CORE\x00\x00\x00\x00", note: "beyond the end of its segment"},
		"name of all":       {notes: imagetest.Words(le, 4, 0xffffffff, 4, 6) + "CORE\x00\x00\x00\x00", note: "beyond the end of its segment"},
		"both of all":       {notes: imagetest.Words(le, 4, 0xffffffff, 0xffffffff, 6), note: "beyond the end of its segment"},
		"zeros":             {notes: strings.Repeat("\x00", 1000)},
		"odd end":           {notes: imagetest.Note(le, 4, "CORE", 1, "xyz") + "\x01\x02"},
		"files of all":      {notes: imagetest.Note(le, 4, "CORE", ntFile, imagetest.Words(le, 8, 1<<63, 1, 0x1000, 0x2000, 0)+"/x\x00"), note: "it names 9223372036854775808 files and has room for 1", named: true, rest: "0x1004..0x1fff absent /x\n"},
		"files cut":         {notes: imagetest.Note(le, 4, "CORE", ntFile, imagetest.Words(le, 8, 1)), note: "too few for its header"},
		"paths cut":         {notes: imagetest.Note(le, 4, "CORE", ntFile, imagetest.Words(le, 8, 1, 1, 0x1000, 0x2000, 0)+"/x"), note: "its paths end after 0 of 1"},
		"none, then one":    {notes: imagetest.Note(le, 4, "CORE", ntFile, imagetest.Words(le, 8, 0, 1)) + imagetest.Note(le, 4, "CORE", ntFile, imagetest.Words(le, 8, 1, 1, 0x1000, 0x2000, 0)+"/x\x00"), named: true, rest: "0x1004..0x1fff absent /x\n"},
		"file turned round": {notes: imagetest.Note(le, 4, "CORE", ntFile, imagetest.Words(le, 8, 1, 1, 0x2000, 0x1000, 0)+"/x\x00")},
		"file to the end":   {notes: imagetest.Note(le, 4, "CORE", ntFile, imagetest.Words(le, 8, 1, 1, 0, 1<<64-1, 0)+"/x\x00"), named: true, rest: "0x0..0xfff absent /x\n0x1004..0xfffffffffffffffe absent /x\n"},
		"files overlap":     {notes: imagetest.Note(le, 4, "CORE", ntFile, imagetest.Words(le, 8, 3, 1, 0x1000, 0x2000, 0, 0, 0x3000, 0, 0x1002, 0x1003, 0)+"/y\x00/x\x00/z\x00"), named: true, rest: "0x0..0xfff absent /x\n0x1004..0x2fff absent /x\n"},
		"auxv cut":          {notes: imagetest.Note(le, 4, "CORE", ntAuxv, imagetest.Words(le, 8, atSysinfo)+"\x00\x10")},
		"name is not ended": {notes: imagetest.Words(le, 4, 4, 0, 0) + "CORE"},
		"padded to 8": {notes: imagetest.Note(le, 8, "CORE", 1, "abc") + imagetest.Note(le, 8, "GNU", 5, "") +
			imagetest.Note(le, 8, "CORE", ntFile, imagetest.Words(le, 8, 1, 1, 0x1000, 0x2000, 0)+"/x\x00"), align: 8, named: true, rest: "0x1004..0x1fff absent /x\n"},
	} {
		t.Run(name, func(t *testing.T) {
			img := openTestELF(t, imagetest.BuildELF(true, le, []imagetest.Segment{{Type: 4, Data: c.notes, Align: c.align}, load}, nil), image.Options{})
			if c.note == "" {
				imagetest.CheckNotes(t, img)
			} else {
				imagetest.CheckNotes(t, img, c.note)
			}
			want := " load[1]\n"
			if c.named {
				want = " /x\n"
			}
			got, ok := strings.CutPrefix(imagetest.Show(img.Mappings), c.rest)
			if !ok || !strings.HasPrefix(got, plain) || !strings.HasSuffix(got, want) || strings.Count(got, "\n") != 1 {
				t.Errorf("mappings %s want %sand one named%s", imagetest.Show(img.Mappings), c.rest, want)
			}
		})
	}
}

// Segments that overlap over many files must not multiply.
func TestELFNamesBounded(t *testing.T) {
	const files, segs = 2000, 500
	var table []uint64
	for i := range uint64(files) {
		table = append(table, 0x1000+2*i, 0x1000+2*i+1, 0)
	}
	notes := imagetest.Note(addr.Little, 4, "CORE", ntFile, imagetest.Words(addr.Little, 8, append([]uint64{files, 4096}, table...)...)+strings.Repeat("x\x00", files))
	all := []imagetest.Segment{{Type: 4, Data: notes}}
	for range segs {
		all = append(all, imagetest.Segment{Type: 1, Vaddr: 0x1000, Memsz: 2 * files})
	}
	img := openTestELF(t, imagetest.BuildELF(true, addr.Little, all, nil), image.Options{})
	if n := len(img.Mappings); n > 2*files+2*segs {
		t.Errorf("%d mappings of %d segments and %d files", n, segs, files)
	}
	imagetest.CheckNotes(t, img, "segments overlap")

	// Note segments that share their bytes are walked once, about.
	all = all[:1]
	for range segs {
		all = append(all, imagetest.Segment{Type: 4, At: 64, Filesz: imagetest.Num(1 << 14)})
	}
	if _, err := imagetest.Finished(Open(t.Context(), imagetest.Reader(imagetest.BuildELF(true, addr.Little, all, nil)), image.Options{})); err == nil {
		t.Error("no error about a core without load segments")
	}
}

func TestELFManySegments(t *testing.T) {
	const n = 131070
	segs := make([]imagetest.Segment, n)
	for i := range segs {
		segs[i] = imagetest.Segment{Type: 1, Flags: 4, Vaddr: uint64(i) * 0x1000, Data: "x", Memsz: 0x1000}
	}
	b := imagetest.BuildELF(true, addr.Little, segs, nil)
	firstByte := 64 + n*56
	short := b
	// The section header is at the end of the file, where linux writes it.
	b = append(b, make([]byte, 64)...)
	addr.Little.PutUint(b[len(b)-20:][:4], n)
	addr.Little.PutUint(b[40:48], uint64(len(b)-64))
	img := openTestELF(t, b, image.Options{})
	if len(img.Mappings) != 2*n || img.Missing != 0 {
		t.Errorf("%d mappings, %d missing", len(img.Mappings), img.Missing)
	}
	imagetest.CheckNotes(t, img)
	if m := img.Mappings[2*n-2]; m.First != (n-1)*0x1000 || m.Offset != uint64(firstByte+n-1) || m.Name != "load[131069]" {
		t.Errorf("last mapping %+v", m)
	}

	// Cut, the section header is lost, and the first segment tells where the
	// table ends.
	short = b[:len(short)-1000]
	img = openTestELF(t, short, image.Options{})
	if len(img.Mappings) != 2*n || img.Missing != 1001 || imagetest.MissingBytes(img) != 1000 {
		t.Errorf("cut: %d mappings, %d missing", len(img.Mappings), img.Missing)
	}
	imagetest.CheckNotes(t, img, "the section header that says how many (file offset 0x71ffce) is not there", "truncated: 1000 of 131070 load segments")

	// Cut within the table.
	img = openTestELF(t, b[:64+70000*56+3], image.Options{})
	if len(img.Mappings) != 2*70000 || img.Missing == 0 {
		t.Errorf("cut table: %d mappings, %d missing", len(img.Mappings), img.Missing)
	}
	img = openTestELF(t, b[:64+60000*56+3], image.Options{})
	if len(img.Mappings) != 2*60000 || img.Missing == 0 {
		t.Errorf("cut table: %d mappings, %d missing", len(img.Mappings), img.Missing)
	}
}

func TestELFWideTable(t *testing.T) {
	// e_phentsize is larger than the struct; the last entry is whole.
	b := imagetest.BuildELF(true, addr.Little, []imagetest.Segment{{Type: 1, Vaddr: 0x1000, Memsz: 1}}, nil)
	entry := string(b[64:])
	b = append(b[:64], []byte(entry+"12345678"+entry+"12345678")...)
	b[54], b[56] = 64, 2
	img := openTestELF(t, b, image.Options{})
	imagetest.CheckMappings(t, img, "0x1000..0x1000 absent --- load[0]\n0x1000..0x1000 absent --- load[1]\n")
}

func TestELFErrors(t *testing.T) {
	seg := []imagetest.Segment{{Type: 1, Vaddr: 0x1000, Data: "abcd", Memsz: 4}}
	for name, c := range map[string]struct {
		edit func(h []byte)
		want string
	}{
		"class":      {func(h []byte) { h[4] = 3 }, "class 3"},
		"data":       {func(h []byte) { h[5] = 0 }, "data encoding 0"},
		"executable": {func(h []byte) { h[16] = 2 }, "is an ELF executable, not a dump: lay it at the address where it was loaded"},
		"shared":     {func(h []byte) { h[16] = 3 }, "is an ELF shared object"},
		"object":     {func(h []byte) { h[16] = 1 }, "is an ELF object file"},
		"other":      {func(h []byte) { h[17] = 0xfe }, "is an ELF file of type 65028"},
		"phentsize":  {func(h []byte) { h[54] = 55 }, "a program header of 55 bytes (e_phentsize)"},
		"no headers": {func(h []byte) { h[56] = 0 }, "holds no memory"},
		"no loads":   {func(h []byte) { h[64] = 9 }, "holds no memory"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := imagetest.Finished(Open(t.Context(), imagetest.Reader(imagetest.BuildELF(true, addr.Little, seg, c.edit)), image.Options{}))
			imagetest.CheckError(t, err, c.want)
		})
	}
	// EI_VERSION 0 is VirtualBox's.
	img := openTestELF(t, imagetest.BuildELF(true, addr.Little, seg, func(h []byte) { h[6] = 0 }), image.Options{})
	imagetest.CheckNotes(t, img)
}

func TestELFSpaces(t *testing.T) {
	note := func(name string) imagetest.Segment {
		return imagetest.Segment{Type: 4, Data: imagetest.Note(addr.Little, 4, name, 0, "")}
	}
	load := func(vaddr, paddr uint64) imagetest.Segment {
		return imagetest.Segment{Type: 1, Vaddr: vaddr, Paddr: paddr, Data: "abcd", Memsz: 8}
	}
	const none = 1<<64 - 1
	for name, c := range map[string]struct {
		segs     []imagetest.Segment
		spaces   string
		virtual  string // first addresses, as they are laid
		physical string
		leaves   string // the space in which a segment has no address
	}{
		"process":                 {[]imagetest.Segment{load(0x1000, 0)}, "virtual", "0x1000", "", ""},
		"process, paddr set":      {[]imagetest.Segment{load(0x1000, 0x1000), {Type: 4, Data: imagetest.Note(addr.Little, 4, "CORE", ntAuxv, "")}}, "virtual", "0x1000", "", ""},
		"QEMU":                    {[]imagetest.Segment{note("QEMU"), load(0, 0), load(0xc0000, 0xc0000)}, "physical", "", "0x0 0xc0000", ""},
		"QEMU, old":               {[]imagetest.Segment{note("QEMU"), load(0, 0), load(0, 0xc0000)}, "physical", "", "0x0 0xc0000", ""},
		"QEMU, one segment":       {[]imagetest.Segment{note("QEMU"), load(0, 0)}, "physical", "", "0x0", ""},
		"QEMU, paging":            {[]imagetest.Segment{note("QEMU"), load(0xff11000000000000, 0), load(0xffffffff81000000, 0x1000000), load(0xff11000000100000, 0x100000)}, "virtual physical", "0xff11000000000000 0xffffffff81000000 0xff11000000100000", "0x0 0x1000000 0x100000", ""},
		"QEMU, paging, identity":  {[]imagetest.Segment{note("QEMU"), load(0x1000, 0x1000), load(0xff11000000000000, 0)}, "virtual physical", "0x1000 0xff11000000000000", "0x1000 0x0", ""},
		"VirtualBox":              {[]imagetest.Segment{note("VBCORE"), load(0, 0), load(0, 0x100000)}, "physical", "", "0x0 0x100000", ""},
		"vmcore":                  {[]imagetest.Segment{note("VMCOREINFO"), load(0xffffffff81000000, 0x1000000), load(0xffff880000000000, 0)}, "virtual physical", "0xffffffff81000000 0xffff880000000000", "0x1000000 0x0", ""},
		"vmcore, high memory":     {[]imagetest.Segment{note("VMCOREINFO"), load(0xc0000000, 0), load(none, 0x38000000)}, "virtual physical", "0xc0000000", "0x0 0x38000000", "virtual"},
		"vmcore, ARM":             {[]imagetest.Segment{note("VMCOREINFO"), load(0, 0x40000000)}, "physical", "", "0x40000000", ""},
		"vmcore, identity":        {[]imagetest.Segment{note("VMCOREINFO"), load(0x1000, 0x1000)}, "physical", "", "0x1000", ""},
		"kcore":                   {[]imagetest.Segment{note("VMCOREINFO"), load(0xffffc90000000000, none), load(0xffff880000000000, 0x1000)}, "virtual physical", "0xffffc90000000000 0xffff880000000000", "0x1000", "physical"},
		"kcore before linux 4.11": {[]imagetest.Segment{note("VMCOREINFO"), load(0xffffc90000000000, 0), load(0xffff880000000000, 0)}, "virtual", "0xffffc90000000000 0xffff880000000000", "", ""},
		"no note":                 {[]imagetest.Segment{load(0xffff880000000000, 0x1000)}, "virtual physical", "0xffff880000000000", "0x1000", ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := imagetest.BuildELF(true, addr.Little, c.segs, nil)
			img := openTestELF(t, b, image.Options{})
			if got := imagetest.JoinedSpaces(img.Spaces); got != c.spaces || img.Space != img.Spaces[0] {
				t.Errorf("spaces %q, default %q, want %q", got, img.Space, c.spaces)
			}
			for space, want := range map[image.AddressSpace]string{image.Virtual: c.virtual, image.Physical: c.physical} {
				img, err := imagetest.Finished(Open(t.Context(), imagetest.Reader(b), image.Options{Space: space}))
				if want == "" {
					imagetest.CheckError(t, err, "no "+string(space)+" addresses")
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				imagetest.CheckImage(t, img, uint64(len(b)))
				var got []string
				for _, m := range img.Mappings {
					if m.Source != nil {
						got = append(got, m.First.String())
					}
				}
				if strings.Join(got, " ") != want || img.Space != space {
					t.Errorf("%s: %s, want %s", space, got, want)
				}
				if string(space) == c.leaves {
					imagetest.CheckNotes(t, img, "1 load segment with 4 bytes have no "+string(space)+" address")
					other := map[image.AddressSpace]image.AddressSpace{image.Virtual: image.Physical, image.Physical: image.Virtual}[space]
					imagetest.CheckHints(t, img, image.Hint{Space: other})
				} else {
					imagetest.CheckNotes(t, img)
				}
			}
		})
	}
}

// In the physical space a page may be in two segments, absent in one: what is
// present shows.
func TestELFPhysicalAliases(t *testing.T) {
	b := imagetest.BuildELF(true, addr.Little, []imagetest.Segment{
		{Type: 4, Data: imagetest.Note(addr.Little, 4, "VMCOREINFO", 0, "")},
		{Type: 1, Flags: 7, Vaddr: 0xffff880000000000, Paddr: 0x1000, Data: "abcdefgh", Memsz: 8},
		{Type: 1, Flags: 7, Vaddr: 0xffffffff80000000, Paddr: 0x1000, Data: "ab", Memsz: 8},
	}, nil)
	img := openTestELF(t, b, image.Options{Space: image.Physical})
	imagetest.CheckMappings(t, img, `
	0x1002..0x1007 absent rwx load[2]
	0x1000..0x1007 present +0x100 rwx load[1]
	0x1000..0x1001 present +0x108 rwx load[2]
	`)
	if img.Format != "ELF machine dump" || !strings.HasSuffix(img.Detail, ", with VMCOREINFO") {
		t.Errorf("%s: %s", img.Format, img.Detail)
	}

	// makedumpfile's flag.
	b[48] = 1
	img = openTestELF(t, b, image.Options{})
	imagetest.CheckNotes(t, img, "incomplete")
	if img.Missing == 0 {
		t.Error("nothing is missing")
	}
}

// QEMU writes no permissions, and they are not taken for "---".
func TestELFNoFlags(t *testing.T) {
	segs := []imagetest.Segment{
		{Type: 4, Data: imagetest.Note(addr.Little, 4, "QEMU", 0, "")},
		{Type: 1, Paddr: 0x1000, Data: "abcd", Memsz: 4},
	}
	img := openTestELF(t, imagetest.BuildELF(true, addr.Little, segs, func(h []byte) { h[18] = 3 }), image.Options{})
	imagetest.CheckMappings(t, img, "0x1000..0x1003 present +0xc4 load[1]\n")
	imagetest.CheckNotes(t, img, "a 64-bit ELF file of a 32-bit machine (i386)")
	imagetest.CheckHints(t, img, image.Hint{WordSize: 4})
	if img.WordSize != 8 || img.AltWordSize != 4 {
		t.Errorf("word size %d or %d", img.WordSize, img.AltWordSize)
	}
}

// Segments that overlap hide one another, which is told; of one that says nothing, or the
// same bytes of the file, nothing is hidden.
func TestHiddenSegments(t *testing.T) {
	const ones, twos = "1111", "2222"
	at := func(vaddr uint64, data string) imagetest.Segment {
		return imagetest.Segment{Type: 1, Vaddr: vaddr, Paddr: vaddr, Data: data, Memsz: 4}
	}
	for name, c := range map[string]struct {
		segs []imagetest.Segment
		want []string
	}{
		"side by side":      {[]imagetest.Segment{at(0x1000, ones), at(0x1004, twos)}, nil},
		"in another order":  {[]imagetest.Segment{at(0x1004, twos), at(0x1000, ones)}, nil},
		"over one another":  {[]imagetest.Segment{at(0x1000, ones), at(0x1000, twos)}, []string{"load[0], 0x1000..0x1003, and load[1], 0x1000..0x1003, overlap: "}},
		"in part":           {[]imagetest.Segment{at(0x2000, ones), at(0x1003, twos), at(0x1000, ones)}, []string{"load[2], 0x1000..0x1003, and load[1], 0x1003..0x1006, overlap: "}},
		"nothing was saved": {[]imagetest.Segment{at(0x1000, ones), at(0x1000, "")}, nil},
		"the same bytes":    {[]imagetest.Segment{at(0x1000, ones), {Type: 1, Vaddr: 0x1000, Paddr: 0x1000, At: 0, Filesz: imagetest.Num(4), Memsz: 4}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if c.segs[1].Filesz != nil { // of the first segment
				c.segs[1].At = 64 + 2*56
			}
			for _, notes := range []string{"", imagetest.Note(addr.Little, 4, "CORE", 1, "")} { // of a machine, and of a process
				segs := c.segs
				if notes != "" {
					segs = append(segs[:len(segs):len(segs)], imagetest.Segment{Type: 4, Data: notes})
					if segs[1].Filesz != nil {
						segs = slices.Clone(segs)
						segs[1].At = 64 + 3*56
					}
				}
				img := openTestELF(t, imagetest.BuildELF(true, addr.Little, segs, nil), image.Options{})
				imagetest.CheckNotes(t, img, c.want...)
			}
		})
	}
}
