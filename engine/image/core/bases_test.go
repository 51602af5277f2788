package core

import (
	"fmt"
	"strings"
	"testing"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/imagetest"
)

// The parts of one file in a core are told from its lowest address, and those of
// another time that it was mapped from there.
func TestELFModuleOffsets(t *testing.T) {
	img := openTestELF(t, imagetest.BuildELF(true, addr.Little, []imagetest.Segment{
		{Type: 4, Data: imagetest.FileNote(true, addr.Little, 4096,
			imagetest.NewEntry(0x1000, 0x1fff, 0, "/lib/a"), imagetest.NewEntry(0x3000, 0x3fff, 2, "/lib/a"),
			imagetest.NewEntry(0x9000, 0x9fff, 0, "/lib/a"), imagetest.NewEntry(0xa000, 0xafff, 1, "/lib/a"))},
		{Type: 1, Flags: 4, Vaddr: 0x1000, Data: "a", Memsz: 0x1000},
		{Type: 1, Flags: 6, Vaddr: 0x3000, Data: "b", Memsz: 0x1000},
		{Type: 1, Flags: 4, Vaddr: 0x9000, Data: "a", Memsz: 0x2000},
	}, nil), image.Options{})
	var got []string
	for _, m := range img.Mappings {
		got = append(got, fmt.Sprintf("%v+%#x", m.First, m.NameOffset))
	}
	want := "0x1000+0x0 0x1001+0x1 0x3000+0x2000 0x3001+0x2001 0x9000+0x0 0x9001+0x1"
	if strings.Join(got, " ") != want {
		t.Errorf("%s, want %s", strings.Join(got, " "), want)
	}
}
