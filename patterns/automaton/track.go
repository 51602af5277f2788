package automaton

import (
	"math/bits"
	"slices"
)

// Track asks a program about many places of the same bytes, one after another. It gives the
// same answers as the program. It is faster where the match of a place, or the search for
// one, goes the way of an earlier place:
//
//	memory   aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…      a+b
//	place 1  [------------------------------------
//	place 2   [-----|  in the same state as 1 at the mark: goes on as 1 did
//	         ^       ^       ^       ^      ^      marks
//
// Without it, n such bytes would take n × MaxLen steps. INVARIANT: a state has all that a
// search needs to know of what it has read, so two searches that are in the same state at
// the same byte end alike, except that the later one may go further. Paths are compared
// only at marks, which are about √MaxLen bytes apart, so that they are small.
//
// One goroutine uses a track.
type Track struct {
	program   *Program
	p         *machine // nil before it was asked for the first time
	markEvery int      // bytes from one mark to the next, a power of two
	firstMark int      // offset of the mark at which the paths begin
	paths     []path   // no two have the same state at firstMark
	emptied   uint32   // how often the program's tables had been emptied when the paths began
	steps     int
	slow      int // what Match took beside that to work out states, in bytes that could be read instead
	told      int // the steps of which the tables know

	// What Next has found out, for a lead or a uniform lead, and by going back.
	scanned scanned
	back    lookback
	ranges  ranges

	entrances []entrance // of the range in hand
	heads     []head     // by the number of the anchor
}

// A path is how a search went on from a mark.
type path struct {
	marks []*state // the states at firstMark and at the marks behind it
	walk           // its offsets count from firstMark; best is −1 where there is none yet
}

// maxPaths is how many paths are kept. Most programs have one or two at a place.
const maxPaths = 64

// minMarkEvery is the least distance of marks in bytes. Most matches are shorter.
const minMarkEvery = 64

// NewTrack returns a track for a program.
func (p *Program) NewTrack() *Track {
	t := &Track{program: p, markEvery: minMarkEvery}
	for t.markEvery*t.markEvery < p.maxLen {
		t.markEvery *= 2
	}
	return t
}

// Reset makes the track forget what it knows, since other bytes follow. Of those it will be asked about places from from
// on, wherever a match can begin.
func (t *Track) Reset(from int) {
	t.paths, t.firstMark, t.scanned = t.paths[:0], 0, scanned{}
	t.back.reset(from)
	t.ranges.leave(&t.back)
	t.ranges.last = 0
}

// Steps returns about how much work was done so far, in bytes that the automaton has read.
func (t *Track) Steps() int { return t.steps }

// Match is Program.Match. INVARIANT: from one call to the next without Reset, at does not
// become less, and b and what beyond returns stay as they are.
func (t *Track) Match(b []byte, at int, beyond func(i int) (byte, bool)) int {
	t.begin()
	if n, known := t.back.match(at, t.p.maxLen); known {
		return n
	}
	return t.ask(b, at, nil, beyond)
}

// ask is Match where it is not known; h is the head of the place, nil where that is not known.
func (t *Track) ask(b []byte, at int, h *head, beyond func(i int) (byte, bool)) int {
	before := t.steps
	t.slow = 0
	n := t.match(b, at, h, beyond)
	if n == 0 {
		t.back.failedAt(at, t.steps-before)
		t.back.slow += t.slow
		t.back.vain += t.slow
	} else {
		t.back.read += t.steps - before + t.slow
		t.back.took += t.steps - before + t.slow + perPlace
		t.back.met++
		t.back.asked(at)
	}
	return n
}

// Find returns the first place from from on, below to, at which a match begins, and the length of that. Where it
// has found none after about most steps, it returns the last place that it asked about and 0; where there is none, to
// and 0. Unless found is empty, it has anchors of the program, ascending, of which a match that begins at these
// places holds one; all of them are traced, or there is one place, and it is the only one, which lies there. The conditions are those
// of Match, of the places that it asks about.
func (t *Track) Find(b []byte, from, to int, found []FoundAnchor, most int, beyond func(i int) (byte, bool)) (at, n int) {
	if to-from == 1 { // such as an anchor with which matches begin allows: how they begin is known
		if n = t.one(b, from, found, beyond); n == 0 {
			return to, 0
		}
		return from, n
	}
	most += t.steps
	if len(found) > 0 {
		t.begin()
		t.enter(b, from, to, found)
	}
	for at = from; ; at++ {
		if at = t.Next(b, at, to); at >= to {
			return to, 0
		}
		if n = t.Match(b, at, beyond); n > 0 || t.steps > most {
			return at, n
		}
	}
}

