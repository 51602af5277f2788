package core

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/elf"
	"vscan/engine/image/imagetest"
	"vscan/internal/testenv"
)

// namesAt returns what the mappings are called, by their first addresses.
func namesAt(img *image.Image) map[uint64]string {
	names := map[uint64]string{}
	for _, m := range img.Mappings {
		names[uint64(m.First)] = m.Name
	}
	return names
}

// What NT_FILE has and no segment: before, between and behind segments, under
// two, in whole and not at all.
func TestELFUnsavedFiles(t *testing.T) {
	notes := imagetest.FilesNote(true, addr.Little, []uint64{
		0x1000, 0x9000,
		0x10000, 0x11000,
		0x11000, 0x12000,
		0x20000, 0x22000,
		0x30000, 0x31000,
	}, "/a", "/b", "/b", "/c", "/d")
	img := openTestELF(t, imagetest.BuildELF(true, addr.Little, []imagetest.Segment{
		{Type: 4, Data: notes},
		{Type: 1, Flags: 6, Vaddr: 0x6000, Memsz: 0x1000},
		{Type: 1, Flags: 4, Vaddr: 0x2000, Data: "abcd", Memsz: 0x2000},
		{Type: 1, Flags: 4, Vaddr: 0x3000, Memsz: 0x2000},
		{Type: 1, Flags: 4, Vaddr: 0x1f000, Memsz: 0x2000},
		{Type: 1, Flags: 4, Vaddr: 0x30000, Memsz: 0x1000},
	}, nil), image.Options{})
	at := uint64(64 + 6*56 + len(notes))
	imagetest.CheckMappings(t, img, fmt.Sprintf(`
	0x1000..0x1fff absent /a
	0x5000..0x5fff absent /a
	0x7000..0x8fff absent /a
	0x10000..0x10fff absent /b
	0x11000..0x11fff absent /b
	0x21000..0x21fff absent /c
	0x6000..0x6fff absent rw- /a
	0x2000..0x2003 present +%#x r-- /a
	0x2004..0x3fff absent r-- /a
	0x3000..0x4fff absent r-- /a
	0x1f000..0x1ffff absent r-- load[4]
	0x20000..0x20fff absent r-- /c
	0x30000..0x30fff absent r-- /d
	`, at))
	if img.Missing != 0 {
		t.Errorf("%d bytes missing", img.Missing)
	}
	places := map[uint64]uint64{}
	for _, m := range img.Mappings {
		places[uint64(m.First)] = m.NameOffset
	}
	for first, want := range map[uint64]uint64{0x1000: 0, 0x5000: 0x4000, 0x7000: 0x6000, 0x21000: 0x1000, 0x2000: 0x1000, 0x2004: 0x1004} {
		if places[first] != want {
			t.Errorf("%#x is at %#x of its name, want %#x", first, places[first], want)
		}
	}
}

// Any files over any segments, against a byte map.
func TestELFUnsavedRandom(t *testing.T) {
	rnd := testenv.Rand(t)
	for range 300 {
		var ranges []uint64
		var paths []string
		segs := []imagetest.Segment{{}}
		var mapped, saved [64]bool
		for range rnd.IntN(6) {
			first := rnd.Uint64N(60)
			end := first + 1 + rnd.Uint64N(64-first)
			ranges, paths = append(ranges, first, end), append(paths, fmt.Sprint("/", len(paths)))
			for a := first; a < end; a++ {
				mapped[a] = true
			}
		}
		for range rnd.IntN(6) {
			first := rnd.Uint64N(60)
			n := 1 + rnd.Uint64N(64-first)
			segs = append(segs, imagetest.Segment{Type: 1, Flags: 4, Vaddr: first, Memsz: n})
			for a := first; a < first+n; a++ {
				saved[a] = true
			}
		}
		if len(segs) == 1 {
			continue
		}
		segs[0] = imagetest.Segment{Type: 4, Data: imagetest.FilesNote(true, addr.Little, ranges, paths...)}
		img := openTestELF(t, imagetest.BuildELF(true, addr.Little, segs, nil), image.Options{})
		var absent [64]int
		for _, m := range img.Mappings {
			if m.Perm == 0 {
				for a := m.First; a <= m.Last; a++ {
					absent[a]++
				}
			}
		}
		for a := range absent {
			if want := mapped[a] && !saved[a]; absent[a] > 1 || (absent[a] == 1) != want {
				t.Fatalf("%d of %v over %v: absent %d times, want %v", a, ranges, segs[1:], absent[a], want)
			}
		}
	}
}

