package vmware_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
)

// vmPage is the size of a page in a state file, in bytes.
const vmPage = 4096

// Memory with gaps is placed as the state file beside it says.
func TestVMEM(t *testing.T) {
	gap := imagetest.VMRegions([3]uint64{0, 0, 2}, [3]uint64{0x100000, 2, 1})
	const noTell = "only if the machine's memory has no gap"
	type files map[string]string
	for name, c := range map[string]struct {
		beside files
		notes  []string
		want   string // mappings, without their name; "": the file's bytes, at 0
	}{
		"alone":               {nil, []string{noTell + "; no .vmss or .vmsn"}, ""},
		"of another name":     {files{"h.vmss": imagetest.VMState(imagetest.VMMagic, gap), "g.vmem.vmss": "x", "g-1.vmsn": "x", "g": "x"}, []string{noTell}, ""},
		"gaps":                {files{"g.vmss": imagetest.VMState(imagetest.VMMagic, gap)}, nil, "0x0..0x1fff present +0x0\n0x100000000..0x100000fff present +0x2000\n"},
		"a snapshot":          {files{"g.vmsn": imagetest.VMState(0xbed3bed3, gap)}, nil, "0x0..0x1fff present +0x0\n0x100000000..0x100000fff present +0x2000\n"},
		"letters":             {files{"g.VmSs": imagetest.VMState(0xbad1bad1, gap)}, nil, "0x0..0x1fff present +0x0\n0x100000000..0x100000fff present +0x2000\n"},
		"both":                {files{"g.vmss": imagetest.VMState(0xbad2bad2, gap), "g.vmsn": imagetest.VMState(imagetest.VMMagic, imagetest.VMRegions())}, []string{"contradict each other: g.vmss is followed, and not g.vmsn"}, "0x0..0x1fff present +0x0\n0x100000000..0x100000fff present +0x2000\n"},
		"the other way round": {files{"g.vmsn": imagetest.VMState(imagetest.VMMagic, gap), "g.vmss": imagetest.VMState(imagetest.VMMagic, imagetest.VMRegions())}, []string{"contradict each other: g.vmss is followed, and not g.vmsn"}, ""},
		"both the same":       {files{"g.vmsn": imagetest.VMState(0xbed3bed3, imagetest.VMRegions()), "g.vmss": imagetest.VMState(imagetest.VMMagic, imagetest.VMRegions())}, nil, ""},
		"no regions":          {files{"g.vmss": imagetest.VMState(imagetest.VMMagic, imagetest.VMRegions())}, nil, ""},
		"one, as it lies":     {files{"g.vmss": imagetest.VMState(imagetest.VMMagic, imagetest.VMRegions([3]uint64{0, 0, 3}))}, nil, ""},
		"two, as they lie":    {files{"g.vmss": imagetest.VMState(imagetest.VMMagic, imagetest.VMRegions([3]uint64{0, 0, 1}, [3]uint64{1, 1, 2}))}, nil, ""},
		"one, moved":          {files{"g.vmss": imagetest.VMState(imagetest.VMMagic, imagetest.VMRegions([3]uint64{0x80000, 0, 3}))}, nil, "0x80000000..0x80002fff present +0x0\n"},
		"beyond the file":     {files{"g.vmss": imagetest.VMState(imagetest.VMMagic, imagetest.VMRegions([3]uint64{0, 0, 2}, [3]uint64{0x100000, 2, 2}))}, []string{"truncated: the file ends at 0x3000, and g.vmss has memory from 0x100001000 to 0x100001fff"}, "0x0..0x1fff present +0x0\n0x100000000..0x100000fff present +0x2000\n0x100001000..0x100001fff absent\n"},
		"behind a block":      {files{"g.vmss": imagetest.VMState(imagetest.VMMagic, imagetest.VMBlock(true, "Memory", strings.Repeat("m", 5000), 70)+gap)}, nil, "0x0..0x1fff present +0x0\n0x100000000..0x100000fff present +0x2000\n"},
		"of old":              {files{"g.vmss": imagetest.VMState(0xbed2bed0, imagetest.VMBlock(false, "Memory", "mmmm", 1)+gap)}, nil, "0x0..0x1fff present +0x0\n0x100000000..0x100000fff present +0x2000\n"},
		"damaged":             {files{"g.vmss": "not a state"}, []string{"g.vmss: at file offset 0x0: the file ends after 11 of 12 bytes", noTell + "; the state file does not tell"}, ""},
		"empty":               {files{"g.vmss": ""}, []string{"g.vmss is empty", noTell}, ""},
		"damaged, and good":   {files{"g.vmss": "not a state file", "g.vmsn": imagetest.VMState(imagetest.VMMagic, gap)}, []string{"g.vmss: at file offset 0x0: magic 0x20746f6e is of no"}, "0x0..0x1fff present +0x0\n0x100000000..0x100000fff present +0x2000\n"},
		"magic":               {files{"g.vmss": imagetest.VMState(0xbed0bed0, gap)}, []string{"at file offset 0x0: magic 0xbed0bed0 is of no state file", noTell}, ""},
		"groups":              {files{"g.vmss": imagetest.Words(addr.Little, 4, imagetest.VMMagic, 8, 1<<31)}, []string{"at file offset 0x8: 2147483648 groups", noTell}, ""},
		"no memory":           {files{"g.vmss": strings.Replace(imagetest.VMState(imagetest.VMMagic, gap), "memory", "Memory", 1)}, []string{"no group of 2 is that of memory", noTell}, ""},
		"no count":            {files{"g.vmss": imagetest.VMState(imagetest.VMMagic, imagetest.VMTag("regionPPN", 1, 0))}, []string{"does not say how many regions", noTell}, ""},
		"too many":            {files{"g.vmss": imagetest.VMState(imagetest.VMMagic, imagetest.VMTag("regionsCount", 65))}, []string{`at file offset 0xc0: tag "regionsCount"[0]`, noTell}, ""},
		"an index":            {files{"g.vmss": imagetest.VMState(imagetest.VMMagic, imagetest.VMTag("regionPPN", 1, 1<<31))}, []string{`tag "regionPPN"[2147483648] is that of region 64`, noTell}, ""},
		"counted only":        {files{"g.vmss": imagetest.VMState(imagetest.VMMagic, imagetest.VMTag("regionsCount", 1)+imagetest.VMTag("regionPPN", 1, 0))}, []string{"region 0 has no", noTell}, ""},
		"no pages":            {files{"g.vmss": imagetest.VMState(imagetest.VMMagic, imagetest.VMRegions([3]uint64{0, 0, 0}))}, []string{"region 0: 0 pages", noTell}, ""},
		"a block past it":     {files{"g.vmss": imagetest.VMState(imagetest.VMMagic, string([]byte{63, 1})+"M"+imagetest.Words(addr.Little, 8, 1<<64-1, 1)+imagetest.Zeros(2)+gap)}, []string{"a block of 0xffffffffffffffff bytes runs past the end", noTell}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "g.VMEM")
			write := func(name, content string) {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			write("g.VMEM", strings.Repeat("m", 3*vmPage))
			for name, content := range c.beside {
				write(name, content)
			}
			for _, format := range []image.FormatName{"", "vmware"} {
				img, err := formats.Open(t.Context(), path, image.Options{Format: format})
				if err != nil {
					t.Fatal(err)
				}
				imagetest.CheckNotes(t, img, c.notes...)
				want := c.want
				if want == "" {
					want = "0x0..0x2fff present +0x0\n"
				}
				imagetest.CheckMappings(t, img, strings.ReplaceAll(want, "\n", " g.VMEM\n"))
				imagetest.CheckImage(t, img, 3*vmPage)
				for _, m := range img.Mappings {
					if m.NameOffset != uint64(m.First) || m.State == engine.Absent && m.Absence != engine.Missing {
						t.Errorf("%+v", m)
					}
				}
				img.Close()
			}
			base := addr.Addr(0)
			for _, o := range []image.Options{{Format: "raw"}, {Base: &base}} {
				img, err := formats.Open(t.Context(), path, o)
				if err != nil || len(img.Notes) != 0 || imagetest.Show(img.Mappings) != "0x0..0x2fff present +0x0 g.VMEM\n" {
					t.Errorf("%+v, %v", img, err)
					continue
				}
				img.Close()
			}
		})
	}
}

