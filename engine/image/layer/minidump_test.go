package layer

import (
	"testing"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
)

// A program lies under a minidump where that names it, unless it is another build.
func TestUnderMinidump(t *testing.T) {
	le := addr.Little
	m := imagetest.NewModule(true, le, imagetest.SharedObject, "0123456789abcdefghij")
	prog := imagetest.WriteFile(t, t.TempDir(), "prog", string(m.File()))
	const base = 0x50000000
	for name, c := range map[string]struct {
		path, record string
		err          string // "": it is laid
	}{
		"build-id":                 {"/bin/other", "LEpB0123456789abcdefghij", ""},
		"first bytes of it":        {"/bin/prog", "RSDS0123456789abcdef\x00\x00\x00\x00", ""},
		"name alone":               {"/usr/bin/prog (deleted)", "", ""},
		"another build":            {"/bin/prog", "LEpBjihgfedcba9876543210", "has build-id 30313233"},
		"another name and no id":   {"/bin/prog2", "", "the image does not tell what was loaded where"},
		"another name and another": {"/bin/prog2", "LEpBjihg", "the image does not tell what was loaded where"},
	} {
		t.Run(name, func(t *testing.T) {
			d := &imagetest.Minidump{}
			d.System(9, 0x8201)
			at := d.Put(imagetest.Padded(c.record, 64))
			d.List(4, "", d.Module(base, 0x3000, d.Name(c.path), uint64(len(c.record)), at))
			d.Memory("", [3]uint64{base + 0x10, 4, at})
			img, err := formats.Open(t.Context(), imagetest.TempFile(t, "a.dmp", d.String()), image.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer img.Close()
			l, err := Open(t.Context(), img, image.LayerSpec{Path: prog, Unplaced: true}, image.Options{})
			if c.err != "" {
				imagetest.CheckError(t, err, c.err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if len(l.Modules) != 1 || l.Modules[0].Ranges[0].First != base {
				t.Errorf("%+v", l.Modules)
			}
		})
	}
}
