package windows_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
)

// open writes a dump and opens it.
func open(t *testing.T, content string) *image.Image {
	t.Helper()
	img, err := formats.Open(t.Context(), imagetest.TempFile(t, "x.dmp", content), image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { img.Close() })
	imagetest.CheckImage(t, img, uint64(len(content)))
	return img
}

// dumpOf returns a dump of some kind with pages 1, 2 and 5, whose bytes are told by WinPages, and
// where the first of them stands.
func dumpOf(kind uint64, isWide bool) (content string, first int) {
	h := imagetest.WinHeader{Wide: isWide, Kind: kind}
	behind := ""
	switch kind {
	case 1:
		h.Runs = [][2]uint64{{1, 2}, {5, 1}}
	case 5:
		behind, _ = imagetest.WinBitmap(len(h.String()), "SDMP", 8, 1, 2, 5)
	case 6:
		behind, _ = imagetest.WinBitmap(len(h.String()), "FDMP", 6, 1, 2, 5)
	default:
		behind, _ = imagetest.WinRanges(kind == 10, [2]uint64{1, 2}, [2]uint64{5, 1})
	}
	head := h.String() + behind
	return head + imagetest.WinPages(1, 2, 5), len(head)
}

// Every kind of dump that is read has its pages at their addresses; those whose bits are clear
// were left out.
func TestKinds(t *testing.T) {
	for _, c := range []struct {
		kind uint64
		wide bool
	}{{1, true}, {1, false}, {5, true}, {5, false}, {6, true}, {6, false}, {8, true}, {9, true}, {10, true}} {
		t.Run(fmt.Sprintf("kind %d, wide %v", c.kind, c.wide), func(t *testing.T) {
			content, first := dumpOf(c.kind, c.wide)
			img := open(t, content)
			want := map[string]string{"1": "0x1000..0x2fff present +A ram\n0x5000..0x5fff present +B ram\n"}
			want["5"] = "0x0..0xfff absent ram\n0x1000..0x2fff present +A ram\n0x3000..0x4fff absent ram\n0x5000..0x5fff present +B ram\n0x6000..0x7fff absent ram\n"
			want["6"] = strings.TrimSuffix(want["5"], "0x6000..0x7fff absent ram\n")
			is, ok := want[fmt.Sprint(c.kind)]
			if !ok {
				is = want["1"]
			}
			is = strings.NewReplacer("A", fmt.Sprintf("%#x", first), "B", fmt.Sprintf("%#x", first+0x2000)).Replace(is)
			imagetest.CheckMappings(t, img, is)
			imagetest.CheckNotes(t, img)
			if img.Missing != 0 || img.Format != "Windows crash dump" || img.Space != image.Physical || !img.OrderKnown || img.Order != addr.Little {
				t.Errorf("%+v", img)
			}
			if size := map[bool]int{true: 8, false: 4}[c.wide]; img.WordSize != size {
				t.Errorf("words of %d bytes", img.WordSize)
			}
			for _, m := range img.Mappings {
				if m.State == engine.Absent && m.Absence != engine.Excluded {
					t.Errorf("%v is %v", m.Range, m.Absence)
				}
				if m.NameOffset != uint64(m.First) {
					t.Errorf("%v is at place %#x", m.Range, m.NameOffset)
				}
				if m.State == engine.Present {
					b, err := m.Source.View(make([]byte, 16), m.Offset, 16)
					if is := fmt.Sprintf("page %#x ", uint64(m.First)/4096); err != nil || !strings.HasPrefix(string(b), is) {
						t.Errorf("%v: %q, %v", m.Range, b, err)
					}
				}
			}
		})
	}
}

// facts returns the facts of an image, one a line.
func facts(img *image.Image) string {
	var b strings.Builder
	for _, f := range img.Facts {
		fmt.Fprintf(&b, "%s=%s\n", f.Name, f.Value)
	}
	return b.String()
}

