package engine

import (
	"unsafe"

	"vscan/engine/addr"
)

// How the bytes of a block are brought together.

// views puts the bytes of a window into parts, one for each of its pieces, the
// first of which is i: views of mapped memory, or filled into the worker's
// buffer at their place in the window. It is false where a byte is missing.
func (w *worker) views(i int, window addr.Range) bool {
	w.parts = w.parts[:0]
	for first, at := window.First, 0; ; i++ {
		p := &w.plan.pieces[i]
		last := min(p.Last, window.Last)
		n := int(last-first) + 1
		b, err := w.plan.sources[p.source].View(w.buf[at:at+n], p.off+uint64(first-p.First), n)
		if err != nil || len(b) != n {
			return false
		}
		w.parts = append(w.parts, b)
		w.losses.saw(i, addr.Range{First: first, Last: last})
		if last == window.Last {
			return true
		}
		first, at = last+1, at+n
	}
}

// together copies the parts into the worker's buffer, where they are not there
// already.
func (w *worker) together() []byte {
	at := 0
	for k, b := range w.parts {
		if &b[0] != &w.buf[at] {
			w.fetchAhead(k)
			copy(w.buf[at:], b)
		}
		at += len(b)
	}
	return w.buf[:at]
}

// fetchAhead touches the part that comes prefetchParts after part k. The
// processor by itself fetches ahead only what goes on where it reads.
func (w *worker) fetchAhead(k int) {
	if k+prefetchParts >= len(w.parts) {
		return
	}
	next := w.parts[k+prefetchParts]
	touched := byte(0)
	for o := 0; o < min(len(next), prefetchBytes); o += 64 {
		touched += next[o]
	}
	w.touched = touched
}

// worthInPlace says whether to search the parts where they lie: they are large
// enough for a kernel call each, and mostly follow one another in memory.
// Parts that lie anywhere are better copied, since copying can fetch ahead.
func (w *worker) worthInPlace() bool {
	far := 0
	for k, b := range w.parts {
		if k == 0 {
			continue
		}
		if k < len(w.parts)-1 && (len(b) < inPlaceMin || len(b) < 4*w.overlap) {
			return false
		}
		here, there := unsafe.SliceData(w.parts[k-1]), unsafe.SliceData(b)
		if uintptr(unsafe.Pointer(there))-uintptr(unsafe.Pointer(here)) >= nearBytes {
			far++
		}
	}
	// In the worker's buffer they are side by side already.
	return far <= len(w.parts)/4 && unsafe.SliceData(w.parts[0]) != unsafe.SliceData(w.buf)
}
