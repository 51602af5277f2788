package layer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/core"
	"vscan/engine/image/elf"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
	"vscan/engine/image/input"
	"vscan/internal/testenv"
)

// opened returns a core in a file.
func opened(t *testing.T, b []byte) *image.Image {
	t.Helper()
	img, err := formats.Open(t.Context(), imagetest.TempFile(t, "core", string(b)), image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { img.Close() })
	return img
}

func TestModules(t *testing.T) {
	imagetest.EachForm(t, func(t *testing.T, wide bool, order addr.ByteOrder, _ uint64) {
		m := imagetest.NewModule(wide, order, imagetest.SharedObject, "0123")
		const base = 0x50000000
		img := opened(t, m.Core("/bin/prog", base, true,
			imagetest.NewEntry(base+0x8000, base+0x8fff, 3, "/other"),
			imagetest.NewEntry(base+0x9000, base+0x9fff, 1, "/bin/prog"),
			imagetest.NewEntry(base+0x9800, base+0xafff, 1, "/overlaps")))
		var got []string
		for _, m := range img.Modules {
			got = append(got, fmt.Sprintf("%s %v %v %#x %x %d", m.Path, m.Base, m.Known, m.Bias, m.BuildID, len(m.Ranges)))
		}
		want := "/bin/prog 0x50000000 true 0x50000000 30313233 3, /other 0x50008000 false 0x0  1, /bin/prog 0x50009000 false 0x0  1"
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("modules %s, want %s", s, want)
		}
		if r := img.Modules[0].Ranges[2]; r.Offset != 0x2000 || r.First != base+0x2000 || r.Last != base+0x2fff {
			t.Errorf("range %v from %#x", r.Range, r.Offset)
		}
		ids := image.NewBuildIDs(img.Modules...)
		for i := range img.Mappings {
			mp := &img.Mappings[i]
			if id := ids.Of(mp, mp.First); (id == "30313233") != (mp.Name == "/bin/prog" && mp.First < base+0x3000) {
				t.Errorf("build-id %q of %v %s", id, mp.Range, mp.Name)
			}
		}
	})
}

// underSpace returns the space of an image with a layer under it.
func underSpace(t *testing.T, img *image.Image, l *Layer) *engine.Space {
	t.Helper()
	s, err := engine.NewSpace(img.Mappings...)
	if err != nil {
		t.Fatal(err)
	}
	one := s
	for i := range l.Mappings { // each below the one that hides it
		if one, err = one.AddUnder(l.Mappings[len(l.Mappings)-1-i]); err != nil {
			t.Fatal(err)
		}
	}
	want := slices.Clone(l.Mappings)
	if s, err = l.LayUnder(s); err != nil || !slices.Equal(l.Mappings, want) {
		t.Fatalf("LayUnder: %v, or it changed the layer", err)
	}
	if got := fmt.Sprint(slices.Collect(s.Intervals(addr.All))); got != fmt.Sprint(slices.Collect(one.Intervals(addr.All))) {
		t.Fatalf("LayUnder: %s", got)
	}
	return s
}

// laid returns what a layer shows under an image in some range.
func laid(t *testing.T, img *image.Image, l *Layer) string {
	t.Helper()
	var ms []engine.Mapping
	for v := range underSpace(t, img, l).Intervals(addr.All) {
		if v.Mapping != nil && v.Mapping.Source != core.Of(img).Source {
			m := *v.Mapping
			m.Offset += uint64(v.First - m.First)
			m.NameOffset += uint64(v.First - m.First)
			m.Range = v.Range
			ms = append(ms, m)
		}
	}
	return imagetest.ShowPlaces(ms)
}

func checkUnder(t *testing.T, img *image.Image, l *Layer, err error, want string, notes ...string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	want = strings.ReplaceAll(strings.TrimLeft(want, "\n"), "\t", "")
	if got := laid(t, img, l); got != want {
		t.Errorf("layers:\n%swant:\n%s", got, want)
	}
	imagetest.CheckNotes(t, &image.Image{Notes: l.Notes}, notes...)
}

