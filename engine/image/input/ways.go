package input

import (
	"time"

	"vscan/engine"
)

// Choose returns the way to have the bytes from offset off on: the one that Map was told,
// or else the one that costs less at the time; see chooser.
func (f *File) Choose(off uint64, n int) (engine.Way, int) {
	w := &way{file: f}
	switch {
	case f.chooser != nil:
		w.kind, n, w.account = f.chooser.choose(n)
	case f.data != nil:
		w.kind = mapped
	default:
		n = min(n, readBlock)
	}
	return w, n
}

// A way is one block's.
type way struct {
	file    *File
	kind    wayKind
	account *account // that it belongs to; nil where there is no choice
}

// Name returns "read" or "mapped".
func (w *way) Name() string { return w.kind.String() }

func (w *way) View(buf []byte, off uint64, n int) ([]byte, error) {
	if w.kind == mapped {
		return w.file.viewMapped(off, n)
	}
	return w.file.read(buf, off, n)
}

func (w *way) Took(n int, d time.Duration) {
	if c := w.file.chooser; c != nil {
		c.took(w.account, w.kind, n, d)
	}
}
