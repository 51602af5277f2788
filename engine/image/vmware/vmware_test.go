package vmware_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
)

// vmPage is the size of a page in a state file, in bytes.
const vmPage = 4096

// spelled returns an error about a file with its layers, and what it gives as raw
// memory, behind it.
func spelled(err error) error {
	var un *image.UnsupportedError
	if !errors.As(err, &un) {
		return err
	}
	text := un.Error() + ":"
	for _, l := range un.Layers {
		text += fmt.Sprintf(" %s@%v+%#x:%#x", l.Path, l.At, l.Offset, l.Len)
	}
	return errors.New(strings.TrimSuffix(text, ":") + "; " + un.RawHelps)
}

// Memory with gaps is refused, with the layers that are its regions.
func TestVMEM(t *testing.T) {
	gap := imagetest.VMRegions([3]uint64{0, 0, 2}, [3]uint64{0x100000, 2, 1})
	const noTell = "only if the machine's memory has no gap"
	type files map[string]string
	for name, c := range map[string]struct {
		beside files
		notes  []string
		advice string // with the path as PATH; "": it is opened
	}{
		"alone":               {nil, []string{noTell + "; no .vmss or .vmsn"}, ""},
		"of another name":     {files{"h.vmss": imagetest.VMState(imagetest.VMMagic, gap), "g.vmem.vmss": "x", "g-1.vmsn": "x", "g": "x"}, []string{noTell}, ""},
		"gaps":                {files{"g.vmss": imagetest.VMState(imagetest.VMMagic, gap)}, nil, "name its regions instead: PATH@0x0+0x0:0x2000 PATH@0x100000000+0x2000:0x1000; read it as if there were no gaps"},
		"a snapshot":          {files{"g.vmsn": imagetest.VMState(0xbed3bed3, gap)}, nil, " PATH@0x100000000+0x2000:0x1000"},
		"letters":             {files{"g.VmSs": imagetest.VMState(0xbad1bad1, gap)}, nil, " PATH@0x100000000+0x2000:0x1000"},
		"both":                {files{"g.vmss": imagetest.VMState(0xbad2bad2, gap), "g.vmsn": imagetest.VMState(imagetest.VMMagic, imagetest.VMRegions())}, nil, " PATH@0x100000000+0x2000:0x1000"},
		"the other way round": {files{"g.vmsn": imagetest.VMState(imagetest.VMMagic, gap), "g.vmss": imagetest.VMState(imagetest.VMMagic, imagetest.VMRegions())}, []string{"contradict each other: g.vmss is followed, and not g.vmsn"}, ""},
		"both the same":       {files{"g.vmsn": imagetest.VMState(0xbed3bed3, imagetest.VMRegions()), "g.vmss": imagetest.VMState(imagetest.VMMagic, imagetest.VMRegions())}, nil, ""},
		"no regions":          {files{"g.vmss": imagetest.VMState(imagetest.VMMagic, imagetest.VMRegions())}, nil, ""},
		"one, as it lies":     {files{"g.vmss": imagetest.VMState(imagetest.VMMagic, imagetest.VMRegions([3]uint64{0, 0, 3}))}, nil, ""},
		"two, as they lie":    {files{"g.vmss": imagetest.VMState(imagetest.VMMagic, imagetest.VMRegions([3]uint64{0, 0, 1}, [3]uint64{1, 1, 2}))}, nil, ""},
		"one, moved":          {files{"g.vmss": imagetest.VMState(imagetest.VMMagic, imagetest.VMRegions([3]uint64{0x80000, 0, 3}))}, nil, "name its regions instead: PATH@0x80000000+0x0:0x3000; "},
		"beyond the file":     {files{"g.vmss": imagetest.VMState(imagetest.VMMagic, imagetest.VMRegions([3]uint64{0, 0, 2}, [3]uint64{0x100000, 2, 2}))}, nil, "use Volatility 3; read it as if there were no gaps"},
		"behind a block":      {files{"g.vmss": imagetest.VMState(imagetest.VMMagic, imagetest.VMBlock(true, "Memory", strings.Repeat("m", 5000), 70)+gap)}, nil, "PATH@0x0+0x0:0x2000"},
		"of old":              {files{"g.vmss": imagetest.VMState(0xbed2bed0, imagetest.VMBlock(false, "Memory", "mmmm", 1)+gap)}, nil, "PATH@0x0+0x0:0x2000"},
		"damaged":             {files{"g.vmss": "not a state"}, []string{"g.vmss: at file offset 0x0: the file ends after 11 of 12 bytes", noTell + "; the state file does not tell"}, ""},
		"empty":               {files{"g.vmss": ""}, []string{"g.vmss is empty", noTell}, ""},
		"damaged, and good":   {files{"g.vmss": "not a state file", "g.vmsn": imagetest.VMState(imagetest.VMMagic, gap)}, nil, "(g.vmsn says where)"},
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
			img, err := formats.Open(t.Context(), path, image.Options{})
			if c.advice == "" {
				if err != nil {
					t.Fatal(err)
				}
				defer img.Close()
				imagetest.CheckNotes(t, img, c.notes...)
				imagetest.CheckMappings(t, img, "0x0..0x2fff present +0x0 g.VMEM\n")
				return
			}
			var un *image.UnsupportedError
			if !errors.As(err, &un) {
				t.Fatalf("%v", err)
			}
			imagetest.CheckError(t, spelled(err), strings.ReplaceAll(c.advice, "PATH", path))
			base := addr.Addr(0)
			for _, o := range []image.Options{{Format: "raw"}, {Base: &base}} {
				img, err := formats.Open(t.Context(), path, o)
				if err != nil || len(img.Notes) != 0 {
					t.Errorf("%+v, %v", img, err)
					continue
				}
				img.Close()
			}
		})
	}
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
		_, err := formats.Open(t.Context(), link, image.Options{})
		imagetest.CheckError(t, spelled(err), link+"@0x0+0x0:0x2000"+" "+link+"@0x100000000+0x2000:0x1000")
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

// What another program wrote.
func TestVMwareSample(t *testing.T) {
	path := imagetest.MadeSample(t, "s.vmem")
	_, err := formats.Open(t.Context(), path, image.Options{})
	imagetest.CheckError(t, spelled(err), path+"@0x0+0x0:0xa000 "+path+"@0x100000000+0xa000:0xe000")
}
