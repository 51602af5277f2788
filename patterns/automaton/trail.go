package automaton

import "slices"

// Trail asks a program about many places of the same bytes, one after another.
// The answers are those of the program; what comes cheaper is a place whose
// match, or whose search for one, goes where that of an earlier place went:
//
//	memory   aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…      a+b
//	place 1  [------------------------------------
//	place 2   [-----|  in the same state as 1 at the mark: goes on as 1 did
//	         ^       ^       ^       ^      ^      marks
//
// Without it a run of n such bytes takes n × MaxLen steps. A state tells all that
// a search needs to know of what it has read, so two that are in the same state
// at the same place end alike, but that the later one may go further. Ways are
// compared at marks only, about √MaxLen bytes apart, so that they are small.
//
// One goroutine uses a trail.
type Trail struct {
	p     *Program
	every int   // bytes from mark to mark
	first int   // offset of the mark that ways begin at
	last  int   // place asked about last
	ways  []way // no two with the same state at first
	steps int

	// Where Next has looked, of a lead or a stretch.
	looked looked
}

// way is how a search went on from a mark.
type way struct {
	marks []*state // at the mark that ways begin at, and at those behind it
	walk           // offsets count from the mark; best −1: none yet
}

// maxWays is how many ways are kept. Most programs have one or two at a place.
const maxWays = 64

// minEvery is the least distance of marks, and more than most matches are long.
const minEvery = 64

// NewTrail is a trail for a program.
func (p *Program) NewTrail() *Trail {
	t := &Trail{p: p, every: minEvery}
	for t.every*t.every < p.maxLen {
		t.every *= 2
	}
	return t
}

// Reset makes the trail forget what it knows: other bytes follow.
func (t *Trail) Reset() {
	t.ways, t.first, t.last, t.looked = t.ways[:0], 0, 0, looked{}
}

// Steps is about how much work there was so far, in bytes that the automaton
// has read.
func (t *Trail) Steps() int { return t.steps }

// Match is Program.Match. From one call to the next without Reset, at does not
// become less, and b and what is beyond it stay as they are.
func (t *Trail) Match(b []byte, at int, beyond func(i int) (byte, bool)) int {
	p := t.p
	if !p.begins[b[at]] {
		return 0
	}
	m := matching{p: p, b: b, at: at, n: min(len(b)-at, p.maxLen), beyond: beyond}
	w := walk{s: p.start}
	n := t.every - at%t.every // to the next mark
	if n >= m.n {
		return t.end(&m, w)
	}
	m.walk(&w, n)
	t.steps += w.i
	if w.over {
		return w.best
	}
	if w.stuck {
		return t.end(&m, w)
	}
	far := t.way(at+n, w.s)
	rest := m
	rest.at, rest.n = at+n, m.n-n
	t.follow(&rest, far)
	if best := t.end(&rest, far.walk); best >= 0 {
		return n + best
	}
	return w.best
}

// follow walks a way to the end of what may match, as far as tables lead, and
// where it meets another one, goes where that went.
func (t *Trail) follow(m *matching, w *way) {
	before := w.i
	for !w.over && !w.stuck {
		n := len(w.marks)
		next := n * t.every
		if m.walk(&w.walk, min(next, m.n)); w.i < next || w.over || w.stuck {
			break
		}
		w.marks = append(w.marks, w.s)
		for i := range t.ways {
			if v := &t.ways[i]; v != w && n < len(v.marks) && v.marks[n] == w.s {
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

// end is the length of the match that a walk has found once it has gone to the
// end of what may match.
func (t *Trail) end(m *matching, w walk) int {
	from := w.i
	m.walk(&w, m.n)
	t.steps += w.i - from
	switch {
	case w.over:
		return w.best
	case !w.stuck:
		if s := m.p.next(w.s, m.symbol(m.n)); s != nil {
			if s.matched {
				return m.n
			}
			return w.best
		}
	}
	t.steps += (m.n - w.i) * max(1, len(w.s.threads)) // about
	return m.slow(w.s, w.i, w.best)
}

// way is that which is in state s at a mark, known or new.
func (t *Trail) way(mark int, s *state) *way {
	if d := (mark - t.first) / t.every; d > 0 {
		t.ways = slices.DeleteFunc(t.ways, func(w way) bool { return len(w.marks) <= d })
		kept := t.ways[:0]
		for _, w := range t.ways {
			w.marks = w.marks[d:]
			w.i -= d * t.every
			if w.best -= d * t.every; w.best < 0 {
				w.best = -1
			}
			if !slices.ContainsFunc(kept, func(v way) bool { return v.marks[0] == w.marks[0] }) {
				kept = append(kept, w)
			}
		}
		t.ways, t.first = kept, mark
	}
	for i := range t.ways {
		if t.ways[i].marks[0] == s {
			return &t.ways[i]
		}
	}
	if len(t.ways) == maxWays {
		t.ways = slices.Delete(t.ways, 0, 1)
	}
	t.ways = append(t.ways, way{marks: []*state{s}, walk: walk{s: s, best: -1}})
	return &t.ways[len(t.ways)-1]
}

// walk is a search that has come as far as byte i.
type walk struct {
	s       *state
	i, best int
	over    bool // best is the match
	stuck   bool // no more states are kept: only matching.slow can go on
}

// walk goes on up to byte to, which is at most m.n, as far as tables lead.
func (m *matching) walk(w *walk, to int) {
	p := m.p
	for w.i < to && !w.over && !w.stuck {
		if !p.looks {
			// The same as below as long as all is easy.
			s, i := w.s, w.i
			for _, c := range m.b[m.at+i : m.at+to] {
				t := s.next[p.class[c]].Load()
				if t == nil || t.matched && p.semantics == Shortest || len(t.threads) == 0 {
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
		t := p.next(w.s, m.symbol(w.i))
		if t == nil {
			w.stuck = true
			return
		}
		if t.matched {
			w.best = w.i
			w.over = p.semantics == Shortest
		}
		if w.over = w.over || len(t.threads) == 0; w.over {
			return
		}
		w.s = t
		w.i++
	}
}

// Next is Program.Next, under the conditions of Match.
func (t *Trail) Next(b []byte, from, to int) int { return t.p.findNext(b, from, to, &t.looked) }

// next is the state that a symbol leads to; nil if it is not kept.
func (p *Program) next(s *state, symbol int) *state {
	if t := s.next[symbol].Load(); t != nil {
		return t
	}
	return p.step(s, symbol)
}
