package windows

import (
	"math/bits"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image/input"
)

// The summary behind the header of a bitmap dump: SDMP or FDMP, DUMP, options, and from
// summaryFirst on the file offset of the first page, the number of pages in the dump, the number
// of bits and the bits, each of 8 bytes but the last. The lowest bit of the first byte is that of
// page 0.
const (
	summaryFirst = 0x20
	summaryPages = 0x28
	summaryBits  = 0x30
	summarySize  = 0x38
)

// bitmap is the bits of a dump.
type bitmap struct {
	at    uint64 // file offset of the first
	bits  uint64 // that the file holds
	total uint64 // bits that there should be
	pages uint64 // that the summary says the dump has
}

// layBitmap lays the pages that the bitmap has.
func (d *dump) layBitmap() error {
	m, err := d.readSummary()
	if err != nil {
		return err
	}
	tally, err := d.count(m)
	if err != nil {
		return err
	}
	most := d.runLimit()
	need := min(tally.runs, most) + 1 // one run may be cut in two by the end of the file
	if err := d.o.Budget.Take(need*mappingBytes, forRuns); err != nil {
		return d.fail(m.at, "%d runs of pages: %w", tally.runs, err)
	}
	d.img.Mappings = make([]engine.Mapping, 0, need)
	left := tally.pages
	err = d.eachRun(m, func(r run, set bool) {
		switch {
		case uint64(len(d.img.Mappings)) > most:
		case uint64(len(d.img.Mappings)) == most:
			d.layRest(r, left, tally.last)
		case set:
			d.lay(r)
		default:
			d.img.Mappings = append(d.img.Mappings, r.absent(engine.Excluded))
		}
		if set {
			left -= r.count
		}
	})
	if err != nil {
		return err
	}
	d.checkBitmap(m, tally)
	return nil
}

// layRest makes one mapping of what is left of the pages: a file that speaks of so many runs has
// no room for their pages.
func (d *dump) layRest(r run, left, last uint64) {
	rest := run{r.page, last - r.page + 1}
	if last < r.page {
		return
	}
	d.img.Note("from address %v on it is not told apart what is missing and what was left out: there are more runs of pages than the file has room for", rest.addresses().First)
	d.img.Mappings = append(d.img.Mappings, rest.absent(engine.Missing))
	d.pages += left
	d.lose(rest.addresses().First, input.MulSat(left, pageSize))
	d.at = input.AddSat(d.at, input.MulSat(left, pageSize))
}

// absent returns the mapping of a run that is absent, and why.
func (r run) absent(why engine.Absence) engine.Mapping {
	m := r.mapping()
	m.State, m.Absence = engine.Absent, why
	return m
}

// readSummary reads what stands in front of the bits.
func (d *dump) readSummary() (bitmap, error) {
	off := uint64(d.size)
	b := make([]byte, summarySize)
	switch n, err := d.Fill(b, off); {
	case err != nil:
		return bitmap{}, err
	case n < len(b):
		return bitmap{}, d.fail(off, "truncated: what tells which pages the dump has is cut at the end of the file after %d of %d bytes", n, len(b))
	}
	if s := string(b[:8]); s != "SDMPDUMP" && s != "FDMPDUMP" {
		return bitmap{}, d.fail(off, "%q, and not SDMPDUMP or FDMPDUMP, stands in front of the bitmap", s)
	}
	f := input.NewFields(b, addr.Little)
	d.at = f.U64(summaryFirst)
	m := bitmap{at: off + summarySize, total: min(f.U64(summaryBits), pageLimit), pages: f.U64(summaryPages)}
	if d.at < m.at {
		return bitmap{}, d.fail(off+summaryFirst, "the first page, at %v, lies in the header", d.Place(d.at))
	}
	m.bits = min(m.total, input.MulSat(d.Size-m.at, 8))
	return m, nil
}