// What the header says of the machine is told; what was never set is not.
func TestFacts(t *testing.T) {
	le := addr.Little
	one := [][2]uint64{{1, 1}}
	check := func(name string, h imagetest.WinHeader, want string) {
		t.Helper()
		h.Kind, h.Runs = 1, one
		got := facts(open(t, h.String()+imagetest.WinPages(1)))
		if want = strings.ReplaceAll(strings.TrimLeft(want, "\n"), "\t", ""); got != want {
			t.Errorf("%s:\n%swant:\n%s", name, got, want)
		}
	}
	check("wide", imagetest.WinHeader{Wide: true}, `
		dump_type=complete dump
		machine=x86-64
		os_build=19041
		processors=2
		dtb=0x1ad000
		bugcheck=0xe2
	`)
	check("narrow", imagetest.WinHeader{}, `
		dump_type=complete dump
		machine=i386
		os_build=19041
		processors=2
		dtb=0x1ad000
		bugcheck=0xe2
	`)
	check("all of it", imagetest.WinHeader{Wide: true, Set: map[int]string{
		0x10:   imagetest.Words(le, 8, 0x80000001ad002007, 0xfffffa8000000000, 0xfffff80002a00000, 0xfffff80002a10000), // PCID, and bit 63
		0x30:   imagetest.Words(le, 4, 0x8664, 4, 0xd1),
		0x40:   imagetest.Words(le, 8, 0x28, 2, 0, 0xfffff88001234567),
		0x80:   imagetest.Words(le, 8, 0xfffff80002a20000),
		0xfa8:  imagetest.Words(le, 8, 132223104_000000000+5_0000000),
		0xfb0:  "a comment\x00PAGE",
		0x1030: imagetest.Words(le, 8, 3661_0000000),
	}}, `
		dump_type=complete dump
		machine=x86-64
		os_build=19041
		processors=4
		dtb=0x1ad002000
		pfn_database=0xfffffa8000000000
		ps_loaded_module_list=0xfffff80002a00000
		ps_active_process_head=0xfffff80002a10000
		kd_debugger_data=0xfffff80002a20000
		bugcheck=0xd1
		bugcheck_parameters=0x28 0x2 0x0 0xfffff88001234567
		time=2020-01-01T00:00:05Z
		uptime=1h1m1s
		comment=a comment
	`)
	check("PAE", imagetest.WinHeader{Set: map[int]string{0x10: imagetest.Words(le, 4, 0x1ad038), 0x5c: "\x01"}}, `
		dump_type=complete dump
		machine=i386
		os_build=19041
		processors=2
		pae=true
		dtb=0x1ad020
		bugcheck=0xe2
	`)
	check("no PAE", imagetest.WinHeader{Set: map[int]string{0x10: imagetest.Words(le, 4, 0x1ad018), 0x5c: "\x00"}}, `
		dump_type=complete dump
		machine=i386
		os_build=19041
		processors=2
		pae=false
		dtb=0x1ad000
		bugcheck=0xe2
	`)
	check("ARM64", imagetest.WinHeader{Wide: true, Set: map[int]string{0x10: imagetest.Words(le, 8, 0x0042_0000_8123_4001), 0x30: imagetest.Words(le, 4, 0xaa64)}}, `
		dump_type=complete dump
		machine=AArch64
		os_build=19041
		processors=2
		dtb=0x81234000
		bugcheck=0xe2
	`)
	img := open(t, imagetest.WinHeader{Wide: true, Kind: 1, Runs: one}.String()+imagetest.WinPages(1))
	if want := "complete dump, 64-bit x86-64, 1 page"; img.Detail != want {
		t.Errorf("%q, want %q", img.Detail, want)
	}
}

// Dumps that are not read are refused, with what helps.
func TestRefused(t *testing.T) {
	for kind, want := range map[uint64]string{
		2: "of the kernel's memory alone: it is not read: use WinDbg; or have the machine write complete memory dumps",
		3: "a header without memory: it is not read", 4: "a small (triage) dump: it is not read",
		7: "of the kernel's memory alone", 0x45474150: "of type 0x45474150, which is not known", 11: "of type 0xb, which is not known",
	} {
		for _, w := range []bool{true, false} {
			_, err := formats.Open(t.Context(), imagetest.TempFile(t, "x.dmp", imagetest.WinHeader{Wide: w, Kind: kind}.String()+imagetest.WinPages(1)), image.Options{})
			imagetest.CheckError(t, err, want)
			checkUnsupported(t, err)
		}
	}
	for _, kind := range []uint64{8, 9, 10} { // WinDbg of 32-bit machines is not known to write these
		_, err := formats.Open(t.Context(), imagetest.TempFile(t, "x.dmp", imagetest.WinHeader{Kind: kind}.String()+imagetest.WinPages(1)), image.Options{})
		checkUnsupported(t, err)
	}
	_, err := formats.Open(t.Context(), imagetest.TempFile(t, "x.dmp", imagetest.WinHeader{Wide: true, Kind: 1, Runs: [][2]uint64{{1, 1}}, Set: map[int]string{0x30: "\x00\x02\x00\x00"}}.String()), image.Options{})
	imagetest.CheckError(t, err, "IA-64")
	_, err = formats.Open(t.Context(), imagetest.TempFile(t, "x.dmp", imagetest.WinHeader{Wide: true, Kind: 1, Runs: [][2]uint64{{1, 1}}}.String()), image.Options{Space: image.Virtual})
	imagetest.CheckError(t, err, "physical addresses only")
}

