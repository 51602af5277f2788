package engine

import (
	"vscan/engine/addr"
	"vscan/patterns"
)

// dropper drops matches that overlap an earlier hit of the same pattern, or lie
// wholly in an earlier match that an exception drops, in the order of delivery.
type dropper struct {
	drops []bool      // by pattern
	last  []addr.Addr // of the hit delivered last, by pattern
	any   []bool

	exceptLast []addr.Addr // of the matches that exceptions drop, by pattern
	excepts    []bool      // whether there was any
}

// newDropper is nil where nothing is to be dropped.
func newDropper(set *patterns.Set, opt Options) *dropper {
	if opt.Overlapping {
		return nil
	}
	var d *dropper
	for i, p := range set.Patterns() {
		if !p.Disjoint() {
			continue
		}
		if d == nil {
			n := len(set.Patterns())
			d = &dropper{make([]bool, n), make([]addr.Addr, n), make([]bool, n), make([]addr.Addr, n), make([]bool, n)}
		}
		d.drops[i] = true
	}
	return d
}

// keep says whether a match of a needle, of size bytes at a, counts: as a hit, or as
// one that an exception drops.
func (d *dropper) keep(n *needle, a addr.Addr, size int) bool {
	pattern := n.hit.Pattern
	if !d.drops[pattern] {
		return true
	}
	last := a + addr.Addr(size-1)
	if d.any[pattern] && a <= d.last[pattern] || d.excepts[pattern] && last <= d.exceptLast[pattern] {
		return false
	}
	if n.excepted {
		d.excepts[pattern], d.exceptLast[pattern] = true, last
	} else {
		d.any[pattern], d.last[pattern] = true, last
	}
	return true
}
