package engine

import (
	"cmp"
	"context"
	"slices"

	"vscan/engine/addr"
)

// The search of bytes that lie side by side, and the way of hits out of a worker.

// fragment searches b, the bytes of window, for matches that start in core.
func (w *worker) fragment(ctx context.Context, b []byte, core, window addr.Range, allZero bool) bool {
	if ctx.Err() != nil {
		return false
	}
	if len(w.needles) == 1 {
		return w.single(ctx, b, core, window, allZero)
	}
	return w.several(ctx, b, core, window, allZero)
}

// starts is where in b needle n starts to look, and where it ends: the starts
// in core, as offsets into b. It is false where there are none.
func (n *needle) starts(core, window addr.Range) (from, to int, ok bool) {
	first := core.First
	if n.stride > 1 {
		if first, ok = first.AlignUp(uint64(n.stride)); !ok || first > core.Last {
			return 0, 0, false
		}
	}
	return int(first - window.First), int(core.Last-window.First) + 1, true
}

// single searches for the only needle and sends hits as they come.
func (w *worker) single(ctx context.Context, b []byte, core, window addr.Range, allZero bool) bool {
	n := &w.needles[0]
	from, to, ok := n.starts(core, window)
	if !ok || allZero && !n.inZeros {
		w.passed(core)
		return true
	}
	for from < to {
		count, next := n.kernel.Scan(w.offsets, b, from, to)
		if n.lit != nil && n.align == 1 {
			if !w.emitAll(window.First, w.offsets[:count]) {
				return false
			}
			count = 0
		}
		for _, off := range w.offsets[:count] {
			a := window.First + addr.Addr(off)
			if !a.IsAligned(uint64(n.align)) {
				continue
			}
			f := n.found(0, a, b[off:]) // this can fault
			w.passed(addr.Range{First: a, Last: a})
			if !w.emit(f) {
				return false
			}
		}
		from = next
		w.pos = window.First + addr.Addr(min(next, to))
		if ctx.Err() != nil {
			return false
		}
	}
	w.passed(core)
	return true
}

// passed notes that all starts in core have been searched.
func (w *worker) passed(core addr.Range) {
	if core.Last < addr.Max {
		w.pos = core.Last + 1
	}
}

// maxPending bounds the hits of several needles that are sorted at once.
const maxPending = 1 << 16

// several searches for each needle in turn and merges their hits. A block with
// more hits than maxPending is searched in halves.
func (w *worker) several(ctx context.Context, b []byte, core, window addr.Range, allZero bool) bool {
	w.pending = w.pending[:0]
	for i := range w.needles {
		if allZero && !w.needles[i].inZeros {
			continue
		}
		if !w.collect(ctx, i, b, core, window) {
			if ctx.Err() != nil {
				return false
			}
			half := core.First + (core.Last-core.First)/2
			low, high := addr.Range{First: core.First, Last: half}, addr.Range{First: half + 1, Last: core.Last}
			return w.several(ctx, b, low, window, allZero) && w.several(ctx, b, high, window, allZero)
		}
	}
	return w.emitPending(core)
}

// collect appends the hits of needle i in b, the bytes of window, that start in
// core. It is false where ctx ended, or where there are more than maxPending
// and core could be less.
func (w *worker) collect(ctx context.Context, i int, b []byte, core, window addr.Range) bool {
	n := &w.needles[i]
	from, to, ok := n.starts(core, window)
	for ok && from < to {
		count, next := n.kernel.Scan(w.offsets, b, from, to)
		for _, off := range w.offsets[:count] {
			a := window.First + addr.Addr(off)
			if n.align == 1 || a.IsAligned(uint64(n.align)) {
				w.pending = append(w.pending, n.found(i, a, b[off:]))
			}
		}
		from = next
		if ctx.Err() != nil || len(w.pending) > maxPending && core.First < core.Last {
			return false
		}
	}
	return true
}

// found is a hit at a, whose bytes b begins with.
func (n *needle) found(i int, a addr.Addr, b []byte) found {
	f := found{addr: a, needle: int32(i)}
	if n.lit == nil {
		copy(f.raw[:], b[:n.kernel.Len()])
	}
	return f
}

// emitPending sends the collected hits, in order, each once.
func (w *worker) emitPending(core addr.Range) bool {
	slices.SortFunc(w.pending, func(x, y found) int {
		nx, ny := &w.needles[x.needle], &w.needles[y.needle]
		return cmp.Or(cmp.Compare(x.addr, y.addr), cmp.Compare(nx.pattern, ny.pattern),
			cmp.Compare(nx.kernel.Len(), ny.kernel.Len()))
	})
	for i, f := range w.pending {
		if i > 0 && w.same(f, w.pending[i-1]) {
			continue
		}
		if !w.emit(f) {
			return false
		}
	}
	w.passed(core)
	return true
}

// same says whether two hits are one: of one pattern, by two of its needles.
func (w *worker) same(a, b found) bool {
	na, nb := &w.needles[a.needle], &w.needles[b.needle]
	return a.addr == b.addr && na.pattern == nb.pattern && na.kernel.Len() == nb.kernel.Len()
}

// emit adds a hit to the batch and sends that when it is full.
func (w *worker) emit(f found) bool {
	if w.out == nil {
		w.out = w.batch()
	}
	w.out.hits = append(w.out.hits, f)
	return len(w.out.hits) < batchHits || w.flush()
}

// emitAll is emit for all offsets from base, of the only needle, whose hits need
// nothing but an address. Dense hits spend their time here.
func (w *worker) emitAll(base addr.Addr, offsets []uint32) bool {
	for len(offsets) > 0 {
		if w.out == nil {
			w.out = w.batch()
		}
		n := len(w.out.hits)
		m := min(len(offsets), batchHits-n)
		hits := w.out.hits[n : n+m]
		for i, off := range offsets[:m] {
			hits[i] = found{addr: base + addr.Addr(off)}
		}
		w.out.hits, offsets = w.out.hits[:n+m], offsets[m:]
		if n+m == batchHits && !w.flush() {
			return false
		}
	}
	return true
}

// flush sends the batch, less what lies past the present end of its source.
func (w *worker) flush() bool {
	w.recheck()
	if w.out == nil {
		return true
	}
	b := w.out
	w.out = nil
	if w.lost {
		b.hits = slices.DeleteFunc(b.hits, func(f found) bool {
			last := f.addr + addr.Addr(w.needles[f.needle].kernel.Len()-1)
			return w.past(addr.Range{First: f.addr, Last: last}, w.lose)
		})
	}
	if len(b.hits) == 0 {
		w.free(b)
		return true
	}
	return w.lane.Send(b)
}
