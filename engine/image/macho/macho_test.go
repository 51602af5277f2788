package macho

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/image"
	"vscan/engine/image/imagetest"
	"vscan/engine/image/input"
)

// openCore opens a file and checks what holds for any image.
func openCore(t *testing.T, file string) *image.Image {
	t.Helper()
	img, err := imagetest.Finished(open(t.Context(), imagetest.Reader([]byte(file)), image.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	imagetest.CheckImage(t, img, uint64(len(file)))
	return img
}

const amd64 = 0x01000007

// padded returns a file with data from an offset on.
func padded(file string, off int, data string) string { return imagetest.Padded(file, off) + data }

// Both classes, both byte orders, segments in any order.
func TestSegments(t *testing.T) {
	for _, order := range []addr.ByteOrder{addr.Little, addr.Big} {
		for _, wide := range []bool{false, true} {
			file := padded(imagetest.MachO(order, wide, amd64,
				imagetest.MachSegment(order, wide, "", 0x3000, 0x10, 0x404, 4, 5),
				imagetest.MachSegment(order, wide, "__DATA", 0x1000, 4, 0x400, 4, 3),
				imagetest.MachSegment(order, wide, "", 0x2000, 0x1000, 0, 0, 0),
				imagetest.MachSegment(order, wide, "", 0x5000, 0, 0x400, 4, 3),
			), 0x400, "abcdefgh")
			img := openCore(t, file)
			imagetest.CheckMappings(t, img, `
			0x3004..0x300f absent r-x segment[0]
			0x2000..0x2fff absent --- segment[2]
			0x3000..0x3003 present +0x404 r-x segment[0]
			0x1000..0x1003 present +0x400 rw- __DATA
			`)
			imagetest.CheckNotes(t, img)
			if img.Order != order || !img.OrderKnown || img.WordSize != map[bool]int{false: 4, true: 8}[wide] || img.Missing != 0 {
				t.Errorf("%+v", img)
			}
		}
	}
}

// What is cut or hostile is told, and costs itself.
func TestDamage(t *testing.T) {
	le := addr.Little
	segment := func(first, mem, off, stored uint64) string {
		return imagetest.MachSegment(le, true, "", first, mem, off, stored, 3)
	}
	for name, c := range map[string]struct {
		file    string
		missing uint64
		note    string
		want    string
	}{
		"cut": {padded(imagetest.MachO(le, true, amd64, segment(0x1000, 8, 0x200, 6), segment(0x3000, 4, 0x900, 4)), 0x200, "abcd"), 6, "truncated: 2 of 2 segments run past the end of the file at offset 0x204: 6 bytes", `
			0x1006..0x1007 absent rw- segment[0]
			0x1004..0x1005 absent rw- segment[0]
			0x3000..0x3003 absent rw- segment[1]
			0x1000..0x1003 present +0x200 rw- segment[0]
			`},
		"behind 4 GiB": {imagetest.MachO(le, true, amd64, segment(0x1000, 8, 1<<33, 8)), 8, "truncated", `
			0x1000..0x1007 absent rw- segment[0]
			`},
		"beyond the last address": {imagetest.MachO(le, true, amd64, segment(math.MaxUint64-1, 8, 0, 8)), 0, "run past the last address", `
			0xfffffffffffffffe..0xffffffffffffffff present +0x0 rw- segment[0]
			`},
		"more in the file": {imagetest.MachO(le, true, amd64, segment(0x1000, 4, 0, 8)), 0, "the surplus is not shown", `
			0x1000..0x1003 present +0x0 rw- segment[0]
			`},
		"overlapping": {imagetest.MachO(le, true, amd64, segment(0x1000, 4, 0, 4), segment(0x1002, 4, 0, 4)), 0, "segment[0], 0x1000..0x1003, and segment[1], 0x1002..0x1005, overlap", `
			0x1000..0x1003 present +0x0 rw- segment[0]
			0x1002..0x1005 present +0x0 rw- segment[1]
			`},
		"a command of no size": {imagetest.MachO(le, true, amd64, segment(0x1000, 4, 0, 4), imagetest.Words(le, 4, 0x19, 0)+imagetest.Zeros(64), segment(0x3000, 4, 0, 4)), 1, "load command 1 at file offset 0x68: 0 bytes, which cannot be", `
			0x1000..0x1003 present +0x0 rw- segment[0]
			`},
		"a short command": {imagetest.MachO(le, true, amd64, imagetest.MachCommand(le, 0x19, "12345678"), segment(0x1000, 4, 0, 4)), 1, "16 bytes, less than the 72", `
			0x1000..0x1003 present +0x0 rw- segment[0]
			`},
		"cut commands": {imagetest.MachO(le, true, amd64, segment(0x1000, 4, 0, 4), segment(0x1000, 4, 0, 4))[:32+72+4], 1, "1 of 2 were read", `
			0x1000..0x1003 present +0x0 rw- segment[0]
			`},
	} {
		t.Run(name, func(t *testing.T) {
			img := openCore(t, c.file)
			imagetest.CheckMappings(t, img, c.want)
			if imagetest.CheckNotes(t, img, c.note); img.Missing != c.missing {
				t.Errorf("%d bytes missing, want %d", img.Missing, c.missing)
			}
			for _, m := range img.Mappings {
				if m.Absence == engine.Missing && c.missing == 0 {
					t.Errorf("%v is missing", m.Range)
				}
			}
		})
	}
}

// The registers of each CPU type, by the structures of the kernel, and the name of the stack.
func TestThreads(t *testing.T) {
	for name, c := range map[string]struct {
		cpu, flavor, words uint64
		wide               bool
		sp, pc, word       int
		red                uint64
	}{
		"x86-64":  {0x01000007, 4, 42, true, 7 * 8, 16 * 8, 8, 128},
		"i386":    {7, 1, 16, false, 7 * 4, 10 * 4, 4, 0},
		"arm64":   {0x0100000c, 6, 68, true, 31 * 8, 32 * 8, 8, 128},
		"arm":     {12, 1, 17, false, 13 * 4, 15 * 4, 4, 0},
		"PowerPC": {18, 1, 40, false, 3 * 4, 0, 4, 224},
	} {
		t.Run(name, func(t *testing.T) {
			order := addr.Little
			if name == "PowerPC" {
				order = addr.Big
			}
			b := make([]byte, c.words*4)
			order.PutUint(b[c.sp:][:c.word], 0x1008)
			order.PutUint(b[c.pc:][:c.word], 0x40123)
			other := imagetest.Words(order, 4, 99, 1, 5)
			states := []string{other + imagetest.Words(order, 4, c.flavor, c.words) + string(b)}
			if c.cpu&0xff == 7 { // with flavor and size of the set in front
				states = append(states, imagetest.Words(order, 4, 7, c.words+2, c.flavor, c.words)+string(b))
			}
			for _, s := range states {
				img := openCore(t, imagetest.MachO(order, c.wide, c.cpu,
					imagetest.MachCommand(order, 4, s), imagetest.MachSegment(order, c.wide, "", 0x1000, 0x10, 0, 0x10, 3)))
				threads, err := img.Threads(t.Context())
				if err != nil || len(threads) != 1 || threads[0].SP != 0x1008 || threads[0].RedZone != c.red || !slices.Contains(threads[0].Registers, 0x40123) {
					t.Errorf("%+v, %v", threads, err)
				}
				if img.Mappings[0].Name != "[stack:0]" {
					t.Errorf("%+v", img.Mappings[0])
				}
			}
			cut := openCore(t, imagetest.MachO(order, c.wide, c.cpu,
				imagetest.MachCommand(order, 4, states[0][:len(states[0])-4]), imagetest.MachSegment(order, c.wide, "", 0x1000, 0x10, 0, 0x10, 3)))
			if threads, err := cut.Threads(t.Context()); err != nil || len(threads) != 1 {
				t.Errorf("%+v, %v", threads, err)
			}
		})
	}
}

// What notes and other commands tell.
func TestFacts(t *testing.T) {
	le := addr.Little
	note := func(owner string, off, size uint64) string {
		return imagetest.MachCommand(le, 0x31, imagetest.Padded(owner, 16)+imagetest.Words(le, 8, off, size))
	}
	img := openCore(t, padded(imagetest.MachO(le, true, amd64,
		note("kern ver str", 0x200, 40), note("addrable bits", 0x280, 16), note("other", 0x280, 16), note("kern ver str", 1<<40, 1<<40),
		imagetest.MachCommand(le, 0x1b, "0123456789abcdef"),
		imagetest.MachSegment(le, true, "", 0x1000, 4, 0x200, 4, 3),
	), 0x200, imagetest.Padded("\x01\x00\x00\x00Darwin Kernel Version 18.0.0", 0x80)+imagetest.Words(le, 4, 3, 47, 0, 0)))
	want := []image.Fact{{Name: "kernel_version", Value: "Darwin Kernel Version 18.0.0"}, {Name: "address_bits", Value: "47"},
		{Name: "uuid", Value: "30313233-3435-3637-3839-616263646566"}, {Name: "machine", Value: "x86-64"}}
	if !slices.Equal(img.Facts, want) || img.Detail != "64-bit little-endian x86-64, 1 segment, 0 threads" {
		t.Errorf("%+v, %s", img.Facts, img.Detail)
	}
}

// fat returns a fat file: mach-o/fat.h.
func fat(wide bool, files ...string) string {
	const align = 0x1000
	magic, w := uint64(0xcafebabe), 4
	if wide {
		magic, w = 0xcafebabf, 8
	}
	table, body := "", ""
	for i, f := range files {
		at := uint64(align * (i + 1))
		table += imagetest.Words(addr.Big, 4, 7, 3) + imagetest.Words(addr.Big, w, at, uint64(len(f))) + imagetest.Words(addr.Big, 4, 12)
		if wide {
			table += imagetest.Zeros(4)
		}
		body += imagetest.Padded(f, align)
	}
	return padded(imagetest.Words(addr.Big, 4, magic, uint64(len(files)))+table, align, body)
}

func TestFat(t *testing.T) {
	le := addr.Little
	program := "\xcf\xfa\xed\xfe" + imagetest.Words(le, 4, amd64, 3, 2) + imagetest.Zeros(16)
	core := padded(imagetest.MachO(le, true, amd64, imagetest.MachSegment(le, true, "", 0x1000, 8, 0x100, 8, 3)), 0x100, "abcd")
	for _, wide := range []bool{false, true} {
		file := fat(wide, program, core, core)
		if !isCore([]byte(file)) || isCore([]byte(fat(wide, program))) {
			t.Errorf("wide %v: not told", wide)
		}
		img := openCore(t, file)
		imagetest.CheckMappings(t, img, `
		0x1004..0x1007 absent rw- segment[0]
		0x1000..0x1003 present +0x2100 rw- segment[0]
		`) // its bytes end with the file in the fat one
		imagetest.CheckNotes(t, img, "of 3 files in it the first one that is a core, x86-64 at file offset 0x2000", "2 files in it are cores", "truncated")
	}
	for _, java := range []string{"\xca\xfe\xba\xbe\x00\x00\x00\x34" + imagetest.Zeros(4096), "\xca\xfe\xba\xbe\x00\x00\x00\x02", "\xca\xfe"} {
		if isCore([]byte(java)) {
			t.Errorf("%q is taken for a core", java)
		}
	}
}

func TestRefused(t *testing.T) {
	le := addr.Little
	core := imagetest.MachO(le, true, amd64, imagetest.MachSegment(le, true, "", 0x1000, 4, 0, 4, 3))
	many := imagetest.MachO(le, false, 7, strings.Repeat(imagetest.MachSegment(le, false, "", 0x1000, 4, 0, 4, 3), 1<<17+1))
	many = many[:16] + imagetest.Words(le, 4, 1<<17+1) + many[20:]
	for want, c := range map[string]struct {
		file string
		o    image.Options
	}{
		"holds no memory":                     {imagetest.MachO(le, true, amd64), image.Options{}},
		"cut at the end of the file after 20": {core[:20], image.Options{}},
		"no physical addresses":               {core, image.Options{Space: image.Physical}},
		"load command 0":                      {core, image.Options{Budget: budget.New(100)}},
		"with more than 131072 segments":      {many, image.Options{}},
	} {
		_, err := open(t.Context(), imagetest.Reader([]byte(c.file)), c.o)
		imagetest.CheckError(t, err, want)
	}
}

// A small image that another program wrote.
func TestMadeSample(t *testing.T) {
	b, err := imagetest.Unpack(imagetest.MadeSample(t, "s.macho-core"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := imagetest.Unpack(imagetest.MadeSample(t, "s.raw"))
	if err != nil {
		t.Fatal(err)
	}
	imagetest.CheckMadeProcess(t, openCore(t, string(b)), b, raw)
}

// A segment behind 4 GiB of a hole.
func TestFarOffset(t *testing.T) {
	const far = 5 << 30
	path := filepath.Join(t.TempDir(), "far")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.WriteString(imagetest.MachO(addr.Little, true, amd64, imagetest.MachSegment(addr.Little, true, "", 0x1000, 4, far, 4, 3)))
	if _, err := f.WriteAt([]byte("abcd"), far); err != nil {
		t.Skip(err)
	}
	in, err := input.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	img, err := imagetest.Finished(open(t.Context(), in.Reader(), image.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	m := img.Mappings[0]
	if b, err := m.Source.View(make([]byte, 4), m.Offset, 4); err != nil || string(b) != "abcd" {
		t.Errorf("%q, %v", b, err)
	}
}

// seed is a small core with each command that is read.
func seed(order addr.ByteOrder, wide bool, cpu uint64) string {
	return padded(imagetest.MachO(order, wide, cpu,
		imagetest.MachCommand(order, 4, imagetest.Words(order, 4, 4, 42)+imagetest.Zeros(168)),
		imagetest.MachCommand(order, 0x31, imagetest.Padded("kern ver str", 16)+imagetest.Words(order, 8, 0x300, 8)),
		imagetest.MachCommand(order, 0x1b, "0123456789abcdef"),
		imagetest.MachCommand(order, 8, "version\x00"),
		imagetest.MachSegment(order, wide, "", 0x1000, 12, 0x300, 8, 3),
		imagetest.MachSegment(order, wide, "", 0x1004, 4, 0x304, 4, 3),
	), 0x300, "abcdefgh")
}

// Every prefix of a small file opens, or is refused in one line.
func TestPrefixes(t *testing.T) {
	file := seed(addr.Little, true, amd64)
	for n := range len(file) {
		img, err := imagetest.Finished(open(t.Context(), imagetest.Reader([]byte(file[:n])), image.Options{}))
		if err != nil {
			imagetest.CheckError(t, err, "Mach-O")
			continue
		}
		imagetest.CheckImage(t, img, uint64(n))
		if img.Missing == 0 {
			t.Errorf("cut after %d of %d bytes: nothing is missing", n, len(file))
		}
	}
}

func FuzzMachO(f *testing.F) {
	f.Add([]byte(seed(addr.Little, true, amd64)))
	f.Add([]byte(seed(addr.Big, false, 18)))
	f.Add([]byte(fat(false, seed(addr.Little, true, 0x0100000c))))
	f.Fuzz(func(t *testing.T, b []byte) {
		img, err := imagetest.Finished(open(t.Context(), imagetest.Reader(b), image.Options{}))
		if err != nil {
			return
		}
		imagetest.CheckImage(t, img, uint64(len(b)))
	})
}
