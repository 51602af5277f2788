package engine

import (
	"cmp"
	"slices"

	"vscan/engine/addr"
	"vscan/engine/simd"
	"vscan/engine/simd/sets"
	"vscan/patterns"
)

// exprUnit is all expressions of a set: what has to be verified, with matches
// of any length. A kernel finds their anchors, these say where a match may
// begin, and there the matcher is asked:
//
//	anchor           [###]              at off
//	starts   [-----------]              off − Last to off − First
//	match         [====##########]
//
// Starts are looked at a stretch at a time. Anchors are looked for as far as
// one can lie behind the last start of the stretch.
type exprUnit struct {
	exprs   []expr
	bare    []int    // those without anchors
	anchors []anchor // by the number of the literal
	find1   simd.Kernel
	find2   sets.Kernel // where there are several; nil both where there are none
	reach   int         // how far behind a start an anchor can begin
	judges  judges      // of matches that exceptions may drop
	of      traits
}

// expr is one expression.
type expr struct {
	*patterns.Expr
	needle   uint32
	finder   patterns.Finder  // nil: all starts are asked about
	tracker  patterns.Tracker // nil: it is none
	disjoint bool             // matches that overlap an earlier one are dropped, it is alone in its pattern, and has no exceptions
}

// anchor is a literal, and where matches of an expression begin before it.
type anchor struct{ expr, first, last int }

// newExprUnit makes the unit for the expressions of a set; needles are all
// needles.
func newExprUnit(set *patterns.Set, needles []needle, opt Options) (*exprUnit, error) {
	u := &exprUnit{of: traits{stride: 1}, judges: newJudges(set, needles, opt)}
	of := make([]uint32, len(set.Exprs()))
	for i := range needles {
		if n := &needles[i]; n.expr >= 0 && !n.excepted {
			of[n.expr] = uint32(i)
		}
	}
	var lits []simd.Lit
	pats, all := set.Patterns(), set.Exprs()
	for i := range all {
		e := expr{Expr: &all[i], needle: of[i]}
		alone := (i == 0 || all[i-1].Pattern != e.Pattern) && (i+1 == len(all) || all[i+1].Pattern != e.Pattern)
		e.disjoint = alone && !opt.Overlapping && pats[e.Pattern].Disjoint() && len(e.Except) == 0
		e.finder, _ = e.Matcher.(patterns.Finder)
		e.tracker, _ = e.Matcher.(patterns.Tracker)
		u.of.longest = max(u.of.longest, e.MaxLen)
		if len(e.Anchors) == 0 {
			u.bare = append(u.bare, i)
			u.of.inZeros = u.of.inZeros || zerosBegin(e.Expr)
		}
		for _, a := range e.Anchors {
			u.of.inZeros = u.of.inZeros || zerosMatch(a.Lit, a.Mask)
			u.anchors = append(u.anchors, anchor{i, a.First, a.Last})
			u.reach = max(u.reach, a.Last)
			lits = append(lits, simd.Lit{Bytes: a.Lit, Mask: a.Mask})
		}
		u.exprs = append(u.exprs, e)
	}
	var err error
	switch len(lits) {
	case 0:
	case 1:
		u.find1, err = newKernel(opt.Kernel, lits[0])
	default:
		u.find2, err = sets.New(opt.Kernel, lits)
	}
	return u, err
}

func (u *exprUnit) traits() traits { return u.of }

func (u *exprUnit) levels() []simd.Level {
	switch {
	case u.find1 != nil:
		return []simd.Level{u.find1.Level()}
	case u.find2 != nil:
		return u.find2.Levels()
	}
	return []simd.Level{simd.Generic}
}

const (
	// longStretch is the most starts of a stretch. Where there is very much to
	// do for each, stretches become shorter, down to shortStretch.
	longStretch, shortStretch = 64 << 10, 1 << 10
	// muchWork is when: so many bytes looked at by matchers in a stretch.
	muchWork = 1 << 20
	// checkWork is after how many of them the context is looked at.
	checkWork = 1 << 18
)

// exprTools is what a worker lends to the unit.
type exprTools struct {
	memory  patterns.Memory
	found   []sets.Match // anchors
	scratch sets.Scratch
	starts  [][]interval // by expression, of the stretch in hand
	have    []int        // the expressions that have any
	matches []exprMatch
	chains  []chain          // by expression
	judging []chain          // by pattern that has exceptions
	tracks  []patterns.Track // by expression; nil: it has none
	round   uint64           // of tools, that the tracks are of
	origin  addr.Addr
	origins int       // counts them
	first   bool      // whether no match that begins before origin can go on there
	at      addr.Addr // all starts from origin to here have been looked at
	stretch int
	work    int // about how many bytes matchers have looked at in the stretch in hand
	ask     int // at how many the context is to be looked at
}

