package windows

import (
	"vscan/engine/addr"
	"vscan/engine/image/input"
)

// What stands behind the header of a dump of types 8 to 10: 0x40 (4 bytes), RDMP, DUMP, unused (4),
// size of the table and what else stands in front of the pages (8), file offset of the first page
// (8); of type 10 the number of runs (4), unused (4), and the number of pages (8), of the others unused (16);
// runs, as the number of the first page (8) and how many there are (8). A run of zeros ends the
// table, or where the number of pages is known, as many as have that.
const (
	tableMagic = "\x40\x00\x00\x00RDMPDUMP"
	tableFirst = 0x18
	tablePages = 0x28
	tableSize  = 0x30
	tableRun   = 16 // bytes of a run
)

// layTable lays the runs of the table behind the header.
func (d *dump) layTable() error {
	off := uint64(d.size)
	b := make([]byte, tableSize)
	switch n, err := d.Fill(b, off); {
	case err != nil:
		return err
	case n < len(b):
		return d.fail(off, "truncated: what tells which pages the dump has is cut at the end of the file after %d of %d bytes", n, len(b))
	}
	if s := string(b[:len(tableMagic)]); s != tableMagic {
		return d.fail(off, "%q, and not %q, stands in front of the table of pages", s, tableMagic)
	}
	f := input.NewFields(b, addr.Little)
	d.at = f.U64(tableFirst)
	runs := input.Records{At: off + tableSize, Stride: tableRun, Size: tableRun}
	if d.at < runs.At {
		return d.fail(off+tableFirst, "the first page, at %v, lies in the header", d.Place(d.at))
	}
	t := table{dump: d, left: (d.at - runs.At) / tableRun}
	if d.kind == complete {
		t.counted, t.pages = true, f.U64(tablePages)
	}
	return t.lay(runs)
}

// table is a table of runs that is being read.
type table struct {
	*dump
	left    uint64 // runs that it has room for
	counted bool   // how many pages it has is known
	pages   uint64 // how many that is
	ended   bool
	damage  error
	ranges  []addr.Range
}

// lay lays the runs.
func (t *table) lay(runs input.Records) error {
	read, _, err := t.Each(t.ctx, runs, func() uint64 { return t.left }, func(i uint64, b []byte) {
		t.add(i, b, runs.At+i*runs.Stride)
	})
	switch {
	case err != nil:
		return err
	case t.damage != nil:
		return t.damage
	case read < t.left && !t.ended:
		t.img.Note("truncated: the table of pages at %v is cut at the end of the file after %d runs", t.Place(runs.At), read)
		t.img.Lose(1)
	}
	if t.counted && t.dump.pages < t.pages {
		t.img.Note("the dump says that it has %d pages, and its table has %d", t.pages, t.dump.pages)
		t.img.Lose(input.MulSat(t.pages-t.dump.pages, pageSize))
	}
	return t.noteOverlap(t.ranges)
}

// add takes a run, which stands in the file at an offset. None is taken behind one that ends the
// table.
func (t *table) add(i uint64, b []byte, off uint64) {
	f := input.NewFields(b, addr.Little)
	r := run{f.U64(0), f.U64(8)}
	before := uint64(len(t.ranges))
	switch {
	case t.ended:
		return
	case i > before, r == run{}, r.page == 0 && i > 0, t.counted && t.dump.pages >= t.pages: // in front of i are zeros in a hole
		t.end(i)
		return
	case before >= t.runLimit():
		t.img.Note("the table of pages has more runs than the file has room for: those from %v on are not shown", t.Place(off))
		t.img.Lose(1)
		t.end(i)
		return
	case before%runsAtOnce == 0:
		if t.damage = t.o.Budget.Take(runsAtOnce*2*mappingBytes, forRuns); t.damage != nil {
			t.damage = t.fail(off, "run %d: %w", i, t.damage)
			t.end(i)
			return
		}
	}
	t.ranges = t.layRun(r, i, off, t.ranges)
}

// runsAtOnce is for how many runs the budget is asked at a time.
const runsAtOnce = 1 << 12

// end has no run read from one on.
func (t *table) end(i uint64) { t.ended, t.left = true, i }
