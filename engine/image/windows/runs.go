package windows

import (
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/input"
)

// layRuns lays the runs that the header has.
func (d *dump) layRuns() error {
	d.at = uint64(d.size)
	count, set := d.number(d.runs, 4)
	if !set || count == 0 {
		return &image.UnsupportedError{Path: d.Path(), Format: name, What: "a Windows crash dump whose header does not say which pages of memory it has",
			Advice: "read what follows the header as it is, if nothing is left out of it", RawHelps: "scan its bytes"}
	}
	total, _ := d.number(d.runs+d.word, d.word)
	if most := uint64(d.mostRuns); count > most {
		d.img.Note("the header speaks of %d runs of pages, and has room for %d: further ones are not in the dump", count, most)
		count = most
	}
	var all []addr.Range
	spoken := uint64(0) // pages
	for i := range count {
		at := d.runs + (2+2*int(i))*d.word
		page, _ := d.number(at, d.word)
		pages, _ := d.number(at+d.word, d.word)
		spoken = input.AddSat(spoken, pages)
		all = d.layRun(run{page, pages}, i, uint64(at), all)
	}
	if spoken < total && total < pageLimit {
		d.img.Note("the header speaks of %d pages, and its runs have %d", total, spoken)
		d.img.Lose(input.MulSat(total-spoken, pageSize))
	}
	return d.noteOverlap(all)
}

// layRun lays a run, which stands in the file at an offset, and adds its range to those of the
// others.
func (d *dump) layRun(r run, i, off uint64, all []addr.Range) []addr.Range {
	fits := r.cut()
	if fits.count > 0 {
		d.lay(fits)
		all = append(all, fits.addresses())
	}
	if beyond := input.MulSat(r.count-fits.count, pageSize); beyond > 0 {
		d.img.Note("run %d at %v: %#x pages from page %#x on run past the last address, %v: cut there", i, d.Place(off), r.count, r.page, addr.Max)
		d.img.Lose(beyond)
		d.at = input.AddSat(d.at, beyond)
	}
	return all
}

// noteOverlap notes where runs overlap, which those of a dump do not: what one has there is
// hidden by a later one. The error is that of d.ctx.
func (d *dump) noteOverlap(all []addr.Range) error {
	a, b, found, err := input.Overlap(d.ctx, all)
	if found {
		d.img.Note("run %d, %v, and run %d, %v, overlap: where runs do, the later one in the dump shows, and the other is not searched", a, all[a], b, all[b])
	}
	return err
}
