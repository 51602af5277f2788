package formats_test

import (
	"testing"

	"vscan/engine/image"
	"vscan/engine/image/formats"
)

func TestUnreadKinds(t *testing.T) {
	for format, want := range map[string][2]bool{ // program, dump
		"ELF": {true, false}, "Mach-O": {true, false}, "LKCD": {false, true},
		"gzip": {false, false}, "zstd": {false, false},
	} {
		var e *image.UnsupportedError
		for _, k := range formats.Table {
			if k.Name == format {
				e = k.Refuse("file")
			}
		}
		if got := [2]bool{e.IsProgram(), e.IsDump()}; got != want {
			t.Errorf("%q: %v, want %v", format, got, want)
		}
	}
}
