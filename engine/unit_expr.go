package engine

import (
	"cmp"
	"context"
	"math"
	"slices"

	"vscan/engine/addr"
	"vscan/engine/simd"
	"vscan/engine/simd/sets"
	"vscan/patterns"
)

// An exprUnit is all expressions of a set: what has to be verified, with matches of
// any length. A kernel finds their anchors, which tell where a match may begin; at
// these starts the matcher tells whether one does:
//
//	anchor           [###]              at off
//	starts   [-----------]              off − Last to off − First
//	match         [====##########]
//
// Starts are looked at one stretch at a time. Anchors are looked for as far behind
// the last start of a stretch as one can begin.
type exprUnit struct {
	exprs   []expr
	bare    []int // the expressions without anchors
	anchors []anchor
	runs    int // how many of them have a before
	finders []anchorFinder
	reach   int             // how far behind a start an anchor can begin, in bytes
	checks  exceptionChecks // for matches that exceptions may drop
	unitTraits
}

// An expr is one expression.
type expr struct {
	*patterns.Expr
	needle   uint32
	finder   patterns.Finder  // nil: the matcher is called at all starts
	tracker  patterns.Tracker // nil: the matcher is none
	disjoint bool             // matches that overlap an earlier one are dropped; it is alone in its pattern, without exceptions
}

// An anchorFinder finds some of the anchors.
type anchorFinder struct {
	one     simd.Kernel // nil where there are several literals
	several sets.Kernel
	anchors []int32 // by number of the literal: the index of the anchor
}

// newAnchorFinders makes what finds anchors, which must be all of the expressions in order. Those
// under keys are apart, but for those that are a literal for each key.
func newAnchorFinders(ctx context.Context, exprs []expr, level simd.Level) (_ []anchorFinder, err error) {
	var plain, keyed anchorFinder
	anchors := 0
	for i := range exprs {
		anchors += len(exprs[i].Anchors)
	}
	lits := make([]simd.Lit, 0, anchors)
	plain.anchors = make([]int32, 0, anchors)
	var underKeys []simd.Keyed
	k := int32(0)
	for i := range exprs {
		for _, a := range exprs[i].Anchors {
			if byDifferences(a.Lit, a.Keys) {
				underKeys, keyed.anchors = append(underKeys, newKeyed(a.Lit, a.Keys)), append(keyed.anchors, k)
			} else {
				for lit := range eachKey(a.Lit, a.Mask, a.Keys) {
					lits, plain.anchors = append(lits, lit), append(plain.anchors, k)
				}
			}
			k++
		}
	}
	var all []anchorFinder
	switch len(lits) {
	case 0:
	case 1:
		plain.one, err = newKernel(level, lits[0])
		all = append(all, plain)
	default:
		plain.several, err = sets.New(ctx, level, lits)
		all = append(all, plain)
	}
	if err != nil {
		return nil, err
	}
	switch len(underKeys) {
	case 0:
	case 1:
		keyed.one, err = simd.NewKeyed(level, underKeys[0])
		all = append(all, keyed)
	default:
		keyed.several, err = sets.NewKeyed(ctx, level, underKeys)
		all = append(all, keyed)
	}
	return all, err
}

// levels returns the levels of what finds the anchors.
func (f *anchorFinder) levels() []simd.Level {
	if f.one != nil {
		return []simd.Level{f.one.Level()}
	}
	return f.several.Levels()
}

// scan calls note for the anchors in b from offset at up to last, ascending by offset.
func (f *anchorFinder) scan(t *tools, b []byte, at, last int, note func(off int, anchor int32)) {
	if f.one != nil {
		for at < last {
			var n int
			n, at = f.one.Scan(t.offsets, b, at, last)
			for _, off := range t.offsets[:n] {
				note(int(off), f.anchors[0])
			}
		}
		return
	}
	x := &t.expr
	if least := max(findAtOnce, f.several.MinMatches()); len(x.found) < least {
		x.found = make([]sets.Match, least)
	}
	for at < last {
		var n int
		n, at = f.several.Scan(x.found, b, at, last, &x.scratch)
		for _, m := range x.found[:n] {
			note(int(m.Off), f.anchors[m.Lit])
		}
	}
}