// interval is starts from first on and below end.
type interval struct{ first, end int }

// exprMatch is a match of size bytes.
type exprMatch struct {
	off, needle, size uint32
	pattern           int
}

func (u *exprUnit) find(t *tools, dst []sets.Match, b []byte, from, to int) ([]sets.Match, int) {
	x := &t.expr
	fresh := x.starts == nil
	if fresh {
		x.starts, x.chains = make([][]interval, len(u.exprs)), make([]chain, len(u.exprs))
		x.tracks = make([]patterns.Track, len(u.exprs))
		x.stretch = longStretch
	}
	if x.round != t.round {
		x.round = t.round
		for _, k := range x.tracks {
			if k != nil {
				k.Reset()
			}
		}
	}
	to = min(to, from+x.stretch)
	if begin := t.base + addr.Addr(from); fresh || begin != x.at || begin < x.origin {
		x.origin, x.first = begin, t.runAt(begin).First == begin
		x.origins++
	}
	x.at = t.base + addr.Addr(to)
	x.memory.Bytes = b
	x.matches = x.matches[:0]
	u.locate(t, b, from, to)
	x.work, x.ask = 0, checkWork
	ok := true
	for _, i := range x.have {
		for _, v := range merged(x.starts[i]) {
			ok = ok && u.verify(t, i, v)
		}
		x.starts[i] = x.starts[i][:0]
	}
	for _, i := range u.bare {
		ok = ok && u.verify(t, i, interval{from, to})
	}
	if !ok {
		return dst, from
	}
	if x.work > muchWork {
		x.stretch = max(shortStretch, x.stretch/2)
	} else if x.work < muchWork/8 {
		x.stretch = min(longStretch, x.stretch*2)
	}
	x.sort()
	if !u.judges.rest(t, b) {
		return dst, from
	}
	return u.hand(t, dst), to
}

// locate finds the starts from from to to that anchors in b allow.
func (u *exprUnit) locate(t *tools, b []byte, from, to int) {
	x := &t.expr
	for _, i := range x.have { // of a stretch that ended in a fault
		x.starts[i] = x.starts[i][:0]
	}
	x.have = x.have[:0]
	note := func(off, lit int) {
		a := &u.anchors[lit]
		v := interval{max(from, off-a.last), min(to, off-a.first+1)}
		if v.first >= v.end {
			return
		}
		list := x.starts[a.expr]
		if n := len(list); n == 0 {
			x.have = append(x.have, a.expr)
		} else if last := &list[n-1]; v.first <= last.end && v.first >= last.first {
			last.end = max(last.end, v.end)
			return
		}
		x.starts[a.expr] = append(list, v)
	}
	last := min(to+u.reach, len(b))
	switch {
	case u.find1 != nil:
		for at := from; at < last; {
			var n int
			n, at = u.find1.Scan(t.offsets, b, at, last)
			for _, off := range t.offsets[:n] {
				note(int(off), 0)
			}
		}
	case u.find2 != nil:
		if x.found == nil {
			x.found = make([]sets.Match, max(findAtOnce, u.find2.MinMatches()))
		}
		for at := from; at < last; {
			var n int
			n, at = u.find2.Scan(x.found, b, at, last, &x.scratch)
			for _, m := range x.found[:n] {
				note(int(m.Off), int(m.Lit))
			}
		}
	}
}

// merged is the intervals in order, those that touch taken together.
func merged(list []interval) []interval {
	slices.SortFunc(list, func(a, b interval) int { return cmp.Compare(a.first, b.first) })
	out := list[:0]
	for _, v := range list {
		if n := len(out); n > 0 && v.first <= out[n-1].end {
			out[n-1].end = max(out[n-1].end, v.end)
		} else {
			out = append(out, v)
		}
	}
	return out
}