func checkUnsupported(t *testing.T, err error) {
	t.Helper()
	if un, ok := err.(*image.UnsupportedError); !ok || !un.IsDump() || un.Advice == "" || un.RawHelps == "" {
		t.Errorf("%#v", err)
	}
}

// What of a dump is damaged costs only itself, and is told.
func TestDamage(t *testing.T) {
	wide := func(set map[int]string, runs ...[2]uint64) string {
		return imagetest.WinHeader{Wide: true, Kind: 1, Runs: runs, Set: set}.String()
	}
	many := make([][2]uint64, 50)
	for i := range many {
		many[i] = [2]uint64{uint64(2 * i), 1}
	}
	le := addr.Little
	kind5 := imagetest.WinHeader{Wide: true, Kind: 5}.String()
	bitmap, _ := imagetest.WinBitmap(0x2000, "SDMP", 16, 1, 2, 9)
	cutBitmap, _ := imagetest.WinBitmap(0x2000, "SDMP", 1<<16, 1, 2, 9, 60000)
	set := func(s string, off int, b string) string { return s[:off] + b + s[off+len(b):] }
	table, at := imagetest.WinRanges(true, [2]uint64{1, 2}, [2]uint64{5, 1})
	kind := func(n uint64) string { return imagetest.WinHeader{Wide: true, Kind: n}.String() }
	for name, c := range map[string]struct {
		content string
		want    string // mappings
		missing uint64
		notes   []string
	}{
		"cut in a page": {wide(nil, [2]uint64{1, 2}, [2]uint64{5, 1}) + imagetest.WinPages(1) + "page", "0x1000..0x2003 present +0x2000 ram\n0x2004..0x2fff absent ram\n0x5000..0x5fff absent ram\n", 2*4096 - 4,
			[]string{"truncated: the file ends at offset 0x3004, and the dump would go on up to 0x5000: 8188 bytes are lost, the first at address 0x2004"}},
		"header only":    {wide(nil, [2]uint64{1, 2}), "0x1000..0x2fff absent ram\n", 8192, []string{"the first at address 0x1000"}},
		"an empty run":   {wide(nil, [2]uint64{1, 0}, [2]uint64{5, 1}) + imagetest.WinPages(5), "0x5000..0x5fff present +0x2000 ram\n", 0, nil},
		"descending":     {wide(nil, [2]uint64{5, 1}, [2]uint64{1, 1}) + imagetest.WinPages(5, 1), "0x5000..0x5fff present +0x2000 ram\n0x1000..0x1fff present +0x3000 ram\n", 0, nil},
		"overlapping":    {wide(nil, [2]uint64{5, 2}, [2]uint64{1, 1}, [2]uint64{6, 1}) + imagetest.WinPages(5, 6, 1, 6), "0x5000..0x6fff present +0x2000 ram\n0x1000..0x1fff present +0x4000 ram\n0x6000..0x6fff present +0x5000 ram\n", 0, []string{"run 0, 0x5000..0x6fff, and run 2, 0x6000..0x6fff, overlap"}},
		"beyond it all":  {wide(nil, [2]uint64{1<<52 - 1, 2}, [2]uint64{1, 1}) + imagetest.WinPages(0, 0, 1), "0xfffffffffffff000..0xffffffffffffffff present +0x2000 ram\n0x1000..0x1fff present +0x4000 ram\n", 4096, []string{"run 0 at file offset 0x98: 0x2 pages from page 0xfffffffffffff on run past the last address"}},
		"huge":           {wide(nil, [2]uint64{1, 1<<64 - 1}) + imagetest.WinPages(1), "0x1000..0x1fff present +0x2000 ram\n0x2000..0xffffffffffffffff absent ram\n", 1<<64 - 1, []string{"run past", "truncated"}},
		"no such page":   {wide(nil, [2]uint64{1 << 60, 1}, [2]uint64{1, 1}) + imagetest.WinPages(0, 1), "0x1000..0x1fff present +0x3000 ram\n", 4096, []string{"run past the last"}},
		"more pages":     {imagetest.WinHeader{Wide: true, Kind: 1, Runs: [][2]uint64{{1, 1}}, Pages: 3}.String() + imagetest.WinPages(1), "0x1000..0x1fff present +0x2000 ram\n", 8192, []string{"speaks of 3 pages, and its runs have 1"}},
		"bits beyond 8":  {kind5 + bitmap + imagetest.WinPages(1, 2, 9), "0x0..0xfff absent ram\n0x1000..0x2fff present +0x3000 ram\n0x3000..0x8fff absent ram\n0x9000..0x9fff present +0x5000 ram\n0xa000..0xffff absent ram\n", 0, nil},
		"bitmap, cut":    {kind5 + bitmap + imagetest.WinPages(1), "0x0..0xfff absent ram\n0x1000..0x1fff present +0x3000 ram\n0x2000..0x2fff absent ram\n0x3000..0x8fff absent ram\n0x9000..0x9fff absent ram\n0xa000..0xffff absent ram\n", 8192, []string{"8192 bytes are lost"}},
		"bitmap, halved": {kind5 + cutBitmap[:0x38+4], "0x0..0xfff absent ram\n0x1000..0x2fff absent ram\n0x3000..0x8fff absent ram\n0x9000..0x9fff absent ram\n0xa000..0x1ffff absent ram\n", 4 * 4096, []string{"the bitmap at file offset 0x2038 has 0x20 of 0x10000 bits: which pages above address 0x20000 are", "truncated: the file ends"}},
		"more counted":   {kind5 + set(bitmap, 0x28, imagetest.Words(le, 8, 7)) + imagetest.WinPages(1, 2, 9), "0x0..0xfff absent ram\n0x1000..0x2fff present +0x3000 ram\n0x3000..0x8fff absent ram\n0x9000..0x9fff present +0x5000 ram\n0xa000..0xffff absent ram\n", 4 * 4096, []string{"says that it has 7 pages, and its bitmap at file offset 0x2038 has 3"}},
		"fewer counted":  {kind5 + set(bitmap, 0x28, imagetest.Words(le, 8, 2)) + imagetest.WinPages(1, 2, 9), "0x0..0xfff absent ram\n0x1000..0x2fff present +0x3000 ram\n0x3000..0x8fff absent ram\n0x9000..0x9fff present +0x5000 ram\n0xa000..0xffff absent ram\n", 0, []string{"says that it has 2 pages, and its bitmap has 3"}},
		"table, cut":     {kind(10) + table[:0x30+24], "0x1000..0x2fff absent ram\n", 3*4096 + 1, []string{"cut at the end of the file after 1 run", "says that it has 3 pages, and its table has 2", "truncated: the file ends"}},
		"table, more":    {kind(10) + set(table, 0x28, imagetest.Words(le, 8, 4)) + imagetest.WinPages(1, 2, 5), fmt.Sprintf("0x1000..0x2fff present +%#x ram\n0x5000..0x5fff present +%#x ram\n", at, at+0x2000), 4096, []string{"says that it has 4 pages, and its table has 3"}},
		"table, fewer":   {kind(10) + set(table, 0x28, imagetest.Words(le, 8, 2)) + imagetest.WinPages(1, 2, 5), fmt.Sprintf("0x1000..0x2fff present +%#x ram\n", at), 0, nil},
		"table, behind":  {kind(9) + set(table, 0x50, imagetest.Words(le, 8, 0, 7)) + imagetest.WinPages(1, 2, 5), fmt.Sprintf("0x1000..0x2fff present +%#x ram\n0x5000..0x5fff present +%#x ram\n", at, at+0x2000), 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			img := open(t, c.content)
			imagetest.CheckMappings(t, img, c.want)
			imagetest.CheckNotes(t, img, c.notes...)
			if img.Missing != c.missing {
				t.Errorf("%d bytes missing, want %d", img.Missing, c.missing)
			}
		})
	}
	img := open(t, imagetest.WinHeader{Wide: true, Kind: 1, Runs: many}.String()+imagetest.WinPages(make([]uint64, 42)...))
	imagetest.CheckNotes(t, img, "speaks of 50 runs of pages, and has room for 42", "speaks of 50 pages, and its runs have 42")
	if len(img.Mappings) != 42 || img.Missing != 8*4096 {
		t.Errorf("%d mappings, %d bytes missing", len(img.Mappings), img.Missing)
	}
}

