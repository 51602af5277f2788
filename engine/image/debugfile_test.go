package image

import (
	"path/filepath"
	"testing"

	"vscan/engine/addr"
)

// testSection is a section header: its type, flags and size.
type testSection struct{ typ, flags, size uint64 }

// withSections is an ELF file with a table of sections behind it.
func withSections(b []byte, wide bool, order addr.ByteOrder, sections ...testSection) []byte {
	h := elfHeader{wide: wide}
	size, w := h.pick(40, 64), h.pick(4, 8)
	order.PutUint(b[h.pick(32, 40):][:w], uint64(len(b)))
	order.PutUint(b[h.pick(46, 58):][:2], uint64(size))
	order.PutUint(b[h.pick(48, 60):][:2], uint64(len(sections)))
	for _, s := range sections {
		row := make([]byte, size)
		order.PutUint(row[4:8], s.typ)
		order.PutUint(row[8:][:w], s.flags)
		order.PutUint(row[h.pick(20, 32):][:w], s.size)
		b = append(b, row...)
	}
	return b
}

// A file that has the build-id of a program and not its bytes is laid nowhere.
func TestDebugFiles(t *testing.T) {
	const bss, tbss = shfAlloc | shfWrite, shfAlloc | shfWrite | 0x400
	for name, c := range map[string]struct {
		sections []testSection
		edit     func(h elfHeader, order addr.ByteOrder, b []byte)
		want     string // "": it is laid
		placed   bool   // refused at an address too
	}{
		"a program":              {sections: []testSection{{}, {1, shfAlloc, 0x10}, {shtNobits, bss, 0x2000}, {shtNobits, tbss, 8}, {shtNobits, 0, 8}, {shtNobits, shfAlloc, 0}}},
		"without sections":       {sections: []testSection{}},
		"of eu-strip":            {sections: []testSection{{}, {7, shfAlloc, 0x24}, {shtNobits, shfAlloc | 4, 0x10}}, want: "has only the debugging information of a program", placed: true},
		"of a library of tables": {sections: []testSection{{}, {shtNobits, shfAlloc, 0x10}}, want: "has only the debugging information of a program", placed: true},
		"of objcopy":             {edit: func(h elfHeader, order addr.ByteOrder, b []byte) { order.PutUint(fileSize(h, b, 1), 0) }, want: "not its load segments"},
		"laid out anew":          {edit: func(h elfHeader, order addr.ByteOrder, b []byte) { order.PutUint(fileSize(h, b, 2), 0x800) }, want: "not its load segments"},
		"of one segment less": {edit: func(h elfHeader, order addr.ByteOrder, b []byte) {
			order.PutUint(b[h.pick(52, 64)+h.pick(32, 56):][:4], 0)
		}, want: "not its load segments"},
	} {
		t.Run(name, func(t *testing.T) {
			forms(t, func(t *testing.T, wide bool, order addr.ByteOrder, _ uint64) {
				m := testModule{wide, order, elfDyn, "0123"}
				b := m.file()
				if c.edit != nil {
					c.edit(elfHeader{wide: wide}, order, b)
				}
				dir := t.TempDir()
				file := writeFile(t, dir, "bin/prog", string(withSections(b, wide, order, c.sections...)))
				img := opened(t, m.core("/bin/prog", 0x50000000, true))
				checkRefused(t, c.want, func() (closer, error) { return OpenLayer(img, LayerSpec{Path: file, Unplaced: true}, Options{}) })
				checkRefused(t, c.want, func() (closer, error) { return OpenModules(img, dir, Options{}) })
				checkRefused(t, c.want, func() (closer, error) { return OpenModules(img, filepath.Join(dir, "bin"), Options{}) })
				at, want := addr.Addr(0x10000000), ""
				if c.placed {
					want = c.want
				}
				checkRefused(t, want, func() (closer, error) { return OpenLayer(img, LayerSpec{Path: file, At: at}, Options{}) })
				checkRefused(t, want, func() (closer, error) { return Open(file, Options{Base: &at}) })
			})
		})
	}
}

// fileSize is p_filesz of a program header.
func fileSize(h elfHeader, b []byte, index int) []byte {
	return b[h.pick(52+16, 64+32)+index*h.pick(32, 56):][:h.pick(4, 8)]
}

type closer interface{ Close() error }

// checkRefused wants an error of open, none where want is "".
func checkRefused(t *testing.T, want string, open func() (closer, error)) {
	t.Helper()
	c, err := open()
	if want != "" {
		checkError(t, err, want)
	} else if err != nil {
		t.Error(err)
	} else {
		c.Close()
	}
}

// A table of sections that is cut, without end or hostile refuses no program.
func TestDamagedSections(t *testing.T) {
	m := testModule{true, addr.Little, elfDyn, "0123"}
	for name, edit := range map[string]func(b []byte) []byte{
		"behind the file": func(b []byte) []byte { b[47] = 0x7f; return b },
		"no count":        func(b []byte) []byte { b[60] = 0; return b },
		"of small rows":   func(b []byte) []byte { b[58] = 8; return b },
		"cut":             func(b []byte) []byte { return b[:len(b)-40] },
	} {
		b := edit(withSections(m.file(), true, addr.Little, testSection{}, testSection{shtNobits, shfAlloc | shfWrite, 8}))
		if _, err := readWholeProgram(memInput(b)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
