// Package kdump reads the compressed dumps of Linux machines that makedumpfile, QEMU and
// diskdump write. It is for the engine and may change.
//
// A dump is blocks of the size of a page: a header, a sub header, bitmaps that say which pages
// are memory and which of them the dump holds, a descriptor for each page that it holds, and the
// pages, packed one by one. Pages that consist of zeros share one. Addresses are physical.
// Sources: makedumpfile IMPLEMENTATION and diskdump_mod.h; QEMU include/sysemu/dump.h and
// dump/dump.c; crash diskdump.c; libkdumpfile diskdump.c.
//
//	header.go   the header, of all versions, word sizes and byte orders
//	part.go     the descriptors and pages of a file
//	unpack.go   how a page is unpacked
//	layout.go   which pages there are, by the bitmaps
//	split.go    the other files of a dump that was split
//	facts.go    what else the file tells
package kdump

import (
	"context"
	"fmt"
	"math/bits"

	"vscan/engine/image"
	"vscan/engine/image/blocks"
	"vscan/engine/image/input"
	"vscan/engine/image/magic"
	"vscan/internal/interrupt"
)

// Format is the format's line in the table of detection.
var Format = magic.Format{Name: "kdump", What: "a compressed kdump (makedumpfile or diskdump)", Match: isDump, Option: "kdump",
	Open: func(ctx context.Context, in input.Reader, o image.Options) (*image.Draft, error) {
		return Open(ctx, in, o, nil)
	}}

// Losses tell what of a file lies in front of its end and is not there: bytes of which some are lost,
// and bytes of which some were never written, which read as zeros. What packs pages writes each of them in one piece, so that one of the latter
// is lost; headers and bitmaps may have zeros that were never written.
type Losses struct {
	Lost, Torn func(at, n uint64) bool
}

// Open reads a dump into an image. lost may be nil.
func Open(ctx context.Context, in input.Reader, o image.Options, lost *Losses) (*image.Draft, error) {
	if o.Space == image.Virtual {
		return nil, &image.SpaceError{Path: in.Path(), Want: o.Space, Have: []image.AddressSpace{image.Physical}, Why: "a kdump has physical addresses only"}
	}
	h, err := readHeader(in)
	if err != nil {
		return nil, err
	}
	if lost != nil {
		if err := h.limit(in, lost.Lost); err != nil {
			return nil, err
		}
	}
	img := &image.Draft{Image: image.Image{Path: in.Path(), Format: "kdump", Space: image.Physical, Spaces: []image.AddressSpace{image.Physical}, Order: h.order, OrderKnown: true, WordSize: 8}}
	if !h.wide {
		img.WordSize = 4
	}
	d := &dump{ctx: ctx, o: o, img: img, header: h, in: in}
	d.parts = []*part{newPart(in, h, lost)}
	if err := d.open(); err != nil {
		d.closeParts()
		return nil, image.Interrupted(err, in.Path(), "reading the bitmaps and the descriptors of pages")
	}
	d.ownParts()
	return img, nil
}

// What is needed of the headers, in bytes.
const (
	neededHeader = 448 // up to the version and the numbers behind it
	neededSub    = 32  // up to which part of a split dump it is
)

// limit sets legible by what of the bitmaps is lost. Where a bit is, so is the descriptor of each page behind it,
// for these are counted. Lost headers are an error.
func (h *header) limit(in input.Reader, gone func(at, n uint64) bool) error {
	if gone(0, neededHeader) || h.version >= 2 && gone(h.block, neededSub) {
		return fmt.Errorf("%s: a kdump whose headers are lost: the file is cut or damaged", in.Path())
	}
	size := min(h.bitmapSize(), (h.pages+7)/8)
	starts := []uint64{h.bitmapAt()}
	if h.partial() {
		starts = append(starts, input.AddSat(h.bitmapAt(), h.bitmapSize()))
	}
	for _, start := range starts {
		end := min(input.AddSat(start, size), in.Size)
		for off := start; off < end; {
			next, hole := in.Extent(off)
			if hole && gone(off, 1) {
				h.legible = min(h.legible, (off-start)*8)
				break
			}
			off = next
		}
	}
	return nil
}

// dump is a dump while it is read.
type dump struct {
	*header
	ctx   context.Context // of the opening
	o     image.Options
	img   *image.Draft
	in    input.Reader
	parts []*part // by their first page

	files  []*input.File // that were opened besides
	opened []string      // the paths of all parts, the one that was opened first in front
}

