package kdump

import (
	"context"
	"fmt"
	"math/bits"

	"vscan/engine"
	"vscan/engine/budget"
	"vscan/engine/image"
	"vscan/engine/image/input"
	"vscan/internal/interrupt"
)

// Two bitmaps have a bit for each page of the machine: the first one says what is memory, the
// second one what the dump holds of that. Where there is one alone, it says both.
//
//	first bitmap   1 1 1 1 1 1 1 0 0 1 1
//	second         1 1 0 0 1 1 1 0 0 0 1
//	pages          present|excluded| present | hole | excluded, present

// pageState is what the bitmaps say of a page.
type pageState uint8

const (
	pageHole     pageState = iota // no memory
	pageExcluded                  // memory that was left out
	pagePresent                   // memory that has a descriptor
)

// bitmapStep is how many bytes of a bitmap are looked at at a time.
const bitmapStep = 64 << 10

// pageRuns calls f with the runs of pages that are alike, ascending, holes left out, and
// adjacent runs of one state perhaps apart. It passes over what lies in holes of the file. The
// error is that of ctx, or of f.
func pageRuns(ctx context.Context, in input.Reader, h *header, f func(state pageState, page, n uint64) error) error {
	r := runs{in: in, header: h, size: h.bitmapSize(), yield: f}
	r.size = min(r.size, (h.maxPages()+7)/8)
	r.a, r.b = make([]byte, min(bitmapStep, r.size)), make([]byte, min(bitmapStep, r.size))
	watch := interrupt.New(ctx)
	for off := uint64(0); off < r.size; {
		if err := watch.Step(1 << 10); err != nil {
			return err
		}
		next, err := r.step(off)
		if err != nil {
			return err
		}
		off = next
	}
	return r.end()
}

// maxPages returns how many pages there can be.
func (h *header) maxPages() uint64 {
	most := uint64(1) << (64 - bits.TrailingZeros64(h.block))
	return min(h.pages, h.legible, most)
}

// runs goes through the bitmaps.
type runs struct {
	*header
	in    input.Reader
	size  uint64 // bytes of a bitmap
	yield func(state pageState, page, n uint64) error

	state pageState // of the run in hand
	page  uint64    // its first page
	n     uint64
	a, b  []byte // pieces of the bitmaps
}

// step looks at the bits from byte off on, and returns where the next step begins.
func (r *runs) step(off uint64) (next uint64, err error) {
	n := min(bitmapStep, r.size-off)
	first, second := r.bitmapAt(), r.bitmapAt()
	if r.partial() {
		second = input.AddSat(first, r.bitmapSize())
	}
	a := r.hole(input.AddSat(first, off))
	b := r.hole(input.AddSat(second, off))
	if skip := min(a, b); skip >= n {
		return min(off+skip, r.size), nil
	}
	for _, bitmap := range []struct {
		into []byte
		at   uint64
	}{{r.a[:n], first + off}, {r.b[:n], second + off}} {
		m, err := r.in.Fill(bitmap.into, bitmap.at)
		if err != nil {
			return 0, err
		}
		clear(bitmap.into[m:]) // cut: what is not there is no memory that is known of
	}
	return off + n, r.bits(off*8, r.a[:n], r.b[:n])
}

// hole returns how many bytes from a file offset on are known to be zeros.
func (r *runs) hole(at uint64) uint64 {
	if at >= r.in.Size {
		return r.size
	}
	end, hole := r.in.Extent(at)
	switch {
	case !hole:
		return 0
	case end == r.in.Size:
		return r.size
	}
	return end - at
}

// bits adds the pages of two pieces of the bitmaps, of equal size, from a page on.
func (r *runs) bits(page uint64, a, b []byte) error {
	most := r.maxPages()
	for i := 0; i < len(b); {
		if page >= most {
			return nil
		}
		// Bytes of which all bits are alike are added together.
		if state, alike := uniform(a[i], b[i]); alike {
			k := i + 1
			for k < len(b) && a[k] == a[i] && b[k] == b[i] {
				k++
			}
			n := min(uint64(k-i)*8, most-page)
			if err := r.add(state, page, n); err != nil {
				return err
			}
			page, i = page+n, k
			continue
		}
		for bit := range 8 {
			if page >= most {
				return nil
			}
			if err := r.add(stateOf(a[i]>>bit&1, b[i]>>bit&1), page, 1); err != nil {
				return err
			}
			page++
		}
		i++
	}
	return nil
}

// uniform returns the state of the pages of two bytes where all are alike.
func uniform(a, b byte) (pageState, bool) {
	switch {
	case b == 0xff:
		return pagePresent, true
	case b == 0 && a == 0:
		return pageHole, true
	case b == 0 && a == 0xff:
		return pageExcluded, true
	}
	return 0, false
}

