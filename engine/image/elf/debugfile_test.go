package elf

import (
	"testing"

	"vscan/engine/addr"
	"vscan/engine/image/imagetest"
)

// A table of sections that is cut, without end or hostile refuses no program.
func TestDamagedSections(t *testing.T) {
	m := imagetest.NewModule(true, addr.Little, imagetest.SharedObject, "0123")
	for name, edit := range map[string]func(b []byte) []byte{
		"behind the file": func(b []byte) []byte { b[47] = 0x7f; return b },
		"no count":        func(b []byte) []byte { b[60] = 0; return b },
		"of small rows":   func(b []byte) []byte { b[58] = 8; return b },
		"cut":             func(b []byte) []byte { return b[:len(b)-40] },
	} {
		b := edit(imagetest.WithSections(m.File(), true, addr.Little, imagetest.Section{}, imagetest.NewSection(imagetest.SectionNoBits, imagetest.SectionAlloc|imagetest.SectionWrite, 8)))
		if _, err := ReadWhole(t.Context(), imagetest.Reader(b), nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
