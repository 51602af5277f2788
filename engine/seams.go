package engine

import (
	"context"
	"slices"

	"vscan/engine/addr"
)

// Pieces that are searched where they lie, and what runs from one into the next.

// inPlace searches each part where it lies, and then the seams: for each border
// between two parts, the last bytes of the one and the first of the next, as
// many on either side as a match across the border can have. They are copied
// side by side, so that one kernel call does for all of them:
//
//	parts  …------tail|head------…------tail|head------…
//	seams              tail|head|tail|head
//	                      mmm  mmm mm       only the first crosses a border between parts
func (w *worker) inPlace(ctx context.Context, core, window addr.Range) bool {
	w.pending = w.pending[:0]
	for i := range w.needles {
		first := window.First
		w.seams.reset(w.needles[i].kernel.Len() - 1)
		for k, b := range w.parts {
			part := addr.Range{First: first, Last: first + addr.Addr(len(b)-1)}
			if c, ok := part.Intersect(core); ok {
				if !w.collect(ctx, i, b, c, part) {
					return w.crowded(ctx, core, window)
				}
				if k+1 < len(w.parts) {
					w.seams.add(b, w.parts[k+1], part.Last)
				}
			}
			first = part.Last + 1
		}
		if !w.searchSeams(i, core) {
			return w.crowded(ctx, core, window)
		}
	}
	return w.emitPending(core)
}

// crowded goes on where inPlace gave up: because ctx ended, or for too many hits.
func (w *worker) crowded(ctx context.Context, core, window addr.Range) bool {
	return ctx.Err() == nil && w.fragment(ctx, w.together(), core, window, false)
}

// searchSeams collects the hits of needle i that cross a border. It is false
// where there are too many hits.
func (w *worker) searchSeams(i int, core addr.Range) bool {
	n, s := &w.needles[i], &w.seams
	add := func(off int) {
		b := &s.borders[off/(2*s.over)]
		at := off % (2 * s.over) // of the match in its seam
		if at < s.over-b.tail || at >= s.over || at+n.kernel.Len() > s.over+b.head {
			return
		}
		a := b.last - addr.Addr(s.over-1-at)
		if core.Contains(a) && a.IsAligned(uint64(n.align)) {
			w.pending = append(w.pending, n.found(i, a, s.bytes[off:]))
		}
	}
	if n.stride == 1 {
		for from := 0; from < len(s.bytes); {
			count, next := n.kernel.Scan(w.offsets, s.bytes, from, len(s.bytes))
			for _, off := range w.offsets[:count] {
				add(int(off))
			}
			from = next
		}
		return len(w.pending) <= maxPending
	}
	for k, b := range s.borders {
		first := b.last - addr.Addr(b.tail-1)
		if a, ok := first.AlignUp(uint64(n.stride)); ok && a <= b.last {
			to := k*2*s.over + s.over
			count, _ := n.kernel.Scan(w.offsets, s.bytes, to-1-int(b.last-a), to) // fewer than eight
			for _, off := range w.offsets[:count] {
				add(int(off))
			}
		}
	}
	return len(w.pending) <= maxPending
}

// seams is the surroundings of borders between parts, over bytes on either
// side, one after another.
type seams struct {
	over    int
	bytes   []byte
	borders []border
}

// border is where one part ends and the next begins.
type border struct {
	last       addr.Addr // of the first part
	tail, head int       // how many bytes there are on either side; at most over
}

func (s *seams) reset(over int) {
	s.over, s.bytes, s.borders = over, s.bytes[:0], s.borders[:0]
}

// add adds the border between parts a and b; a ends at address last.
func (s *seams) add(a, b []byte, last addr.Addr) {
	if s.over == 0 {
		return
	}
	tail, head := min(s.over, len(a)), min(s.over, len(b))
	s.borders = append(s.borders, border{last, tail, head})
	n := len(s.bytes)
	s.bytes = slices.Grow(s.bytes, 2*s.over)[:n+2*s.over]
	copy(s.bytes[n+s.over-tail:], a[len(a)-tail:])
	copy(s.bytes[n+s.over:], b[:head])
}