func stateOf(a, b byte) pageState {
	switch {
	case b != 0:
		return pagePresent
	case a != 0:
		return pageExcluded
	}
	return pageHole
}

// add adds pages to the run in hand, or begins another one.
func (r *runs) add(state pageState, page, n uint64) error {
	if state == r.state && page == r.page+r.n {
		r.n += n
		return nil
	}
	err := r.end()
	r.state, r.page, r.n = state, page, n
	return err
}

// end yields the run in hand.
func (r *runs) end() error {
	if r.n == 0 || r.state == pageHole {
		return nil
	}
	return r.yield(r.state, r.page, r.n)
}

// A mapping takes about mappingBytes with what append leaves behind.
const (
	mappingBytes    = 250
	mappingsAtOnce  = 1 << 12
	fewMappings     = 1 << 18 // that may be of as small a file as they like
	leastFilePerRun = 128     // bytes of the file that more mappings have on average
)

// laying makes the mappings of a dump.
type laying struct {
	img    *image.Draft
	budget *budget.Budget
	head   *header
	parts  []*part // by their first page
	onDisk uint64  // bytes that all parts take
	room   int     // for how many mappings the budget was asked

	held, excluded uint64 // pages
	nowhere        uint64 // pages that no part has
	firstNowhere   uint64 // the first of them
}

// lay makes the mapping of a run of pages that are alike.
func (l *laying) lay(state pageState, page, n uint64) error {
	if state == pageExcluded {
		l.excluded += n
		return l.add(page, n, engine.Mapping{State: engine.Absent, Absence: engine.Excluded})
	}
	for n > 0 {
		p, alike := l.partAt(page, n)
		var err error
		if p == nil {
			if l.nowhere == 0 {
				l.firstNowhere = page
			}
			l.nowhere += alike
			l.lose(alike)
			err = l.add(page, alike, engine.Mapping{State: engine.Absent, Absence: engine.Missing})
		} else {
			err = l.layIn(p, page, alike)
		}
		if err != nil {
			return err
		}
		page, n = page+alike, n-alike
	}
	return nil
}

// partAt returns the part that holds a page, nil where there is none, and for how many of n
// pages that is so.
func (l *laying) partAt(page, n uint64) (*part, uint64) {
	for _, p := range l.parts {
		switch {
		case page < p.first:
			return nil, min(n, p.first-page)
		case page < p.end:
			return p, min(n, p.end-page)
		}
	}
	return nil, n
}

// layIn makes the mappings of pages that one part holds.
func (l *laying) layIn(p *part, page, n uint64) error {
	for n > 0 {
		alike, held := p.held(p.next, n)
		m := engine.Mapping{State: engine.Absent, Absence: engine.Missing}
		if held {
			m = engine.Mapping{Source: p.source, Offset: p.next * p.block}
			l.held += alike
		} else {
			l.lose(alike)
		}
		if err := l.add(page, alike, m); err != nil {
			return err
		}
		p.next, page, n = p.next+alike, page+alike, n-alike
	}
	return nil
}

func (l *laying) lose(pages uint64) { l.img.Lose(input.MulSat(pages, l.head.block)) }

// add adds a mapping of n pages.
func (l *laying) add(page, n uint64, m engine.Mapping) error {
	count := len(l.img.Mappings)
	if err := l.tooMany(uint64(count)); err != nil {
		return err
	}
	if count >= l.room {
		if err := l.budget.Take(mappingsAtOnce*mappingBytes, "the runs of pages of the image"); err != nil {
			return fmt.Errorf("%s: %d runs of pages, up to page %#x: %w", l.parts[0].in.Path(), count, page, err)
		}
		l.room += mappingsAtOnce
	}
	m.Range = l.head.pageRange(page, n)
	m.Name, m.NameOffset = memoryName, uint64(m.First)
	l.img.Mappings = append(l.img.Mappings, m)
	return nil
}

// tooMany refuses a dump that has so many runs of pages that they would take more memory than its
// files take on disk.
func (l *laying) tooMany(runs uint64) error {
	if runs < fewMappings || l.onDisk/runs >= leastFilePerRun {
		return nil
	}
	return &image.UnsupportedError{
		Path: l.img.Path, Format: "kdump", What: fmt.Sprintf("a kdump with more than %d runs of pages, in files that take %d bytes on disk", runs, l.onDisk),
		Advice: "make a dump that holds more of the memory, for so many runs take more memory than the file has", RawHelps: "scan its bytes as they are",
	}
}

// onDisk returns how many bytes a file takes on disk, or its size where that is not known.
func onDisk(in input.Reader) uint64 {
	if n, known := in.OnDisk(); known {
		return min(n, in.Size)
	}
	return in.Size
}

// memoryName is what all mappings of a dump are called.
const memoryName = "RAM"
