package image

import (
	"path/filepath"
	"testing"

	"vscan/engine/addr"
)

// A file that has the build-id of a program and not its bytes is laid nowhere.
func TestDebugFiles(t *testing.T) {
	const bss, tbss = SectionAlloc | SectionWrite, SectionAlloc | SectionWrite | 0x400
	for name, c := range map[string]struct {
		sections []testSection
		edit     func(wide bool, order addr.ByteOrder, b []byte)
		want     string // "": it is laid
		placed   bool   // refused at an address too
	}{
		"a program":              {sections: []testSection{{}, section(1, SectionAlloc, 0x10), section(SectionNoBits, bss, 0x2000), section(SectionNoBits, tbss, 8), section(SectionNoBits, 0, 8), section(SectionNoBits, SectionAlloc, 0)}},
		"without sections":       {sections: []testSection{}},
		"of eu-strip":            {sections: []testSection{{}, section(7, SectionAlloc, 0x24), section(SectionNoBits, SectionAlloc|4, 0x10)}, want: "has only the debugging information of a program", placed: true},
		"of a library of tables": {sections: []testSection{{}, section(SectionNoBits, SectionAlloc, 0x10)}, want: "has only the debugging information of a program", placed: true},
		"of objcopy":             {edit: func(wide bool, order addr.ByteOrder, b []byte) { order.PutUint(fileSize(wide, b, 1), 0) }, want: "not its load segments"},
		"laid out anew":          {edit: func(wide bool, order addr.ByteOrder, b []byte) { order.PutUint(fileSize(wide, b, 2), 0x800) }, want: "not its load segments"},
		"of one segment less": {edit: func(wide bool, order addr.ByteOrder, b []byte) {
			order.PutUint(segmentOf(wide, b, 1)[:4], 0)
		}, want: "not its load segments"},
	} {
		t.Run(name, func(t *testing.T) {
			forms(t, func(t *testing.T, wide bool, order addr.ByteOrder, _ uint64) {
				m := module(wide, order, SharedObject, "0123")
				b := m.file()
				if c.edit != nil {
					c.edit(wide, order, b)
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
func fileSize(wide bool, b []byte, index int) []byte {
	if wide {
		return segmentOf(wide, b, index)[32:40]
	}
	return segmentOf(wide, b, index)[16:20]
}

// segmentOf is a program header.
func segmentOf(wide bool, b []byte, index int) []byte {
	if wide {
		return b[64+56*index:]
	}
	return b[52+32*index:]
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
