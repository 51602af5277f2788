package engine

import (
	"vscan/engine/addr"
	"vscan/patterns"
)

// An OverlapFilter has the rule of patterns that drop matches which overlap an
// earlier one (see patterns.Pattern.Disjoint). It is shown matches in the order of
// [Scanner.Scan], and tells of each whether it stays:
//
//	matches   [-----)   [----)
//	             [----)      [----)
//	stays     yes  no   yes  yes
//
// Which stay depends on all matches before, so a scan that is split by
// Options.Starts cannot tell. Whoever puts the results of such scans together has
// them keep what may stay, by Options.Unsettled and Options.KeepExcepted, and shows
// that to one OverlapFilter. What stays is what one scan would have found: its workers
// hand over the same for its shards, wherever these are cut, and one OverlapFilter
// sees that in order. All matches, by Options.Overlapping, will do as well.
//
// A match that an exception of its pattern drops (see patterns.Pattern.Except) does
// not make later ones go that overlap it, since one that goes on beyond it may be a
// hit. But a match that lies wholly in it goes.
//
// An OverlapFilter is not safe for concurrent use.
type OverlapFilter struct {
	disjoint []bool     // by pattern: whether its matches may be dropped
	hits     []lastAddr // by pattern: where the last match ended that stayed and is a hit
	excepted []lastAddr // by pattern: the same of those that an exception drops
}

// A lastAddr is the last address of a match, where there was one.
type lastAddr struct {
	addr addr.Addr
	set  bool
}

// NewOverlapFilter returns a filter that has been shown nothing yet, for matches of
// these patterns. Those of a pattern that is not disjoint all stay.
func NewOverlapFilter(pats []patterns.Pattern) *OverlapFilter {
	f := &OverlapFilter{make([]bool, len(pats)), make([]lastAddr, len(pats)), make([]lastAddr, len(pats))}
	for i, p := range pats {
		f.disjoint[i] = p.Disjoint()
	}
	return f
}

// Keep reports whether a match stays: as a hit, or where excepted is set, as one that
// an exception drops, which counts in Stats.Excepted and is no hit. pattern is an index
// into the patterns, and match the addresses of the match's bytes.
func (f *OverlapFilter) Keep(pattern int, match addr.Range, excepted bool) bool {
	if !f.disjoint[pattern] {
		return true
	}
	hit, other := &f.hits[pattern], &f.excepted[pattern]
	if hit.set && match.First <= hit.addr || other.set && match.Last <= other.addr {
		return false
	}
	if excepted {
		hit = other
	}
	*hit = lastAddr{match.Last, true}
	return true
}

// keepAll reports whether all hits of a list stay, which are all of one needle and no exceptions. If not, it has
// been shown none. Most lists are so, since workers leave out what is surely dropped.
func (f *OverlapFilter) keepAll(b *Batch) bool {
	n := &b.sc.needles[0]
	if !f.disjoint[n.hit.Pattern] || len(b.Offsets) == 0 {
		return !f.disjoint[n.hit.Pattern]
	}
	hit, other := &f.hits[n.hit.Pattern], &f.excepted[n.hit.Pattern]
	if n.excepted || other.set || hit.set && b.Base+addr.Addr(b.Offsets[0]) <= hit.addr {
		return false
	}
	end := uint64(b.Offsets[0]) // of the last hit
	for i, off := range b.Offsets {
		if uint64(off) < end {
			return false
		}
		end = uint64(off) + uint64(b.lens[i])
	}
	*hit = lastAddr{b.Base + addr.Addr(end-1), true}
	return true
}

// dropsOverlaps reports whether the scan has to drop some matches because they overlap
// an earlier one.
func (sc *Scanner) dropsOverlaps() bool {
	return sc.drops && !sc.opt.Overlapping && !sc.opt.Unsettled
}