// checkBitmap notes what of the bitmap does not fit together. Where pages that the dump says it has
// are not told by the bitmap, they are missing: nobody can say where they are.
func (d *dump) checkBitmap(m bitmap, t tally) {
	first := d.at - min(d.at, input.MulSat(t.pages, pageSize))
	if end := m.at + (m.total+7)/8; end > first {
		d.img.Note("damaged: the bitmap of %#x bits at %v runs into the pages, which begin at %#x: which pages the dump has is not known for sure", m.total, d.Place(m.at), first)
		d.img.Lose(pageSize)
	}
	switch {
	case t.read < m.total:
		lost := uint64(1) // how many of the pages are in the dump is not known
		if m.pages > t.pages && m.pages <= m.total {
			lost = m.pages - t.pages
		}
		d.img.Note("truncated: the bitmap at %v has %#x of %#x bits: which pages above address %#x are in the dump is not known", d.Place(m.at), t.read, m.total, t.read*pageSize)
		d.img.Lose(input.MulSat(lost, pageSize))
	case m.pages > t.pages:
		d.img.Note("damaged: the dump says that it has %d pages, and its bitmap at %v has %d: where the others belong is not known", m.pages, d.Place(m.at), t.pages)
		d.img.Lose(input.MulSat(m.pages-t.pages, pageSize))
	case m.pages < t.pages:
		d.img.Note("the dump says that it has %d pages, and its bitmap has %d", m.pages, t.pages)
	}
}

// tally is what was counted in a bitmap.
type tally struct {
	read  uint64 // bits
	runs  uint64 // of bits that are alike
	pages uint64 // bits that are set
	last  uint64 // the last of them
}

// count goes through the bits once, so that the second time no more memory is taken than it
// needs.
func (d *dump) count(m bitmap) (t tally, err error) {
	err = d.eachRun(m, func(r run, set bool) {
		t.runs++
		t.read = r.page + r.count
		if set {
			t.pages += r.count
			t.last = r.page + r.count - 1
		}
	})
	return t, err
}

// eachRun calls f with the longest runs of bits that are alike, ascending, of those that the
// file holds. The error is that of d.ctx, or of a read.
func (d *dump) eachRun(m bitmap, f func(r run, set bool)) error {
	j := joiner{f: f}
	words := input.Records{At: m.at, Stride: 8, Size: 8}
	read, _, err := d.Each(d.ctx, words, func() uint64 { return m.bits / 64 }, func(i uint64, b []byte) {
		j.skip(64 * i)
		j.word(addr.Little.Uint(b), 64)
	})
	if err != nil {
		return err
	}
	j.skip(64 * read)
	if rest := m.bits % 64; rest > 0 && read == m.bits/64 {
		var b [8]byte
		if _, err := d.Fill(b[:(rest+7)/8], m.at+8*read); err != nil {
			return err
		}
		j.word(addr.Little.Uint(b[:]), rest)
	}
	j.flush()
	return nil
}

// joiner makes the longest runs of bits that come one after the other.
type joiner struct {
	run
	set bool
	f   func(r run, set bool)
}

// add takes the next bits, all alike.
func (j *joiner) add(n uint64, set bool) {
	if j.count > 0 && set != j.set {
		j.flush()
	}
	j.set = set
	j.count += n
}

// skip takes clear bits up to one, which is not below the next.
func (j *joiner) skip(to uint64) {
	if next := j.page + j.count; to > next {
		j.add(to-next, false)
	}
}

// word takes the lowest n bits of a word, the lowest first.
func (j *joiner) word(w, n uint64) {
	for n > 0 {
		set := w&1 == 1
		alike := w
		if set {
			alike = ^w
		}
		k := min(uint64(bits.TrailingZeros64(alike)), n)
		j.add(k, set)
		w >>= k
		n -= k
	}
}

// flush hands over the bits so far.
func (j *joiner) flush() {
	if j.count > 0 {
		j.f(j.run, j.set)
	}
	j.run = run{page: j.page + j.count}
}
