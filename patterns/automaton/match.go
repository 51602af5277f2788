package automaton

import (
	"bytes"
	"slices"
)

// How matching works
//
// The program is run as a set of threads in order of preference, all of which read the same
// byte (Ken Thompson 1968; with preferences, Rob Pike's sam; see Russ Cox, "Regular
// Expression Matching: the Virtual Machine Approach"). A state is the threads between two
// bytes, before the instructions that take no byte are followed, since these depend on what
// lies on either side. So one step is
//
//	follow(state, what holds here) → threads that want a byte; did one match?
//	the byte                       → those that take it: the next state
//
// and a match shows one symbol late, as in RE2. A step depends on the state, on the byte,
// and on what holds between that byte and the byte in front. Bytes and places are sorted
// into few classes, whose combinations are the symbols. Steps that have been taken once are
// kept in tables. This makes a deterministic automaton that is built as far as memory leads
// it:
//
//	s = start
//	for each symbol:
//	    t = s.step(symbol)
//	    not known, and there is room for more states: t = follow; keep it there
//	    not known, and there is none: go on without tables
//	    t says that a match ended in front of this symbol: remember it
//	    t has no threads: the match is the one remembered last
//	    s = t
//
// INVARIANT: an entry of a state's table is set once and never changes, so it can be read
// without the mutex.

// DefaultTables is about how many bytes the states of one program may take, unless
// Options.Tables says otherwise.
const DefaultTables = 256 << 10

// A scratch is the memory that working out a step needs.
type scratch struct {
	seen, after sparse
	stack       []uint32
	states      [2]state // used in turn, since the step may start at one of them
}

// sparse is a set of small numbers in the order of adding, which can be emptied at once
// (Briggs and Torczon 1993).
type sparse struct {
	dense, index []uint32
}

func (s *sparse) clear() { s.dense = s.dense[:0] }

// add adds n, and reports whether it was not there yet.
func (s *sparse) add(n uint32) bool {
	if i := s.index[n]; int(i) < len(s.dense) && s.dense[i] == n {
		return false
	}
	s.index[n] = uint32(len(s.dense))
	s.dense = append(s.dense, n)
	return true
}

func newScratch(n int) *scratch {
	return &scratch{
		seen:  sparse{index: make([]uint32, n)},
		after: sparse{index: make([]uint32, n)},
	}
}

// match is Program.Match.
func (p *machine) match(b []byte, at int, beyond func(i int) (byte, bool)) int {
	if !p.canBegin[b[at]] {
		return 0
	}
	m := matching{p: p, b: b, at: at, n: min(len(b)-at, p.maxLen), beyond: beyond}
	s, best, i, told := p.tables.start.Load(), 0, 0, 0
	if !p.asksLooks {
		// This loop is the same as the one below, for as long as there are no looks, tables
		// know the step, and bytes are left.
		for _, c := range b[at : at+m.n] {
			t := s.step(int(p.byteClass[c])).Load()
			if t == nil {
				break
			}
			if t.matched {
				if best = i; p.semantics == Shortest {
					return best
				}
			}
			if t.dead {
				return best
			}
			s = t
			i++
		}
	}
	for ; ; i++ {
		symbol := m.symbol(i)
		t := s.step(symbol).Load()
		if t == nil {
			if t = p.tables.step(s, symbol, len(p.insts), i-told, p.follow); t == nil {
				best, _ = m.withoutTables(s, i, best)
				return best
			}
			told = i
		}
		if t.matched {
			if best = i; p.semantics == Shortest {
				return best
			}
		}
		if i == m.n || t.dead {
			return best
		}
		s = t
	}
}

// matching is one call of Match.
type matching struct {
	p      *machine
	b      []byte
	at, n  int // the bytes are b[at:at+n]
	beyond func(i int) (byte, bool)
	slow   int // what it took to work out states, in bytes that could be read instead; walk counts it
}

// withoutTables goes on from state s in front of byte i without tables. It returns the length of
// the match, and the byte in front of which that was known.
func (m *matching) withoutTables(s *state, i, best int) (length, at int) {
	w := m.p.pool.Get().(*scratch)
	defer m.p.pool.Put(w)
	for turn := 0; ; i, turn = i+1, 1-turn {
		if m.p.follow(w, s, m.symbol(i)) {
			if best = i; m.p.semantics == Shortest {
				return best, i
			}
		}
		if i == m.n || len(w.after.dense) == 0 {
			return best, i
		}
		t := &w.states[turn]
		t.threads = append(t.threads[:0], w.after.dense...)
		s = t
	}
}