// one is Match. Where the first of the anchors lies at the place, its bytes are not read again.
func (t *Track) one(b []byte, at int, found []FoundAnchor, beyond func(i int) (byte, bool)) int {
	t.begin()
	if l := &t.back; at < l.from || at >= l.to {
		t.lookAhead(b, at)
	}
	if n, known := t.back.match(at, t.p.maxLen); known {
		return n
	}
	var h *head
	if len(found) > 0 && int(found[0].Off) == at {
		h = t.head(found[0].Anchor, at)
	}
	return t.ask(b, at, h, beyond)
}

// A head is a search that has gone through the bytes of an anchor. It is the same wherever the anchor is found, so
// that the anchor's bytes need not be read again.
type head struct {
	walk
	state headState
}

type headState byte

const (
	headUntried headState = iota
	headKnown
	headUnknown
)

// maxHeads is of how many anchors the heads are kept, at most: they take some 50 bytes each.
const maxHeads = 256

// head returns the head of an anchor that was found at a place, nil where it is not known.
func (t *Track) head(anchor uint32, at int) *head {
	if t.p.tables.emptied.Load() != t.emptied {
		t.tell()
	}
	if len(t.program.anchors) > maxHeads {
		return nil
	}
	if t.heads == nil {
		t.heads = make([]head, len(t.program.anchors))
	}
	h := &t.heads[anchor]
	if h.state == headUntried {
		if a := &t.program.anchors[anchor]; t.p.agree(a) {
			m := matching{p: t.p, b: a.Lit, n: len(a.Lit)}
			h.walk = walk{s: t.p.tables.start.Load()}
			m.walk(&h.walk, m.n)
		}
		if h.state = headKnown; h.i == 0 || h.stuck {
			h.state = headUnknown
		}
	}
	if h.state == headUnknown || h.i > t.toMark(at) { // marks are made on the way
		return nil
	}
	return h
}

// agree reports whether a search goes the same way through all bytes that an anchor stands for.
func (p *machine) agree(a *Anchor) bool {
	if p.asksLooks {
		return false
	}
	for i, c := range a.Lit {
		for v := range 256 {
			if a.Mask != nil && byte(v)&a.Mask[i] == c && p.byteClass[v] != p.byteClass[c] {
				return false
			}
		}
	}
	return true
}

// begin has the machine made.
func (t *Track) begin() {
	if t.p == nil {
		t.p = t.program.machine()
	}
}

func (t *Track) match(b []byte, at int, h *head, beyond func(i int) (byte, bool)) int {
	p := t.p
	if !p.canBegin[b[at]] {
		return 0
	}
	var w walk
	if h != nil {
		w = h.walk // before the heads are forgotten
	}
	if t.steps-t.told > untold || p.tables.emptied.Load() != t.emptied {
		t.tell()
	}
	if h == nil {
		w.s = p.tables.start.Load()
	}
	var m matching // set field by field, since a literal would be copied
	m.p, m.b, m.at, m.n, m.beyond = p, b, at, min(len(b)-at, p.maxLen), beyond
	from := w.i
	n := t.toMark(at) // the number of bytes to the next mark
	if n >= m.n {
		return t.end(&m, w)
	}
	if !w.done {
		m.walk(&w, n)
		t.steps += w.i - from
	}
	t.slow += m.slow
	m.slow = 0
	if w.done {
		return w.best
	}
	if w.stuck {
		return t.end(&m, w)
	}
	far := t.pathFrom(at+n, w.s)
	rest := m
	rest.at, rest.n = at+n, m.n-n
	t.follow(&rest, far)
	t.slow += rest.slow
	rest.slow = 0
	if best := t.end(&rest, far.walk); best >= 0 {
		return n + best
	}
	return w.best
}