// A program without an address lies where the core has it.
func TestUnplacedProgram(t *testing.T) {
	imagetest.EachForm(t, func(t *testing.T, wide bool, order addr.ByteOrder, _ uint64) {
		for _, head := range []bool{true, false} {
			m := imagetest.NewModule(wide, order, imagetest.SharedObject, "0123")
			prog := imagetest.TempFile(t, "prog", string(m.File()))
			img := opened(t, m.Core("/usr/bin/prog", 0x50000000, head))
			l, err := Open(t.Context(), img, image.LayerSpec{Path: prog, Unplaced: true}, image.Options{})
			want := `
				0x50001000..0x50001fff present +0x1000 r-x prog +0x1000
				0x50002000..0x500028ff present +0x2000 rw- prog +0x2000
				0x50002900..0x50004fff zero rw- prog +0x2900
			`
			if !head {
				want = "0x50000000..0x50000fff present +0x0 r-- prog +0x0\n" + want[1:]
			}
			checkUnder(t, img, l, err, want, "laid by its program headers from 0x50000000, load bias 0x50000000", "1 writable range not saved in the core shows what the file has, which the process may have changed")
		}
	})
}

// Pages are as large as the kernel's unit says, or, where gdb wrote the core with
// a unit of a byte, as the auxiliary vector says.
func TestModulesOfLargePages(t *testing.T) {
	imagetest.EachForm(t, func(t *testing.T, wide bool, order addr.ByteOrder, _ uint64) {
		b := imagetest.BuildProgram(wide, order, imagetest.SharedObject, 0x22000, imagetest.Load(5, 0, 0, 0x800, 0), imagetest.Load(6, 0x1f000, 0x2f000, 0x900, 0x1100))
		for _, c := range []struct{ unit, pagesz, page uint64 }{{1, 0x10000, 0x10000}, {0x10000, 0x1000, 0x10000}, {0x10000, 0, 0x10000}, {1, 0x4000, 0x4000}, {1, 0, elf.PageSize}, {1, 0x10001, elf.PageSize}, {4096, 0x10000, elf.PageSize}} {
			const base = 0x50000000
			page := c.page
			img := opened(t, imagetest.BuildELF(wide, order, []imagetest.Segment{
				{Type: 4, Data: imagetest.AuxvNote(wide, order, 6 /* AT_PAGESZ */, c.pagesz) + imagetest.FileNote(wide, order, c.unit,
					imagetest.NewEntry(base, base+page-1, 0, "/bin/prog"), imagetest.NewEntry(base+0x2f000&^(page-1), base+0x2ffff, 0x1f000&^(page-1)/4096, "/bin/prog"))},
				{Type: 1, Flags: 5, Vaddr: base, Memsz: page},
				{Type: 1, Flags: 6, Vaddr: base + 0x2f000&^(page-1), Memsz: 0x30000 - 0x2f000&^(page-1)},
				{Type: 1, Flags: 6, Vaddr: base + 0x30000, Memsz: page},
			}, nil))
			if pageSize(img) != page {
				t.Errorf("unit %#x, AT_PAGESZ %#x: pages of %#x bytes", c.unit, c.pagesz, pageSize(img))
			}
			l, err := Open(t.Context(), img, image.LayerSpec{Path: imagetest.TempFile(t, "prog", string(b)), Unplaced: true}, image.Options{})
			checkUnder(t, img, l, err, fmt.Sprintf(`
				%#x..%#x present +0x0 r-x prog +0x0
				%#x..0x5002f8ff present +%#x rw- prog +%#x
				0x5002f900..%#x zero rw- prog +0x2f900
			`, base, base+page-1, base+0x2f000&^(page-1), 0x1f000&^(page-1), 0x2f000&^(page-1), base+0x30000+page-1), "load bias", "1 writable range")
		}
	})
}

