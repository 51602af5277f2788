package yara

import "math"

// Strings with long jumps are looked for part by part (patterns.NewHexParts), and the hits
// of the parts are joined here. The matches are those of libyara
// (_yr_scan_verify_chained_string_match in scan.c). There is one for every hit of the first
// part from which hits of the others follow, up to the last part, each as far behind the
// one in front as its jump says. The match ends where the first hit of the last part ends
// that follows so.
//
//	{ A [2-9] B [-] C }     A..A..B...A..B.C...C
//	                        [---------------]       the first A: up to the first C
//	                           [------------]       the second
//	                                  [-----]       the third
//
// Hits come in the order of their addresses, and each is looked at once. Of each part but
// the last, a queue keeps the hits that may yet be part of a match:
//
//	a hit of the first part      waits in the queue of its part
//	a hit of a part behind it    waits, if it follows one of the part in front that waits
//	a hit of the last part       takes those of the part in front that it follows, these
//	                             take those that they follow, and so on; each hit of the
//	                             first part that is taken is a match, up to the end of
//	                             this hit
//
// A hit that was taken does not wait any more, since its match is known. It leaves the
// queue, and so does a hit that lies too far behind. A hit of a part in the middle is left
// out if another hit that waits follows all that it follows, and may itself be followed as
// far: of A..B..B..B with jumps without limit, one B waits.
//
// INVARIANT: hits of all parts come in the order of their addresses, so the first hit of
// the last part that can follow a hit is the first that comes.

// A splitString is a string that is looked for in parts.
type splitString struct {
	index        int // its index in Rules.splits
	firstPattern int // the index of its first part in Rules.pats; the others follow
	jumps        []span
}

// noLimit is the upper end of a jump that has none.
const noLimit = math.MaxUint64

// A joiner holds the hits of parts that may yet be part of a match of a split string.
type joiner struct {
	*splitString
	queues      []queue // by part, for all but the last
	cover       []span  // by part: see add
	last        uint64  // the address of the latest hit
	started     bool
	unknownFrom uint64 // hits of the string at this address or behind are not known; noLimit where all are
}

func newJoiner(c *splitString) *joiner {
	return &joiner{splitString: c, queues: make([]queue, len(c.jumps)), cover: make([]span, len(c.jumps)), unknownFrom: noLimit}
}

func (w *joiner) reset() {
	w.clear()
	w.started, w.last, w.unknownFrom = false, 0, noLimit
}

// clear forgets all hits that wait, since nothing that comes later follows them. It returns
// how many there were.
func (w *joiner) clear() (n int) {
	for i := range w.queues {
		n += w.queues[i].hits
		w.queues[i].clear()
		w.queues[i].anyDone = false
		w.cover[i] = span{}
	}
	return n
}

// spareBlocks returns how many blocks the queues keep for hits to come.
func (w *joiner) spareBlocks() (n int) {
	for i := range w.queues {
		if w.queues[i].spare != nil {
			n++
		}
	}
	return n
}

// ends returns the addresses at which a hit has to end for a hit at a to follow it, behind
// a jump.
func (jump span) ends(a uint64) span {
	if a < jump.lo {
		return span{1, 0}
	}
	return span{a - min(a, jump.hi), a - jump.lo}
}

// A waitingRoom bounds how many hits may wait.
type waitingRoom interface {
	admit() bool // reports whether one more may wait, and counts it
	release(n int)
}

// add adds a hit of n bytes at a of a part, and calls match for each match that is complete
// with it.
func (w *joiner) add(part int, a, n uint64, r waitingRoom, match func(a, n uint64)) {
	ends := span{1, 0}
	if part > 0 {
		ends = w.jumps[part-1].ends(a)
		if part == len(w.queues) {
			w.complete(part-1, ends, a+n, match)
			w.discard(part-1, a, r)
			return
		}
		w.discard(part-1, a, r)
		// Hits of the part in front that end before cover.lo are followed already by hits
		// of this part that wait and that end at cover.hi or before. If the jump behind has
		// no limit and this hit ends no earlier, whatever follows this hit follows those
		// too, so only hits that end at cover.lo or behind need this one.
		c := &w.cover[part]
		open := ends
		if w.jumps[part].hi == noLimit && c.hi > 0 && c.hi <= a+n {
			open.lo = max(open.lo, c.lo)
		}
		if w.queues[part-1].each(open, func(int) bool { return false }) {
			return
		}
		*c = span{max(c.lo, ends.hi+1), max(c.hi, a+n)}
		w.supersede(part, a, r)
	} else {
		w.discard(0, a, r)
	}
	q := &w.queues[part]
	if q.len() > 0 && q.start(q.last-1) == a { // the shorter of the two came first and stays
		return
	}
	if !r.admit() {
		w.loseFrom(a)
		return
	}
	q.push(a, n)
}

// loseFrom notes that it is not known what follows a hit at a, nor what follows the hits
// that wait.
func (w *joiner) loseFrom(a uint64) {
	if h := &w.queues[0]; h.len() > 0 {
		a = min(a, h.start(h.first))
	}
	w.unknownFrom = min(w.unknownFrom, a)
}

// discard removes hits of a part, and of the parts in front of it, that were taken, or that
// lie too far in front of anything that may follow them. a is the address of the latest
// hit.
func (w *joiner) discard(part int, a uint64, r waitingRoom) {
	for ; part >= 0; part-- {
		q := &w.queues[part]
		first := w.followerStart(part, a)
		lowest := first - min(first, w.jumps[part].hi)
		for q.len() > 0 && (q.taken(q.first) || q.end(q.first) < lowest) {
			r.release(q.pop())
		}
	}
}

// followerStart returns the lowest address of a hit that may follow those of a part. a is
// the address of the latest hit.
func (w *joiner) followerStart(part int, a uint64) uint64 {
	if part+1 < len(w.queues) {
		if next := &w.queues[part+1]; next.len() > 0 {
			return next.start(next.first)
		}
	}
	return a
}

// supersede removes hits of a part if the jumps on both of its sides have no limit. It
// leaves the latest hit that every follower, at a or before, can follow.
func (w *joiner) supersede(part int, a uint64, r waitingRoom) {
	q := &w.queues[part]
	jump := w.jumps[part]
	if w.jumps[part-1].hi != noLimit || jump.hi != noLimit {
		return
	}
	a = w.followerStart(part, a)
	for a >= jump.lo && q.len() > 0 {
		if next := q.after(q.first); next == q.last || q.end(next) > a-jump.lo {
			return
		}
		r.release(q.pop())
	}
}

// complete takes the hits of a part that end in ends. The first hit of the last part that
// follows them ends at end.
func (w *joiner) complete(part int, ends span, end uint64, match func(a, n uint64)) {
	q := &w.queues[part]
	q.each(ends, func(i int) bool {
		a := q.start(i)
		if part == 0 {
			match(a, end-a)
		} else {
			w.complete(part-1, w.jumps[part-1].ends(a), end, match)
		}
		q.take(i)
		return true
	})
	q.markDone(ends)
}
