package summary

import (
	"slices"

	"vscan/engine/sweep/state"
)

// ranking keeps the first images of an order; of those that are equal, the ones that
// came first.
type ranking struct {
	most  int // images that are kept
	cells int // hits by pattern that are kept, but those of the first image in any case; 0: any number
	order func(a, b *state.Image) int

	kept []*state.Image // sorted up to those that came since
	held int            // hits by pattern of kept
	full bool           // kept was cut: what follows its last image in the order is not wanted
	last *state.Image   // the last image at that time
}

// wants reports whether an image may be among the first.
func (r *ranking) wants(i *state.Image) bool { return !r.full || r.order(i, r.last) < 0 }

func (r *ranking) add(i *state.Image) {
	r.kept = append(r.kept, i)
	r.held += len(i.Patterns)
	if len(r.kept) >= 2*r.most || r.cells > 0 && r.held > 2*r.cells {
		r.cut()
	}
}

// cut leaves only the first images.
func (r *ranking) cut() {
	slices.SortStableFunc(r.kept, r.order)
	n, held := 0, 0
	for ; n < min(r.most, len(r.kept)); n++ {
		if held += len(r.kept[n].Patterns); r.cells > 0 && n > 0 && held > r.cells {
			held -= len(r.kept[n].Patterns)
			break
		}
	}
	if n < len(r.kept) {
		r.full, r.last = true, r.kept[n-1]
	}
	clear(r.kept[n:])
	r.kept, r.held = r.kept[:n], held
}

// list returns the first images.
func (r *ranking) list() []*state.Image {
	r.cut()
	return r.kept
}
