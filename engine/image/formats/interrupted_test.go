package formats_test

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
	"vscan/engine/image/layer"
	"vscan/engine/image/layered"
	"vscan/internal/testenv"
)

// opening is something that is opened until a context ends.
type opening struct {
	name string
	open func(ctx context.Context) error
	asks int // how often it has to ask at least
}

// openings are of every format, with so many records each that loops ask more than once.
func openings(t *testing.T) []opening {
	const many = 1 << 15
	dir := t.TempDir()
	open := func(name, content string, o image.Options) func(context.Context) error {
		path := imagetest.WriteFile(t, dir, name, content)
		return func(ctx context.Context) error {
			img, err := formats.Open(ctx, path, o)
			if err == nil {
				img.Close()
			}
			return err
		}
	}
	le := addr.Little
	segments := func(n int, note string) []imagetest.Segment {
		segs := []imagetest.Segment{{Type: 4, Data: note}}
		for i := range n {
			segs = append(segs, imagetest.Segment{Type: 1, Flags: 6, Vaddr: uint64(n-i) << 16, Paddr: uint64(n-i) << 16, Memsz: 0x1000, Filesz: imagetest.Num(1), At: 64})
		}
		return segs
	}
	core := func(note string) string { return string(imagetest.BuildELF(true, le, segments(many, note), nil)) }
	notes := strings.Repeat(imagetest.Note(le, 4, "XYZ", 77, "1234"), 1<<17)
	var entries []imagetest.Entry
	for i := range uint64(1 << 14) {
		entries = append(entries, imagetest.NewEntry((i+1)<<16, (i+1)<<16+0xfff, 0, "/f"+string(rune('a'+i%20))))
	}
	files := imagetest.Note(le, 4, "CORE", 0x46494c45, imagetest.FileNote(true, le, 4096, entries...))
	var records strings.Builder
	for i := range uint64(many) {
		records.WriteString(imagetest.Record((many-i)<<12, (many-i)<<12, "x"))
	}
	var ranges [][3]uint64
	for i := range uint64(many) {
		ranges = append(ranges, [3]uint64{(many - i) << 12, 1, 32})
	}
	mini := &imagetest.Minidump{}
	mini.Stream(0x47670009, strings.Repeat("10000-11000 r--p 00000000 fe:00 12 /bin/a\n", many/4))
	mini.Memory("", ranges...)
	var commands []string
	for range many {
		commands = append(commands, imagetest.MachSegment(le, true, "", 0x1000, 4, 0, 4, 3))
	}
	base := addr.Addr(0x400000)
	prog := imagetest.NewModule(true, le, imagetest.SharedObject, "0123456789")
	bitmap := imagetest.WinHeader{Wide: true, Kind: 5}.String()
	odd := make([]uint64, 1<<17)
	runs := make([][2]uint64, 1<<15)
	for i := range odd {
		odd[i] = uint64(2 * i)
	}
	for i := range runs {
		runs[i] = [2]uint64{uint64(len(runs)-i) * 2, 1}
	}
	summary, _ := imagetest.WinBitmap(len(bitmap), "SDMP", 1<<18, odd...)
	table, _ := imagetest.WinRanges(false, runs...)
	inline := imagetest.VMState(imagetest.VMMagic, strings.Repeat(imagetest.VMTag("x", 1), 1<<13)+imagetest.VMBlock(true, "Memory", "m", 0)+imagetest.VMRegions())
	zblocks := imagetest.Padded("ZDMP"+imagetest.Words(le, 4, 0x100)+imagetest.Words(le, 8, 1<<40)+imagetest.Words(le, 4, 4096)+imagetest.Words(le, 2, 1, 2), 4096) +
		strings.Repeat("ZBLK"+imagetest.Words(le, 4, 1, 0x8cdc1683)+"x", many) // the CRC-32 of x
	vm := open("m.vmem", imagetest.Zeros(1<<14), image.Options{})
	imagetest.WriteFile(t, dir, "m.vmss", imagetest.VMState(imagetest.VMMagic, strings.Repeat(imagetest.VMTag("x", 1), 1<<13)+imagetest.VMRegions([3]uint64{0, 0, 4})))
	corePath := imagetest.WriteFile(t, dir, "small.core", string(prog.Core("/bin/prog", 0x50000000, true)))
	progPath := imagetest.WriteFile(t, dir, "bin/prog", string(prog.File()))
	img, err := formats.Open(t.Context(), corePath, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { img.Close() })
	return []opening{
		{"core of a process, many segments", open("segments.core", core(imagetest.Note(le, 4, "CORE", 6, imagetest.Words(le, 8, 6, 4096, 0, 0))), image.Options{}), 20},
		{"dump of a machine, many segments", open("machine.core", core(imagetest.Note(le, 4, "QEMU", 0, "")), image.Options{Space: image.Physical}), 8},
		{"core of a process, many notes", open("notes.core", core(notes), image.Options{}), 20},
		{"core of a process, many files", open("files.core", core(files), image.Options{}), 20},
		{"LiME, many records", open("many.lime", records.String(), image.Options{}), 8},
		{"LiME, damaged", open("damaged.lime", imagetest.Record(0, 0xfff, strings.Repeat("a", 0x1000))+strings.Repeat("b", 20<<20), image.Options{}), 20},
		{"minidump", open("many.dmp", mini.String(), image.Options{}), 8},
		{"Mach-O core", open("many.macho", imagetest.MachO(le, true, 7, commands...), image.Options{}), 8},
		{"ELF program", open("prog", string(prog.File()), image.Options{Base: &base}), 2},
		{"raw", open("raw", "no format", image.Options{}), 2},
		{"VMware memory", vm, 10},
		{"VMware memory in a state file", open("inline.vmsn", inline, image.Options{}), 10},
		{"DumpIt, many blocks", open("many.zdmp", zblocks, image.Options{}), 5},
		{"Windows crash dump, bitmap", open("bitmap.dmp", bitmap+summary, image.Options{}), 3},
		{"Windows crash dump, table", open("table.dmp", imagetest.WinHeader{Wide: true, Kind: 9}.String()+table, image.Options{}), 5},
		{"layer that the image places", func(ctx context.Context) error {
			l, err := layer.Open(ctx, img, image.LayerSpec{Path: progPath, Unplaced: true}, image.Options{})
			if err == nil {
				l.Close()
			}
			return err
		}, 3},
		{"files that the image names", func(ctx context.Context) error {
			l, err := layer.OpenModules(ctx, img, dir, image.Options{})
			if err == nil {
				l.Close()
			}
			return err
		}, 3},
		{"image with its files", func(ctx context.Context) error {
			l, err := layered.Open(ctx, corePath, layered.Options{Sysroot: dir})
			if err == nil {
				l.Close()
			}
			return err
		}, 10},
	}
}

