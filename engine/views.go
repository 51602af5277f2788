package engine

import (
	"unsafe"

	"vscan/engine/addr"
)

// This file views the bytes of a block, and brings them together.

// viewPieces sets w.views to the bytes of a window, a view for each of its pieces,
// the first of which is i. A view shows mapped memory, or it lies in the worker's
// buffer, as far from its beginning as it is from that of the window. viewPieces
// returns false where a byte cannot be read. A direct block goes the way that was chosen
// for it.
func (w *worker) viewPieces(i int, window addr.Range) bool {
	w.views = w.views[:0]
	for first, at := window.First, 0; ; i++ {
		p := &w.plan.pieces[i]
		last := min(p.Last, window.Last)
		n := int(last-first) + 1
		var b []byte
		var err error
		if off := p.off + uint64(first-p.First); w.way != nil {
			b, err = w.way.View(w.buf[at:at+n], off, n)
		} else {
			b, err = w.plan.sources[p.source].View(w.buf[at:at+n], off, n)
		}
		if err != nil || len(b) != n {
			return false
		}
		w.views = append(w.views, b)
		w.losses.saw(i, addr.Range{First: first, Last: last})
		if last == window.Last {
			return true
		}
		first, at = last+1, at+n
	}
}

// together copies the views that are not there already into the worker's
// buffer, and returns the bytes of all views, side by side.
func (w *worker) together() []byte {
	at := 0
	for k, b := range w.views {
		if &b[0] != &w.buf[at] {
			w.fetchAhead(k)
			copy(w.buf[at:], b)
		}
		at += len(b)
	}
	return w.buf[:at]
}

// fetchAhead touches the view that comes prefetchViews after view k. The
// processor by itself fetches ahead only what follows in memory.
func (w *worker) fetchAhead(k int) {
	if k+prefetchViews >= len(w.views) {
		return
	}
	next := w.views[k+prefetchViews]
	touched := byte(0)
	for o := 0; o < min(len(next), prefetchBytes); o += 64 {
		touched += next[o]
	}
	w.touched = touched
}

// worthInPlace reports whether to search the views where they lie: where they
// are large enough for a kernel call each, and mostly follow one another in
// memory. Views that are scattered are better copied, since copying can fetch
// ahead.
func (w *worker) worthInPlace() bool {
	far := 0
	for k, b := range w.views {
		if k == 0 {
			continue
		}
		if k < len(w.views)-1 && (len(b) < inPlaceMin || len(b) < 4*w.overlap) {
			return false
		}
		here, there := unsafe.SliceData(w.views[k-1]), unsafe.SliceData(b)
		if uintptr(unsafe.Pointer(there))-uintptr(unsafe.Pointer(here)) >= nearBytes {
			far++
		}
	}
	// Views in the worker's buffer are side by side already.
	return far <= len(w.views)/4 && unsafe.SliceData(w.views[0]) != unsafe.SliceData(w.buf)
}