// verify asks an expression about starts. It is false where the scan has ended;
// matches are missing then.
func (u *exprUnit) verify(t *tools, i int, v interval) bool {
	x, e := &t.expr, &u.exprs[i]
	x.memory.Beyond = t.byteAt
	if e.Apart {
		x.memory.Beyond = t.inScope
	}
	var c *chain
	if e.disjoint {
		c = &x.chains[i]
		c.from(x, e.MaxLen)
	}
	of, atOnce := u.judges.needles[e.needle]
	if atOnce = atOnce && u.judges.patterns[of.pattern].atOnce(); atOnce {
		c = u.judges.chain(x, of.pattern)
	}
	matcher, finder := e.Matcher, e.finder
	track := x.track(i, e)
	if track != nil {
		matcher, finder = track, track
	}
	for s := v.first; s < v.end; s++ {
		if c != nil {
			s += c.covered(t.base + addr.Addr(s))
		}
		if finder != nil && s < v.end {
			s = finder.Next(&x.memory, s, v.end)
		}
		if s >= v.end {
			break
		}
		if e.Align > 1 && !(t.base + addr.Addr(s)).IsAligned(e.Align) {
			continue
		}
		before := 0
		if track != nil {
			before = track.Steps()
		}
		n := matcher.Match(&x.memory, s)
		looked := n
		if track != nil {
			looked = track.Steps() - before
		}
		if !t.worked(looked) {
			return false
		}
		if n == 0 {
			continue
		}
		m := exprMatch{uint32(s), e.needle, uint32(n), e.Pattern}
		switch {
		case atOnce:
			if counts, ok := u.judges.one(t, x.memory.Bytes, &m); !ok {
				return false
			} else if !counts {
				continue
			}
		case c != nil:
			c.add(t.base+addr.Addr(s), n)
		}
		x.matches = append(x.matches, m)
	}
	return true
}

// worked notes that a matcher has looked at n bytes, and looks at the context
// every checkWork of them, however few starts lie side by side. It is false where
// the scan has ended.
func (t *tools) worked(n int) bool {
	x := &t.expr
	if x.work += n; x.work < x.ask {
		return true
	}
	x.ask = x.work + checkWork
	return !t.ended()
}

// track is that of expression i, nil where it has none.
func (x *exprTools) track(i int, e *expr) patterns.Track {
	if x.tracks[i] == nil && e.tracker != nil {
		x.tracks[i] = e.tracker.NewTrack()
	}
	return x.tracks[i]
}

// sort puts the matches in order.
func (x *exprTools) sort() {
	slices.SortFunc(x.matches, func(a, b exprMatch) int {
		if a.off != b.off { // most often; the rest is not even looked at then
			return cmp.Compare(a.off, b.off)
		}
		return cmp.Or(cmp.Compare(a.pattern, b.pattern), cmp.Compare(a.size, b.size), cmp.Compare(a.needle, b.needle))
	})
}

// hand appends the matches to dst, in order, and their lengths to t.lens.
func (u *exprUnit) hand(t *tools, dst []sets.Match) []sets.Match {
	x := &t.expr
	t.lens = t.lens[:0]
	for _, m := range x.matches {
		dst = append(dst, sets.Match{Off: m.off, Lit: m.needle})
		t.lens = append(t.lens, m.size)
	}
	return dst
}

// chain spares a worker matches of one expression that are going to be dropped,
// since they overlap one that is not. Which these are cannot be said at once: it
// depends on what lies before the origin, where the worker began. But a match
// that begins where all matches before it have ended is none of them:
//
//	origin   |---------)                  what began before it ends here at the latest
//	matches     [----)  [----)   [---)
//	                             ^ kept; from here on all is known
//
// Matches handed over that are to be dropped, dropper drops. One that an exception
// drops covers nothing, for what goes on beyond it may be a hit; but what lies wholly
// in it is none.
type chain struct {
	origin   addr.Addr
	number   int    // of the origin; 0: there was none
	cover    uint64 // the end of all matches so far, from origin; once known, of the last one kept
	known    bool
	excepted uint64 // the end of the matches that exceptions are known to drop
}

// from makes the chain begin at the origin, if it does not already, for matches of
// at most longest bytes, or where nothing lies in front, none before it. The same
// origin again, after a fault, is another.
func (c *chain) from(x *exprTools, longest int) {
	if c.number == x.origins {
		return
	}
	*c = chain{origin: x.origin, number: x.origins, known: x.first}
	if !x.first {
		c.cover = uint64(longest - 1)
	}
}

// except notes a match of n bytes at a that an exception drops. Where something that
// began before may cover it, nobody knows yet whether it counts, and so nothing about
// what lies in it.
func (c *chain) except(a addr.Addr, n int) {
	off := uint64(a - c.origin)
	if off >= c.cover {
		c.excepted = max(c.excepted, off+uint64(n))
	} else {
		c.cover = max(c.cover, off+uint64(n))
	}
}

// inExcepted reports whether n bytes at a lie wholly in such a match, and are to be
// dropped for that.
func (c *chain) inExcepted(a addr.Addr, n int) bool {
	return uint64(a-c.origin)+uint64(n) <= c.excepted
}

// covered is how many starts from a on are known to be of no use.
func (c *chain) covered(a addr.Addr) int {
	if off := uint64(a - c.origin); c.known && off < c.cover {
		return int(c.cover - off)
	}
	return 0
}

// add notes a match of n bytes at a, which no kept one covers.
func (c *chain) add(a addr.Addr, n int) {
	off := uint64(a - c.origin)
	c.known = c.known || off >= c.cover
	c.cover = max(c.cover, off+uint64(n))
}
