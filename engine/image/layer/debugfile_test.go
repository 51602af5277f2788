package layer

import (
	"path/filepath"
	"testing"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
)

// A file that has the build-id of a program and not its bytes is laid nowhere.
func TestDebugFiles(t *testing.T) {
	const bss, tbss = imagetest.SectionAlloc | imagetest.SectionWrite, imagetest.SectionAlloc | imagetest.SectionWrite | 0x400
	for name, c := range map[string]struct {
		sections []imagetest.Section
		edit     func(wide bool, order addr.ByteOrder, b []byte)
		want     string // "": it is laid
		placed   bool   // refused at an address too
	}{
		"a program":              {sections: []imagetest.Section{{}, imagetest.NewSection(1, imagetest.SectionAlloc, 0x10), imagetest.NewSection(imagetest.SectionNoBits, bss, 0x2000), imagetest.NewSection(imagetest.SectionNoBits, tbss, 8), imagetest.NewSection(imagetest.SectionNoBits, 0, 8), imagetest.NewSection(imagetest.SectionNoBits, imagetest.SectionAlloc, 0)}},
		"without sections":       {sections: []imagetest.Section{}},
		"of eu-strip":            {sections: []imagetest.Section{{}, imagetest.NewSection(7, imagetest.SectionAlloc, 0x24), imagetest.NewSection(imagetest.SectionNoBits, imagetest.SectionAlloc|4, 0x10)}, want: "has only the debugging information of a program", placed: true},
		"of a library of tables": {sections: []imagetest.Section{{}, imagetest.NewSection(imagetest.SectionNoBits, imagetest.SectionAlloc, 0x10)}, want: "has only the debugging information of a program", placed: true},
		"of objcopy":             {edit: func(wide bool, order addr.ByteOrder, b []byte) { order.PutUint(fileSize(wide, b, 1), 0) }, want: "not its load segments"},
		"laid out anew":          {edit: func(wide bool, order addr.ByteOrder, b []byte) { order.PutUint(fileSize(wide, b, 2), 0x800) }, want: "not its load segments"},
		"of one segment less": {edit: func(wide bool, order addr.ByteOrder, b []byte) {
			order.PutUint(segmentOf(wide, b, 1)[:4], 0)
		}, want: "not its load segments"},
	} {
		t.Run(name, func(t *testing.T) {
			imagetest.EachForm(t, func(t *testing.T, wide bool, order addr.ByteOrder, _ uint64) {
				m := imagetest.NewModule(wide, order, imagetest.SharedObject, "0123")
				b := m.File()
				if c.edit != nil {
					c.edit(wide, order, b)
				}
				dir := t.TempDir()
				file := imagetest.WriteFile(t, dir, "bin/prog", string(imagetest.WithSections(b, wide, order, c.sections...)))
				img := opened(t, m.Core("/bin/prog", 0x50000000, true))
				checkRefused(t, c.want, func() (closer, error) {
					return Open(t.Context(), img, image.LayerSpec{Path: file, Unplaced: true}, image.Options{})
				})
				checkRefused(t, c.want, func() (closer, error) { return OpenModules(t.Context(), img, dir, image.Options{}) })
				checkRefused(t, c.want, func() (closer, error) {
					return OpenModules(t.Context(), img, filepath.Join(dir, "bin"), image.Options{})
				})
				at, want := addr.Addr(0x10000000), ""
				if c.placed {
					want = c.want
				}
				checkRefused(t, want, func() (closer, error) {
					return Open(t.Context(), img, image.LayerSpec{Path: file, At: at}, image.Options{})
				})
				checkRefused(t, want, func() (closer, error) { return formats.Open(t.Context(), file, image.Options{Base: &at}) })
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

// segmentOf returns a program header.
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
		imagetest.CheckError(t, err, want)
	} else if err != nil {
		t.Error(err)
	} else {
		c.Close()
	}
}
