package graph

import (
	"iter"
	"slices"

	"vscan/engine/addr"
)

// To yields the edges whose target lies in r, ascending by target, then by source.
// Where a group is damaged or cannot be read, the sequence ends with a pair that has
// the error. Little memory is needed, however many edges there are.
func (g *Graph) To(r addr.Range) iter.Seq2[Edge, error] {
	return func(yield func(Edge, error) bool) {
		for edges, err := range g.ToBatches(r) {
			for _, e := range edges {
				if !yield(e, nil) {
					return
				}
			}
			if err != nil {
				yield(Edge{}, err)
			}
		}
	}
}

// ToBatches is To for callers that take many edges: it yields them in the same
// order, up to some thousands at a time. A batch is not empty, and it is valid until
// the next one or the end of the sequence. The pair that has an error has no batch.
func (g *Graph) ToBatches(r addr.Range) iter.Seq2[[]Edge, error] {
	return func(yield func([]Edge, error) bool) {
		w := g.takeReader()
		hint := 0
		w.entriesTo(r, func(page addr.Addr, entries []entry) bool {
			w.edges = slices.Grow(w.edges[:0], len(entries))[:len(entries)]
			g.sources.edges(w.edges, page, entries, &hint)
			return yield(w.edges, nil)
		})
		if w.err != nil {
			yield(nil, w.err)
		}
		g.readers.Put(w)
	}
}

// edges turns the entries of a page into edges, in out, which is as long. hint is
// that of numbering.at.
func (n *numbering) edges(out []Edge, page addr.Addr, entries []entry, hint *int) {
	shift := n.shift & 63
	for len(entries) > 0 {
		first, count, at := n.run(entries[0].source(), hint)
		k := 0
		for ; k < len(entries) && k < len(out); k++ {
			i := entries[k].source() - first
			if i >= count {
				break
			}
			out[k] = Edge{at + addr.Addr(i<<shift), page + addr.Addr(entries[k].offset())}
		}
		out, entries = out[k:], entries[k:]
	}
}

// CountTo returns how many edges have their target in r. It does not read the edges
// of pages that lie wholly in r.
func (g *Graph) CountTo(r addr.Range) (uint64, error) {
	n := uint64(0)
	w := g.takeReader()
	defer g.readers.Put(w)
	w.visitPages(r, func(i int, p *pageBlock, _ addr.Addr, lo, hi uint64) (bool, error) {
		switch {
		case lo == 0 && hi == offsetMask:
			n += uint64(p.count)
		case p.bytes[0] == hubMark:
			runs, err := hubTargets(p.bytes, p.count)
			if err != nil {
				return false, g.damaged(i, err.Error())
			}
			for _, r := range runs {
				if r.offset >= lo && r.offset <= hi {
					n += uint64(r.count)
				}
			}
		default:
			_, err := w.page(i, p, lo, hi, func(entries []entry) bool { n += uint64(len(entries)); return true })
			return true, err
		}
		return true, nil
	})
	return n, w.err
}

// hubAtOnce is how many entries of a hub are read at a time.
const hubAtOnce = 1024

// pageReader goes through stored pages. Its buffers are used over and over.
type pageReader struct {
	g       *Graph
	buf     []byte
	pages   []pageBlock
	entries []entry
	edges   []Edge
	err     error
}

// takeReader returns a pageReader from g.readers. The caller puts it back.
func (g *Graph) takeReader() *pageReader {
	w, ok := g.readers.Get().(*pageReader)
	if !ok {
		return &pageReader{g: g}
	}
	w.err = nil
	return w
}

// entriesTo calls f with the entries whose targets lie in r, ascending by target,
// then source: the entries of one page, or of a part of a page, at a time. It ends
// where f returns false.
func (w *pageReader) entriesTo(r addr.Range, f func(page addr.Addr, entries []entry) bool) {
	w.visitPages(r, func(i int, p *pageBlock, page addr.Addr, lo, hi uint64) (more bool, err error) {
		return w.page(i, p, lo, hi, func(entries []entry) bool { return f(page, entries) })
	})
}

