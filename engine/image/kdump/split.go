package kdump

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"vscan/engine/image"
	"vscan/engine/image/input"
	"vscan/internal/interrupt"
)

// A dump that makedumpfile --split wrote is several files. Each has the header, all of the
// bitmaps, and the descriptors and pages of a range of pages:
//
//	pages    |---- first file ----|---- second ----|---- third ----|
//
// Whichever is opened, it stands for all. The others are those of its folder whose headers
// tell of the same dump and whose bitmaps are the same, and those that Options.With names. Headers
// alone do not tell: two dumps of one crash that leave out other pages have the same.

// maxBeside is how many files of a folder are looked at, maxParts how many are one dump.
const (
	maxBeside = 4096
	maxParts  = 256
)

// findParts opens the other files of a split dump.
func (d *dump) findParts() error {
	d.opened = []string{d.in.Path()}
	if d.first > d.end {
		d.img.Note("the header says that this part of a split dump has the pages from %#x up to %#x, which cannot be", d.first, d.end)
	}
	watch := interrupt.New(d.ctx)
	for _, path := range d.candidates() {
		if err := watch.Step(1 << 8); err != nil {
			return err
		}
		if len(d.parts) < maxParts {
			d.tryPart(path)
		}
	}
	slices.SortFunc(d.parts, func(a, b *part) int { return cmp.Compare(a.first, b.first) })
	if len(d.opened) > 1 {
		d.img.Parts = d.opened
	}
	return nil
}

// candidates returns the paths of files that may be parts: those that Options name, and then
// those of the folder. What is no file of its own has none beside it.
func (d *dump) candidates() []string {
	all := slices.Clone(d.o.With)
	if _, ok := d.in.Source.(*input.File); !ok {
		return all
	}
	folder := filepath.Dir(d.in.Path())
	f, err := os.Open(folder)
	if err != nil {
		d.img.Note("which other parts of a split dump lie beside it cannot be told: %v", err)
		return all
	}
	defer f.Close()
	entries, err := f.ReadDir(maxBeside + 1)
	if len(entries) > maxBeside {
		d.img.Note("the folder of this part of a split dump has more than %d files, of which some were not looked at", maxBeside)
	} else if err != nil && len(entries) == 0 {
		d.img.Note("which other parts of a split dump lie beside it cannot be told: %v", err)
	}
	slices.SortFunc(entries, func(a, b os.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	for _, e := range entries {
		if e.Type().IsRegular() || e.Type()&os.ModeSymlink != 0 {
			all = append(all, filepath.Join(folder, e.Name()))
		}
	}
	return all
}

// tryPart opens a file and keeps it where it is another part of the dump.
func (d *dump) tryPart(path string) {
	f, err := input.Open(path)
	if err != nil {
		return // whoever named it is told by Image.Parts that it is none
	}
	in := f.Reader()
	h, err := readHeader(in)
	if err != nil || !d.sameDump(h) || d.hasFile(f) || !d.sameBitmaps(in) || !d.fits(h, path) {
		f.Close()
		return
	}
	d.files = append(d.files, f)
	d.opened = append(d.opened, path)
	d.parts = append(d.parts, newPart(in, h, nil))
}

// sameDump reports whether a header is that of another part of the same dump.
func (h *header) sameDump(other *header) bool {
	return other.split && other.signature == h.signature && other.order == h.order && other.wide == h.wide && other.version == h.version &&
		other.uname == h.uname && other.stamp == h.stamp && other.block == h.block && other.bitmap == h.bitmap && other.pages == h.pages
}

// sameBitmaps reports whether the bitmaps of a file with the same header are those of the dump,
// as far as both files have them.
func (d *dump) sameBitmaps(in input.Reader) bool {
	watch := interrupt.New(d.ctx)
	a, b := make([]byte, bitmapStep), make([]byte, bitmapStep)
	end := min(input.AddSat(d.bitmapAt(), input.MulSat(d.bitmap, d.block)), d.in.Size, in.Size)
	for off := d.bitmapAt(); off < end; off += bitmapStep {
		n := min(bitmapStep, end-off)
		_, err1 := d.in.Fill(a[:n], off)
		_, err2 := in.Fill(b[:n], off)
		if err1 != nil || err2 != nil || !bytes.Equal(a[:n], b[:n]) || watch.Step(1) != nil {
			return false
		}
	}
	return true
}

// hasFile reports whether a file is one of those that were opened, perhaps by another name.
func (d *dump) hasFile(f *input.File) bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	same := func(other *input.File) bool {
		about, err := other.Stat()
		return err == nil && os.SameFile(info, about)
	}
	main, ok := d.in.Source.(*input.File)
	return ok && same(main) || slices.ContainsFunc(d.files, same)
}

// fits reports whether a part has pages that no other one has, or none at all, as makedumpfile
// writes parts where there is too little for all.
func (d *dump) fits(h *header, path string) bool {
	if h.first > h.end {
		return false
	}
	for _, p := range d.parts {
		switch {
		case h.first >= p.end || p.first >= h.end || h.first == h.end:
		case h.first == p.first && h.end == p.end: // a copy
			return false
		default:
			d.img.Note("%s has pages %#x to %#x of the same split dump, and %s pages %#x to %#x: the first is left out", path, h.first, h.end-1, p.in.Path(), p.first, p.end-1)
			return false
		}
	}
	return true
}

// noteNowhere tells which pages are in no part that was found.
func (l *laying) noteNowhere() {
	if l.nowhere == 0 {
		return
	}
	l.img.NoteHint(image.Hint{Parts: true}, "%s, %d bytes, are in parts of the split dump that are not here: the first lies at address %#x", input.Plural(int(l.nowhere), "page"), input.MulSat(l.nowhere, l.head.block), l.firstNowhere*l.head.block)
}

// closeParts closes what was opened where the dump cannot be read.
func (d *dump) closeParts() {
	for _, f := range d.files {
		f.Close()
	}
}

// ownParts hands the other files on to the image.
func (d *dump) ownParts() {
	for _, f := range d.files {
		d.img.Own(f)
	}
	if d.split {
		d.img.Detail += fmt.Sprintf(", %s of a split dump", input.Plural(len(d.parts), "part"))
	}
}