// symbol returns the symbol of byte i, or of the end of what may match, and of the place in
// front of it.
func (m *matching) symbol(i int) int {
	symbol := m.p.numClasses - 1
	if i < m.n {
		symbol = int(m.p.byteClass[m.b[m.at+i]])
	}
	if m.p.asksLooks {
		j := m.at + i
		if m.p.encoding == Plain && j > 0 && j < len(m.b) {
			k := plainNeighbour[m.b[j-1]]*numNeighbours + plainNeighbour[m.b[j]]
			return symbol + int(m.p.contextOf[k])*m.p.numClasses
		}
		k := m.neighbourBefore(j)*numNeighbours + m.neighbourBehind(j)
		symbol += int(m.p.contextOf[k]) * m.p.numClasses
	}
	return symbol
}

// byteAt returns the byte at offset i of b or around it, and false where memory has none.
func (m *matching) byteAt(i int) (byte, bool) {
	if uint(i) < uint(len(m.b)) {
		return m.b[i], true
	}
	if m.beyond == nil {
		return 0, false
	}
	return m.beyond(i)
}

// neighbourBefore returns the kind of what lies in front of offset i. In a wide encoding
// that is two bytes, one of which has to be zero; otherwise the kind is neighbourOther.
func (m *matching) neighbourBefore(i int) int {
	c, ok := m.byteAt(i - 1)
	if !ok {
		return neighbourNone
	}
	if m.p.encoding != Plain {
		first, ok := m.byteAt(i - 2)
		if !ok {
			return neighbourOther
		}
		if m.p.encoding == WideLE {
			first, c = c, first
		}
		if first != 0 {
			return neighbourOther
		}
	}
	return neighbourOf(c)
}

// neighbourBehind returns the kind of what lies at offset i, likewise.
func (m *matching) neighbourBehind(i int) int {
	c, ok := m.byteAt(i)
	if !ok {
		return neighbourNone
	}
	if m.p.encoding != Plain {
		second, ok := m.byteAt(i + 1)
		if !ok {
			return neighbourOther
		}
		if m.p.encoding == WideBE {
			second, c = c, second
		}
		if second != 0 {
			return neighbourOther
		}
	}
	return neighbourOf(c)
}

// follow leaves in w.after where the threads of s are once they have read a symbol, and
// reports whether one of them matched in front of it.
func (p *machine) follow(w *scratch, s *state, symbol int) (matched bool) {
	w.seen.clear()
	w.after.clear()
	class := symbol % p.numClasses
	holds := p.contextLooks[symbol/p.numClasses]
	for _, thread := range s.threads {
		w.stack = append(w.stack[:0], thread)
		for len(w.stack) > 0 {
			pc := w.stack[len(w.stack)-1]
			w.stack = w.stack[:len(w.stack)-1]
			if !w.seen.add(pc) {
				continue
			}
			switch i := &p.insts[pc]; i.op {
			case opByte:
				if class < len(p.classSample) && p.sets[i.arg].Has(p.classSample[class]) {
					w.after.add(i.out)
				}
			case opAlt:
				w.stack = append(w.stack, i.arg, i.out)
			case opLook:
				if holds&Look(i.arg) != 0 {
					w.stack = append(w.stack, i.out)
				}
			case opMatch:
				if s.start {
					continue
				}
				matched = true
				if p.semantics == First {
					return true // the threads that are left are less preferred
				}
			}
		}
	}
	if p.semantics != First {
		slices.Sort(w.after.dense) // their order does not matter, so there are fewer states
	}
	return matched
}

// findNext is Program.Next. k has what earlier calls have found out about b.
func (p *machine) findNext(b []byte, from, to int, k *scanned) int {
	switch {
	case from >= to:
		return to
	case p.lead != nil:
		return p.lead.next(b, from, to, k)
	case p.uniform != nil:
		return p.uniform.next(b, from, to, k)
	case p.onlyFirst != nil:
		if i := bytes.IndexByte(b[from:to], p.onlyFirst[0]); i >= 0 {
			return from + i
		}
		return to
	}
	if i := indexOf(b[from:to], &p.canBegin, p.begins); i >= 0 {
		return from + i
	}
	return to
}
