package graph

import (
	"errors"
	"iter"
	"slices"

	"vscan/engine/addr"
)

var errStopped = errors.New("the caller wants no more")

// PageCell is how many edges lead from one page of 4 KiB to another. From and To are
// the addresses of their first bytes. A source that lies in two pages counts for the
// page of its first byte.
type PageCell struct {
	From, To addr.Addr
	Edges    uint64
}

// PageCells yields how many edges lead from each page to each other one, without the
// pairs that have none, ascending by To, then From. Where a group is damaged or
// cannot be read, the sequence ends with a pair that has the error. It keeps no more
// in memory than the sources of one page.
func (g *Graph) PageCells() iter.Seq2[PageCell, error] {
	return func(yield func(PageCell, error) bool) {
		w := pageReader{g: g}
		var pages []addr.Addr // the pages of the sources of a hub
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
			if len(entries) >= hubEntries { // the entries of a hub do not ascend by source
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
