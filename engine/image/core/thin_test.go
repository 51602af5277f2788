package core

import (
	"os"
	"strings"
	"testing"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/imagetest"
	"vscan/engine/image/input"
)

// openThin opens a core as the reader of a device has it, whose zeros may be a hole that
// nothing tells.
func openThin(t *testing.T, content string) *image.Image {
	t.Helper()
	path := imagetest.TempFile(t, "thin.core", content)
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	f := input.Adopt(path, file, uint64(len(content)), true)
	t.Cleanup(func() { f.Close() })
	if !f.Reader().Thin() {
		t.Fatal("a device is not thin")
	}
	img, err := imagetest.Finished(Open(t.Context(), f.Reader(), image.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// Where holes are not told, a megabyte of zeros ends a table of program headers and a
// segment of notes, and what is behind is told: of headers as missing.
func TestThin(t *testing.T) {
	const many = 40_000
	le := addr.Little
	segs := make([]imagetest.Segment, many)
	load := imagetest.Segment{Type: 1, Flags: 6, Memsz: 8, Filesz: imagetest.Num(8), At: 64}
	filled := map[int]bool{0: true, 10_000: true, many - 1: true} // 10,000 headers are 560,000 bytes
	for i := range filled {
		segs[i] = load
		segs[i].Vaddr = uint64(i+1) << 16
	}
	img := openThin(t, string(imagetest.BuildELF(true, le, segs, func(h []byte) {
		for i := range segs {
			if !filled[i] {
				clear(h[64+56*i:][:56])
			}
		}
	})))
	if notes := strings.Join(img.Notes, "\n"); len(img.Mappings) != 2 || img.Missing == 0 || !strings.Contains(notes, "of 40000 program headers") || !strings.Contains(notes, "not read") {
		t.Errorf("%d mappings, %d bytes missing, %s", len(img.Mappings), img.Missing, notes)
	}

	note := imagetest.Note(le, 4, "XYZ", 7, "1234")
	load.Vaddr = 0x10000
	for zeros, want := range map[int]string{12 * 50_000: ", 2 notes", 12 * 100_000: ", 1 note"} {
		img = openThin(t, string(imagetest.BuildELF(true, le, []imagetest.Segment{{Type: 4, Align: 4, Data: note + imagetest.Zeros(zeros) + note}, load}, nil)))
		cut := strings.Contains(strings.Join(img.Notes, "\n"), "are not read")
		if !strings.HasSuffix(img.Detail, want) || cut != (want == ", 1 note") || img.Missing > 0 {
			t.Errorf("%d zeros: %s, %d bytes missing, %q", zeros, img.Detail, img.Missing, img.Notes)
		}
	}
}