// A hundred thousand files over as many segments that lie across them.
func TestELFUnsavedBounded(t *testing.T) {
	const count = 100000
	var ranges []uint64
	segs := make([]imagetest.Segment, 1, count+1)
	for i := range uint64(count) {
		ranges = append(ranges, 0x10000+0x20*i, 0x10000+0x20*i+0x18)
		segs = append(segs, imagetest.Segment{Type: 1, Flags: 6, Vaddr: 0x10008 + 0x20*i, Memsz: 8})
	}
	segs = append(segs, imagetest.Segment{Type: 1, Flags: 6, Vaddr: 0, Memsz: 1 << 40}) // hides nothing of the names, but all is in it
	segs[0] = imagetest.Segment{Type: 4, Data: imagetest.FilesNote(true, addr.Little, ranges, slices.Repeat([]string{"/x"}, count)...)}
	b := imagetest.BuildELF(true, addr.Little, segs[:count+1], func(h []byte) { h[56], h[57] = 0xff, 0xff })
	// The number of headers is in the section header at the end.
	b = append(b, make([]byte, 64)...)
	addr.Little.PutUint(b[len(b)-20:][:4], count+1)
	addr.Little.PutUint(b[40:48], uint64(len(b)-64))
	img := openTestELF(t, b, image.Options{})
	if want := 3 * count; len(img.Mappings) != want {
		t.Errorf("%d mappings, want %d", len(img.Mappings), want)
	}
}

// Stacks by the threads' stack pointers.
func TestELFStacks(t *testing.T) {
	imagetest.EachForm(t, func(t *testing.T, wide bool, order addr.ByteOrder, _ uint64) {
		if order == addr.Big {
			t.Skip("registers of x86 are little-endian")
		}
		seg := func(first uint64) imagetest.Segment {
			return imagetest.Segment{Type: 1, Flags: 6, Vaddr: first, Memsz: 0x1000}
		}
		notes := imagetest.ThreadNote(wide, order, 12, 0x10ff0) + // crashed
			imagetest.ThreadNote(wide, order, 10, 0x20ff0) +
			imagetest.ThreadNote(wide, order, 14, 0x30ff0) + imagetest.ThreadNote(wide, order, 13, 0x30800) + // one mapping of two stacks
			imagetest.ThreadNote(wide, order, 15, 0x40ff0) + // on a file
			imagetest.ThreadNote(wide, order, 16, 0x50ff0) + // in a guard page
			imagetest.ThreadNote(wide, order, 17, 0x90ff0) + // nowhere
			imagetest.ThreadNote(wide, order, 18, 0x60ff0) +
			imagetest.FilesNote(wide, order, []uint64{0x40000, 0x41000}, "/file")
		open := func(more string) map[uint64]string {
			guard := seg(0x50000)
			guard.Flags = 0
			return namesAt(openTestELF(t, imagetest.BuildELF(wide, order, []imagetest.Segment{
				{Type: 4, Data: more + notes}, seg(0x10000), seg(0x20000), seg(0x30000), seg(0x40000), guard, seg(0x60000),
			}, nil), image.Options{}))
		}
		want := map[uint64]string{
			0x10000: "[stack:12]", 0x20000: "[stack]", 0x30000: "[stack:13]", 0x40000: "/file", 0x50000: "load[5]", 0x60000: "[stack:18]",
		}
		check := func(what string, got map[uint64]string) {
			t.Helper()
			for first, name := range want {
				if got[first] != name {
					t.Errorf("%s: %#x is %s, want %s", what, first, got[first], name)
				}
			}
		}
		check("the process is told", open(imagetest.InfoNote(wide, order, 10, "prog")))
		want[0x20000] = "[stack:10]"
		check("nothing is told", open(""))
		want[0x60000] = "[stack]"
		check("the vector tells", open(imagetest.InfoNote(wide, order, 10, "prog")+imagetest.AuxvNote(wide, order, atRandom, 0x60010)))
	})
}

// One thread is the first.
func TestELFOneThread(t *testing.T) {
	img := openTestELF(t, imagetest.BuildELF(true, addr.Little, []imagetest.Segment{
		{Type: 4, Data: imagetest.ThreadNote(true, addr.Little, 7, 0x1ff0) + imagetest.FilesNote(true, addr.Little, nil)},
		{Type: 1, Flags: 6, Vaddr: 0x1000, Memsz: 0x1000},
	}, nil), image.Options{})
	imagetest.CheckMappings(t, img, "0x1000..0x1fff absent rw- [stack]\n")
}

