package engine

import (
	"cmp"
	"context"
	"slices"

	"vscan/engine/addr"
	"vscan/engine/simd/sets"
)

// This file searches pieces where they lie, and finds matches that run from one
// into the next.

// inPlace searches each view where it lies, and then the seams: for each border
// between two views, the last bytes of the one and the first of the next, as many
// on either side as a match across the border can have. All seams are copied side
// by side, so that one kernel call searches them all. It returns false where the
// scan has ended.
//
//	views  …------tail|head------…------tail|head------…
//	seams              tail|head|tail|head
//	                      mmm  mmm mm       only the first crosses a border between views
func (w *worker) inPlace(ctx context.Context, core, window addr.Range) bool {
	w.pending = w.pending[:0]
	for _, u := range w.units {
		first := window.First
		w.seams.reset(u.traits().longest - 1)
		for k, b := range w.views {
			part := addr.Range{First: first, Last: first + addr.Addr(len(b)-1)}
			if c, ok := part.Intersect(core); ok {
				if !w.collect(ctx, u, b, c, part, addr.Addr(part.First-window.First)) {
					return w.crowded(ctx, core, window)
				}
				if k+1 < len(w.views) {
					w.seams.add(b, w.views[k+1], int(part.Last-window.First))
				}
			}
			first = part.Last + 1
		}
		if !w.searchSeams(u, core, window.First) {
			return w.crowded(ctx, core, window)
		}
	}
	slices.SortFunc(w.pending, func(x, y windowMatch) int {
		return cmp.Or(cmp.Compare(x.Off, y.Off), cmp.Compare(x.Lit, y.Lit))
	})
	w.begin()
	for _, p := range w.pending {
		if !w.add(window.First, p.Match, 0, p.bytes) {
			return false
		}
	}
	w.passed(window.First, int(core.Last-window.First)+1)
	return true
}

// A windowMatch is a match in one of several views. Its offset counts from the
// window's first address.
type windowMatch struct {
	sets.Match
	bytes []byte // the bytes from its first on, as many as are there
}

// maxPending is the most matches of a window that are sorted together.
const maxPending = 1 << 14

// crowded goes on where inPlace gave up, because ctx ended or there were too many
// matches: it copies the views together and searches the block again.
func (w *worker) crowded(ctx context.Context, core, window addr.Range) bool {
	return ctx.Err() == nil && w.fragment(ctx, w.together(), core, window, false)
}

// collect appends to w.pending the matches that u finds in b, the view of part,
// with a start in core; shift is the offset of part in the window. It returns
// false where ctx ended, or w.pending has more than maxPending.
func (w *worker) collect(ctx context.Context, u unit, b []byte, core, part addr.Range, shift addr.Addr) bool {
	from, ok := firstStart(u.traits().stride, core, part)
	to := int(core.Last-part.First) + 1
	for ok && from < to {
		w.found, from = u.find(&w.tools, w.found[:0], b, from, to)
		for _, m := range w.found {
			w.pending = append(w.pending, windowMatch{sets.Match{Off: m.Off + uint32(shift), Lit: m.Lit}, b[m.Off:]})
		}
		if ctx.Err() != nil || len(w.pending) > maxPending {
			return false
		}
	}
	return true
}

// searchSeams appends to w.pending the matches that u finds across borders; base
// is the address of the window. It returns false where w.pending has more than
// maxPending.
func (w *worker) searchSeams(u unit, core addr.Range, base addr.Addr) bool {
	s, stride := &w.seams, u.traits().stride
	add := func(m sets.Match) {
		b := &s.borders[int(m.Off)/(2*s.over)]
		at := int(m.Off) % (2 * s.over) // the offset of the match in its seam
		size := w.needles[m.Lit].hit.Len
		if at < s.over-b.tail || at >= s.over || at+size <= s.over || at+size > s.over+b.head {
			return
		}
		off := b.last - (s.over - 1 - at)
		if core.Contains(base + addr.Addr(off)) {
			raw := slices.Clone(s.bytes[m.Off:][:w.needles[m.Lit].raw]) // the next unit overwrites the seams
			w.pending = append(w.pending, windowMatch{sets.Match{Off: uint32(off), Lit: m.Lit}, raw})
		}
	}
	search := func(from, to int) bool {
		for from < to {
			w.found, from = u.find(&w.tools, w.found[:0], s.bytes, from, to)
			for _, m := range w.found {
				add(m)
			}
			if len(w.pending) > maxPending {
				return false
			}
		}
		return true
	}
	if stride == 1 {
		return search(0, len(s.bytes))
	}
	for k, b := range s.borders {
		first := base + addr.Addr(b.last-(b.tail-1))
		if a, ok := first.AlignUp(uint64(stride)); ok && a <= base+addr.Addr(b.last) {
			to := k*2*s.over + s.over
			if !search(to-1-int(base+addr.Addr(b.last)-a), to) {
				return false
			}
		}
	}
	return true
}

// seams are the bytes around borders between views, over bytes on either side of
// each, one seam after another.
type seams struct {
	over    int
	bytes   []byte
	borders []border
}

// A border is where one view ends and the next begins.
type border struct {
	last       int // offset in the window of the first view's last byte
	tail, head int // how many bytes of the seam are there on either side; at most over
}

func (s *seams) reset(over int) {
	s.over, s.bytes, s.borders = over, s.bytes[:0], s.borders[:0]
}

// add adds the border between views a and b; a ends at offset last of the window.
func (s *seams) add(a, b []byte, last int) {
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