// toMark is how many bytes there are from a place to the next mark.
func (t *Track) toMark(at int) int { return t.markEvery - at&(t.markEvery-1) }

// untold is how many steps there are before the program's tables are told of them.
const untold = 1 << 14

// tell tells the tables how many bytes were read, and forgets paths of states that are no more
// in them.
func (t *Track) tell() {
	if t.steps-t.told > untold {
		t.p.tables.tell(t.steps - t.told)
		t.told = t.steps
	}
	if n := t.p.tables.emptied.Load(); n != t.emptied {
		t.paths, t.firstMark, t.emptied = t.paths[:0], 0, n
		clear(t.heads)
	}
}

// follow takes a path to the end of what may match, as far as tables lead. Where it meets
// another path, it goes on as that did.
func (t *Track) follow(m *matching, w *path) {
	before := w.i
	for !w.done && !w.stuck {
		n := len(w.marks)
		next := n * t.markEvery
		if m.walk(&w.walk, min(next, m.n)); w.i < next || w.done || w.stuck {
			break
		}
		w.marks = append(w.marks, w.s)
		for i := range t.paths {
			if v := &t.paths[i]; v != w && n < len(v.marks) && v.marks[n] == w.s {
				t.steps += w.i - before
				best := w.best
				if w.walk = v.walk; w.best < next {
					w.best = best
				}
				w.marks = append(w.marks, v.marks[n+1:]...)
				before = w.i
				break
			}
		}
	}
	t.steps += w.i - before
}

// end returns the length of the match that a walk finds when it goes to the end of what may
// match.
func (t *Track) end(m *matching, w walk) int {
	from := w.i
	m.walk(&w, m.n)
	t.steps += w.i - from
	t.slow += m.slow
	switch {
	case w.done:
		return w.best
	case !w.stuck:
		if s := m.p.next(w.s, m.symbol(m.n)); s != nil {
			if s.matched {
				return m.n
			}
			return w.best
		}
	}
	best, i := m.withoutTables(w.s, w.i, w.best)
	t.steps += (i + 1 - w.i) * max(1, len(w.s.threads)) // an estimate
	t.slow += (i + 1 - w.i) * (perStep + perStepThread*len(w.s.threads))
	return best
}

// pathFrom returns the path that is in state s at a mark, a known or a new one.
func (t *Track) pathFrom(mark int, s *state) *path {
	if d := (mark - t.firstMark) / t.markEvery; d > 0 {
		t.paths = slices.DeleteFunc(t.paths, func(w path) bool { return len(w.marks) <= d })
		kept := t.paths[:0]
		for _, w := range t.paths {
			w.marks = w.marks[d:]
			w.i -= d * t.markEvery
			if w.best -= d * t.markEvery; w.best < 0 {
				w.best = -1
			}
			if !slices.ContainsFunc(kept, func(v path) bool { return v.marks[0] == w.marks[0] }) {
				kept = append(kept, w)
			}
		}
		t.paths, t.firstMark = kept, mark
	}
	for i := range t.paths {
		if t.paths[i].marks[0] == s {
			return &t.paths[i]
		}
	}
	if len(t.paths) == maxPaths {
		t.paths = slices.Delete(t.paths, 0, 1)
	}
	t.paths = append(t.paths, path{marks: []*state{s}, walk: walk{s: s, best: -1}})
	return &t.paths[len(t.paths)-1]
}

// A walk is a search that has come as far as byte i.
type walk struct {
	s       *state
	i, best int
	done    bool // whether best is the match
	stuck   bool // whether no more states are kept: then only matching.withoutTables can go on
}