// newPart returns a file of a dump, of which no page is known.
func newPart(in input.Reader, h *header, lost *Losses) *part {
	p := &part{header: h, in: in, end: h.maxPages()}
	if lost != nil {
		p.torn = lost.Torn
	}
	if h.split {
		p.first, p.end = h.first, min(h.end, p.end)
	}
	return p
}

// open reads bitmaps and descriptors and makes the mappings.
func (d *dump) open() error {
	if d.split {
		if err := d.findParts(); err != nil {
			return err
		}
	}
	l := &laying{img: d.img, budget: d.o.Budget, head: d.header, parts: d.parts}
	for _, p := range d.parts {
		l.onDisk = input.AddSat(l.onDisk, onDisk(p.in))
	}
	if err := d.countPages(l); err != nil {
		return err
	}
	for _, p := range d.parts {
		p.source = blocks.New(p.in, p.count*p.block, int(p.block), p)
		if err := p.readDescriptors(d.ctx, d.o, d.img); err != nil {
			return err
		}
	}
	if err := pageRuns(d.ctx, d.in, d.header, l.lay); err != nil {
		return err
	}
	at, size := d.bitmapAt(), input.MulSat(d.bitmap, d.block)
	if input.AddSat(at, size) > d.in.Size {
		held := d.in.Size - min(d.in.Size, at)
		d.img.Note("truncated: the bitmaps at %v are cut at the end of the file after %#x of %#x bytes: which memory there is beyond what they tell is not known", d.in.Place(at), held, size)
		d.img.Lose(1)
	}
	if d.legible < d.pages {
		d.img.Note("bytes of the bitmaps are lost: which memory there is from address %#x on is not known", input.MulSat(d.legible, d.block))
		d.img.Lose(1)
	}
	if err := d.noteBeyond(); err != nil {
		return err
	}
	l.noteNowhere()
	if d.status&statusIncomplete != 0 {
		d.img.Note("the dump says that it is incomplete (status bit 0x8): makedumpfile ran out of space; pages that were not written are missing")
		if d.img.Missing == 0 {
			d.img.Lose(1)
		}
	}
	d.describe(l)
	return nil
}

// noteBeyond tells of pages that the bitmaps have and that are beyond the number of pages that the header tells.
func (d *dump) noteBeyond() error {
	most := d.maxPages()
	if most < d.pages { // beyond the last address, or what is lost has been told
		return nil
	}
	at := d.bitmapAt()
	if d.partial() {
		at = input.AddSat(at, d.bitmapSize())
	}
	first, size := most/8, d.bitmapSize()
	b := make([]byte, min(bitmapStep, size))
	watch := interrupt.New(d.ctx)
	beyond := uint64(0)
	for off := first; off < size && input.AddSat(at, off) < d.in.Size; {
		if err := watch.Step(1 << 10); err != nil {
			return err
		}
		if end, hole := d.in.Extent(at + off); hole {
			off = end - at
			continue
		}
		n, err := d.in.Fill(b[:min(uint64(len(b)), size-off)], at+off)
		if err != nil {
			return err
		}
		if off == first {
			b[0] &^= 1<<(most%8) - 1
		}
		for _, c := range b[:n] {
			beyond += uint64(bits.OnesCount8(c))
		}
		off += uint64(n)
	}
	if beyond > 0 {
		d.img.Note("the bitmaps have %s beyond the %d that the header tells (max_mapnr): they are not read", input.Plural(int(beyond), "page"), most)
		d.img.Lose(input.MulSat(beyond, d.block))
	}
	return nil
}

// statusIncomplete says that the writer ran out of space.
const statusIncomplete = 0x8

// countPages counts the pages that each part holds by the bitmaps.
func (d *dump) countPages(l *laying) error {
	count := uint64(0)
	return pageRuns(d.ctx, d.in, d.header, func(state pageState, page, n uint64) error {
		if count++; count >= fewMappings {
			if err := l.tooMany(count); err != nil {
				return err
			}
		}
		if state != pagePresent {
			return nil
		}
		for _, p := range d.parts {
			if first, end := max(page, p.first), min(page+n, p.end); first < end {
				p.count += end - first
			}
		}
		return nil
	})
}

// describe fills in what the image says of itself.
func (d *dump) describe(l *laying) {
	bits := 32
	if d.wide {
		bits = 64
	}
	excluded := ""
	if l.excluded > 0 {
		excluded = fmt.Sprintf(", %d left out", l.excluded)
	}
	machine := ""
	if d.machine != "" {
		machine = " " + d.machine
	}
	d.img.Detail = fmt.Sprintf("%d-bit %s-endian%s, version %d, %s of %d bytes%s, %s", bits, d.order, machine, d.version, input.Plural(int(l.held), "page"), d.block, excluded, d.compression())
	d.tellFacts()
}
