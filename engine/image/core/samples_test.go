package core

import (
	"path/filepath"
	"strings"
	"testing"

	"vscan/engine/image"
	"vscan/engine/image/imagetest"
)

// Every real core: the mappings are the load segments, to the byte, and below
// them what of NT_FILE no segment has.
func TestSampleCores(t *testing.T) {
	count, names := 0, map[string]int{}
	imagetest.EachCore(t, func(path string, b []byte) {
		count++
		img, err := imagetest.Finished(Open(t.Context(), imagetest.Reader(b), image.Options{}))
		if len(imagetest.PlainLoads(b)) == 0 { // one has registers only
			imagetest.CheckError(t, err, "holds no memory")
			return
		}
		if err != nil {
			t.Error(err)
			return
		}
		imagetest.CheckImage(t, img, uint64(len(b)))
		missing := imagetest.CompareLoads(t, path, b, img.Mappings[imagetest.UnsavedFiles(t, path, b, img.Mappings):])
		if img.Missing != missing {
			t.Errorf("%s: %d bytes missing, want %d", path, img.Missing, missing)
		}
		for _, m := range img.Mappings {
			name := m.Name
			if strings.HasPrefix(name, "load[") {
				name = "load"
			} else if strings.HasPrefix(name, "/") {
				name = "/"
			}
			names[name]++
		}
		if missing == 0 && img.AltWordSize == 0 && len(img.Notes) > 0 {
			t.Errorf("%s: notes %q", path, img.Notes)
		}
		t.Logf("%s: %s, %s; %d mappings %q", filepath.Base(path), img.Format, img.Detail, len(img.Mappings), img.Notes)
	})
	t.Logf("%d cores, names %v", count, names)
	if count < 50 {
		t.Errorf("%d cores", count)
	}
	if names["/"] == 0 || names["[stack]"] == 0 || names["[vdso]"] == 0 {
		t.Errorf("names %v: want files, [stack] and [vdso] among them", names)
	}
}

// Of the head of a vmcore: both spaces, and the cut.
func TestSampleVmcore(t *testing.T) {
	b, err := imagetest.Unpack(imagetest.Sample(t, "cuviper/elfutils/tests/testfile62.bz2"))
	if err != nil {
		t.Fatal(err)
	}
	img := openTestELF(t, b, image.Options{Space: image.Physical})
	if len(img.Spaces) != 2 || img.Spaces[0] != image.Virtual {
		t.Errorf("spaces %q", img.Spaces)
	}
	imagetest.CheckMappings(t, img, `
	0x1003530..0x1e63fff absent rwx load[1]
	0x0..0x9ffff absent rwx load[2]
	0x100000..0x1ffffff absent rwx load[3]
	0xa000000..0x7d6affff absent rwx load[4]
	0x1000000..0x100352f present +0x990 rwx load[1]
	`)
	imagetest.CheckNotes(t, img, "truncated: 4 of 4")
}
