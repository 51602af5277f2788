//go:build unix

package formats_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
	"vscan/engine/image/input"
)

// piece is bytes of a sparse file.
type piece struct {
	at   int64
	data string
}

// openSparse opens a file of so many bytes that has nothing but pieces, within a minute:
// to read what is between them takes longer.
func openSparse(t *testing.T, size int64, o image.Options, pieces ...piece) (*image.Image, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sparse")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(size); err != nil {
		t.Skip("no sparse files: ", err)
	}
	for _, p := range pieces {
		if _, err := f.WriteAt([]byte(p.data), p.at); err != nil {
			t.Fatal(err)
		}
	}
	f.Close()
	in, err := input.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if _, hole := in.Reader().Extent(uint64(size) / 2); !hole {
		t.Skip("the file system does not tell holes")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a guard against a hang
	defer cancel()
	img, err := formats.Open(ctx, path, o)
	if err == nil {
		t.Cleanup(func() { img.Close() })
	}
	return img, err
}

const (
	apparent = 240 << 30
	headers  = 1<<32 - 1
)

// sparseELF returns the header of an ELF file with so many program headers from 64 on,
// and the section header that says how many.
func sparseELF(typ byte, count uint64, shoff int64) []piece {
	le := addr.Little
	h := imagetest.BuildELF(true, le, nil, func(h []byte) {
		h[16] = typ
		le.PutUint(h[40:48], uint64(shoff))
		le.PutUint(h[56:58], 0xffff)
		le.PutUint(h[58:60], 64)
		le.PutUint(h[60:62], 1)
	})
	section := imagetest.Zeros(44) + imagetest.Words(le, 4, count) + imagetest.Zeros(16)
	return []piece{{0, string(h)}, {shoff, section}}
}

// load returns the program header of a page whose bytes are at a file offset.
func load(vaddr, off uint64) string {
	le := addr.Little
	return imagetest.Words(le, 4, 1, 6) + imagetest.Words(le, 8, off, vaddr, vaddr, 0x1000, 0x1000, 0x1000)
}

// Four billion program headers, of which a file of some KiB holds a few: those are
// read, wherever they are, and the others are told as lost.
func TestSparseProgramHeaders(t *testing.T) {
	shoff := int64(apparent - 4096)
	last := int64(64 + 56*(headers-1))
	pieces := sparseELF(4, headers, shoff)
	for i, at := range []int64{64, 64 + 56*1_000_000_000, last} {
		pieces = append(pieces, piece{at, load(0x10000*uint64(i+1), 64)})
	}
	img, err := openSparse(t, apparent+(1<<30), image.Options{}, pieces...)
	if err != nil {
		t.Fatal(err)
	}
	if len(img.Mappings) != 3 {
		t.Errorf("%d mappings, want 3", len(img.Mappings))
	}
	notes := strings.Join(img.Notes, "\n")
	if !strings.Contains(notes, "of 4294967295 program headers") || !strings.Contains(notes, "holes") || img.Missing == 0 {
		t.Errorf("%d bytes missing, notes:\n%s", img.Missing, notes)
	}
}

// Such a file without any load segment says how many headers it has, not 65,535.
func TestSparseWithoutSegments(t *testing.T) {
	le := addr.Little
	segs := make([]imagetest.Segment, 70_000)
	for i := range segs {
		segs[i].Type = 0x60000000
	}
	b := imagetest.BuildELF(true, le, segs, func(h []byte) {
		le.PutUint(h[40:48], uint64(len(h)))
		le.PutUint(h[58:60], 64)
		le.PutUint(h[60:62], 1)
	})
	b = append(b, imagetest.Zeros(44)+imagetest.Words(le, 4, 70_000)+imagetest.Zeros(16)...)
	_, err := formats.Open(t.Context(), imagetest.TempFile(t, "none.core", string(b)), image.Options{})
	if err == nil || !strings.Contains(err.Error(), "none of its 70000 program headers") {
		t.Errorf("%v", err)
	}
}

// A segment of notes that is a hole but for its ends: the notes there are read, and the
// zeros between are padding.
func TestSparseNotes(t *testing.T) {
	le := addr.Little
	for _, align := range []uint64{4, 8} {
		first := imagetest.Note(le, int(align), "CORE", 6, imagetest.Words(le, 8, 6, 4096, 0, 0))
		step := int64(12)
		if align == 8 {
			step = 16
		}
		const notesAt = 4096
		second := notesAt + int64(len(first)) + step*((apparent-1<<20)/step)
		segs := []imagetest.Segment{
			{Type: 4, Filesz: imagetest.Num(uint64(second) + 4096 - notesAt), Align: align, At: notesAt},
			{Type: 1, Flags: 6, Vaddr: 0x10000, Memsz: 0x1000, Filesz: imagetest.Num(8), At: 64},
		}
		img, err := openSparse(t, apparent+(1<<20), image.Options{}, piece{0, string(imagetest.BuildELF(true, le, segs, nil))},
			piece{notesAt, first}, piece{second, imagetest.Note(le, int(align), "CORE", 77, "behind")})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(img.Detail, ", 2 notes") {
			t.Errorf("align %d: %s; notes: %v", align, img.Detail, img.Notes)
		}
	}
}