// A dump that does not say where its memory lies is an error that says why.
func TestUseless(t *testing.T) {
	le := addr.Little
	kind5 := imagetest.WinHeader{Wide: true, Kind: 5}.String()
	bitmap, _ := imagetest.WinBitmap(0x2000, "SDMP", 16, 1)
	for name, c := range map[string]struct{ content, want string }{
		"header cut":     {kind5[:0x1fff], "truncated: the header of the crash dump is cut at the end of the file after 0x1fff of 0x2000 bytes"},
		"narrow, cut":    {imagetest.WinHeader{Kind: 1}.String()[:100], "after 0x64 of 0x1000 bytes"},
		"runs unset":     {imagetest.WinHeader{Wide: true, Kind: 1}.String(), "does not say which pages of memory it has"},
		"no runs":        {imagetest.WinHeader{Wide: true, Kind: 1, Runs: [][2]uint64{}}.String(), "does not say which pages of memory it has"},
		"no summary":     {kind5, "at file offset 0x2000: truncated"},
		"magic":          {kind5 + "PDMP" + bitmap[4:], `at file offset 0x2000: "PDMPDUMP", and not SDMPDUMP or FDMPDUMP`},
		"first page":     {kind5 + bitmap[:0x20] + imagetest.Words(le, 8, 0x2000) + bitmap[0x28:], "at file offset 0x2020: the first page, at file offset 0x2000, lies in the header"},
		"no table":       {imagetest.WinHeader{Wide: true, Kind: 9}.String(), "at file offset 0x2000: truncated"},
		"table's magic":  {imagetest.WinHeader{Wide: true, Kind: 9}.String() + bitmap, "stands in front of the table of pages"},
		"table's offset": {imagetest.WinHeader{Wide: true, Kind: 9}.String() + "\x40\x00\x00\x00RDMPDUMP" + imagetest.Zeros(100), "lies in the header"},
	} {
		_, err := formats.Open(t.Context(), imagetest.TempFile(t, "x.dmp", c.content), image.Options{})
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		imagetest.CheckError(t, err, c.want)
	}
}

