package automaton

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sync/atomic"
)

// How matching works
//
// The program is run as a set of threads in order of preference, all of which
// read the same byte (Ken Thompson 1968; with preferences, Rob Pike's sam; see
// Russ Cox, "Regular Expression Matching: the Virtual Machine Approach"). A
// state is the threads between two bytes, before the instructions that take no
// byte are followed: those depend on what lies on either side. So one step is
//
//	follow(state, what holds here) → threads that want a byte; did one match?
//	the byte                       → those that take it: the next state
//
// and a match shows one symbol late, as in RE2. A step depends on the state,
// the byte and what holds between it and the byte in front. Bytes and places
// are sorted into few classes, whose combinations are the symbols; steps that
// have been taken once are kept in tables, which makes it a deterministic
// automaton that is built as far as memory leads it. When its states have grown
// to maxBytes, steps that are not in a table are worked out anew each time.

// maxBytes is about what the states of one program may take.
const maxBytes = 256 << 10

// state is the threads between two bytes, in order of preference.
type state struct {
	next    []atomic.Pointer[state] // by symbol; nil: not taken yet. Empty in a state of a scratch
	threads []uint32                // instructions, none twice
	start   bool                    // no byte was read yet: what matches is empty and does not count
	matched bool                    // a match ended in front of the byte that led here
}

// scratch is what working out a step needs.
type scratch struct {
	seen, after sparse
	stack       []uint32
	states      [2]state // the one stepped from may be one of them
}

// sparse is a set of small numbers, in the order of adding, that is emptied at
// once (Briggs and Torczon 1993).
type sparse struct {
	dense, index []uint32
}

func (s *sparse) clear() { s.dense = s.dense[:0] }

// add says whether n was not there yet.
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

// Match is the length of the match that begins at offset at of b, 0 where none
// does; 0 ≤ at < len(b). All of it lies in b[at:], at most MaxLen bytes of which
// are looked at. Looks that ask for more than that ask beyond for the byte at
// an offset outside b; it is false where memory has none, and nil if there are
// none at all.
func (p *Program) Match(b []byte, at int, beyond func(i int) (byte, bool)) int {
	if !p.canBegin[b[at]] {
		return 0
	}
	m := matching{p: p, b: b, at: at, n: min(len(b)-at, p.maxLen), beyond: beyond}
	s, best, i := p.start, 0, 0
	if !p.asksLooks {
		// The same as below as long as all is easy: no looks, tables, bytes left.
		for _, c := range b[at : at+m.n] {
			t := s.next[p.byteClass[c]].Load()
			if t == nil {
				break
			}
			if t.matched {
				if best = i; p.semantics == Shortest {
					return best
				}
			}
			if len(t.threads) == 0 {
				return best
			}
			s = t
			i++
		}
	}
	for ; ; i++ {
		symbol := m.symbol(i)
		t := s.next[symbol].Load()
		if t == nil {
			if t = p.step(s, symbol); t == nil {
				return m.withoutTables(s, i, best)
			}
		}
		if t.matched {
			if best = i; p.semantics == Shortest {
				return best
			}
		}
		if i == m.n || len(t.threads) == 0 {
			return best
		}
		s = t
	}
}

// matching is one call of Match.
type matching struct {
	p      *Program
	b      []byte
	at, n  int // the bytes are b[at:at+n]
	beyond func(i int) (byte, bool)
}

// withoutTables goes on from state s in front of byte i without tables.
func (m *matching) withoutTables(s *state, i, best int) int {
	w := m.p.pool.Get().(*scratch)
	defer m.p.pool.Put(w)
	for turn := 0; ; i, turn = i+1, 1-turn {
		if m.p.follow(w, s, m.symbol(i)) {
			if best = i; m.p.semantics == Shortest {
				return best
			}
		}
		if i == m.n || len(w.after.dense) == 0 {
			return best
		}
		t := &w.states[turn]
		t.threads = append(t.threads[:0], w.after.dense...)
		s = t
	}
}

// symbol is that of byte i, or of the end of what may match, and of the place
// in front of it.
func (m *matching) symbol(i int) int {
	symbol := m.p.numClasses - 1
	if i < m.n {
		symbol = int(m.p.byteClass[m.b[m.at+i]])
	}
	if m.p.asksLooks {
		k := m.neighbourBefore(m.at+i)*numNeighbours + m.neighbourBehind(m.at+i)
		symbol += int(m.p.contextOf[k]) * m.p.numClasses
	}
	return symbol
}

// byteAt is the byte at offset i of b or around it.
func (m *matching) byteAt(i int) (byte, bool) {
	if uint(i) < uint(len(m.b)) {
		return m.b[i], true
	}
	if m.beyond == nil {
		return 0, false
	}
	return m.beyond(i)
}

// neighbourBefore is the kind of what lies in front of offset i. In a wide encoding
// that is two bytes, of which one is zero; else they are something other.
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

// neighbourBehind is the kind of what lies at offset i.
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

// step is the state that a symbol leads to from s, worked out for the first
// time and kept; nil if no more are.
func (p *Program) step(s *state, symbol int) *state {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := s.next[symbol].Load(); t != nil {
		return t
	}
	if p.stateBytes > maxBytes {
		return nil
	}
	if p.stepScratch == nil {
		p.stepScratch = newScratch(len(p.insts))
	}
	matched := p.follow(p.stepScratch, s, symbol)
	t := p.newState(p.stepScratch.after.dense, false, matched)
	s.next[symbol].Store(t)
	return t
}

// newState is the state of some threads, which is made unless it is there.
func (p *Program) newState(threads []uint32, start, matched bool) *state {
	key := make([]byte, 0, 4*len(threads)+1)
	flags := byte(0)
	if start {
		flags |= 1
	}
	if matched {
		flags |= 2
	}
	key = append(key, flags)
	for _, n := range threads {
		key = binary.LittleEndian.AppendUint32(key, n)
	}
	if s := p.states[string(key)]; s != nil {
		return s
	}
	s := &state{threads: slices.Clone(threads), start: start, matched: matched}
	if len(threads) > 0 {
		s.next = make([]atomic.Pointer[state], p.symbols())
	}
	p.states[string(key)] = s
	p.stateBytes += 8*len(s.next) + 8*len(threads) + 128
	return s
}

// follow leaves in w.taken where the threads of s are once they have read a
// symbol, and says whether one of them matched in front of it.
func (p *Program) follow(w *scratch, s *state, symbol int) (matched bool) {
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
					return true // what is left is of less preference
				}
			}
		}
	}
	if p.semantics != First {
		slices.Sort(w.after.dense) // the order does not matter: fewer states
	}
	return matched
}

// Next is the first offset from on and below to of b where a match may begin,
// to where none does. It looks at nothing but b, and there at no more than
// MaxLen bytes from to on.
func (p *Program) Next(b []byte, from, to int) int {
	var k scanned
	return p.findNext(b, from, to, &k)
}

// findNext is Next, that knows what it has looked at in b.
func (p *Program) findNext(b []byte, from, to int, k *scanned) int {
	switch {
	case from >= to:
		return to
	case p.lead != nil:
		return p.lead.next(b, from, to, k)
	case p.stretch != nil:
		return p.stretch.next(b, from, to, k)
	case p.onlyFirst != nil:
		if i := bytes.IndexByte(b[from:to], p.onlyFirst[0]); i >= 0 {
			return from + i
		}
		return to
	}
	for i, c := range b[from:to] {
		if p.canBegin[c] {
			return from + i
		}
	}
	return to
}