// Notes of which the contents are a hole of gigabytes are passed over, not read.
func TestSparseNoteContents(t *testing.T) {
	le := addr.Little
	const notesAt, each = 4096, 0xfffff000
	pieces := []piece{}
	at := int64(notesAt)
	for range 32 {
		pieces = append(pieces, piece{at, imagetest.Words(le, 4, 5, each, 0x46494c45) + "CORE\x00\x00\x00\x00"})
		at += 20 + each
	}
	segs := []imagetest.Segment{
		{Type: 4, Filesz: imagetest.Num(uint64(at) - notesAt), Align: 4, At: notesAt},
		{Type: 1, Flags: 6, Vaddr: 0x10000, Memsz: 0x1000, Filesz: imagetest.Num(8), At: 64},
	}
	img, err := openSparse(t, at, image.Options{}, append(pieces, piece{0, string(imagetest.BuildELF(true, le, segs, nil))})...)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(img.Detail, ", 32 notes") {
		t.Errorf("%s; notes: %v", img.Detail, img.Notes)
	}
}

// A LiME dump that is a hole between two records, behind a damaged header and behind one
// of zeros.
func TestSparseLiME(t *testing.T) {
	const second = apparent - (1 << 20) + 5
	for _, damage := range []string{"EMiL\x02", ""} {
		img, err := openSparse(t, apparent, image.Options{},
			piece{0, imagetest.Record(0x1000, 0x1003, "abcd") + damage}, piece{second, imagetest.Record(0x9000, 0x9003, "efgh")})
		if err != nil {
			t.Fatal(err)
		}
		if len(img.Mappings) != 2 || img.Mappings[1].Offset != second+32 || img.Missing == 0 {
			t.Errorf("%q: %v, %d missing, %v", damage, imagetest.Show(img.Mappings), img.Missing, img.Notes)
		}
	}
}

// A program whose header counts billions of program headers, or of section headers, that
// are a hole.
func TestSparseProgram(t *testing.T) {
	base := addr.Addr(0x400000)
	_, err := openSparse(t, apparent+(1<<30), image.Options{Base: &base}, sparseELF(3, headers, apparent-4096)...)
	if err == nil || !strings.Contains(err.Error(), "the table of program headers") {
		t.Errorf("program headers: %v", err)
	}
	le := addr.Little
	h := imagetest.BuildELF(true, le, []imagetest.Segment{{Type: 1, Flags: 5, Memsz: 0x1000, Filesz: imagetest.Num(0x1000), At: 0x1000}}, func(h []byte) {
		h[16] = 3
		le.PutUint(h[40:48], 0x2000)
		le.PutUint(h[58:60], 64)
	})
	sections := imagetest.Zeros(32) + imagetest.Words(le, 8, headers) + imagetest.Zeros(24)
	bare := imagetest.Words(le, 4, 1, 8) + imagetest.Words(le, 8, 2, 0, 0, 0x1000) + imagetest.Zeros(24)
	for last, want := range map[bool]string{false: "", true: "only the debugging information"} {
		pieces := []piece{{0, string(h)}, {0x2000, sections}}
		if last {
			pieces = append(pieces, piece{0x2000 + 64*(headers-1), bare})
		}
		_, err := openSparse(t, apparent+(64<<30), image.Options{Base: &base}, pieces...)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("section headers, the last one without bytes %v: %v", last, err)
		}
	}
}

// A bitmap that is a hole of gigabytes says of all of its pages that they were left out, and
// bits behind the hole count.
func TestSparseBitmap(t *testing.T) {
	h := imagetest.WinHeader{Wide: true, Kind: 5}.String()
	const last = 1 << 37 // a bit, in byte 2^34 of the bitmap
	first := uint64(len(h)+0x38+last/8+1+4095) &^ 4095
	summary := "SDMPDUMP" + imagetest.Zeros(0x18) + imagetest.Words(addr.Little, 8, first, 1, last+1)
	img, err := openSparse(t, apparent, image.Options{}, piece{0, h + summary}, piece{int64(len(h) + 0x38 + last/8), "\x01"}, piece{int64(first), imagetest.WinPages(last)})
	if err != nil {
		t.Fatal(err)
	}
	if len(img.Mappings) != 2 || img.Mappings[1].Offset != first || img.Mappings[1].First != last*4096 || img.Missing != 0 || len(img.Notes) != 0 {
		t.Errorf("%+v, %d missing, notes %q", img.Mappings, img.Missing, img.Notes)
	}
}

// A table of pages that is a hole but for its first run ends behind that.
func TestSparseTable(t *testing.T) {
	h := imagetest.WinHeader{Wide: true, Kind: 9}.String()
	const first = apparent - 4096
	table := "\x40\x00\x00\x00RDMPDUMP" + imagetest.Zeros(4) + imagetest.Words(addr.Little, 8, first-0x2020, first, 0, 0, 7, 1)
	img, err := openSparse(t, apparent, image.Options{}, piece{0, h + table}, piece{first / 2, imagetest.Words(addr.Little, 8, 9, 1)}, piece{first, imagetest.WinPages(7)})
	if err != nil {
		t.Fatal(err)
	}
	imagetest.CheckMappings(t, img, "0x7000..0x7fff present +0x3bfffff000 ram\n")
	imagetest.CheckNotes(t, img)
}

// Memory in a state file that is a hole is that memory.
func TestSparseState(t *testing.T) {
	block := imagetest.VMBlock(true, "Memory", "", 0)
	size := imagetest.Words(addr.Little, 8, 200<<30, 200<<30)
	state := imagetest.VMState(imagetest.VMMagic, imagetest.VMRegions([3]uint64{0, 0, 1 << 20}, [3]uint64{2 << 20, 1 << 20, 49 << 20})+block[:8]+size+block[24:])
	img, err := openSparse(t, apparent, image.Options{}, piece{0, state})
	if err != nil {
		t.Fatal(err)
	}
	if len(img.Mappings) != 2 || img.Mappings[1].First != 8<<30 || img.Missing != 0 || len(img.Notes) != 0 {
		t.Errorf("%+v, %d missing, notes %q", img.Mappings, img.Missing, img.Notes)
	}
}