// Whatever is opened ends at whichever question its context ends, says what it was doing,
// and asks only a few times more.
func TestOpeningInterrupted(t *testing.T) {
	for _, c := range openings(t) {
		t.Run(c.name, func(t *testing.T) {
			whole := &imagetest.Asked{Context: t.Context(), Left: math.MaxInt}
			if err := c.open(whole); err != nil {
				t.Fatal(err)
			}
			if whole.Count < c.asks {
				t.Errorf("it asked %d times, want %d or more", whole.Count, c.asks)
			}
			for left := 0; left < whole.Count; left += 1 + whole.Count/testenv.Rounds(10, 10, 40) {
				ctx := &imagetest.Asked{Context: t.Context(), Left: left}
				err := c.open(ctx)
				var interrupted *image.InterruptedError
				if !errors.Is(err, context.Canceled) || !errors.As(err, &interrupted) {
					t.Fatalf("ended at question %d of %d: %v", left+1, whole.Count, err)
				}
				if interrupted.Path == "" || interrupted.Doing == "" || strings.Contains(err.Error(), "\n") {
					t.Errorf("ended at question %d: %q", left+1, err)
				}
				if more := ctx.Count - left; more > 12 {
					t.Errorf("ended at question %d of %d, and asked %d more: %v", left+1, whole.Count, more, err)
				}
			}
		})
	}
}

// A live process, too; and looking for one by its name.
func TestProcessInterrupted(t *testing.T) {
	img, err := formats.OpenProcess(t.Context(), os.Getpid(), image.Options{})
	if err != nil {
		if runtime.GOOS == "linux" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	img.Close()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := formats.OpenProcess(ended, os.Getpid(), image.Options{}); !errors.As(err, new(*image.InterruptedError)) {
		t.Errorf("a process: %v", err)
	}
	if _, err := formats.FindProcesses(ended, filepath.Base(os.Args[0])); !errors.Is(err, context.Canceled) {
		t.Errorf("a name: %v", err)
	}
	if _, err := img.Threads(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("its threads: %v", err)
	}
}