// Dumps that another program wrote hold what the raw image has.
func TestSamples(t *testing.T) {
	raw, err := os.ReadFile(imagetest.MadeSample(t, "s.raw"))
	if err != nil {
		t.Fatal(err)
	}
	for name, pages := range map[string]uint64{
		"s.win-full.dmp": 7 + 14, "s.win-full32.dmp": 7 + 14, "s.win-bitmap.dmp": 21, "s.win-bitmap-odd.dmp": 20, "s.win-ka.dmp": 21, "s.win-f.dmp": 21,
	} {
		img, err := formats.Open(t.Context(), imagetest.MadeSample(t, name), image.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var total uint64
		for _, m := range img.Mappings {
			if m.State != engine.Present {
				continue
			}
			b, err := m.Source.View(make([]byte, m.Size()), m.Offset, int(m.Size()))
			if err != nil || string(b) != string(raw[m.First:m.Last+1]) {
				t.Errorf("%s: %v differs: %v", name, m.Range, err)
			}
			total += m.Size()
		}
		if total != pages*4096 || img.Missing != 0 || len(img.Notes) != 0 {
			t.Errorf("%s: %d pages, %d bytes missing, notes %q", name, total/4096, img.Missing, img.Notes)
		}
		img.Close()
	}
	for _, name := range []string{"s.win-kernel.dmp", "s.win-triage.dmp"} {
		_, err := formats.Open(t.Context(), imagetest.MadeSample(t, name), image.Options{})
		checkUnsupported(t, err)
	}
}