// What the state file says of regions that do not fit together is told, and of the machine.
func TestVMEMOdd(t *testing.T) {
	for name, c := range map[string]struct {
		state string
		want  string
		notes []string
	}{
		"overlapping": {imagetest.VMState(imagetest.VMMagic, imagetest.VMRegions([3]uint64{1, 0, 2}, [3]uint64{2, 2, 1})), "0x1000..0x2fff present +0x0\n0x2000..0x2fff present +0x2000\n", []string{"region 0, 0x1000..0x2fff, and region 1, 0x2000..0x2fff, overlap"}},
		"left over":   {imagetest.VMState(imagetest.VMMagic, imagetest.VMRegions([3]uint64{1, 0, 2})), "0x1000..0x2fff present +0x0\n", []string{"4096 bytes of the memory in the file are in no region that g.vmss speaks of"}},
		"used twice":  {imagetest.VMState(imagetest.VMMagic, imagetest.VMRegions([3]uint64{1, 0, 3}, [3]uint64{9, 1, 1})), "0x1000..0x3fff present +0x0\n0x9000..0x9fff present +0x1000\n", nil},
		"far away":    {imagetest.VMState(imagetest.VMMagic, imagetest.VMRegions([3]uint64{1, 0, 3}, [3]uint64{9, 1 << 30, 1})), "0x1000..0x3fff present +0x0\n0x9000..0x9fff absent\n", []string{"truncated: the file ends at 0x3000, and g.vmss has memory from 0x9000 to 0x9fff"}},
		"of 8 bytes":  {imagetest.VMState(imagetest.VMMagic, wideRegion(1<<40, 0, 3)), "0x10000000000000..0x10000000002fff present +0x0\n", nil},
		"ARM64":       {imagetest.VMGroups(imagetest.VMMagic, "Checkpoint", imagetest.VMTag("Platform", 3), "memory", imagetest.VMRegions()), "0x80000000..0x80002fff present +0x0\n", nil},
		"x86":         {imagetest.VMGroups(imagetest.VMMagic, "Checkpoint", imagetest.VMTag("Platform", 1), "memory", imagetest.VMRegions()), "0x0..0x2fff present +0x0\n", nil},
	} {
		img := openBeside(t, c.state, strings.Repeat("m", 3*vmPage))
		imagetest.CheckMappings(t, img, strings.ReplaceAll(c.want, "\n", " g.vmem\n"))
		imagetest.CheckNotes(t, img, c.notes...)
		if img.Format != "VMware memory" || !img.OrderKnown || img.Order != addr.Little {
			t.Errorf("%s: %+v", name, img)
		}
	}
	for name, cpu := range map[string]string{
		"values": imagetest.VMTag("cpu:numVCPUs", 2) + wideTag("CR64", 0x1ad007, 0, 3) + wideTag("CR64", 0x20000, 0, 4) + wideTag("CR64", 0x99, 1, 3),
		"block":  imagetest.VMTag("cpu:numVCPUs", 2) + strings.Replace(imagetest.VMBlock(true, "CR64", imagetest.Words(addr.Little, 8, 1, 0, 0, 0x1ad007, 0x20000, 0, 0, 0, 0), 0), "\x3f", "\x7f", 1)[:6] + imagetest.Zeros(4) + imagetest.VMBlock(true, "CR64", imagetest.Words(addr.Little, 8, 1, 0, 0, 0x1ad007, 0x20000, 0, 0, 0, 0), 0)[6:],
	} {
		img := openBeside(t, imagetest.VMGroups(imagetest.VMMagic, "cpu", cpu, "Checkpoint", imagetest.VMTag("memSize", 4096), "memory", imagetest.VMRegions()), "memory")
		if got := fmt.Sprint(img.Facts); got != "[{processors 2} {guest_memory 4096 MiB} {dtb 0x1ad000}]" {
			t.Errorf("%s: %s", name, got)
		}
	}
	img := openBeside(t, imagetest.VMGroups(imagetest.VMMagic, "cpu", wideTag("CR64", 0x1ad038, 0, 3)+"damage", "memory", imagetest.VMRegions()), "memory")
	if got := fmt.Sprint(img.Facts); got != "[{dtb 0x1ad020}]" { // PAE may be
		t.Error(got)
	}
}

