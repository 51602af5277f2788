package graph

import (
	"errors"
	"iter"
	"slices"

	"vscan/engine/addr"
)

var errStopped = errors.New("the caller wants no more")

// PageCell is how many edges lead from one page of 4 KiB to another; From and
// To are the addresses of their first bytes. A source that crosses into the
// next page counts for the page of its first byte.
type PageCell struct {
	From, To addr.Addr
	Edges    uint64
}

// PageCells yields the page × page counts that are not zero, ascending by To,
// then From. A group that is damaged, or cannot be read, ends the sequence with
// a last pair that has the error. Little memory is needed, but for the sources
// of one page.
func (g *Graph) PageCells() iter.Seq2[PageCell, error] {
	return func(yield func(PageCell, error) bool) {
		w := pageReader{g: g}
		var pages []addr.Addr // of the sources of a hub
		hint, at := 0, 0
		err := w.eachPage(0, len(g.groups.lines), func(page uint64, entries []entry) error {
			to := g.targets.at(page, &hint)
			c := PageCell{To: to}
			add := func(from addr.Addr) bool {
				if from != c.From && c.Edges > 0 {
					if !yield(c, nil) {
						return false
					}
					c.Edges = 0
				}
				c.From = from
				c.Edges++
				return true
			}
			if len(entries) >= hubEntries { // not by source
				pages = pages[:0]
				for _, e := range entries {
					pages = append(pages, g.sources.at(e.source(), &at)&^offsetMask)
				}
				slices.Sort(pages)
				for _, p := range pages {
					if !add(p) {
						return errStopped
					}
				}
			} else {
				for _, e := range entries {
					if !add(g.sources.at(e.source(), &at) &^ offsetMask) {
						return errStopped
					}
				}
			}
			if !yield(c, nil) {
				return errStopped
			}
			return nil
		})
		if err != nil && err != errStopped {
			yield(PageCell{}, err)
		}
	}
}
