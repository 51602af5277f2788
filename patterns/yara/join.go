package yara

import "math"

// Strings with long jumps are looked for part by part (patterns.NewHexParts), and
// hits of the parts are put together here. Which matches there are is what libyara
// has (_yr_scan_verify_chained_string_match in scan.c): every hit of the first part
// from which others follow, each as far behind the one in front as its jump says,
// up to the last part; its length is up to the end of the first hit of the last
// part that there is for it.
//
//	{ A [2-9] B [-] C }     A..A..B...A..B.C...C
//	                        [---------------]       the first A: up to the first C
//	                           [------------]       the second
//	                                  [-----]       the third
//
// Hits come in the order of their addresses, and each is looked at once. Of each
// part but the last, those are kept in a queue that may yet be part of a match:
//
//	hit of part k, not the first   it is kept if one of part k − 1 waits for it
//	hit of the last part           takes those of the part in front that wait for
//	                               it, these take those in front of them, and so
//	                               on: of the first part, they are matches
//
// What was taken does not wait any more: its match is known. It leaves, and so does
// what lies too far behind. A hit is left out where another one is kept that all
// who wait for it have too, and that goes on as far: of A..B..B..B with jumps
// without limit, one B.

// splitString is a string that is looked for in parts.
type splitString struct {
	index        int // in Rules.chains
	firstPattern int // index in Rules.pats of the first part, whose others follow
	jumps        []span
}

// noLimit is the upper end of a jump that has none.
const noLimit = math.MaxUint64

// joiner is the hits that may be part of a match of a chain.
type joiner struct {
	*splitString
	queues      []queue // by part, but for the last
	cover       []span  // by part: see add
	last        uint64  // address of the latest hit
	started     bool
	unknownFrom uint64 // hits of the chain from here on are not known; noLimit: all are
}

func newJoiner(c *splitString) *joiner {
	return &joiner{splitString: c, queues: make([]queue, len(c.jumps)), cover: make([]span, len(c.jumps)), unknownFrom: noLimit}
}

func (w *joiner) reset() {
	w.clear()
	w.started, w.last, w.unknownFrom = false, 0, noLimit
}

// clear forgets all hits: nothing that follows goes on from them.
func (w *joiner) clear() (n int) {
	for i := range w.queues {
		n += w.queues[i].hits
		w.queues[i].clear()
		w.queues[i].anyDone = false
		w.cover[i] = span{}
	}
	return n
}

// ends is where a hit has to end for one at a to follow it, behind a jump.
func (jump span) ends(a uint64) span {
	if a < jump.lo {
		return span{1, 0}
	}
	return span{a - min(a, jump.hi), a - jump.lo}
}

// budget is how many hits may wait.
type budget interface {
	admit() bool // one more waits, if there is room
	release(n int)
}

// add adds a hit of n bytes at a of a part, and calls match for each match that is
// complete with it.
func (w *joiner) add(part int, a, n uint64, r budget, match func(a, n uint64)) {
	ends := span{1, 0}
	if part > 0 {
		ends = w.jumps[part-1].ends(a)
		if part == len(w.queues) {
			w.complete(part-1, ends, a+n, match)
			w.discard(part-1, a, r)
			return
		}
		w.discard(part-1, a, r)
		// Those up to cover wait for one that ends before this one, and may be
		// followed as far.
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
	if q.len() > 0 && q.start(q.last-1) == a { // the shorter one was first
		return
	}
	if !r.admit() {
		w.loseFrom(a)
		return
	}
	q.push(a, n)
}

// loseFrom notes that it is not known what becomes of a hit at a, and so of those that
// wait.
func (w *joiner) loseFrom(a uint64) {
	if h := &w.queues[0]; h.len() > 0 {
		a = min(a, h.start(h.first))
	}
	w.unknownFrom = min(w.unknownFrom, a)
}

// discard removes hits of a part, and of those in front of it, that were taken, or
// that lie too far in front of whatever may follow them, where a is the address of
// the latest hit.
func (w *joiner) discard(part int, a uint64, r budget) {
	for ; part >= 0; part-- {
		q := &w.queues[part]
		first := w.followerStart(part, a)
		lowest := first - min(first, w.jumps[part].hi)
		for q.len() > 0 && (q.taken(q.first) || q.end(q.first) < lowest) {
			r.release(q.pop())
		}
	}
}

// followerStart is the lowest address of a hit that may follow those of a part, where a
// is the address of the latest hit.
func (w *joiner) followerStart(part int, a uint64) uint64 {
	if part+1 < len(w.queues) {
		if next := &w.queues[part+1]; next.len() > 0 {
			return next.start(next.first)
		}
	}
	return a
}

// supersede removes hits of a part where jumps on both sides have no limit, but
// for the latest that whatever may follow, at a or before, may follow.
func (w *joiner) supersede(part int, a uint64, r budget) {
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

// complete takes the hits of a part whose end is in ends, for which a hit of the
// last part that ends at end is the first one.
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