// openBeside opens a .vmem file with a state file beside it.
func openBeside(t *testing.T, state, memory string) *image.Image {
	t.Helper()
	dir := t.TempDir()
	imagetest.WriteFile(t, dir, "g.vmss", state)
	img, err := formats.Open(t.Context(), imagetest.WriteFile(t, dir, "g.vmem", memory), image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { img.Close() })
	return img
}

// wideTag returns a tag with a value of 8 bytes.
func wideTag(name string, value uint64, index ...uint64) string {
	tag := imagetest.VMTag(name, 0, index...)
	return string([]byte{tag[0] + 4}) + tag[1:len(tag)-4] + imagetest.Words(addr.Little, 8, value)
}

// wideRegion returns the tags of one region, as numbers of 8 bytes.
func wideRegion(ppn, page, size uint64) string {
	return imagetest.VMTag("regionsCount", 1) + wideTag("regionPPN", ppn, 0) + wideTag("regionPageNum", page, 0) + wideTag("regionSize", size, 0)
}

// A state file that has the memory inside is that memory.
func TestInline(t *testing.T) {
	pages := strings.Repeat("a", vmPage) + strings.Repeat("b", vmPage) + strings.Repeat("c", vmPage)
	gap := imagetest.VMRegions([3]uint64{0, 0, 2}, [3]uint64{0x100000, 2, 1})
	indexed := func(wide bool, padding int) string { // with the indices that VMware gives it
		b := imagetest.VMBlock(wide, "Memory", pages, padding)
		return string([]byte{63 | 2<<6}) + b[1:8] + imagetest.Zeros(8) + b[8:]
	}
	flat := "0x0..0x2fff present +AT\n"
	apart := "0x0..0x1fff present +AT\n0x100000000..0x100000fff present +BT\n"
	for name, c := range map[string]struct {
		state   string
		cut     int // bytes that the file lacks at its end
		want    string
		missing uint64
	}{
		"flat":              {imagetest.VMState(0xbed3bed3, imagetest.VMRegions()+imagetest.VMBlock(true, "Memory", pages, 70)), 0, flat, 0},
		"not counted":       {imagetest.VMState(0xbed2bed2, indexed(true, 0)), 0, flat, 0},
		"of old":            {imagetest.VMState(0xbed2bed0, indexed(false, 3)+imagetest.VMRegions()), 0, flat, 0},
		"regions":           {imagetest.VMState(0xbad1bad1, gap+indexed(true, 1)), 0, apart, 0},
		"regions behind it": {imagetest.VMState(0xbed2bed0, indexed(false, 1)+gap), 0, apart, 0},
		"cut":               {imagetest.VMState(0xbed2bed2, imagetest.VMRegions()+indexed(true, 1)), vmPage + 2, "0x0..0x1fff present +AT\n0x2000..0x2fff absent\n", vmPage},
		"cut before those":  {imagetest.VMState(0xbed2bed2, indexed(true, 1)+gap), vmPage + len(gap) + 2, "0x0..0x1fff present +AT\n0x2000..0x2fff absent\n", vmPage},
		"cut, regions":      {imagetest.VMState(0xbed2bed2, gap+indexed(true, 1)), vmPage + 3, "0x0..0x1ffe present +AT\n0x1fff..0x1fff absent\n0x100000000..0x100000fff absent\n", vmPage + 1},
	} {
		path := imagetest.TempFile(t, "g.vmsn", c.state[:len(c.state)-c.cut])
		img, err := formats.Open(t.Context(), path, image.Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		at := strings.Index(c.state, pages[:64])
		want := strings.NewReplacer("AT", fmt.Sprintf("%#x", at), "BT", fmt.Sprintf("%#x", at+2*vmPage), "\n", " g.vmsn\n").Replace(c.want)
		imagetest.CheckMappings(t, img, want)
		if img.Missing != c.missing || (len(img.Notes) > 0) != (c.missing > 0) || img.Space != image.Physical || img.Format != "VMware memory" {
			t.Errorf("%s: %d missing, notes %q", name, img.Missing, img.Notes)
		}
		if unknown := strings.Contains(fmt.Sprint(img.Notes), "it is taken for memory without"); unknown != (name == "cut before those") {
			t.Errorf("%s: notes %q", name, img.Notes)
		}
		imagetest.CheckImage(t, img, uint64(len(c.state)))
		img.Close()
	}
}

// A state file without memory is refused with the name of what has it.
func TestStateAlone(t *testing.T) {
	plain := imagetest.VMState(imagetest.VMMagic, imagetest.VMRegions())
	packed := strings.Replace(imagetest.VMState(imagetest.VMMagic, imagetest.VMRegions()+imagetest.VMBlock(true, "Memory", "mmmm", 1)), "\x3f\x06Memory", "\x3e\x06Memory", 1)
	for name, c := range map[string]struct {
		state, beside, want string
		holds               image.Holding
	}{
		"beside":             {plain, "g h.vmem", "without the memory of its machine: scan 'g h.vmem' beside it, which has the memory", image.HoldsBeside},
		"other name":         {plain, "h.vmem", "it is not read: scan the .vmem file of its name, which has the memory and does not lie beside it", image.HoldsMemory},
		"damaged":            {plain[:100], "h.vmem", "that is damaged (", image.HoldsMemory},
		"damaged, beside":    {plain[:100], "g h.VMEM", "scan 'g h.VMEM' beside it", image.HoldsBeside},
		"compressed":         {packed, "", "whose memory is compressed: it is not read: resume the machine", image.HoldsMemory},
		"compressed, beside": {packed, "g h.vmem", "scan 'g h.vmem' beside it", image.HoldsBeside},
	} {
		dir := t.TempDir()
		if c.beside != "" {
			imagetest.WriteFile(t, dir, c.beside, "m")
		}
		_, err := formats.Open(t.Context(), imagetest.WriteFile(t, dir, "g h.vmss", c.state), image.Options{})
		var un *image.UnsupportedError
		if !errors.As(err, &un) || un.Holds != c.holds || un.Format != "VMware state" {
			t.Errorf("%s: %v", name, err)
			continue
		}
		imagetest.CheckError(t, err, c.want)
	}
	_, err := formats.Open(t.Context(), imagetest.TempFile(t, "g.vmsn", plain), image.Options{Space: image.Virtual})
	imagetest.CheckError(t, err, "physical addresses only")
}

// The state file is found behind a link too, whatever that is called, but one
// beside the link comes first.
func TestVMEMLink(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	write := func(path, content string) {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(dir, "g.vmem"), strings.Repeat("m", 3*vmPage))
	write(filepath.Join(dir, "g.vmss"), imagetest.VMState(imagetest.VMMagic, imagetest.VMRegions([3]uint64{0, 0, 2}, [3]uint64{0x100000, 2, 1})))
	for name, target := range map[string]string{"h.vmem": filepath.Join(dir, "g.vmem"), "i.vmem": "h.vmem"} {
		link := filepath.Join(other, name)
		if err := os.Symlink(target, link); err != nil {
			t.Skip(err)
		}
	}
	for _, name := range []string{"h.vmem", "i.vmem"} {
		link := filepath.Join(other, name)
		img, err := formats.Open(t.Context(), link, image.Options{})
		if err != nil {
			t.Fatal(err)
		}
		imagetest.CheckMappings(t, img, strings.ReplaceAll("0x0..0x1fff present +0x0 N\n0x100000000..0x100000fff present +0x2000 N\n", "N", name))
		img.Close()
	}
	write(filepath.Join(other, "h.vmss"), imagetest.VMState(imagetest.VMMagic, imagetest.VMRegions()))
	img, err := formats.Open(t.Context(), filepath.Join(other, "h.vmem"), image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	imagetest.CheckNotes(t, img)
	img.Close()
}

// A .vmem file that ends before the memory that the state file speaks of is
// truncated, whatever the order of the regions.
func TestVMEMTruncated(t *testing.T) {
	for name, c := range map[string]struct {
		regions [][3]uint64
		absent  string // mappings, without their name
		missing uint64 // bytes
	}{
		"one":          {[][3]uint64{{0, 0, 5}}, "0x3000..0x4fff", 2 * vmPage},
		"the second":   {[][3]uint64{{0, 0, 3}, {3, 3, 1}}, "0x3000..0x3fff", vmPage},
		"unsorted":     {[][3]uint64{{5, 5, 1}, {2, 2, 3}, {0, 0, 2}}, "0x3000..0x4fff 0x5000..0x5fff", 3 * vmPage},
		"behind a gap": {[][3]uint64{{0, 0, 1}, {1 << 20, 1 << 20, 1}}, "0x100000000..0x100000fff", vmPage},
		"overlapping":  {[][3]uint64{{0, 0, 4}, {1, 1, 4}, {2, 2, 1}}, "0x3000..0x3fff 0x4000..0x4fff", 2 * vmPage},
		"whole":        {[][3]uint64{{0, 0, 3}, {1, 1, 2}}, "", 0},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "g.vmem")
		for file, content := range map[string]string{"g.vmem": strings.Repeat("m", 3*vmPage), "g.vmss": imagetest.VMState(imagetest.VMMagic, imagetest.VMRegions(c.regions...))} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		img, err := formats.Open(t.Context(), path, image.Options{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := "0x0..0x2fff present +0x0 g.vmem\n"
		for _, r := range strings.Fields(c.absent) {
			want += r + " absent g.vmem\n"
		}
		if len(img.Notes) != len(strings.Fields(c.absent)) {
			t.Errorf("%s: notes %q", name, img.Notes)
		}
		imagetest.CheckMappings(t, img, want)
		if img.Missing != c.missing {
			t.Errorf("%s: %d missing, want %d", name, img.Missing, c.missing)
		}
		img.Close()
	}
}

// What another program wrote holds what the raw image has, at other addresses.
func TestVMwareSample(t *testing.T) {
	raw, err := os.ReadFile(imagetest.MadeSample(t, "s.raw"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]addr.Addr{"s.vmem": {0, 0x100000000}, "s-inline.vmsn": {0}} {
		img, err := formats.Open(t.Context(), imagetest.MadeSample(t, name), image.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		for i, m := range img.Mappings {
			b, err := m.Source.View(make([]byte, m.Size()), m.Offset, int(m.Size()))
			if err != nil || i >= len(want) || m.First != want[i] {
				t.Errorf("%s: %v, %v", name, m.Range, err)
			}
			got = append(got, b...)
		}
		if string(got) != string(raw) || len(img.Mappings) != len(want) || img.Missing != 0 || len(img.Notes) != 0 || fmt.Sprint(img.Facts) != "[{processors 1} {dtb 0x1000}]" {
			t.Errorf("%s: %d bytes, %d missing, notes %q, facts %v", name, len(got), img.Missing, img.Notes, img.Facts)
		}
		img.Close()
	}
	_, err = formats.Open(t.Context(), imagetest.MadeSample(t, "s.vmss"), image.Options{})
	imagetest.CheckError(t, err, "scan s.vmem beside it")
}