// The data of the vDSO lie right below it and may only be read.
func TestELFVvar(t *testing.T) {
	for name, c := range map[string]struct {
		first, size uint64
		flags       uint32
		below       uint64 // of a second one
		want        string
	}{
		"one":       {0xc000, 0x4000, 4, 0, "[vvar]"},
		"two":       {0xc000, 0x4000, 4, 0xa000, "[vvar_vclock]"},
		"no access": {0xc000, 0x4000, 0, 0, "load[1]"},
		"writable":  {0xc000, 0x4000, 6, 0, "load[1]"},
		"apart":     {0xb000, 0x4000, 4, 0, "load[1]"},
		"code":      {0xc000, 0x4000, 5, 0, "load[1]"},
	} {
		segs := []imagetest.Segment{
			{Type: 4, Data: imagetest.AuxvNote(true, addr.Little, atSysinfo, 0x10000)},
			{Type: 1, Flags: c.flags, Vaddr: c.first, Memsz: c.size},
			{Type: 1, Flags: 5, Vaddr: 0x10000, Memsz: 0x1000},
		}
		if c.below != 0 {
			segs = append(segs, imagetest.Segment{Type: 1, Flags: 4, Vaddr: c.below, Memsz: c.first - c.below})
		}
		names := namesAt(openTestELF(t, imagetest.BuildELF(true, addr.Little, segs, nil), image.Options{}))
		if names[c.first] != c.want || names[0x10000] != "[vdso]" || c.below != 0 && names[c.below] != "[vvar]" {
			t.Errorf("%s: %v", name, names)
		}
	}
}

// The stack pointers of every real core lie in stacks: that of the first thread
// in what the auxiliary vector says is its stack.
func TestSampleThreads(t *testing.T) {
	first, others := map[abi]int{}, map[abi]int{}
	imagetest.EachCore(t, func(path string, b []byte) {
		if !elf.IsCore(b[:64]) {
			return
		}
		c := newReader(t.Context(), imagetest.Reader(b))
		var err error
		if c.Header, err = elf.ParseHeader(b); err != nil || c.ReadSegments(t.Context()) != nil || c.readNotes() != nil || c.isMachine() {
			return
		}
		if err := c.findModules(); err != nil {
			t.Fatal(err)
		}
		n, err := c.newNamer()
		if err != nil {
			t.Fatal(err)
		}
		if len(c.threads) == 0 || n.at(addr.Addr(c.auxv[atRandom])) < 0 {
			return
		}
		for _, th := range c.threads {
			i := n.at(th.SP)
			if i < 0 {
				t.Errorf("%s: the stack pointer of %d, %v, is nowhere", path, th.ID, th.SP)
				continue
			}
			name := n.segments[n.sorted[i].Index]
			shared := func(o image.Thread) bool {
				return o.ID < th.ID && n.at(o.SP) == i && name == fmt.Sprintf("[stack:%d]", o.ID)
			}
			switch {
			case th.ID == c.pid && name == "[stack]":
				first[abi{c.Machine, c.Wide}]++
			case th.ID != c.pid && name == fmt.Sprintf("[stack:%d]", th.ID):
				others[abi{c.Machine, c.Wide}]++
			case !slices.ContainsFunc(c.threads, shared):
				t.Errorf("%s: thread %d of %d runs on %v, %s", path, th.ID, c.pid, n.rangeOf(n.sorted[i]), name)
			}
		}
	})
	t.Logf("first threads %v, others %v", first, others)
	for a := range registersOf {
		if first[a] == 0 {
			t.Logf("no core of machine %d, wide %v", a.machine, a.wide)
		}
	}
	if len(first) < 10 || len(others) < 7 {
		t.Errorf("first threads %v, others %v", first, others)
	}
}

// Notes cut at every byte, with the counts that they had.
func TestELFCutNotes(t *testing.T) {
	imagetest.EachForm(t, func(t *testing.T, wide bool, order addr.ByteOrder, base uint64) {
		for _, note := range []string{
			imagetest.ThreadNote(wide, order, 5, base),
			imagetest.InfoNote(wide, order, 5, "prog"),
			imagetest.AuxvNote(wide, order, atPhdr, base+64, atPhent, 56, atPhnum, 3, atExecFn, base+1, atSysinfo, base),
			imagetest.FilesNote(wide, order, []uint64{base, base + 4, base + 0x1000, base + 0x2000}, "/a", "/b"),
		} {
			desc := 12 + 8 // header and name
			for n := range len(note) - desc {
				cut := []byte(note[:desc+n])
				order.PutUint(cut[4:8], uint64(n))
				b := imagetest.BuildELF(wide, order, []imagetest.Segment{{Type: 4, Data: string(cut)}, {Type: 1, Flags: 6, Vaddr: base, Data: "abcdefgh", Memsz: 16}}, nil)
				openTestELF(t, b, image.Options{})
			}
		}
	})
}

