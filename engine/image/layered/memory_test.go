package layered

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/image/imagetest"
)

const many = 1 << 15 // segments, records, files, mappings

// checkBudget opens an image, and checks that the budget is asked for what it takes for as long
// as it is open, and for no more than is ever allocated, that it is given back what was taken once the image is
// closed, or could not be opened, and that an image is refused which takes more than there is.
func checkBudget(t *testing.T, path string, o Options) {
	t.Helper()
	heap := func() (live, total uint64) {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc, m.TotalAlloc
	}
	o.Budget = budget.New(1 << 40)
	before, began := heap()
	img, err := Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	live, total := heap()
	real, taken := live-before, o.Budget.Taken()
	t.Logf("%d bytes are allocated for each of %d, %d in all, and the budget was asked for %d", real/many, many, (total-began)/many, taken/many)
	if float64(taken) < 0.7*float64(real) || taken > total-began {
		t.Errorf("%d bytes are allocated, %d were in all, and the budget was asked for %d", real, total-began, taken)
	}
	whole := o.Budget.Taken()
	img.Close()
	img.Close()
	if n := o.Budget.Taken(); n != 0 {
		t.Errorf("%d bytes are still taken of an image that is closed", n)
	}
	for _, limit := range []uint64{0, 1000, whole / 3, whole - 1} {
		o.Budget = budget.New(limit)
		_, err := Open(t.Context(), path, o)
		if over := (*budget.Error)(nil); !errors.As(err, &over) || o.Budget.Taken() != 0 || strings.Count(err.Error(), "\n") > 0 {
			t.Errorf("with %d bytes: %v; %d are taken", limit, err, o.Budget.Taken())
		}
	}
	o.Budget = budget.New(whole + whole/8) // what is taken for a while and given back is not in whole
	if img, err := Open(t.Context(), path, o); err != nil {
		t.Error(err)
	} else {
		img.Close()
	}
}

// load is a segment of 64 bytes in a page.
func load(page int) imagetest.Segment {
	return imagetest.Segment{Type: 1, Flags: 6, Vaddr: uint64(page) << 16, Memsz: 0x1000, Filesz: imagetest.Num(0x40), At: 64}
}

// Cores with many segments, from the lowest address up, in any order, and over one another.
func TestBudgetOfSegments(t *testing.T) {
	for name, page := range map[string]func(int) int{
		"ascending": func(i int) int { return i + 1 }, "descending": func(i int) int { return many - i }, "overlapping": func(i int) int { return 1 + i/2 },
	} {
		t.Run(name, func(t *testing.T) {
			var segs []imagetest.Segment
			for i := range many {
				segs = append(segs, load(page(i)))
			}
			checkBudget(t, imagetest.WriteFile(t, t.TempDir(), "core", string(imagetest.BuildELF(true, addr.Little, segs, nil))), Options{})
		})
	}
}

// Dumps with many records, in order and out of it.
func TestBudgetOfRecords(t *testing.T) {
	for name, page := range map[string]func(int) int{"ascending": func(i int) int { return i }, "descending": func(i int) int { return many - i }} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			for i := range many {
				first := uint64(page(i)) << 12
				b.WriteString(imagetest.Record(first, first+15, "0123456789abcdef"))
			}
			checkBudget(t, imagetest.WriteFile(t, t.TempDir(), "lime", b.String()), Options{})
		})
	}
}

// manyFiles writes a core that names many files, of which it saved nothing, and the files.
func manyFiles(t *testing.T, name func(i int) string) (core string) {
	dir := t.TempDir()
	var entries []imagetest.Entry
	for i := range many {
		first := uint64(i+1) << 16
		entries = append(entries, imagetest.NewEntry(first, first+0xfff, 0, filepath.Join(dir, name(i))))
	}
	return imagetest.WriteFile(t, dir, "core", string(imagetest.BuildELF(true, addr.Little, []imagetest.Segment{
		{Type: 4, Data: imagetest.FileNote(true, addr.Little, 4096, entries...)}, load(1 << 20),
	}, nil)))
}

// Cores that name many files: each another one, or one in many places.
func TestBudgetOfFiles(t *testing.T) {
	t.Run("different", func(t *testing.T) {
		checkBudget(t, manyFiles(t, func(i int) string { return fmt.Sprint("file", i) }), Options{})
	})
	t.Run("one", func(t *testing.T) {
		checkBudget(t, manyFiles(t, func(i int) string { return "file" }), Options{})
	})
}

// Layers: one file in many places that the image names, and a program of many segments.
func TestBudgetOfLayers(t *testing.T) {
	core := manyFiles(t, func(i int) string { return "file" })
	file := imagetest.WriteFile(t, filepath.Dir(core), "file", strings.Repeat("x", 0x1000))
	t.Run("modules", func(t *testing.T) { checkBudget(t, core, Options{Modules: true}) })
	under, err := ParseLayer(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("a file", func(t *testing.T) { checkBudget(t, core, Options{Under: []Layer{under}}) })
	var segs []imagetest.Segment
	for i := range many {
		segs = append(segs, imagetest.Load(6, 0, uint64(i+1)<<16, 0x100, 0))
	}
	prog := imagetest.WriteFile(t, t.TempDir(), "prog", string(imagetest.BuildProgram(true, addr.Little, imagetest.SharedObject, 64+56*many+0x1000, segs...)))
	over, err := ParseLayer(prog + "@0")
	if err != nil {
		t.Fatal(err)
	}
	small := imagetest.WriteFile(t, t.TempDir(), "small", "small")
	t.Run("a program", func(t *testing.T) { checkBudget(t, small, Options{Over: []Layer{over}}) })
	t.Run("a placed program", func(t *testing.T) { checkBudget(t, prog+"@0", Options{}) })
}
