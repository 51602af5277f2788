// Package windows reads crash dumps of Windows. It is for the engine and may change.
//
// A crash dump is a header of one page (PAGEDUMP, of 32-bit machines) or two (PAGEDU64, of
// 64-bit ones), all little-endian, and pages of physical memory, each of 4096 bytes, one behind
// the other. Which pages these are is told in one of three ways, by the type that the header has:
//
//	1      the header has runs of pages: the first one, and how many
//	5, 6   a bitmap behind the header has a bit for each page of the machine
//	8–10   a table behind the header has runs of pages (RDMP; of 64-bit machines only)
//
// Type 1 is a complete memory dump, as Windows before 8, QEMU, LiveKd and DumpIt write it; 5 a
// complete one of Windows 8 and later, 6 one of the memory in use, or of a live kernel. 8, 9 and 10 are what WinDbg
// writes (.dump /k, /ka, /f). What is not in a bitmap was left out. Not read are type 2, the
// kernel's memory, and 4, a few pages by virtual address.
//
// Sources: DUMP_HEADER and DUMP_HEADER64 in Comae's Bin2Dmp dmp.h; volatility3
// symbols/windows/crash.json, crash64.json and crash_common.json (_SUMMARY_DUMP), and
// layers/crash.py, which reads a bitmap behind a header of either width; LeechCore device_file.c;
// for types 6 and 8 to 10 kdmp-parser kdmp-parser-structs.h and kdmp-parser.h. That the header
// has room for 42 runs, 86 in one of a 32-bit machine, and that Windows leaves out further ones,
// is told in Microsoft KB2510168.
package windows

import (
	"context"
	"fmt"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/input"
	"vscan/engine/image/magic"
)

const (
	pageSize  = 4096
	pageLimit = 1 << 52 // no page has a number from this on: its address would pass 2^64
	name      = "Windows crash dump"
)

// Format is the format's line in the table of detection.
var Format = magic.Format{Name: name, What: "a Windows crash dump", Match: magic.At(0, "PAGEDU64", "PAGEDUMP"), Option: "windows", Open: Open}

// The types of dumps, as the header has them.
const (
	full        = 1
	kernel      = 2
	headerOnly  = 3
	triage      = 4
	bitmapFull  = 5
	bitmapLive  = 6
	automatic   = 7
	kernelPages = 8
	kernelUser  = 9
	complete    = 10
)

// kinds are the types of dumps in words.
var kinds = map[uint64]string{
	full: "complete dump", kernel: "kernel dump", headerOnly: "header without memory", triage: "small (triage) dump",
	bitmapFull: "complete bitmap dump", bitmapLive: "active memory bitmap dump", automatic: "automatic dump",
	kernelPages: "kernel dump of WinDbg (.dump /k)", kernelUser: "kernel and user dump of WinDbg (.dump /ka)", complete: "complete dump of WinDbg (.dump /f)",
}

// dump is a dump that is being read.
type dump struct {
	input.Reader
	header
	ctx context.Context // of the opening
	o   image.Options
	img *image.Draft
	layout
}

// Open reads a crash dump. in may be the content of another file.
func Open(ctx context.Context, in input.Reader, o image.Options) (*image.Draft, error) {
	if o.Space == image.Virtual {
		return nil, &image.SpaceError{Path: in.Path(), Want: o.Space, Have: []image.AddressSpace{image.Physical}, Why: "a Windows crash dump has physical addresses only"}
	}
	h, err := readHeader(in)
	if err != nil {
		return nil, err
	}
	d := &dump{Reader: in, header: h, ctx: ctx, o: o, img: &image.Draft{Image: image.Image{
		Format: name, Space: image.Physical, Spaces: []image.AddressSpace{image.Physical},
		WordSize: h.word, Order: addr.Little, OrderKnown: true,
	}}}
	if err := d.refuse(); err != nil {
		return nil, err
	}
	d.tell(d.img)
	lay := d.layRuns
	switch d.kind {
	case bitmapFull, bitmapLive:
		lay = d.layBitmap
	case kernelPages, kernelUser, complete:
		lay = d.layTable
	}
	if err := lay(); err != nil {
		return nil, image.Interrupted(err, in.Path(), "reading which pages of memory it has")
	}
	d.reportLost()
	d.img.Detail = fmt.Sprintf("%s, %d-bit %s, %s", kinds[d.kind], 8*d.word, d.machineName(), input.Plural(int(d.pages), "page"))
	return d.img, nil
}