// Where a core has nothing to compare a file with, the note says so.
func TestUncomparedProgram(t *testing.T) {
	const blind = "compared with nothing, since the core saved neither its header nor its build-id: it may be another build"
	m := imagetest.NewModule(true, addr.Little, imagetest.SharedObject, "0123")
	other := m
	other.Id = "4567"
	for name, c := range map[string]struct {
		file, core imagetest.Module
		head       bool
		spec       image.LayerSpec
		blind      bool
	}{
		"another build":               {other, m, false, image.LayerSpec{Unplaced: true}, true},
		"the same":                    {m, m, false, image.LayerSpec{Unplaced: true}, true},
		"at the address that it has":  {other, m, false, image.LayerSpec{At: 0x50000000}, true},
		"elsewhere":                   {other, m, false, image.LayerSpec{At: 0x70000000}, false},
		"compared":                    {m, m, true, image.LayerSpec{Unplaced: true}, false},
		"compared by its first bytes": {imagetest.NewModule(true, addr.Little, imagetest.SharedObject, ""), imagetest.NewModule(true, addr.Little, imagetest.SharedObject, ""), true, image.LayerSpec{Unplaced: true}, false},
		"known as another":            {other, m, true, image.LayerSpec{At: 0x50000000}, false},
	} {
		img := opened(t, c.core.Core("/bin/prog", 0x50000000, c.head))
		c.spec.Path = imagetest.TempFile(t, "prog", string(c.file.File()))
		l, err := Open(t.Context(), img, c.spec, image.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(strings.Join(l.Notes, "\n"), blind); got != c.blind {
			t.Errorf("%s: %q", name, l.Notes)
		}
		l.Close()
	}
}

// The file that a core is of is told from others by all that there is.
func TestUnplacedProgramThatDoesNotFit(t *testing.T) {
	m := imagetest.NewModule(true, addr.Little, imagetest.SharedObject, "0123")
	with := func(change func(m *imagetest.Module)) imagetest.Module { n := m; change(&n); return n }
	for name, c := range map[string]struct {
		path string
		core imagetest.Module
		head bool
		edit func(prog []byte)
		want string // "": it fits
	}{
		"another build":               {"/bin/prog", with(func(m *imagetest.Module) { m.Id = "4567" }), true, nil, "has build-id 30313233, and what the core has at 0x50000000 (/bin/prog) has 34353637: it is another build"},
		"another name, same build":    {"/bin/renamed", m, true, nil, ""},
		"no build-id in the core":     {"/bin/prog", with(func(m *imagetest.Module) { m.Id = "" }), true, nil, "does not begin with the bytes that the core has at 0x50000000 (/bin/prog): it is another file"},
		"no build-id in the file":     {"/bin/prog", m, true, func(b []byte) { b[0x400+12] = 'X' }, "does not begin with the bytes that the core has"},
		"stripped":                    {"/bin/prog", m, true, func(b []byte) { copy(b[40:48], "12345678"); copy(b[58:64], "123456") }, ""},
		"no header, another layout":   {"/bin/prog", m, false, func(b []byte) { b[64+56+16+1] = 0x50 }, "does not fit what was mapped at 0x50000000: program header 1 wants file offset"},
		"no header, one segment less": {"/bin/prog", m, false, func(b []byte) { b[64+2*56] = 6 }, "file offset 0x2000 was mapped at address 0x50002000, and no program header wants that"},
		"big-endian":                  {"/bin/prog", m, true, func(b []byte) { b[18] = 3 }, "is for 64-bit little-endian i386, and the process is 64-bit little-endian x86-64"},
		"not named":                   {"/bin/other", with(func(m *imagetest.Module) { m.Id = "4567" }), true, nil, "can lie anywhere, and the core names no such file: give the address of its first page"},
	} {
		t.Run(name, func(t *testing.T) {
			b := m.File()
			if c.edit != nil {
				c.edit(b)
			}
			prog := imagetest.TempFile(t, "prog", string(b))
			img := opened(t, c.core.Core(c.path, 0x50000000, c.head))
			l, err := Open(t.Context(), img, image.LayerSpec{Path: prog, Unplaced: true}, image.Options{})
			if c.want != "" {
				imagetest.CheckError(t, err, c.want)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			l.Close()
		})
	}
}

func TestUnplacedProgramOfFixedAddresses(t *testing.T) {
	m := imagetest.NewModule(true, addr.Little, imagetest.Executable, "0123")
	prog := imagetest.TempFile(t, "prog", string(m.File()))
	want := "load bias 0x0"
	// Where the core has it, and where no core tells.
	img := opened(t, m.Core("/bin/prog", 0x400000, true))
	l, err := Open(t.Context(), img, image.LayerSpec{Path: prog, Unplaced: true}, image.Options{})
	checkUnder(t, img, l, err, `
		0x401000..0x401fff present +0x1000 r-x prog +0x1000
		0x402000..0x4028ff present +0x2000 rw- prog +0x2000
		0x402900..0x404fff zero rw- prog +0x2900
	`, want, "1 writable range")
	l, err = Open(t.Context(), nil, image.LayerSpec{Path: prog, Unplaced: true}, image.Options{})
	if err != nil || len(l.Notes) != 2 || !strings.Contains(l.Notes[0], "nothing tells whether it is the program that ran") || !strings.Contains(l.Notes[1], want) {
		t.Errorf("%v, %v", l, err)
	}
	l.Close()
	// Elsewhere, or with another program at its address.
	_, err = Open(t.Context(), opened(t, m.Core("/bin/prog", 0x500000, false)), image.LayerSpec{Path: prog, Unplaced: true}, image.Options{})
	imagetest.CheckError(t, err, "does not fit what was mapped at 0x500000: it is of fixed addresses, and its lowest is 0x400000")
	other := m
	other.Id = "4567"
	_, err = Open(t.Context(), opened(t, other.Core("/bin/other", 0x400000, true)), image.LayerSpec{Path: prog, Unplaced: true}, image.Options{})
	imagetest.CheckError(t, err, "it is another build")
	// Where the core has nothing, nothing is left unsaved.
	l, err = Open(t.Context(), img, image.LayerSpec{Path: prog, At: 0x10000000}, image.Options{})
	if err != nil || len(l.Notes) != 1 {
		t.Errorf("%v, %v", l, err)
	}
	l.Close()
	// An address is taken, with a word where it is not what the core has there.
	l, err = Open(t.Context(), opened(t, other.Core("/bin/other", 0x400000, true)), image.LayerSpec{Path: prog, At: 0x400000}, image.Options{})
	if err != nil || !strings.Contains(l.Notes[0], "it is another build") {
		t.Errorf("%v, %v", l, err)
	}
	l.Close()
}

// A core without NT_FILE: what it begins its segments with tells.
func TestUnplacedProgramWithoutNames(t *testing.T) {
	m := imagetest.NewModule(true, addr.Little, imagetest.SharedObject, "0123")
	prog := imagetest.TempFile(t, "prog", string(m.File()))
	core := func(m imagetest.Module) *image.Image {
		return opened(t, imagetest.BuildELF(true, addr.Little, []imagetest.Segment{
			{Type: 4, Data: imagetest.Note(addr.Little, 4, "CORE", imagetest.NoteAuxv, imagetest.Words(addr.Little, 8, 0, 0))},
			{Type: 1, Flags: 6, Vaddr: 0x1000, Data: strings.Repeat("x", 0x1000), Memsz: 0x1000},
			{Type: 1, Flags: 4, Vaddr: 0x50000000, Data: string(m.File()[:0x1000]), Memsz: 0x1000},
		}, nil))
	}
	img := core(m)
	l, err := Open(t.Context(), img, image.LayerSpec{Path: prog, Unplaced: true}, image.Options{})
	checkUnder(t, img, l, err, `
		0x50001000..0x50001fff present +0x1000 r-x prog +0x1000
		0x50002000..0x500028ff present +0x2000 rw- prog +0x2000
		0x50002900..0x50004fff zero rw- prog +0x2900
	`, "load bias 0x50000000", "1 writable range")
	m.Id = "4567"
	_, err = Open(t.Context(), core(m), image.LayerSpec{Path: prog, Unplaced: true}, image.Options{})
	imagetest.CheckError(t, err, "can lie anywhere, and the core names no such file")
	m.Id = ""
	plain := imagetest.TempFile(t, "plain", string(m.File()))
	l, err = Open(t.Context(), core(m), image.LayerSpec{Path: plain, Unplaced: true}, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, err = OpenModules(t.Context(), core(m), "", image.Options{})
	imagetest.CheckError(t, err, "the image names no mapped files (it has no note NT_FILE)")
	if !errors.Is(err, image.ErrNoModules) {
		t.Errorf("%v is not ErrNoModules", err)
	}
}

// All files that a core names, from a folder.
func TestOpenModules(t *testing.T) {
	m := imagetest.NewModule(true, addr.Little, imagetest.SharedObject, "0123")
	dir := t.TempDir()
	prog := imagetest.WriteFile(t, dir, "root/bin/prog", string(m.File()))
	font := imagetest.WriteFile(t, dir, "root/share/font", strings.Repeat("f", 0x1801))
	moved := imagetest.WriteFile(t, dir, "root/moved", strings.Repeat("m", 0x1000))
	imagetest.WriteFile(t, dir, "secret", "above the root")
	const at = 0x60000000
	img := opened(t, m.Core("/bin/prog", 0x50000000, true,
		imagetest.NewEntry(at, at+0x2fff, 0, "/share/font"),
		imagetest.NewEntry(at+0x10000, at+0x10fff, 0, "/deep/down/moved"),
		imagetest.NewEntry(at+0x20000, at+0x20fff, 0, "/../secret"),
		imagetest.NewEntry(at+0x30000, at+0x30fff, 0, "relative"),
		imagetest.NewEntry(at+0x40000, at+0x40fff, 1<<50, "/share/font"),
		imagetest.NewEntry(at+0x50000, at+0x50fff, 0, "/share/font (deleted)"),
		imagetest.NewEntry(at+0x60000, at+0x60fff, 0, "/bin"),
		imagetest.NewEntry(at+0x70000, at+0x70fff, 0, "/two\nlines")))
	l, err := OpenModules(t.Context(), img, filepath.Join(dir, "root"), image.Options{})
	checkUnder(t, img, l, err, `
		0x50001000..0x50001fff present +0x1000 r-x /bin/prog +0x1000
		0x50002000..0x500028ff present +0x2000 rw- /bin/prog +0x2000
		0x50002900..0x50004fff zero rw- /bin/prog +0x2900
		0x60000000..0x60001800 present +0x0 /share/font +0x0
		0x60001801..0x60001fff zero /share/font +0x1801
		0x60002000..0x60002fff absent /share/font +0x2000
		0x60010000..0x60010fff present +0x0 /deep/down/moved +0x0
		0x60020000..0x60020fff absent /../secret +0x0
		0x60030000..0x60030fff absent relative +0x0
		0x60040000..0x60040fff absent /share/font +0x40000
		0x60050000..0x60050fff absent /share/font (deleted) +0x0
		0x60060000..0x60060fff absent /bin +0x0
		0x60070000..0x60070fff absent /two
		lines +0x0
	`, "3 files of the core laid under it: 1 compared with what it saved of them, 2 with nothing to compare",
		"left out: stat "+filepath.Join(dir, "root/secret"), "left out: relative: no path of a file",
		"left out: "+font+": the file that was mapped had been deleted", "left out: "+filepath.Join(dir, "root/bin")+" is not a regular file", `/two\x0alines: `, "1 writable range not saved")
	for i, want := range []string{prog, font, moved} {
		if got := l.closers[i].(*input.File).Name(); got != want {
			t.Errorf("file %q, want %q", got, want)
		}
	}
	ids := image.NewBuildIDs(l.Modules...)
	if id := ids.Of(&l.Mappings[0], l.Mappings[0].First); id != "30313233" {
		t.Errorf("build-id %q", id)
	}
}

// Links in a copy of a machine lead nowhere else, and a file that may be one of
// several is none of them.
func TestOpenModulesBelowTheRoot(t *testing.T) {
	m := imagetest.NewModule(true, addr.Little, imagetest.SharedObject, "0123")
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	imagetest.WriteFile(t, dir, "outside/data", "of this machine")
	imagetest.WriteFile(t, root, "usr/data", "of that machine")
	imagetest.WriteFile(t, root, "usr/deep/same", "of one of two")
	imagetest.WriteFile(t, root, "same", "of one of two")
	imagetest.WriteFile(t, root, "only", "moved")
	imagetest.WriteFile(t, root, "usr/prog", string(m.File()))
	imagetest.WriteFile(t, root, "prog", string(m.File()))
	for _, link := range []struct{ name, to string }{
		{"abs", filepath.Join(dir, "outside")}, {"up", "../../../../" + dir + "/outside"}, {"lib", "/usr"}, {"usr/back", "../lib/./data"},
		{"usr/data2", "/lib/../lib/data"}, {"loop", "/loop"}, {"usr/top", "/"},
	} {
		if err := os.Symlink(link.to, filepath.Join(root, link.name)); err != nil {
			t.Skip(err)
		}
	}
	for name, want := range map[string]string{
		"/abs/data": "", "/up/data": "", "/abs": "", "/loop": "", "/loop/x": "", "/usr/data/x": "",
		"/lib/data": "usr/data", "/usr/back": "usr/data", "/lib/data2": "usr/data", "/usr/top/lib/top/usr/data": "usr/data",
		"/deep/only": "only", "/x/same": "", "/y/same": "", "/usr/deep/same": "usr/deep/same", "/elsewhere/prog": "prog",
	} {
		at := uint64(0x60000000)
		entries := []imagetest.Entry{imagetest.NewEntry(at, at+0xfff, 0, name), imagetest.NewEntry(at+0x10000, at+0x10fff, 0, "/z/same"), imagetest.NewEntry(at+0x20000, at+0x20fff, 0, "/usr/data")}
		if name == "/elsewhere/prog" { // compared: either of two may be it
			entries = append(entries, imagetest.NewEntry(at+0x30000, at+0x30fff, 0, "/elsewhere/too/prog"))
		}
		core := m.Core("/usr/prog", 0x50000000, true, entries...)
		if name == "/elsewhere/prog" {
			core = m.Core(name, 0x50000000, true, entries[1:]...)
		}
		l, err := OpenModules(t.Context(), opened(t, core), root, image.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for i, m := range l.Modules {
			if m.Path == name {
				got = l.closers[i].(*input.File).Name()
			}
		}
		if want != "" {
			want = filepath.Join(root, want)
		}
		if got != want {
			t.Errorf("%s: file %q, want %q; %q", name, got, want, l.Notes)
		}
		l.Close()
	}
}

// What does not fit is told, a bounded number of lines, and is an error where
// nothing fits.
func TestOpenModulesThatDoNotFit(t *testing.T) {
	m := imagetest.NewModule(true, addr.Little, imagetest.SharedObject, "0123")
	dir := t.TempDir()
	other := m
	other.Id = "4567"
	imagetest.WriteFile(t, dir, "bin/prog", string(other.File()))
	imagetest.WriteFile(t, dir, "font", "a font")
	_, err := OpenModules(t.Context(), opened(t, m.Core("/bin/prog", 0x50000000, true)), dir, image.Options{})
	imagetest.CheckError(t, err, "none of 1 file that the core names could be laid: "+filepath.Join(dir, "bin/prog")+" has build-id 34353637")
	_, err = OpenModules(t.Context(), opened(t, m.Core("/font", 0x50000000, true)), dir, image.Options{})
	imagetest.CheckError(t, err, "it is no ELF program or library, and what the core has at 0x50000000 (/font) is one")
	_, err = OpenModules(t.Context(), opened(t, m.Core("/font", 0x50000000, true)), filepath.Join(dir, "none"), image.Options{})
	imagetest.CheckError(t, err, "no such file")
	_, err = OpenModules(t.Context(), opened(t, m.Core("/font", 0x50000000, true)), filepath.Join(dir, "font"), image.Options{})
	imagetest.CheckError(t, err, "is no folder")

	var many []imagetest.Entry
	for i := range uint64(50) {
		many = append(many, imagetest.NewEntry(0x60000000+i<<16, 0x60000fff+i<<16, 0, fmt.Sprintf("/lib/missing%d", i)))
	}
	l, err := OpenModules(t.Context(), opened(t, m.Core("/font", 0x50000000, false, many...)), dir, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if n := len(l.Notes); n > 24 || !strings.Contains(strings.Join(l.Notes, "\n"), "left out: 30 more") {
		t.Errorf("%d notes: %q", n, l.Notes)
	}
	if n := len(l.LeftOut); n != 50 {
		t.Errorf("%d files were left out", n)
	}
	for i, out := range l.LeftOut {
		if want := (addr.Range{First: addr.Addr(0x60000000 + i<<16), Last: addr.Addr(0x60000fff + i<<16)}); out.Path != fmt.Sprintf("/lib/missing%d", i) ||
			!slices.Equal(out.Ranges, []addr.Range{want}) || out.NoFile || !errors.Is(out.Err, os.ErrNotExist) {
			t.Errorf("left out: %+v", out)
		}
	}
}

// Of what was left out it is told whether there ever was a file.
func TestLeftOutNoFile(t *testing.T) {
	dir := t.TempDir()
	imagetest.WriteFile(t, dir, "font", "a font")
	if err := os.Mkdir(filepath.Join(dir, "device"), 0o700); err != nil {
		t.Fatal(err)
	}
	m := imagetest.NewModule(true, addr.Little, imagetest.SharedObject, "0123")
	var entries []imagetest.Entry
	names := []string{"/memfd:x (deleted)", "/SYSV00000000 (deleted)", "/device", "pipe", "/memfd:x", "/gone (deleted)", "/lib/none"}
	for i, name := range names {
		entries = append(entries, imagetest.NewEntry(0x60000000+uint64(i)<<16, 0x60000fff+uint64(i)<<16, 0, name))
	}
	l, err := OpenModules(t.Context(), opened(t, m.Core("/font", 0x50000000, false, entries...)), dir, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var got []string
	for _, out := range l.LeftOut {
		got = append(got, fmt.Sprint(out.Path, " ", out.NoFile))
	}
	if want := "/memfd:x (deleted) true, /SYSV00000000 (deleted) true, /device true, pipe true, /memfd:x false, /gone (deleted) false, /lib/none false"; strings.Join(got, ", ") != want {
		t.Errorf("left out: %q, want %q", got, want)
	}
}

// A program of many headers that a core has at many places takes no longer than
// many programs.
func TestManyHeadersAtManyPlaces(t *testing.T) {
	segs := make([]imagetest.Segment, 65534)
	for i := range segs {
		segs[i] = imagetest.Load(4, 0, 0, 0x10, 0)
	}
	prog := imagetest.TempFile(t, "prog", string(imagetest.BuildProgram(true, addr.Little, imagetest.SharedObject, 0, segs...)))
	m := imagetest.NewModule(true, addr.Little, imagetest.SharedObject, "")
	var many []imagetest.Entry
	for i := range uint64(3000) {
		many = append(many, imagetest.NewEntry(0x60000000+i<<16, 0x60000fff+i<<16, 0, fmt.Sprintf("/%d/prog", i)))
	}
	l, err := Open(t.Context(), opened(t, m.Core("/bin/other", 0x50000000, false, many...)), image.LayerSpec{Path: prog, Unplaced: true}, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if len(l.Mappings) > (1<<20) || len(l.Notes) > 30 {
		t.Errorf("%d mappings, %d notes", len(l.Mappings), len(l.Notes))
	}
}

// FuzzModules lays programs under hostile cores that name them.
func FuzzModules(f *testing.F) {
	testenv.LargeInputs(f)
	for _, typ := range []byte{imagetest.Executable, imagetest.SharedObject} {
		m := imagetest.NewModule(true, addr.Little, typ, "0123")
		f.Add(m.Core("/bin/prog", 0x400000, true), m.File())
		f.Add(m.Core("/bin/prog", 0x400000, false), m.File())
	}
	f.Fuzz(func(t *testing.T, file, prog []byte) {
		img, err := imagetest.Finished(core.Open(t.Context(), imagetest.Reader(file), image.Options{}))
		if err != nil {
			return
		}
		if len(img.Modules) > len(file) {
			t.Errorf("%d modules of %d bytes", len(img.Modules), len(file))
		}
		p, err := elf.ReadProgram(t.Context(), imagetest.Reader(prog))
		c := core.Of(img)
		if err != nil || c == nil || len(p.Loads) == 0 {
			return
		}
		l := new(Layer)
		bases, err := l.findBases(t.Context(), img, p, elf.PageSize)
		for _, base := range bases {
			if err == nil {
				l.layProgram(p, base, elf.PageSize)
			}
		}
		for i := range c.Modules {
			l.layRanges(c, imagetest.Reader(prog), &c.Modules[i], "prog", p)
		}
		l.noteUnsaved(img, "")
		for i := range l.Mappings {
			if err := l.Mappings[i].Validate(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
