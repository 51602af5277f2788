package automaton

import "slices"

// A retreat is a walk backwards that has come as far down as byte i.
type retreat struct {
	k    *backward
	m    matching
	s    *state
	i    int
	left int // how much it may still take to work out states, in bytes that could be read instead
}

// places sets the bits of l's places, of which none is set yet, and returns how much that took, in bytes that could be
// read instead. Where no more states are kept, it sets those of all that is left, and whole is false. The retreat adds
// entries to its state where they are found; found is in descending order.
func (r *retreat) places(l *lookback, found []entrance) (took int, whole bool) {
	begin, allowed := r.i, r.left
	whole = true
	for {
		for len(found) > 0 && found[0].at >= r.i {
			whole = whole && r.enter(found[0].entry)
			if i := r.i - l.from; i >= 0 && r.i < l.to {
				l.places[i/64] |= 1 << (i % 64)
			}
			found = found[1:]
		}
		if !whole || r.i <= l.from {
			break
		}
		to := l.from
		if len(found) > 0 {
			to = max(to, found[0].at)
		}
		switch {
		case r.s.dead:
			r.i = to
		case r.i > l.to:
			end := max(to, l.to)
			whole = r.run(end, end, nil)
		default:
			first := (r.i - 1 - l.from) &^ 63
			whole = r.run(max(to, l.from+first), l.from+first, &l.places[first/64])
		}
	}
	if !whole {
		for i := range min(r.i+1, l.to) - l.from {
			l.places[i/64] |= 1 << (i % 64)
		}
	}
	return begin - r.i + allowed - r.left, whole
}

// An entrance is where an entry of the program was found.
type entrance struct{ at, entry int }

// enter adds an entry to the state. It returns false where no more states are kept.
func (r *retreat) enter(entry int) bool {
	next := r.step(r.k.enter + entry)
	if next == nil {
		return false
	}
	r.s = next
	return true
}

// step returns the state to which a symbol leads, nil where no more states are kept.
func (r *retreat) step(symbol int) *state {
	next := r.s.step(symbol).Load()
	if next == nil {
		if r.left -= perState + perThread*len(r.s.threads); r.left < 0 {
			return nil
		}
		next = r.k.tables.step(r.s, symbol, len(r.m.p.insts), 0, r.k.follow)
	}
	return next
}

// run goes down to byte to, and sets the bits of the places from there on, if it is given any, of which the
// first is place base. It returns false where no more states are kept.
func (r *retreat) run(to, base int, places *uint64) bool {
	p, b, found := r.m.p, r.m.b, uint64(0)
	defer func() {
		if places != nil {
			*places |= found
		}
	}()
	for r.i > to {
		i := r.i - 1
		symbol := int(p.byteClass[b[i]])
		if p.asksLooks {
			symbol += p.numClasses * r.k.context(&r.m, i+1)
		}
		next := r.step(symbol)
		if next == nil {
			return false
		}
		if r.i, r.s = i, next; next.matched {
			found |= 1 << ((i - base) % 64)
		}
		if !p.asksLooks {
			// The same again, for as long as tables know the step.
			s := next
			for i > to {
				next := s.step(int(p.byteClass[b[i-1]])).Load()
				if next == nil {
					break
				}
				i--
				if s = next; s.matched {
					found |= 1 << ((i - base) % 64)
				}
			}
			r.i, r.s = i, s
		}
	}
	return true
}

// FoundAnchor is a place at which an anchor was found: the number of the anchor in Program.Anchors, and an offset.
type FoundAnchor struct{ Off, Anchor uint32 }

// ranges is what a track knows of ranges of places that anchors allow. They are asked one by one, or the backward goes from the
// anchors to the beginning of the range, and leaves those from which the anchors can be come to, each as the part of the
// expression that it is:
//
//	[a-z]+ [a-z]+ing     …; there was nothing interesting, he said …
//	range                   -----------------------|   all that [a-z ]+ can have in front of ing
//	backwards               ---          -----------   what is left: the places of two words
//
// Both ways are tried, and which took less for as many places is the way of most ranges.
type ranges struct {
	from, to int    // the range in hand: places from from on, below to
	way      int    // how it is gone through: asking or retreating
	vain     int    // lookback.vain when it began
	took     int    // lookback.took when it began
	cost     [2]int // by way: what the ranges took so far, in bytes that could be read instead
	places   [2]int // by way: how many places they had
	met      int    // what it took to find matches in ranges that were retreated through
	last     int    // the end of the last range that was large enough; 0 where other bytes have followed since
	covered  int    // how many places such ranges had
	span     int    // how many bytes they lay in
}

// The ways to go through a range.
const (
	asking = iota
	retreating
)

