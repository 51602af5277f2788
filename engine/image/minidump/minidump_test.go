package minidump

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/image"
	"vscan/engine/image/imagetest"
)

// openDump opens a file and checks what holds for any image.
func openDump(t *testing.T, file string, o image.Options) *image.Image {
	t.Helper()
	img, err := imagetest.Finished(open(t.Context(), imagetest.Reader([]byte(file)), o))
	if err != nil {
		t.Fatal(err)
	}
	imagetest.CheckImage(t, img, uint64(len(file)))
	return img
}

// fact returns the value of a fact.
func fact(img *image.Image, name string) string {
	for _, f := range img.Facts {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

const (
	amd64   = 9
	x86     = 0
	windows = 2
	onLinux = 0x8201
	commit  = 0x1000
	reserve = 0x2000
)

// shown prints mappings with offsets from where bytes were put.
func shown(img *image.Image, from uint64) string {
	var b strings.Builder
	for _, m := range img.Mappings {
		fmt.Fprintf(&b, "%#x..%#x %v", uint64(m.First), uint64(m.Last), m.State)
		switch m.State {
		case engine.Present:
			fmt.Fprintf(&b, " +%d", m.Offset-from)
		case engine.Absent:
			fmt.Fprintf(&b, " %v", m.Absence)
		}
		fmt.Fprintf(&b, " %q %s +%#x\n", m.Perm, m.Name, m.NameOffset)
	}
	return b.String()
}

func checkShown(t *testing.T, img *image.Image, from uint64, want string) {
	t.Helper()
	want = strings.ReplaceAll(strings.TrimLeft(want, "\n"), "\t", "")
	if got := shown(img, from); got != want {
		t.Errorf("mappings:\n%swant:\n%s", got, want)
	}
}

// Both lists in both byte orders, with padding and without.
func TestLists(t *testing.T) {
	for _, order := range []addr.ByteOrder{addr.Little, addr.Big} {
		for _, padding := range []string{"", "\xff\xff\xff\xff"} {
			d := &imagetest.Minidump{Order: order}
			d.System(amd64, windows)
			at := d.Put("abcdefgh")
			d.Memory64(at, [2]uint64{0x1000, 3}, [2]uint64{0x5000, 0}, [2]uint64{0x2000, 2})
			d.Memory(padding, [3]uint64{0x3000, 4, at + 1}, [3]uint64{0x4000, 1, at})
			img := openDump(t, d.String(), image.Options{})
			checkShown(t, img, at, `
			0x1000..0x1002 present +0 "" memory64[0] +0x0
			0x2000..0x2001 present +3 "" memory64[2] +0x0
			0x3000..0x3003 present +1 "" memory[0] +0x0
			0x4000..0x4000 present +0 "" memory[1] +0x0
			`)
			if img.WordSize != 8 || img.Order != order || !img.OrderKnown || img.Missing != 0 {
				t.Errorf("%+v", img)
			}
			imagetest.CheckNotes(t, img)
		}
	}
}

// What ranges of hostile and of cut files show.
func TestRanges(t *testing.T) {
	for name, c := range map[string]struct {
		write   func(d *imagetest.Minidump, at uint64)
		missing uint64
		note    string
		want    string
	}{
		"overlapping": {func(d *imagetest.Minidump, at uint64) {
			d.Memory("", [3]uint64{0x1000, 4, at}, [3]uint64{0x1002, 4, at + 4})
		}, 0, "memory[0], 0x1000..0x1003, and memory[1], 0x1002..0x1005, overlap", `
			0x1000..0x1003 present +0 "" memory[0] +0x0
			0x1002..0x1005 present +4 "" memory[1] +0x0
			`},
		"overlapping, the same bytes": {func(d *imagetest.Minidump, at uint64) {
			d.Memory("", [3]uint64{0x1000, 4, at}, [3]uint64{0x1002, 4, at + 2})
		}, 0, "", `
			0x1000..0x1003 present +0 "" memory[0] +0x0
			0x1002..0x1005 present +2 "" memory[1] +0x0
			`},
		"without data": {func(d *imagetest.Minidump, at uint64) {
			d.Memory("", [3]uint64{0x1000, 4, 0}, [3]uint64{0x1002, 4, at})
		}, 0, "", `
			0x1000..0x1003 absent unsaved "" memory[0] +0x0
			0x1002..0x1005 present +0 "" memory[1] +0x0
			`},
		"behind the end": {func(d *imagetest.Minidump, at uint64) {
			d.Memory("", [3]uint64{0x1000, 4, at}, [3]uint64{0x2000, 4, 1 << 20})
		}, 4, "truncated: 1 of 2 ranges run past the end of the file", `
			0x2000..0x2003 absent missing "" memory[1] +0x0
			0x1000..0x1003 present +0 "" memory[0] +0x0
			`},
		"terabytes": {func(d *imagetest.Minidump, at uint64) { // trunc_memory64.dmp
			d.Memory64(at, [2]uint64{0x1000, 8}, [2]uint64{0x2000, 4_700_000_000_000_000_000})
		}, 4_700_000_000_000_000_000 - 60, "truncated: 1 of 2 ranges", `
			0x203c..0x4139c1192c561fff absent missing "" memory64[1] +0x3c
			0x1000..0x1007 present +0 "" memory64[0] +0x0
			0x2000..0x203b present +8 "" memory64[1] +0x0
			`},
		"beyond the last address": {func(d *imagetest.Minidump, at uint64) {
			d.Memory64(at, [2]uint64{math.MaxUint64 - 3, 8}, [2]uint64{0x2000, 1})
		}, 0, "entry 0: 0x8 bytes from address 0xfffffffffffffffc run past the last address", `
			0xfffffffffffffffc..0xffffffffffffffff present +0 "" memory64[0] +0x0
			0x2000..0x2000 present +8 "" memory64[1] +0x0
			`},
		"all sizes": {func(d *imagetest.Minidump, at uint64) {
			d.Memory64(at, [2]uint64{0, math.MaxUint64}, [2]uint64{0, math.MaxUint64})
		}, math.MaxUint64, "truncated: 2 of 2", `
			0x44..0xfffffffffffffffe absent missing "" memory64[0] +0x44
			0x0..0xfffffffffffffffe absent missing "" memory64[1] +0x0
			0x0..0x43 present +0 "" memory64[0] +0x0
			`},
		"more than there is room for": {func(d *imagetest.Minidump, at uint64) {
			d.Stream(5, imagetest.Words(d.Order, 4, 1<<31)+imagetest.Words(d.Order, 8, 0x1000)+imagetest.Words(d.Order, 4, 4, at))
		}, 1, "it counts 2147483648 entries and has room for 1", `
			0x1000..0x1003 present +0 "" memory[0] +0x0
			`},
		"in the header": {func(d *imagetest.Minidump, at uint64) { d.Memory64(3, [2]uint64{0x1000, 8}) },
			8, "BaseRva 0x3 is in the header", `
			0x1000..0x1007 absent missing "" memory64[0] +0x0
			`},
		"twice": {func(d *imagetest.Minidump, at uint64) {
			d.Memory("", [3]uint64{0x1000, 4, at})
			d.Memory("", [3]uint64{0x2000, 4, at})
		}, 0, "MemoryList comes more than once", `
			0x1000..0x1003 present +0 "" memory[0] +0x0
			`},
	} {
		t.Run(name, func(t *testing.T) {
			d := &imagetest.Minidump{}
			at := d.Put("abcdefgh")
			c.write(d, at)
			img := openDump(t, d.String(), image.Options{})
			checkShown(t, img, at, c.want)
			if img.Missing != c.missing {
				t.Errorf("%d bytes missing, want %d", img.Missing, c.missing)
			}
			if c.note != "" && !slices.ContainsFunc(img.Notes, func(n string) bool { return strings.Contains(n, c.note) }) || c.note == "" && len(img.Notes) > 0 {
				t.Errorf("notes %q, want one with %q", img.Notes, c.note)
			}
		})
	}
}

// BaseRva that is 8 too high is told by the sizes, and only so.
func TestBaseRva(t *testing.T) {
	file := func(off uint64, behind int) string { // the directory in front, as writers have it
		const list = 32 + 12
		base := uint64(list + 16 + 2*16)
		s := "MDMP" + imagetest.Words(addr.Little, 4, 0xa793, 1, 32, 0, 0) + imagetest.Zeros(8) + imagetest.Words(addr.Little, 4, 9, 48, list)
		return s + imagetest.Words(addr.Little, 8, 2, base+off, 0x1000, 8, 0x2000, 8) + "0123456789abcdef" + imagetest.Zeros(behind)
	}
	const data = 32 + 12 + 48
	for _, c := range []struct {
		off     uint64
		behind  int
		first   uint64 // file offset of the first byte, from the end of the list
		missing uint64
		note    string
	}{
		{0, 0, 0, 0, ""},
		{0, 8, 0, 0, ""},
		{8, 0, 0, 0, "BaseRva 0x64 is 8 bytes too high"},
		{8, 8, 8, 0, ""},
		{16, 8, 16, 8, "truncated"},
	} {
		img := openDump(t, file(c.off, c.behind), image.Options{})
		if m := img.Mappings[len(img.Mappings)-1]; c.missing == 0 && m.Offset != data+8+c.first || img.Missing != c.missing {
			t.Errorf("BaseRva %d too high, %d bytes behind: %+v, %d missing", c.off, c.behind, m, img.Missing)
		}
		if (len(img.Notes) > 0) != (c.note != "") || c.note != "" && !strings.Contains(img.Notes[0], c.note) {
			t.Errorf("notes %q, want %q", img.Notes, c.note)
		}
	}
	cut := file(0, 0)
	if img := openDump(t, cut[:len(cut)-8], image.Options{}); img.Missing != 8 || img.Mappings[len(img.Mappings)-1].Offset != data {
		t.Errorf("cut by 8 bytes: %s", imagetest.Show(img.Mappings))
	}
}

// Names and permissions come of regions, modules and stacks; what they have and the lists
// do not is absent.
func TestAreas(t *testing.T) {
	d := &imagetest.Minidump{}
	d.System(amd64, windows)
	at := d.Put(strings.Repeat("x", 0x100))
	name := d.Name(`C:\app\ä.exe`)
	d.List(4, "", d.Module(0x10000, 0x3000, name, 0, 0), d.Module(0x90000, 0x1000, 0, 0, 0))
	registers := imagetest.Zeros(0x30) + imagetest.Words(addr.Little, 4, 0x10000b) + imagetest.Zeros(0x78-0x34)
	for i := range uint64(17) {
		registers += imagetest.Words(addr.Little, 8, 0x50000+i*8)
	}
	context := d.Put(imagetest.Padded(registers, 1232))
	d.List(3, "", d.Thread(77, 0x7000, 0x50000, 0x40, at, 1232, context), d.Thread(78, 0, 0x60000, 0x10, at, 0, 0))
	d.Info([4]uint64{0xf000, 0x1000, commit, 4}, [4]uint64{0x10000, 0x1000, commit, 2}, [4]uint64{0x11000, 0x4000, commit, 0x20},
		[4]uint64{0x20000, 0x1000, reserve, 0}, [4]uint64{0x50000, 0x1000, commit, 0x104}, [4]uint64{0x60000, 0x1000, commit, 1})
	d.Memory("", [3]uint64{0xfff0, 0x40, at}, [3]uint64{0x12ff0, 0x20, at + 0x40}, [3]uint64{0x50000, 0x40, at + 0x80}, [3]uint64{0x70000, 1, at})
	img := openDump(t, d.String(), image.Options{})
	checkShown(t, img, at, `
	0xf000..0xffef absent unsaved "rw-" area[0] +0x0
	0x10030..0x10fff absent unsaved "r--" C:\app\ä.exe +0x30
	0x11000..0x12fef absent unsaved "r-x" C:\app\ä.exe +0x1000
	0x13010..0x14fff absent unsaved "r-x" area[3] +0x10
	0x50040..0x50fff absent unsaved "rw-" [stack:77] +0x40
	0x60010..0x60fff absent unsaved "---" [stack:78] +0x10
	0x90000..0x90fff absent unsaved "" module[1] +0x0
	0x50000..0x5003f present +0 "rw-" [stack:77] +0x0
	0x60000..0x6000f present +0 "---" [stack:78] +0x0
	0xfff0..0xffff present +0 "rw-" memory[0] +0x0
	0x10000..0x1002f present +16 "r--" C:\app\ä.exe +0x0
	0x12ff0..0x12fff present +64 "r-x" C:\app\ä.exe +0x2ff0
	0x13000..0x1300f present +80 "r-x" memory[1] +0x10
	0x50000..0x5003f present +128 "rw-" [stack:77] +0x0
	0x70000..0x70000 present +0 "" memory[3] +0x0
	`)
	threads, err := img.Threads(t.Context())
	if err != nil || len(threads) != 2 || threads[0].ID != 77 || threads[0].SP != 0x50020 || threads[0].Pointer != 0x7000 || threads[0].RedZone != 0 ||
		len(threads[0].Registers) != 17 || threads[0].Registers[16] != 0x50080 || threads[1].SP != 0 {
		t.Errorf("threads %+v, %v", threads, err)
	}
	if len(img.Modules) != 2 || img.Modules[0].Path != `C:\app\ä.exe` || img.Modules[0].Base != 0x10000 || img.Modules[1].Path != "module[1]" {
		t.Errorf("modules %+v", img.Modules)
	}
}

// Of each CPU the stack pointer and the program counter, by the offsets of winnt.h.
func TestRegisters(t *testing.T) {
	for name, c := range map[string]struct {
		arch, flags     uint64
		flagsAt, sp, pc int
		word            int
		size            int
		red             uint64
	}{
		"x86":           {0, 0x1003f, 0, 0xc4, 0xb8, 4, 716, 0},
		"amd64":         {9, 0x10001f, 0x30, 0x98, 0xf8, 8, 1232, 128},
		"arm":           {5, 0x40000006, 0, 4 + 13*4, 4 + 15*4, 4, 368, 0},
		"arm64":         {12, 0x400003, 0, 0x100, 0x108, 8, 912, 0},
		"Breakpad's":    {0x8003, 0x80000006, 0, 0x100, 0x108, 8, 796, 0},
		"other's":       {9, 0x400003, 0x30, 0x98, 0xf8, 8, 1232, 0},
		"unknown's":     {0x77, 0x10001f, 0x30, 0x98, 0xf8, 8, 1232, 0},
		"too short":     {9, 0x10001f, 0x30, 0x98, 0xf8, 8, 0xf8, 0},
		"of no machine": {0, 0, 0, 0xc4, 0xb8, 4, 716, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := &imagetest.Minidump{}
			d.System(c.arch, onLinux)
			b := make([]byte, 2048)
			addr.Little.PutUint(b[c.flagsAt:][:4], c.flags)
			addr.Little.PutUint(b[c.sp:][:c.word], 0x7fff0010)
			addr.Little.PutUint(b[c.pc:][:c.word], 0x401234)
			at := d.Put(string(b[:c.size]))
			d.List(3, "", d.Thread(1, 0, 0, 0, 0, uint64(c.size), at))
			d.Memory("", [3]uint64{0x1000, 1, at})
			threads, err := openDump(t, d.String(), image.Options{}).Threads(t.Context())
			if err != nil || len(threads) != 1 {
				t.Fatal(threads, err)
			}
			known := !strings.Contains(name, " ") && !strings.HasSuffix(name, "r's") && name != "unknown's"
			th := threads[0]
			if known != (th.SP == 0x7fff0010) || known != slices.Contains(th.Registers, 0x401234) || th.RedZone != c.red {
				t.Errorf("%+v", th)
			}
		})
	}
}

// The maps of Linux name what is mapped, from the load base of each file.
func TestLinuxMaps(t *testing.T) {
	d := &imagetest.Minidump{}
	d.System(amd64, onLinux)
	at := d.Put("abcdefgh")
	id := d.Put("LEpB" + "0123456789")
	d.List(4, "", d.Module(0x10000, 0x2000, d.Name("/bin/a"), 14, id))
	d.Stream(0x47670009, "10000-11000 r--p 00000000 fe:00 12 /bin/a\n11000-12000 r-xp 00001000 fe:00 12 /bin/a\nnone of it\n"+
		"20000-21000 rw-p 00000000 00:00 0      [stack]\n30000-31000 rw-p 00000000 00:00 0 \n")
	d.Stream(0x47670006, "/bin/a\x00-x\x00")
	d.Stream(0x47670004, "Name:\ta\nPid:\t4711\nPPid:\t1\n")
	d.Memory("", [3]uint64{0x11100, 4, at}, [3]uint64{0x20000, 4, at + 4})
	img := openDump(t, d.String(), image.Options{})
	checkShown(t, img, at, `
	0x10000..0x10fff absent unsaved "r--" /bin/a +0x0
	0x11000..0x110ff absent unsaved "r-x" /bin/a +0x1000
	0x11104..0x11fff absent unsaved "r-x" /bin/a +0x1104
	0x20004..0x20fff absent unsaved "rw-" [stack] +0x4
	0x30000..0x30fff absent unsaved "rw-" area[3] +0x0
	0x11100..0x11103 present +0 "r-x" /bin/a +0x1100
	0x20000..0x20003 present +4 "rw-" [stack] +0x0
	`)
	imagetest.CheckNotes(t, img, `line 3: "none of it"`)
	if id := image.NewBuildIDs(img.Modules...).Of(&img.Mappings[5], 0x11100); id != "30313233343536373839" {
		t.Errorf("build-id %q", id)
	}
	if fact(img, "pid") != "4711" || fact(img, "command") != "/bin/a -x" || fact(img, "os") != "Linux" {
		t.Errorf("%+v", img.Facts)
	}
}

// What identifies a module is printed as others print it.
func TestIdentity(t *testing.T) {
	const guid = "\x04\x03\x02\x01\x06\x05\x08\x07\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"
	for name, c := range map[string]struct {
		platform uint64
		record   string
		want     string
	}{
		"PDB":            {windows, "RSDS" + guid + "\x02\x00\x00\x00a.pdb\x00", "0102030405060708090a0b0c0d0e0f1000000002"},
		"UUID":           {0x8101, "RSDS" + guid + "\x00\x00\x00\x00", "0102030405060708090a0b0c0d0e0f10"},
		"old build-id":   {onLinux, "RSDS" + guid + "\x00\x00\x00\x00", "040302010605080709" + "0a0b0c0d0e0f10"},
		"build-id":       {onLinux, "LEpB" + "\x01\x02\x03", "010203"},
		"zeros":          {windows, "RSDS" + imagetest.Zeros(20), ""},
		"cut":            {windows, "RSDS\x01", ""},
		"another record": {windows, "NB10" + imagetest.Zeros(20), ""},
	} {
		d := &imagetest.Minidump{}
		d.System(amd64, c.platform)
		at := d.Put(c.record)
		d.List(4, imagetest.Zeros(4), d.Module(0x10000, 0x1000, 0, uint64(len(c.record)), at))
		d.Memory("", [3]uint64{0x1000, 1, at})
		img := openDump(t, d.String(), image.Options{})
		if got := fmt.Sprintf("%x", img.Modules[0].BuildID); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// Windows extends the sign of addresses with 32 bits.
func TestSignedAddresses(t *testing.T) {
	d := &imagetest.Minidump{}
	d.System(x86, windows)
	at := d.Put("abcd")
	d.Memory("", [3]uint64{0xffffffff_80001000, 4, at})
	checkShown(t, openDump(t, d.String(), image.Options{}), at, "0x80001000..0x80001003 present +0 \"\" memory[0] +0x0\n")
}

func TestFacts(t *testing.T) {
	d := &imagetest.Minidump{}
	d.System(amd64, windows)
	at := d.Put("abcd")
	d.Memory("", [3]uint64{0x1000, 4, at})
	d.Stream(15, imagetest.Words(addr.Little, 4, 24, 1, 4242, 0, 0, 0))
	d.Stream(6, imagetest.Words(addr.Little, 4, 77, 0, 0xc0000005, 0)+imagetest.Words(addr.Little, 8, 0, 0x401000)+imagetest.Zeros(128))
	name := d.Name("main")
	d.List(24, "", imagetest.Words(addr.Little, 4, 77)+imagetest.Words(addr.Little, 8, name))
	img := openDump(t, d.String(), image.Options{})
	want := []image.Fact{
		{Name: "time", Value: "2021-01-14T08:25:36Z"}, {Name: "machine", Value: "x86-64"}, {Name: "os", Value: "Windows"}, {Name: "os_version", Value: "10.0"},
		{Name: "os_build", Value: "19041"}, {Name: "pid", Value: "4242"}, {Name: "exception", Value: "0xc0000005 at address 0x401000 in thread 77"}, {Name: "thread", Value: "77 main"},
	}
	if !slices.Equal(img.Facts, want) {
		t.Errorf("%+v, want %+v", img.Facts, want)
	}
	if want := "64-bit little-endian x86-64, Windows 10.0, 1 range, 0 modules, 0 threads"; img.Detail != want {
		t.Errorf("%q, want %q", img.Detail, want)
	}
}

func TestRefused(t *testing.T) {
	d := &imagetest.Minidump{}
	d.System(amd64, windows)
	empty := d.String()
	many := &imagetest.Minidump{}
	many.Stream(5, imagetest.Words(addr.Little, 4, 1<<17+1)+imagetest.Zeros(16*(1<<17+1)))
	for want, c := range map[string]struct {
		file string
		o    image.Options
	}{
		"holds no memory":                             {empty, image.Options{}},
		"cut at the end of the file after 9":          {empty[:9], image.Options{}},
		"no physical addresses":                       {empty, image.Options{Space: image.Physical}},
		"131073 entries in MemoryList at file offset": {many.String(), image.Options{}},
	} {
		_, err := open(t.Context(), imagetest.Reader([]byte(c.file)), c.o)
		imagetest.CheckError(t, err, want)
	}
	d.Memory("", [3]uint64{0x1000, 1, 32})
	// Lists that are not of memory have what is left by those that are.
	crowd := &imagetest.Minidump{}
	crowd.System(amd64, windows)
	crowd.Stream(3, imagetest.Words(addr.Little, 4, 40_000)+imagetest.Zeros(48*40_000))
	var ranges strings.Builder
	for i := range uint64(70_000) {
		ranges.WriteString(imagetest.Words(addr.Little, 8, 0x1000*i) + imagetest.Words(addr.Little, 4, 1, 32))
	}
	crowd.Stream(5, imagetest.Words(addr.Little, 4, 70_000)+ranges.String())
	img := openDump(t, crowd.String(), image.Options{})
	if len(img.Mappings) != 70_000 {
		t.Errorf("%d mappings", len(img.Mappings))
	}
	imagetest.CheckNotes(t, img, "40000 entries: those beyond 10000 are not read")
	_, err := open(t.Context(), imagetest.Reader([]byte(d.String())), image.Options{Budget: budget.New(100)})
	imagetest.CheckError(t, err, "MemoryList at file offset")
}

// A minidump of Windows, with what Breakpad's own reader says of it: its minidump_unittest.cc
// and minidump_processor_unittest.cc.
func TestSampleBreakpad(t *testing.T) {
	b, err := imagetest.Unpack(imagetest.Sample(t, "google/breakpad/src/processor/testdata/minidump2.dmp"))
	if err != nil {
		t.Fatal(err)
	}
	img := openDump(t, string(b), image.Options{})
	threads, err := img.Threads(t.Context())
	if err != nil || len(threads) != 2 || threads[0].ID != 0xbf4 || threads[1].ID != 0x11c0 || threads[0].SP == 0 {
		t.Errorf("%+v, %v", threads, err)
	}
	if m := img.Modules[0]; len(img.Modules) != 13 || m.Path != `c:\test_app.exe` || m.Base != 0x400000 || fmt.Sprintf("%x", m.BuildID) != "5a9832e5287241c1838ed98914e9b7ff00000001" {
		t.Errorf("%d modules, the first %+v", len(img.Modules), m)
	}
	if got := fact(img, "exception"); got != "0xc0000005 at address 0x40429e in thread 3060" {
		t.Errorf("exception %q", got)
	}
	if img.WordSize != 4 || fact(img, "os_version") != "5.1" || fact(img, "os_build") != "2600" || fact(img, "os_release") != "Service Pack 2" {
		t.Errorf("%+v", img.Facts)
	}
}

// Small images that another program wrote: what is at an address is what was put there.
func TestMadeSamples(t *testing.T) {
	for _, name := range []string{"s.mdmp", "s.mdmp-pad4", "s.mdmp64", "s.mdmp64-rva8"} {
		b, err := imagetest.Unpack(imagetest.MadeSample(t, name))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := imagetest.Unpack(imagetest.MadeSample(t, "s.raw"))
		if err != nil {
			t.Fatal(err)
		}
		img := openDump(t, string(b), image.Options{})
		imagetest.CheckMadeProcess(t, img, b, raw)
	}
}

// Every prefix of a small file opens, or is refused in one line.
func TestPrefixes(t *testing.T) {
	d := seed()
	for n := range len(d) {
		img, err := imagetest.Finished(open(t.Context(), imagetest.Reader([]byte(d[:n])), image.Options{}))
		if err != nil {
			imagetest.CheckError(t, err, "minidump")
			continue
		}
		imagetest.CheckImage(t, img, uint64(n))
		if img.Missing == 0 {
			t.Errorf("cut after %d of %d bytes: nothing is missing", n, len(d))
		}
	}
}

// seed is a small file with all streams that are read, its directory in front.
func seed() string {
	d := &imagetest.Minidump{}
	d.System(amd64, onLinux)
	at := d.Put("abcdefgh")
	id := d.Put("RSDS0123456789abcdef\x01\x00\x00\x00")
	d.List(4, "", d.Module(0x10000, 0x2000, d.Name("/bin/a"), 24, id))
	d.List(3, "", d.Thread(1, 0x7000, 0x50000, 4, at, 8, at))
	d.List(8, "", d.Thread(2, 0x7000, 0x50000, 4, at, 8, at)+imagetest.Zeros(16))
	d.Info([4]uint64{0x10000, 0x1000, commit, 2})
	d.Stream(0x47670009, "10000-11000 r--p 00000000 fe:00 12 /bin/a\n")
	d.Stream(0x47670006, "/bin/a\x00")
	d.Stream(0x47670004, "Name:\ta\nPid:\t47\n")
	d.Stream(15, imagetest.Words(addr.Little, 4, 24, 1, 4242))
	d.Stream(6, imagetest.Zeros(40))
	d.List(24, "", imagetest.Words(addr.Little, 4, 77)+imagetest.Words(addr.Little, 8, at))
	d.Memory64(at, [2]uint64{0x10000, 3}, [2]uint64{0x2000, 2})
	d.Memory("", [3]uint64{0x10ffe, 4, at}, [3]uint64{0x4000, 1, at})
	return d.String()
}

func FuzzMinidump(f *testing.F) {
	f.Add([]byte(seed()))
	big := &imagetest.Minidump{Order: addr.Big}
	big.System(x86, windows)
	big.Memory("\x00\x00\x00\x00", [3]uint64{0xffffffff_80001000, 4, 32})
	f.Add([]byte(big.String()))
	f.Fuzz(func(t *testing.T, b []byte) {
		img, err := imagetest.Finished(open(t.Context(), imagetest.Reader(b), image.Options{}))
		if err != nil {
			return
		}
		imagetest.CheckImage(t, img, 4*uint64(len(b)))
	})
}