// visitPages calls f with the pages that r touches, ascending: the page's group, the
// page, its address, and the first and last offset in it that r has. It ends where f
// returns false or an error, which goes to w.err.
func (w *pageReader) visitPages(r addr.Range, f func(group int, p *pageBlock, page addr.Addr, lo, hi uint64) (more bool, err error)) {
	hint := 0
	first, last := w.pagesIn(r)
	if first >= last {
		return
	}
	w.err = w.g.guard(func() error {
		for i := w.g.groups.from(first); i < len(w.g.groups.lines) && w.g.groups.lines[i].page < last; i++ {
			if err := w.load(i); err != nil {
				return err
			}
			for k := range w.pages {
				p := &w.pages[k]
				if p.page < first || p.page >= last {
					continue
				}
				page := w.g.targets.at(p.page, &hint)
				lo, hi := uint64(0), uint64(offsetMask)
				if r.First > page {
					lo = uint64(r.First - page)
				}
				if r.Last-page < offsetMask {
					hi = uint64(r.Last - page)
				}
				if more, err := f(i, p, page, lo, hi); !more || err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// pagesIn returns the numbers of the pages that r touches: first ≤ number < last.
func (w *pageReader) pagesIn(r addr.Range) (first, last uint64) {
	hint := 0
	first = w.g.targets.below(r.First&^offsetMask, &hint)
	if r.Last|offsetMask == addr.Max {
		return first, w.g.targets.count
	}
	return first, w.g.targets.below(r.Last|offsetMask, &hint)
}

// load reads the head of group i, and so fills w.pages.
func (w *pageReader) load(i int) error {
	b, err := w.g.bytesOf(w.buf, i)
	if err != nil {
		return err
	}
	if _, byCall := w.g.data.(*fileBlob); byCall {
		w.buf = b
	}
	w.pages, err = w.g.pagesOf(w.pages[:0], i, b)
	return err
}

// page calls f with the entries of a page of group i whose offsets are from lo to
// hi, both included, ascending by offset, then source.
func (w *pageReader) page(i int, p *pageBlock, lo, hi uint64, f func([]entry) bool) (more bool, err error) {
	if p.bytes[0] == hubMark {
		runs, err := hubTargets(p.bytes, p.count)
		if err != nil {
			return false, w.g.damaged(i, err.Error())
		}
		for _, r := range runs {
			if r.offset < lo || r.offset > hi {
				continue
			}
			d := hubReader{hubTarget: r, sources: w.g.sources.count}
			for d.left() {
				if w.entries, err = d.next(w.entries[:0], hubAtOnce); err != nil {
					return false, w.g.damaged(i, err.Error())
				}
				if !f(w.entries) {
					return false, nil
				}
			}
		}
		return true, nil
	}
	if w.entries, err = decodePage(w.entries[:0], p.bytes, p.count, w.g.sources.count); err != nil {
		return false, w.g.damaged(i, err.Error())
	}
	if lo > 0 || hi < offsetMask {
		w.entries = slices.DeleteFunc(w.entries, func(e entry) bool { return e.offset() < lo || e.offset() > hi })
	}
	slices.SortFunc(w.entries, func(a, b entry) int {
		switch x, y := a.byTarget(), b.byTarget(); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return len(w.entries) == 0 || f(w.entries), nil
}

// eachPage calls f with the entries of each page of the groups from i on and below
// j. They ascend by source, but those of a hub by offset, then source.
func (w *pageReader) eachPage(i, j int, f func(page uint64, entries []entry) error) error {
	return w.g.guard(func() error {
		for ; i < j; i++ {
			if err := w.load(i); err != nil {
				return err
			}
			for k := range w.pages {
				p := &w.pages[k]
				var err error
				if w.entries, err = decodePage(w.entries[:0], p.bytes, p.count, w.g.sources.count); err != nil {
					return w.g.damaged(i, err.Error())
				}
				if err := f(p.page, w.entries); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
