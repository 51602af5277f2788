package compare

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"

	"vscan/engine/addr"
	"vscan/engine/sweep/lines"
)

// patterns gives numbers to the names of patterns.
type patterns struct {
	names    []string
	byName   map[string]int
	byJSON   map[jsonName]int // names as lines have them
	compared []bool           // by number: whether both sweeps have searched for it
}

// jsonName is a name as it stands in a line.
type jsonName struct {
	json    string
	escaped bool
}

// newPatterns returns the patterns of two sweeps, and the names that only one of them has.
func newPatterns(a, b []string) (p *patterns, onlyA, onlyB []string) {
	p = &patterns{byName: map[string]int{}, byJSON: map[jsonName]int{}}
	for _, name := range a {
		p.number(name)
	}
	both := len(p.names)
	for _, name := range b {
		if n := p.number(name); n >= both && !slices.Contains(onlyB, name) {
			onlyB = append(onlyB, name)
		}
	}
	inB := map[string]bool{}
	for _, name := range b {
		inB[name] = true
	}
	for n, name := range p.names {
		p.compared[n] = n < both && inB[name]
		if n < both && !inB[name] {
			onlyA = append(onlyA, name)
		}
	}
	return p, onlyA, onlyB
}

// number returns the number of a name. A name that is in neither question is compared.
func (p *patterns) number(name string) int {
	n, ok := p.byName[name]
	if !ok {
		n = len(p.names)
		p.byName[name] = n
		p.names, p.compared = append(p.names, name), append(p.compared, true)
	}
	return n
}

// of returns the number of a name that a line has.
func (p *patterns) of(s lines.String) int {
	if n, ok := p.byJSON[jsonName{string(s.JSON), s.Escaped}]; ok {
		return n
	}
	n := p.number(s.Text())
	p.byJSON[jsonName{string(s.JSON), s.Escaped}] = n
	return n
}

// digest stands for the pattern, the length and the bytes of a hit. It has 128 bits, so no two
// that differ are taken for the same.
type digest [2]uint64

var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// hit is a hit of which an image has been read.
type hit struct {
	pattern int
	len     uint64
	digest  digest
	bytes   []byte // digits; valid until the next call of cursor.fill
}

// cursor reads the hits of an image, all those of an address at a time.
type cursor struct {
	from  *lines.Reader
	names *patterns
	next  lines.Hit // the first hit that fill has not taken, if ahead is set
	ahead bool
	ended bool

	at    addr.Addr // the address of hits
	hits  []hit     // empty behind the last one
	arena []byte    // their bytes
}

// fill reads the hits of the next address.
func (c *cursor) fill() error {
	last, some := c.at, len(c.hits) > 0
	c.hits, c.arena = c.hits[:0], c.arena[:0]
	for {
		if err := c.look(); err != nil {
			return err
		}
		if c.ended || len(c.hits) > 0 && c.next.Addr != c.at {
			return nil
		}
		if len(c.hits) == 0 && some && c.next.Addr < last {
			return c.from.Fail(fmt.Errorf("its address, %v, is below the one before, %v", c.next.Addr, last))
		}
		c.take()
	}
}

// look decodes the next hit that is compared, unless it has been.
func (c *cursor) look() error {
	for !c.ahead && !c.ended {
		line, err := c.from.Next()
		if errors.Is(err, io.EOF) {
			c.ended = true
			return nil
		}
		if err != nil {
			return err
		}
		if err := c.next.Decode(line); err != nil {
			return c.from.Fail(err)
		}
		c.ahead = c.next.IsHit() && c.names.compared[c.names.of(c.next.Pattern)]
	}
	return nil
}

// take adds the next hit to those of the address.
func (c *cursor) take() {
	h := hit{pattern: c.names.of(c.next.Pattern), len: c.next.Len}
	from := len(c.arena)
	c.arena = fmt.Appendf(c.arena, "%d %d ", h.pattern, h.len)
	start := len(c.arena)
	c.arena = append(c.arena, c.next.Bytes...)
	h.bytes = c.arena[start:len(c.arena):len(c.arena)]
	for i := range h.digest {
		h.digest[i] = maphash.Bytes(seeds[i], c.arena[from:])
	}
	c.at, c.hits, c.ahead = c.next.Addr, append(c.hits, h), false
}

// visitor takes hits by address, and at one address those of the first sweep first.
type visitor interface {
	same(h *hit)
	gone(at addr.Addr, h *hit) error
	new(at addr.Addr, h *hit) error
}