// fail returns what is wrong with the dump, and where.
func (d *dump) fail(off uint64, format string, args ...any) error {
	return fmt.Errorf("%s: at %v: %w", d.Path(), d.Place(off), fmt.Errorf(format, args...))
}

// refuse returns an error about a dump of a type, or of a machine, that is not read.
func (d *dump) refuse() error {
	e := &image.UnsupportedError{Path: d.Path(), Format: name, RawHelps: magic.ScanBytes}
	kind := kinds[d.kind]
	switch {
	case d.machine == machineIA64:
		e.What, e.Advice = "a Windows crash dump of an IA-64 machine, whose pages have 8 KiB", "it is not read: use WinDbg"
	case d.kind == full, d.kind == bitmapFull, d.kind == bitmapLive, d.word == 8 && (d.kind == kernelPages || d.kind == kernelUser || d.kind == complete):
		return nil
	case d.kind == kernel || d.kind == automatic:
		e.What, e.Advice = "a Windows crash dump of the kernel's memory alone", "it is not read: use WinDbg; or have the machine write complete memory dumps"
	case d.kind == triage || d.kind == headerOnly:
		e.What, e.Advice = fmt.Sprintf("a Windows crash dump with next to no memory in it: a %s", kind), "it is not read: use WinDbg; or have the machine write complete memory dumps"
	default:
		e.What, e.Advice = fmt.Sprintf("a Windows crash dump of type %#x, which is not known", d.kind), "it is not read: use WinDbg"
	}
	return e
}

// layout lays pages one behind the other.
type layout struct {
	at    uint64 // file offset of the next page
	pages uint64 // that were laid, those that the file does not have included
	lost  uint64 // bytes of them that the file does not have
	first addr.Addr
}

// run is pages of physical memory that follow one another in the dump as well.
type run struct{ page, count uint64 }

// cut returns the run without what lies from the last page that can be on.
func (r run) cut() run {
	if r.page >= pageLimit {
		return run{page: r.page}
	}
	return run{r.page, min(r.count, pageLimit-r.page)}
}

// addresses returns those of a run of one page or more that was cut.
func (r run) addresses() addr.Range {
	first := addr.Addr(r.page * pageSize)
	return addr.Range{First: first, Last: first + addr.Addr(r.count*pageSize-1)} // the product of 2^52 pages wraps, and the last address is right
}

// mapping returns that of a run of one page or more that was cut, without a source. Its name is
// that of all of the memory, so that its place is the physical address.
func (r run) mapping() engine.Mapping {
	return engine.Mapping{Range: r.addresses(), Name: "ram", NameOffset: r.page * pageSize}
}

// lay makes the mappings of a run of one page or more that was cut: what the file holds of it
// is present, the rest missing.
func (d *dump) lay(r run) {
	m := r.mapping()
	m.Source, m.Offset = d.Source, d.at
	n, held := input.MulSat(r.count, pageSize), uint64(0)
	if d.at < d.Size {
		held = min(d.Size-d.at, n)
	}
	d.pages += r.count
	d.at = input.AddSat(d.at, n)
	if held == n {
		d.img.Mappings = append(d.img.Mappings, m)
		return
	}
	d.lose(m.First+addr.Addr(held), n-held)
	if held > 0 {
		part := m
		part.Last = m.First + addr.Addr(held-1)
		d.img.Mappings = append(d.img.Mappings, part)
	}
	m.First += addr.Addr(held)
	m.NameOffset += held
	m.State, m.Absence, m.Source, m.Offset = engine.Absent, engine.Missing, nil, 0
	d.img.Mappings = append(d.img.Mappings, m)
}

// lose counts bytes from an address on that the file does not have.
func (d *dump) lose(first addr.Addr, n uint64) {
	if d.lost == 0 {
		d.first = first
	}
	d.lost = input.AddSat(d.lost, n)
}

// reportLost turns what was counted into a note and missing bytes.
func (d *dump) reportLost() {
	if d.lost > 0 {
		d.img.Note("truncated: the file ends at offset %#x, and the dump would go on up to %#x: %d bytes are lost, the first at address %v", d.Size, d.at, d.lost, d.first)
		d.img.Lose(d.lost)
	}
}

// A dump has some hundred bytes of memory for each run, so a few that are spoken of and have no
// pages in the file would take more than the file has.
const fewRuns = 1 << 18

// mappingBytes is what a mapping takes, with its part of the space that is made of it.
const mappingBytes = 110

const forRuns = "the runs of pages of the image"

// runLimit returns how many mappings are made of a dump: one page or more of each is in the
// file, but for some.
func (d *dump) runLimit() uint64 { return fewRuns + d.Size/512 }