// walk goes on up to byte to, which is at most m.n, as far as tables lead.
func (m *matching) walk(w *walk, to int) {
	p := m.p
	for w.i < to && !w.done && !w.stuck {
		if !p.asksLooks {
			// This loop is the same as the one below, for as long as tables know the step.
			s, i := w.s, w.i
			for _, c := range m.b[m.at+i : m.at+to] {
				t := s.step(int(p.byteClass[c])).Load()
				if t == nil || t.matched && p.semantics == Shortest || t.dead {
					break
				}
				if t.matched {
					w.best = i
				}
				s = t
				i++
			}
			if w.s, w.i = s, i; i == to {
				return
			}
		}
		if p.asksLooks && p.encoding == Plain && m.at+w.i > 0 {
			// The same with looks, for as long as the bytes around are in hand.
			s, i, classes := w.s, w.i, p.numClasses
			before := plainNeighbour[m.b[m.at+i-1]] * numNeighbours
			for _, c := range m.b[m.at+i : min(m.at+to, len(m.b))] {
				behind := plainNeighbour[c]
				t := s.step(int(p.byteClass[c]) + int(p.contextOf[before+behind])*classes).Load()
				if t == nil || t.matched && p.semantics == Shortest || t.dead {
					break
				}
				if t.matched {
					w.best = i
				}
				s = t
				before = behind * numNeighbours
				i++
			}
			if w.s, w.i = s, i; i == to {
				return
			}
		}
		symbol := m.symbol(w.i)
		t := w.s.step(symbol).Load()
		if t == nil {
			m.slow += perState + perThread*len(w.s.threads)
			if t = p.next(w.s, symbol); t == nil {
				w.stuck = true
				return
			}
		}
		if t.matched {
			w.best = w.i
			w.done = p.semantics == Shortest
		}
		if w.done = w.done || t.dead; w.done {
			return
		}
		w.s = t
		w.i++
	}
}

// Next is Program.Next, under the conditions of Match; but it may pass over more places at
// which no match begins.
func (t *Track) Next(b []byte, from, to int) int {
	t.begin()
	for from < to {
		place, known := t.back.next(from, to)
		if known {
			return place
		}
		from = place
		if !t.lookAhead(b, from) {
			return t.p.findNext(b, from, to, &t.scanned)
		}
	}
	return to
}

// Told is a place at which a match begins, and the length of that, in bytes.
type Told struct{ At, Len uint32 }

// Told appends to dst the matches that begin at places from from on and below to, and are known without
// a look at the bytes, ascending, for as long as there is room in dst. next is the first place that it does not
// tell of. Where apart is set, it leaves out those that overlap one that it has appended. The conditions are those of
// Match.
func (t *Track) Told(from, to int, apart bool, dst []Told) (_ []Told, next int) {
	l := &t.back
	k := l.by
	if from < l.from || from >= l.to || k == nil || !l.ends.tell {
		return dst, from
	}
	end := min(to, l.to)
	for from < end && len(dst) < cap(dst) {
		i := from - l.from
		word := l.places[i/64] >> (i % 64)
		if word == 0 {
			from += 64 - i%64
			continue
		}
		if from += bits.TrailingZeros64(word); from >= end {
			break
		}
		n, known := l.ends.length(k, from-l.from, t.p.maxLen)
		switch {
		case !known:
			return dst, from
		case n == 0:
			from++
			continue
		}
		dst = append(dst, Told{uint32(from), uint32(n)})
		if from++; apart {
			from += n - 1
		}
	}
	return dst, min(from, end)
}

// lookAhead finds out places from from on, if that is worth it, and reports whether it did.
func (t *Track) lookAhead(b []byte, from int) bool {
	l := &t.back
	if l.met > leastWindow/32 || l.read > leastWindow {
		if k := t.p.sieve(); k != nil && k.tells {
			l.wasted, l.failed = l.wasted+l.read, l.failed+l.met
		}
		l.read, l.met = 0, 0
	}
	if l.credit == 0 && l.cost() <= max(leastWindow/32, l.need) { // it never is
		return false
	}
	if k := t.sieve(); k != nil {
		if !l.worthSieving(k, t.p.maxLen) || t.ranges.cheaper(l, k.perByte(), k.tells) {
			return false
		}
		t.sift(k, b, from)
		return true
	}
	if !l.worthLookingBack(t.p.maxLen) || t.ranges.cheaper(l, 1, false) {
		return false
	}
	t.lookBack(b, from)
	return true
}

// next returns the state to which a symbol leads from s; nil where it is not kept.
func (p *machine) next(s *state, symbol int) *state {
	if t := s.step(symbol).Load(); t != nil {
		return t
	}
	return p.tables.step(s, symbol, len(p.insts), 0, p.follow)
}
