package engine

import (
	"context"

	"vscan/engine/addr"
)

// What cannot be read: how the rest of a block is searched, and how the loss is
// accounted for.

// saw notes how far into a source the shard has looked.
func (w *worker) saw(i int, part addr.Range) {
	p := &w.plan.pieces[i]
	if end := p.off + uint64(part.Last-p.First) + 1; end > w.seen[p.source] {
		w.seen[p.source] = end
	}
}

// fragments searches what can be read of a window, and notes what cannot.
func (w *worker) fragments(ctx context.Context, i int, core, window addr.Range) bool {
	n := 0                // bytes of the fragment in hand, the first ones of w.buf
	begin := window.First // their first address
	search := func(last addr.Addr) bool {
		part := addr.Range{First: begin, Last: last}
		starts, ok := part.Intersect(addr.Range{First: max(core.First, w.pos), Last: core.Last})
		return !ok || w.fragment(ctx, w.buf[:n], starts, part, false)
	}
	for first := window.First; ; {
		if ctx.Err() != nil {
			return false
		}
		for w.plan.pieces[i].Last < first {
			i++
		}
		good, last := w.page(i, w.buf[n:], addr.Range{First: first, Last: window.Last})
		n += good
		if lost := first + addr.Addr(good); good <= int(last-first) {
			if n > 0 && !search(lost-1) {
				return false
			}
			// Also past the core: the shard that has it there may be able to read
			// it, but matches that begin here and go on there are lost.
			w.lose(addr.Range{First: lost, Last: last})
			begin, n = last+1, 0
		}
		if last == window.Last {
			return n == 0 || search(last)
		}
		first = last + 1
	}
}

// page copies to buf the bytes of piece i from r.First to the end of the page,
// the piece or r, whichever comes first, and returns how many of them could be
// read and the last address that it speaks of. Past the end of a source that
// is as far as the piece or r goes.
func (w *worker) page(i int, buf []byte, r addr.Range) (good int, last addr.Addr) {
	p := &w.plan.pieces[i]
	src, off := w.plan.sources[p.source], p.off+uint64(r.First-p.First)
	last = min(p.Last, r.Last)
	if off >= src.Size() {
		return 0, last
	}
	if toEnd := PageSize - off%PageSize; uint64(last-r.First) >= toEnd {
		last = r.First + addr.Addr(toEnd-1)
	}
	want := int(last-r.First) + 1
	fault := Guard(func() {
		b, _ := src.View(buf, off, want)
		good = copy(buf[:want], b)
	})
	if fault != nil {
		good = 0
	}
	// Mapped memory past the end of its file reads as zeros up to the page's end.
	if size := src.Size(); off+uint64(good) > size {
		good = int(max(size, off) - off)
	}
	if good > 0 {
		w.saw(i, addr.Range{First: r.First, Last: r.First + addr.Addr(good-1)})
	}
	return good, last
}

// recheck asks the sources that the shard has looked at whether they still
// have all that was seen.
func (w *worker) recheck() {
	for number, end := range w.seen {
		if w.plan.sources[number].Size() < end {
			w.lost = true
		}
	}
}

// past calls f with each part of r that lies past the present end of its
// source, and says whether there was one.
func (w *worker) past(r addr.Range, f func(addr.Range)) bool {
	any := false
	for i := w.plan.pieceAt(r.First); i < len(w.plan.pieces); i++ {
		p := &w.plan.pieces[i]
		part, ok := p.Intersect(r)
		if !ok {
			break
		}
		size := w.plan.sources[p.source].Size()
		off := p.off + uint64(part.First-p.First)
		if off+uint64(part.Last-part.First) < size {
			continue
		}
		if off < size {
			part.First += addr.Addr(size - off)
		}
		any = true
		f(part)
	}
	return any
}

// lose notes that r cannot be read.
func (w *worker) lose(r addr.Range) { w.unreadable = append(w.unreadable, r) }

// endShard notes what of the shard was lost, and forgets the shard.
func (w *worker) endShard() {
	if w.lost {
		for _, s := range w.spans {
			w.past(s.Window(), w.lose)
		}
	}
	w.gone = append(w.gone, addr.Merge(w.unreadable)...)
	w.unreadable, w.lost = w.unreadable[:0], false
	clear(w.seen)
}