// An anchor tells for a literal which expression's matches begin first to last bytes
// before it, both included, with nothing but bytes of before in front of it.
type anchor struct {
	expr, first, last int
	number            uint32           // in Expr.Anchors
	begins            uint32           // the number if matches begin with the anchor, else notFound
	traced            bool             // whether where it was found is kept, as for all anchors of the expression
	before            *[256]bool       // nil: any
	run               int              // which of exprTools.runs it has, if it has a before
	followed          *patterns.Anchor // itself, if it is known by what it is followed in a match; else nil
}

// isFollowed reports whether what follows the anchor at off can follow it in a match.
func (a *anchor) isFollowed(b []byte, off int) bool {
	if a.followed == nil {
		return true
	}
	end := off + len(a.followed.Lit)
	return end >= len(b) || a.followed.After.Has(b[end])
}

// newAnchor returns the anchor of an expression.
func newAnchor(expr int, a *patterns.Anchor) anchor {
	n := anchor{expr: expr, first: a.First, last: a.Last}
	if k := a.Before.Len(); a.First < a.Last && k > 0 && k < 256 {
		n.before = new([256]bool)
		for c := range n.before {
			n.before[c] = a.Before.Has(byte(c))
		}
	}
	if k := a.After.Len(); k > 0 && k < 256 {
		n.followed = a
	}
	return n
}

// A run is bytes in front of an anchor that lie in its before: b[low:off], from where it was last
// found, at off.
type run struct{ low, off int }

// reach returns where in b, from from on, the first match can begin that has the anchor at off.
// runs are the tools' runs. INVARIANT: from one call to the next, off ascends.
func (a *anchor) reach(b []byte, from, off int, runs []run) int {
	lowest := max(from, off-a.last)
	if a.before == nil {
		return lowest
	}
	k := &runs[a.run]
	low := off
	for low > lowest && a.before[b[low-1]] {
		if low--; low == k.off {
			low = max(lowest, min(low, k.low))
		}
	}
	*k = run{low, off}
	return low
}

// newExprUnit makes the unit for the expressions of a set; needles must be all
// needles.
func newExprUnit(ctx context.Context, set *patterns.Set, needles []needle, opt Options) (*exprUnit, error) {
	u := &exprUnit{unitTraits: unitTraits{stride: 1}, checks: newExceptionChecks(set, needles, opt)}
	needleOf := make([]uint32, len(set.Exprs()))
	for i := range needles {
		if n := &needles[i]; n.expr >= 0 && !n.excepted {
			needleOf[n.expr] = uint32(i)
		}
	}
	pats, all := set.Patterns(), set.Exprs()
	anchors := 0
	for i := range all {
		anchors += len(all[i].Anchors)
	}
	u.exprs, u.anchors = make([]expr, 0, len(all)), make([]anchor, 0, anchors)
	for i := range all {
		e := expr{Expr: &all[i], needle: needleOf[i]}
		alone := (i == 0 || all[i-1].Pattern != e.Pattern) && (i+1 == len(all) || all[i+1].Pattern != e.Pattern)
		e.disjoint = alone && !opt.Overlapping && pats[e.Pattern].Disjoint() && len(e.Except) == 0
		e.finder, _ = e.Matcher.(patterns.Finder)
		e.tracker, _ = e.Matcher.(patterns.Tracker)
		u.longest = max(u.longest, e.MaxLen)
		if len(e.Anchors) == 0 {
			u.bare = append(u.bare, i)
			u.inZeros = u.inZeros || zerosBegin(e.Expr)
		}
		traced := e.tracker != nil && !slices.ContainsFunc(e.Anchors, func(a patterns.Anchor) bool { return !a.Traced || a.Keys != (patterns.Keys{}) }) &&
			slices.ContainsFunc(e.Anchors, func(a patterns.Anchor) bool { return a.First < a.Last })
		for k := range e.Anchors {
			a := &e.Anchors[k]
			u.inZeros = u.inZeros || zerosMatch(a.Lit, a.Mask, a.Keys)
			anchor := newAnchor(i, a)
			anchor.number, anchor.begins, anchor.traced = uint32(k), notFound, traced
			if e.tracker != nil && a.Last == 0 && a.Keys == (patterns.Keys{}) {
				anchor.begins = anchor.number
			}
			if anchor.before != nil {
				anchor.run = u.runs
				u.runs++
			}
			u.anchors = append(u.anchors, anchor)
			u.reach = max(u.reach, a.Last)
		}
		u.exprs = append(u.exprs, e)
	}
	var err error
	u.finders, err = newAnchorFinders(ctx, u.exprs, opt.Kernel)
	return u, err
}