// A core without NT_FILE: the program's headers in memory tell where its file
// is, and AT_EXECFN what it is called.
func TestELFProgramName(t *testing.T) {
	imagetest.EachForm(t, func(t *testing.T, wide bool, order addr.ByteOrder, _ uint64) {
		const at, stack = 0x400000, 0x700000
		open := func(prog, args, notes string) *image.Image {
			entry := uint64(32)
			if wide {
				entry = 56
			}
			auxv := imagetest.AuxvNote(wide, order, atPhdr, at+uint64(len(prog))-3*entry, atPhent, entry, atPhnum, 3, atExecFn, stack+5)
			return openTestELF(t, imagetest.BuildELF(wide, order, []imagetest.Segment{
				{Type: 4, Data: notes + imagetest.InfoNote(wide, order, 1, args) + auxv},
				{Type: 1, Flags: 5, Vaddr: at, Data: prog, Memsz: 0x1000},
				{Type: 1, Flags: 6, Vaddr: at + 0x2000, Data: "data", Memsz: 0x4000},
				{Type: 1, Flags: 6, Vaddr: stack, Data: "stack/bin/prog\x00", Memsz: 0x1000},
			}, nil), image.Options{})
		}
		prog := func(table bool) string { return testProgram(wide, order, at, table) }
		for name, c := range map[string]struct {
			prog, args, notes string
			want              string // where the program's file would be
		}{
			"by PT_PHDR":     {prog(true), "prog", "", "/bin/prog"},
			"by its header":  {prog(false), "prog -x", "", "/bin/prog"},
			"a script":       {prog(true), "/bin/sh /bin/prog -x", "", ""},
			"perhaps one":    {prog(true), strings.Repeat("x", 70) + " /bin/pro", "", ""},
			"not its own":    {prog(true), "prog /bin/program2", "", ""},
			"a cut letter":   {prog(true), strings.Repeat("é", 39) + "\xc3", "", "/bin/prog"}, // the note has 79 bytes of the arguments
			"files are told": {prog(true), "prog", imagetest.FilesNote(wide, order, []uint64{at, at + 0x1000}, "/real"), "/real"},
			"no header":      {strings.Replace(prog(false), "\x7fELF", "xxxx", 1), "prog", "", ""},
		} {
			names := namesAt(open(c.prog, c.args, c.notes))
			data := c.want
			if name == "files are told" || data == "" {
				data = "load[2]"
			}
			if c.want == "" {
				c.want = "load[1]"
			}
			if names[at] != c.want || names[at+0x2000] != data || names[at+0x1000] != "" || names[stack] != "[stack]" {
				t.Errorf("%s: %v", name, names)
			}
		}
	})
}

// testProgram returns the ELF and program headers of a program that was linked to lie
// at an address: one page of code, one of data two pages further on, and .bss up
// to six pages from the start. The table has PT_PHDR or another header first.
func testProgram(wide bool, order addr.ByteOrder, at uint64, table bool) string {
	first := imagetest.Segment{Type: 7}
	headers := uint64(52)
	if wide {
		headers = 64
	}
	if table {
		first = imagetest.Segment{Type: 6, Vaddr: at + headers}
	}
	b := imagetest.BuildELF(wide, order, []imagetest.Segment{
		first,
		{Type: 1, Flags: 5, Vaddr: at, Filesz: imagetest.Num(0x800), Memsz: 0x800},
		{Type: 1, Flags: 6, Vaddr: at + 0x2010, Filesz: imagetest.Num(0x10), Memsz: 0x3ff0, At: 0x1010},
	}, nil)
	// The first load segment begins at file offset 0.
	if wide {
		clear(b[64+56+8:][:8])
	} else {
		clear(b[52+32+4:][:4])
	}
	return string(b)
}

// Every mapping of a process core says how far into its name it begins.
func TestELFNameOffsets(t *testing.T) {
	img := openTestELF(t, imagetest.BuildELF(true, addr.Little, []imagetest.Segment{
		{Type: 4, Data: imagetest.FilesNote(true, addr.Little, []uint64{0x2000, 0x3000}, "/a")},
		{Type: 1, Flags: 6, Vaddr: 0x1000, Data: strings.Repeat("x", 0x1800), Memsz: 0x4000},
	}, nil), image.Options{})
	var got []string
	for i, m := range img.Mappings {
		got = append(got, fmt.Sprintf("%v %s+%#x %v", m.First, m.Name, m.NameOffset, i > 0 && m.Continues(&img.Mappings[i-1])))
	}
	want := "0x1000 load[1]+0x0 false, 0x2000 /a+0x0 false, 0x2800 /a+0x800 true, 0x3000 load[1]+0x2000 false"
	if strings.Join(got, ", ") != want || img.Mappings[0].State != engine.Present {
		t.Errorf("%s, want %s", strings.Join(got, ", "), want)
	}
}
