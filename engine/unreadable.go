package engine

import (
	"context"

	"vscan/engine/addr"
)

// A block of which some bytes cannot be read: how the rest of it is searched.

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
			w.losses.lose(addr.Range{First: lost, Last: last})
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
		w.losses.saw(i, addr.Range{First: r.First, Last: r.First + addr.Addr(good-1)})
	}
	return good, last
}