func (u *exprUnit) levels() []simd.Level {
	if len(u.finders) == 0 {
		return []simd.Level{simd.Generic}
	}
	var all []simd.Level
	for i := range u.finders {
		all = append(all, u.finders[i].levels()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

const (
	// longStretch is the most starts of a stretch. Where starts take much work,
	// stretches become shorter, down to shortStretch.
	longStretch, shortStretch = 64 << 10, 1 << 10
	// Stretches become shorter where matchers have looked at more than muchWork
	// bytes in one.
	muchWork = 1 << 20
	// After every checkWork bytes, the context is checked.
	checkWork = 1 << 18
)

// exprTools are what a worker lends to its exprUnit.
type exprTools struct {
	memory    patterns.Memory
	found     []sets.Match // the anchors that a kernel has found
	scratch   sets.Scratch
	runs      []run                    // of anchors that have a before, in the stretch in hand
	starts    [][]startRange           // by expression: the starts of the stretch in hand that anchors allow
	traced    [][]patterns.FoundAnchor // by expression: the anchors that allow them, if all of the expression's are traced
	one       [1]patterns.FoundAnchor  // the anchor that allows a single start
	have      []int                    // the expressions that have starts
	begun     bool                     // whether the worker has looked at anything
	matches   []exprMatch
	told      []patterns.Told  // room for what tracks tell
	chains    []chain          // by expression
	excepting []chain          // by index in exceptionChecks.patterns
	tracks    []patterns.Track // by expression; nil: it has none yet, or its matcher is no Tracker
	round     uint64           // the round of tools that the tracks are for
	from      int              // the offset from which on that round looks for matches
	origin    addr.Addr
	origins   int       // the number of the origin, from 1 on
	first     bool      // no match that begins before origin can reach it
	at        addr.Addr // all starts from origin up to here, exclusive, have been looked at
	stretch   int
	work      int // about how many bytes matchers have looked at in this stretch
	ask       int // the work at which the context is checked next
	noted     int // how many anchors the stretch in hand has
	dense     int // how many stretches were passed over by withoutAnchors the last time
	passOver  int // how many are to be
}

// maxLeftMatches is how many matches there may be room for in what a worker leaves to another.
const maxLeftMatches = 1 << 16

// leave makes the tools ready for another worker, to whom all begins anew: origins have other
// numbers then, and so no chain goes on, and tracks are reset in its first round, which has
// another number too.
func (x *exprTools) leave() {
	x.begun, x.memory = false, patterns.Memory{}
	if cap(x.matches) > maxLeftMatches {
		x.matches = nil
	}
}

// A startRange is the starts from first up to end, exclusive. The traced anchors that allow them are among
// those from firstFound up to endFound, exclusive, of exprTools.traced. Where the expression's are not traced, firstFound is the
// number of an anchor with which matches begin and which allows the start if it is the only one; or notFound.
type startRange struct {
	first, end           int
	firstFound, endFound uint32
}

// notFound stands for no anchor.
const notFound = math.MaxUint32

// An exprMatch is a match of size bytes.
type exprMatch struct {
	off, needle, size uint32
	pattern           int
}

func (u *exprUnit) find(t *tools, dst []sets.Match, b []byte, from, to int) ([]sets.Match, int) {
	x := &t.expr
	fresh := !x.begun
	if x.starts == nil {
		x.starts, x.chains = make([][]startRange, len(u.exprs)), make([]chain, len(u.exprs))
		x.tracks, x.traced = make([]patterns.Track, len(u.exprs)), make([][]patterns.FoundAnchor, len(u.exprs))
	}
	if fresh {
		x.begun, x.stretch = true, longStretch
	}
	if x.round != t.round {
		x.round, x.from = t.round, from
		for _, k := range x.tracks {
			if k != nil {
				k.Reset(from)
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
	for _, i := range x.have { // left by a stretch that ended with a fault
		x.starts[i], x.traced[i] = x.starts[i][:0], x.traced[i][:0]
	}
	x.have = x.have[:0]
	alone := u.withoutAnchors(x)
	if !alone {
		u.locate(t, b, from, to)
	}
	x.work, x.ask = 0, checkWork
	ok := true
	for _, i := range x.have {
		ok = ok && u.verify(t, i, merged(x.starts[i])...)
		x.starts[i], x.traced[i] = x.starts[i][:0], x.traced[i][:0]
	}
	for _, i := range u.bare {
		ok = ok && u.verify(t, i, startRange{first: from, end: to, firstFound: notFound})
	}
	if alone {
		ok = ok && u.verify(t, 0, startRange{first: from, end: to, firstFound: notFound})
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
	if !u.checks.checkRest(t, b) {
		return dst, from
	}
	return u.handOver(t, dst), to
}

// Where a stretch has an anchor in so many bytes, and they are those of one expression that rules
// out places in other ways, they are not looked for in some of the next stretches: in
// one, then in two, and so on up to mostDense.
const (
	denseAnchors = 6
	mostDense    = 32
)

// withoutAnchors reports whether anchors are not to be looked for in the stretch in hand, but all of it
// is starts of the only expression.
func (u *exprUnit) withoutAnchors(x *exprTools) bool {
	x.noted = 0
	if x.passOver == 0 {
		return false
	}
	x.passOver--
	return true
}

// noteDense notes how many anchors there were in a stretch of n bytes.
func (u *exprUnit) noteDense(x *exprTools, n int) {
	switch {
	case len(u.exprs) > 1 || u.exprs[0].tracker == nil:
	case x.noted > n/denseAnchors:
		x.dense = min(max(1, 2*x.dense), mostDense)
		x.passOver = x.dense
	default:
		x.dense = 0
	}
}

// locate sets x.starts and x.have to the starts from from up to to that anchors in b
// allow.
func (u *exprUnit) locate(t *tools, b []byte, from, to int) {
	x := &t.expr
	x.runs = slices.Grow(x.runs[:0], u.runs)[:u.runs]
	for i := range x.runs {
		x.runs[i] = run{-1, -1}
	}
	note := func(off int, anchor int32) {
		x.noted++
		a := &u.anchors[anchor]
		if !a.isFollowed(b, off) {
			return
		}
		v := startRange{a.reach(b, from, off, x.runs), min(to, off-a.first+1), a.begins, 0}
		if v.first >= v.end {
			return
		}
		if a.traced {
			n := uint32(len(x.traced[a.expr]))
			x.traced[a.expr] = append(x.traced[a.expr], patterns.FoundAnchor{Off: uint32(off), Anchor: a.number})
			v.firstFound, v.endFound = n, n+1
		}
		list := x.starts[a.expr]
		if n := len(list); n == 0 {
			x.have = append(x.have, a.expr)
		} else if last := &list[n-1]; v.first <= last.end && v.first >= last.first {
			last.end, last.endFound = max(last.end, v.end), v.endFound
			return
		}
		x.starts[a.expr] = append(list, v)
	}
	last := min(to+u.reach, len(b))
	for i := range u.finders {
		u.finders[i].scan(t, b, from, last, note)
	}
	u.noteDense(x, last-from)
}

// merged returns the ranges in order, with those that overlap or touch joined. It
// reuses list.
func merged(list []startRange) []startRange {
	slices.SortFunc(list, func(a, b startRange) int { return cmp.Compare(a.first, b.first) })
	out := list[:0]
	for _, v := range list {
		if n := len(out); n > 0 && v.first <= out[n-1].end {
			last := &out[n-1]
			last.end, last.firstFound, last.endFound = max(last.end, v.end), min(last.firstFound, v.firstFound), max(last.endFound, v.endFound)
		} else {
			out = append(out, v)
		}
	}
	return out
}

// verify appends to x.matches the matches of expression i that begin at the starts of
// a list. It returns false where the scan has ended; then matches are missing.
func (u *exprUnit) verify(t *tools, i int, list ...startRange) bool {
	x, e := &t.expr, &u.exprs[i]
	x.memory.Beyond = t.byteAt
	if e.Isolated {
		x.memory.Beyond = t.inScope
	}
	v := verifying{unit: u, t: t, i: i, e: e, track: x.track(i, e)}
	if e.disjoint {
		v.chain = &x.chains[i]
		v.chain.from(x, e.MaxLen)
	}
	of, atOnce := u.checks.needles[e.needle]
	if v.atOnce = atOnce && u.checks.patterns[of.pattern].atOnce(); v.atOnce {
		v.chain = u.checks.chain(x, of.pattern)
	}
	if v.track != nil {
		v.steps = v.track.Steps()
	}
	for _, r := range list {
		if !v.starts(r) {
			return false
		}
	}
	return true
}

// A verifying is the verification of one expression at the starts of a stretch.
type verifying struct {
	unit   *exprUnit
	t      *tools
	i      int // the number of the expression
	e      *expr
	track  patterns.Track // nil: it has none
	chain  *chain         // nil: all matches are kept
	atOnce bool           // whether exceptions are checked match by match
	steps  int            // those of the track so far
}

// starts is exprUnit.verify of one range of starts.
func (v *verifying) starts(r startRange) bool {
	x, base, c := &v.t.expr, v.t.base, v.chain
	if v.track == nil || v.e.Align > 1 {
		return v.oneByOne(r)
	}
	found := x.foundIn(v.i, r)
	single := r.end-r.first == 1
	for s := r.first; s < r.end; s++ {
		if c != nil {
			s += c.covered(base + addr.Addr(s))
		}
		if !single && !v.atOnce && (c == nil || c.known) && s < r.end {
			s = v.unit.told(x, base, v.i, v.track, c, s, r.end)
			if c != nil && s < r.end {
				s += c.covered(base + addr.Addr(s))
			}
		}
		if s >= r.end {
			break
		}
		var n int
		s, n = v.track.Find(&x.memory, s, r.end, found, x.ask-x.work)
		if !v.worked(n) || n > 0 && !v.match(s, n) {
			return false
		}
	}
	return true
}

// oneByOne is starts without a track, or where matches begin at some addresses only.
func (v *verifying) oneByOne(r startRange) bool {
	x, base, c := &v.t.expr, v.t.base, v.chain
	matcher, finder := v.e.Matcher, v.e.finder
	if v.track != nil {
		matcher, finder = v.track, v.track
	}
	for s := r.first; s < r.end; s++ {
		if c != nil {
			s += c.covered(base + addr.Addr(s))
		}
		if finder != nil && s < r.end {
			s = finder.Next(&x.memory, s, r.end)
		}
		n := 0
		if s < r.end && (v.e.Align <= 1 || (base + addr.Addr(s)).IsAligned(v.e.Align)) {
			n = matcher.Match(&x.memory, s)
		}
		if !v.worked(n) || n > 0 && !v.match(s, n) {
			return false
		}
	}
	return true
}

// worked notes what the track has done since it was asked the last time; without a track, that a match of n bytes was
// read. It returns false where the scan has ended.
func (v *verifying) worked(n int) bool {
	if v.track == nil {
		return v.t.worked(n)
	}
	now := v.track.Steps()
	looked := now - v.steps
	v.steps = now
	return v.t.worked(looked)
}

// match notes a match of n bytes at s. It returns false where the scan has ended.
func (v *verifying) match(s, n int) bool {
	x := &v.t.expr
	m := exprMatch{uint32(s), v.e.needle, uint32(n), v.e.Pattern}
	switch {
	case v.atOnce:
		if counts, ok := v.unit.checks.check(v.t, x.memory.Bytes, &m); !ok || !counts {
			return ok
		}
	case v.chain != nil:
		v.chain.add(v.t.base+addr.Addr(s), n)
	}
	x.matches = append(x.matches, m)
	return true
}

// foundIn returns the anchors of expression i that allow the starts of v, as a track is to know them.
func (x *exprTools) foundIn(i int, v startRange) []patterns.FoundAnchor {
	switch traced := x.traced[i]; {
	case len(traced) > 0:
		return traced[v.firstFound:v.endFound]
	case v.end-v.first == 1 && v.firstFound != notFound:
		x.one[0] = patterns.FoundAnchor{Off: uint32(v.first), Anchor: v.firstFound}
		return x.one[:]
	}
	return nil
}

// told appends to x.matches the matches of expression i that its track knows of, at the starts from s up to end, and
// returns the first start that it does not tell of. c is the expression's chain, or nil.
func (u *exprUnit) told(x *exprTools, base addr.Addr, i int, track patterns.Track, c *chain, s, end int) int {
	if x.told == nil {
		x.told = make([]patterns.Told, 0, findAtOnce)
	}
	e := &u.exprs[i]
	for s < end {
		list, next := track.Told(&x.memory, s, end, c != nil, x.told[:0])
		for _, m := range list {
			x.matches = append(x.matches, exprMatch{m.At, e.needle, m.Len, e.Pattern})
		}
		if n := len(list); n > 0 && c != nil {
			c.add(base+addr.Addr(list[n-1].At), int(list[n-1].Len))
		}
		if s = next; len(list) < cap(list) {
			break
		}
	}
	return s
}

// worked notes that a matcher has looked at n bytes, and checks the context after
// every checkWork bytes, however few starts lie side by side. It returns false where
// the scan has ended.
func (t *tools) worked(n int) bool {
	x := &t.expr
	if x.work += n; x.work < x.ask {
		return true
	}
	x.ask = x.work + checkWork
	return !t.ended()
}

// track returns the track of expression i, nil where it has none.
func (x *exprTools) track(i int, e *expr) patterns.Track {
	if x.tracks[i] == nil && e.tracker != nil {
		x.tracks[i] = e.tracker.NewTrack()
		x.tracks[i].Reset(x.from)
	}
	return x.tracks[i]
}

// sort sorts the matches by offset, pattern, size and needle.
func (x *exprTools) sort() {
	ascend := true // as those of one expression do
	for i := 1; i < len(x.matches) && ascend; i++ {
		ascend = x.matches[i-1].off < x.matches[i].off
	}
	if ascend {
		return
	}
	slices.SortFunc(x.matches, func(a, b exprMatch) int {
		if a.off != b.off { // most often so
			return cmp.Compare(a.off, b.off)
		}
		return cmp.Or(cmp.Compare(a.pattern, b.pattern), cmp.Compare(a.size, b.size), cmp.Compare(a.needle, b.needle))
	})
}

// handOver appends the matches to dst, in order, and sets t.lens to their lengths.
func (u *exprUnit) handOver(t *tools, dst []sets.Match) []sets.Match {
	x := &t.expr
	t.lens = t.lens[:0]
	for _, m := range x.matches {
		dst = append(dst, sets.Match{Off: m.off, Lit: m.needle})
		t.lens = append(t.lens, m.size)
	}
	return dst
}

// A chain saves a worker from finding matches of one expression that will be dropped
// because they overlap one that is kept. Which these are is not known at first, since
// it depends on matches before the origin, where the worker began. But a match that
// begins where all matches before it have ended is kept:
//
//	origin   |---------)                  what began before it ends here at the latest
//	matches     [----)  [----)   [---)
//	                             ^ kept; from here on all is known
//
// The OverlapFilter drops matches that are handed over before all is known and have to
// be dropped. A match that an exception drops covers nothing, since a match that goes on
// beyond it may be a hit; but one that lies wholly in it is no hit.
type chain struct {
	origin   addr.Addr
	number   int    // that of the origin; 0: the chain has not begun
	cover    uint64 // the end, counted from origin, of all matches so far; once known, of the last one kept
	known    bool
	excepted uint64 // the same of the matches that exceptions are known to drop
}

// from makes the chain begin at the origin of x, unless it does already. Matches that
// begin before the origin have at most longest bytes; where x.first is set, none
// reaches it. After a fault, the same origin has another number.
func (c *chain) from(x *exprTools, longest int) {
	if c.number == x.origins {
		return
	}
	*c = chain{origin: x.origin, number: x.origins, known: x.first}
	if !x.first {
		c.cover = uint64(longest - 1)
	}
}

// except notes a match of n bytes at a that an exception drops. Where a match that
// began before may cover it, it is not known whether it counts, nor whether what lies
// in it does.
func (c *chain) except(a addr.Addr, n int) {
	off := uint64(a - c.origin)
	if off >= c.cover {
		c.excepted = max(c.excepted, off+uint64(n))
	} else {
		c.cover = max(c.cover, off+uint64(n))
	}
}

// inExcepted reports whether n bytes at a lie wholly in a match that an exception is
// known to drop, and so have to be dropped.
func (c *chain) inExcepted(a addr.Addr, n int) bool {
	return uint64(a-c.origin)+uint64(n) <= c.excepted
}

// covered returns how many starts from a on are known to be covered by a match that
// is kept.
func (c *chain) covered(a addr.Addr) int {
	if off := uint64(a - c.origin); c.known && off < c.cover {
		return int(c.cover - off)
	}
	return 0
}

// add notes a match of n bytes at a that is not known to be covered.
func (c *chain) add(a addr.Addr, n int) {
	off := uint64(a - c.origin)
	c.known = c.known || off >= c.cover
	c.cover = max(c.cover, off+uint64(n))
}