// merge hands the hits of two images to a visitor.
func (c *comparison) merge(ctx context.Context, of, with *record, to visitor) error {
	a, err := c.open(ctx, c.a, of)
	if err != nil {
		return err
	}
	defer a.from.Close()
	b, err := c.open(ctx, c.b, with)
	if err != nil {
		return err
	}
	defer b.from.Close()
	if err := errors.Join(a.fill(), b.fill()); err != nil {
		return err
	}
	for len(a.hits) > 0 || len(b.hits) > 0 {
		onlyA := len(b.hits) == 0 || len(a.hits) > 0 && a.at < b.at
		onlyB := len(a.hits) == 0 || len(b.hits) > 0 && b.at < a.at
		if err := visit(a, b, !onlyB, !onlyA, to); err != nil {
			return err
		}
		if !onlyB {
			err = a.fill()
		}
		if !onlyA {
			err = errors.Join(err, b.fill())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// visit hands over the hits of an address of those that have some there.
func visit(a, b *cursor, withA, withB bool, to visitor) error {
	var inA, inB []hit
	if withA {
		inA = a.hits
	}
	if withB {
		inB = b.hits
	}
	if slices.EqualFunc(inA, inB, func(x, y hit) bool { return x.digest == y.digest }) {
		for i := range inA {
			to.same(&inA[i])
		}
		return nil
	}
	both := map[digest]int{} // how many there are in B that are not matched yet
	for i := range inB {
		both[inB[i].digest]++
	}
	matched := map[digest]int{}
	for i := range inA {
		h := &inA[i]
		if both[h.digest] > 0 {
			both[h.digest]--
			matched[h.digest]++
			to.same(h)
		} else if err := to.gone(a.at, h); err != nil {
			return err
		}
	}
	for i := range inB {
		h := &inB[i]
		if matched[h.digest] > 0 {
			matched[h.digest]--
		} else if err := to.new(b.at, h); err != nil {
			return err
		}
	}
	return nil
}

// move is how many hits that are all alike only one of the images has.
type move struct {
	pattern   int
	gone, new uint64
	to        []addr.Addr // where those that are new are, if they are to be listed
	told      uint64      // of lister: those that are gone and were told
	passed    uint64      // of lister: those that are new and were looked at
}

// pairs returns how many of them have moved.
func (m *move) pairs() uint64 { return min(m.gone, m.new) }

// tally counts the hits of two images.
type tally struct {
	c     *comparison
	by    []Counts         // by number of the pattern
	moves map[digest]*move // nil: there is no memory for it
	taken uint64           // of the budget
}

func newTally(c *comparison) *tally { return &tally{c: c, moves: map[digest]*move{}} }

// of returns the counts of the pattern of a hit.
func (t *tally) of(h *hit) *Counts {
	for len(t.by) <= h.pattern {
		t.by = append(t.by, Counts{})
	}
	return &t.by[h.pattern]
}

func (t *tally) same(h *hit) { t.of(h).Same++ }

func (t *tally) gone(_ addr.Addr, h *hit) error {
	t.of(h).Gone++
	if m := t.move(h); m != nil {
		m.gone++
	}
	return nil
}

func (t *tally) new(at addr.Addr, h *hit) error {
	t.of(h).New++
	m := t.move(h)
	if m == nil {
		return nil
	}
	m.new++
	if t.c.o.List && t.take(2*8) {
		m.to = append(m.to, at)
	}
	return nil
}

// moveBytes is about what a move takes with its place in a map.
const moveBytes = 160

// move returns what is counted of hits like this one, or nil if there is no memory for it.
func (t *tally) move(h *hit) *move {
	m := t.moves[h.digest]
	if m == nil && t.moves != nil && t.take(moveBytes) {
		m = &move{pattern: h.pattern}
		t.moves[h.digest] = m
	}
	return m
}

// take takes memory for moves, or gives up all of them.
func (t *tally) take(n uint64) bool {
	if t.c.budget.Take(n, "hits that only one sweep has") != nil {
		t.release()
		t.moves = nil
		return false
	}
	t.taken += n
	return true
}

// release gives back the memory of moves.
func (t *tally) release() {
	t.c.budget.Give(t.taken)
	t.taken = 0
}

// counts returns the counts of the patterns with hits. limited has the names of those whose
// count a limit has ended.
func (t *tally) counts(limited []string) (all []Counts) {
	for _, m := range t.moves {
		n := m.pairs()
		t.by[m.pattern].Moved += n
		t.by[m.pattern].New -= n
		t.by[m.pattern].Gone -= n
	}
	for _, name := range limited {
		n := t.c.names.number(name)
		if t.c.names.compared[n] {
			t.of(&hit{pattern: n}).Limited = true
		}
	}
	for n, c := range t.by {
		c.Pattern = t.c.names.names[n]
		if c.Same > 0 || c.Differs() || c.Limited {
			all = append(all, c)
		}
	}
	return all
}

// lister tells the hits that differ, of which a tally has counted those that have moved.
type lister struct {
	c     *comparison
	tally *tally
	image string
}

func (l *lister) same(*hit) {}

// tell tells a change.
func (l *lister) tell(kind Kind, h *hit, a, b addr.Addr) error {
	return l.c.to.Change(&Change{Kind: kind, Image: l.image, Pattern: l.c.names.names[h.pattern], A: a, B: b, Len: h.len, Bytes: string(h.bytes)})
}

func (l *lister) gone(at addr.Addr, h *hit) error {
	m := l.tally.moves[h.digest]
	if m == nil || m.told >= m.pairs() {
		return l.tell(Gone, h, at, 0)
	}
	m.told++
	return l.tell(Moved, h, at, m.to[m.told-1])
}

func (l *lister) new(at addr.Addr, h *hit) error {
	if m := l.tally.moves[h.digest]; m != nil {
		if m.passed++; m.passed <= m.pairs() {
			return nil // where it was told where it had been
		}
	}
	return l.tell(New, h, 0, at)
}
