package image

import (
	"fmt"
	"strings"
	"testing"

	"vscan/engine/addr"
)

// The parts of one file in a core are told from its lowest address, and those of
// another time that it was mapped from there.
func TestELFModuleOffsets(t *testing.T) {
	img := openTestELF(t, buildELF(true, addr.Little, []testSeg{
		{typ: 4, data: fileNote(true, addr.Little, 4096,
			entry(0x1000, 0x1fff, 0, "/lib/a"), entry(0x3000, 0x3fff, 2, "/lib/a"),
			entry(0x9000, 0x9fff, 0, "/lib/a"), entry(0xa000, 0xafff, 1, "/lib/a"))},
		{typ: 1, flags: 4, vaddr: 0x1000, data: "a", memsz: 0x1000},
		{typ: 1, flags: 6, vaddr: 0x3000, data: "b", memsz: 0x1000},
		{typ: 1, flags: 4, vaddr: 0x9000, data: "a", memsz: 0x2000},
	}, nil), Options{})
	var got []string
	for _, m := range img.Mappings {
		got = append(got, fmt.Sprintf("%v+%#x", m.First, m.NameOffset))
	}
	want := "0x1000+0x0 0x1001+0x1 0x3000+0x2000 0x3001+0x2001 0x9000+0x0 0x9001+0x1"
	if strings.Join(got, " ") != want {
		t.Errorf("%s, want %s", strings.Join(got, " "), want)
	}
}