const (
	// leastRange is the fewest places of a range that is worth a retreat. In ranges of more than mostRange, the other ways to
	// find out places do.
	leastRange, mostRange = 4, leastWindow
	// firstAsking is what asking has to take before the other way is tried, which is then for firstPlaces places, unless
	// these take more than firstRetreats.
	firstAsking, firstPlaces, firstRetreats = 1 << 12, 1 << 9, 1 << 16
	// The way that takes more for a place is tried when it has taken less than this part of what the
	// other one has.
	tryOther = 16
	// perRetreat is about how much a retreat takes beside its bytes, in bytes that could be read instead.
	perRetreat = 40
	// Ranges take so much more than is counted, beside going through all of some memory: few bytes here and there
	// take longer than many side by side.
	ofRanges = 4
	// What ranges took is halved after so many places, so that what came last counts most.
	mostPlaces = 1 << 20
	// So is how many places there were in how many bytes.
	mostSpan = 1 << 22
)

// enter begins a range, unless it is in hand. All of its matches hold one of some anchors.
func (t *Track) enter(b []byte, from, to int, found []FoundAnchor) {
	g, l := &t.ranges, &t.back
	if from >= g.from && from < g.to {
		return
	}
	g.leave(l)
	if to-from < leastRange || to-from > mostRange || t.p.entries.pcs == nil || int(found[len(found)-1].Off)-from > 4*(to-from)+perRetreat {
		return
	}
	if from >= l.from && from < l.to { // it is known
		return
	}
	g.from, g.to = from, to
	if t.lookAhead(b, from) {
		g.from, g.to = 0, 0
		return
	}
	g.covered += to - from
	if g.span += to - from; g.last > 0 && g.last < from {
		g.span += from - g.last
	}
	if g.last = to; g.span > mostSpan {
		g.covered /= 2
		g.span /= 2
	}
	if g.way = g.better(); g.way == retreating {
		t.retreat(b, from, to, found)
	}
}

// untried reports whether it is not known yet what retreats take.
func (g *ranges) untried() bool {
	return g.places[retreating] < firstPlaces && g.cost[retreating] < firstRetreats
}

// cheaper reports whether retreats take less for the ranges in some memory than going through all of that does, which takes
// perByte for each byte, or may and has to be tried. Unless tells is set, both also have to find the matches.
func (g *ranges) cheaper(l *lookback, perByte float64, tells bool) bool {
	switch {
	case g.from == g.to || l.vain-g.vain > firstRetreats: // in no range, or in one that has taken too much already
		return false
	case g.untried():
		return l.vain > l.took && l.vain < firstRetreats
	}
	cost := g.cost[retreating]
	if tells {
		cost += g.met
	}
	return float64(cost)/float64(g.places[retreating])*float64(g.covered)*ofRanges < perByte*float64(g.span)
}

// leave ends the range in hand, if there is one.
func (g *ranges) leave(l *lookback) {
	if n := g.to - g.from; n > 0 {
		g.cost[g.way] += l.vain - g.vain
		if g.way == retreating {
			g.met += l.took - g.took
		}
		if g.places[g.way] += n; g.places[g.way] > mostPlaces {
			g.cost[g.way] /= 2
			g.places[g.way] /= 2
			if g.way == retreating {
				g.met /= 2
			}
		}
	}
	g.from, g.to, g.way, g.vain, g.took = 0, 0, asking, l.vain, l.took
}

// better returns the way for the next range.
func (g *ranges) better() int {
	if g.cost[asking] <= firstAsking && g.places[retreating] == 0 {
		return asking
	}
	if g.untried() {
		return retreating
	}
	way := asking
	if float64(g.cost[asking])*float64(g.places[retreating]) > float64(g.cost[retreating])*float64(g.places[asking]) {
		way = retreating
	}
	if other := 1 - way; g.cost[other] < g.cost[way]/tryOther {
		return other
	}
	return way
}

// retreat finds out the places of b from from on, below to, by going back from anchors.
func (t *Track) retreat(b []byte, from, to int, found []FoundAnchor) {
	l, p, k := &t.back, t.p, t.p.backward()
	t.entrances = t.entrances[:0]
	for i := len(found) - 1; i >= 0; i-- {
		n := found[i].Anchor
		t.entrances = append(t.entrances, entrance{int(found[i].Off) - p.entries.skip[n], p.entries.of[n]})
	}
	if !slices.IsSortedFunc(t.entrances, descending) {
		slices.SortFunc(t.entrances, descending)
	}
	l.from, l.to, l.by = from, to, nil // and what was wasted before lies in the same bytes
	n := (to - from + 63) / 64
	l.places = slices.Grow(l.places[:0], n)[:n]
	clear(l.places)
	r := retreat{k: k, m: matching{p: p, b: b}, s: k.tables.other.Load(), i: t.entrances[0].at, left: ahead}
	took, whole := r.places(l, t.entrances)
	if l.vain += perRetreat + took; !whole {
		l.to = l.from // so that another way may be taken
	}
}

func descending(a, b entrance) int { return b.at - a.at }
