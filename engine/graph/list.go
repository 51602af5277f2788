package graph

import (
	"context"
	"fmt"
	"iter"
	"math/bits"
	"slices"
	"strings"

	"vscan/engine/addr"
)

// Chain is one way from a root to a target: the pointer at Words[i], plus Offsets[i],
// is Words[i+1], and for the last one it is Target. A chain that [Chains.All] yields
// is valid until the next one; those of [Chains.Best] can be kept.
type Chain struct {
	Class   RootClass   // what the root is
	Root    addr.Addr   // the address of the first pointer
	Place   Place       // what the root belongs to
	Words   []addr.Addr // the addresses of the pointers; Words[0] is Root
	Offsets []int64     // what is added to the value of each pointer, in bytes; as many as Words
	Target  addr.Addr   // the address that the chain ends at
}

// String returns the chain in one line: the root's place, what is added to each
// pointer on the way, in hexadecimal, and the target.
func (c Chain) String() string {
	var b strings.Builder
	b.WriteString(c.Place.String())
	for _, o := range c.Offsets {
		fmt.Fprintf(&b, " -> %+#x", o)
	}
	return b.String() + " = " + c.Target.String()
}

// offsetSum returns the sum of the offsets' sizes, without their signs.
func (c *Chain) offsetSum() uint64 {
	n := uint64(0)
	for _, o := range c.Offsets {
		n += uint64(max(o, -o))
	}
	return n
}

// clone returns a copy that can be kept.
func (c *Chain) clone() Chain {
	d := *c
	d.Words, d.Offsets = slices.Clone(c.Words), slices.Clone(c.Offsets)
	return d
}

// LeftOut is what a listing has left out so far.
type LeftOut struct {
	Loops       uint64 // walks that were given up where they came by a word twice; each stands for all walks that go on from there
	NotInOthers uint64 // beginnings of walks that do not hold in one of ChainOptions.OtherGraphs
}

// All yields every chain, lazily: those with fewer pointers first, then those of the
// lower class of root, then by the address of the root, of the second word, and so
// on. The first chain is there as soon as the levels up to its number of pointers
// have been computed. Where the target has several bytes, a chain ends at the one
// nearest to the last pointer. The sequence ends with a pair that has the cause of
// the context's end, if it ended. leftOut, if not nil, is kept up to date.
func (c *Chains) All(ctx context.Context, leftOut *LeftOut) iter.Seq2[*Chain, error] {
	return func(yield func(*Chain, error) bool) {
		l := newLister(ctx, c, leftOut)
		l.yield = func(ch *Chain) bool { return yield(ch, nil) }
		for n := 1; n <= c.opt.Depth && !l.stopped; n++ {
			if _, err := c.level(ctx, n); err != nil {
				yield(nil, err)
				return
			}
			for class := RootClass(0); class < rootClassCount; class++ {
				l.list(class, n, noBudget)
			}
		}
		if l.err != nil {
			yield(nil, l.err)
		}
	}
}

// noBudget is more than offsets can sum up to.
const noBudget = 1 << 62

// lister lists walks, depth first.
type lister struct {
	c       *Chains
	ctx     context.Context
	leftOut *LeftOut
	yield   func(*Chain) bool
	chain   Chain
	edges   []uint32      // the edges of the walk so far
	others  [][]addr.Addr // for each of OtherGraphs: the values of the walk's pointers there
	budget  uint64        // the most that offsets may sum up to; yield may lower it
	used    uint64        // what the offsets of the walk so far sum up to
	at      int           // the hint for numbering.at
	below   int           // the hint for numbering.below
	steps   uint
	stopped bool
	err     error
}

// newLister returns a lister that counts in *leftOut, from 0, what it leaves out; leftOut may be nil.
func newLister(ctx context.Context, c *Chains, leftOut *LeftOut) *lister {
	if leftOut == nil {
		leftOut = &LeftOut{}
	}
	*leftOut = LeftOut{}
	return &lister{c: c, ctx: ctx, leftOut: leftOut, others: make([][]addr.Addr, len(c.otherPlaces))}
}

// list lists the walks of n pointers from roots of a class whose offsets sum up to
// the budget at most, ascending by their words.
func (l *lister) list(class RootClass, n int, budget uint64) {
	l.chain.Class, l.budget, l.used = class, budget, 0
	near := uint64(0)
	for _, e := range l.c.levels[n-1].roots[class].starts {
		if l.stopped {
			return
		}
		near = l.c.f.number(e, near)
		root := l.c.f.g.sources.at(near, &l.at)
		l.chain.Root, l.chain.Place = root, l.c.places.at(root)
		l.chain.Words, l.chain.Offsets = append(l.chain.Words[:0], root), l.chain.Offsets[:0]
		l.edges = append(l.edges[:0], e)
		if l.holdsAtRoot() {
			l.walk(n - 1)
		}
	}
}

// nextBit returns the first bit that is set from lo on and below hi, or hi.
func nextBit(b []uint64, lo, hi uint32) uint32 {
	for lo < hi {
		if w := b[lo/64] >> (lo % 64); w != 0 {
			return min(lo+uint32(bits.TrailingZeros64(w)), hi)
		}
		lo = lo&^63 + 64
		if lo == 0 { // lo has passed 2^32
			return hi
		}
	}
	return hi
}

// walk goes on from the last edge with n more pointers.
func (l *lister) walk(n int) {
	if l.steps++; l.steps&(1<<12-1) == 0 {
		if err := context.Cause(l.ctx); err != nil {
			l.err, l.stopped = err, true
			return
		}
	}
	c := l.c
	e := l.edges[len(l.edges)-1]
	v := c.f.target(e)
	if n == 0 {
		l.arrive(v)
		return
	}
	lo, hi := c.successors(e)
	if l.used > l.budget { // yield has lowered the budget
		return
	}
	if budget := l.budget - l.used; budget < uint64(max(c.high, -c.low)) {
		w, ok := windowAt(v, max(c.low, -int64(budget)), min(c.high, int64(budget)))
		if !ok || w.First > w.Last {
			return
		}
		from, to := c.f.span(w, &l.below)
		lo, hi = max(lo, from), min(hi, to)
	}
	arrives := c.levels[n-1].arrives
	depth := len(l.edges)
	near, known := uint64(0), false
	for next := nextBit(arrives, lo, hi); next < hi && !l.stopped; next = nextBit(arrives, next+1, hi) {
		if slices.Contains(l.edges, next) {
			l.leftOut.Loops++
			continue
		}
		if !known {
			first, _ := windowAt(v, c.low, c.high)
			near, known = c.f.g.sources.below(first.First, &l.below), true
		}
		near = c.f.number(next, near)
		word := c.f.g.sources.at(near, &l.at)
		offset := int64(word - v)
		l.edges = append(l.edges, next)
		l.chain.Words, l.chain.Offsets = append(l.chain.Words, word), append(l.chain.Offsets, offset)
		if l.holdsAtStep(offset) {
			l.step(n-1, uint64(max(offset, -offset)))
		}
		l.edges, l.chain.Words, l.chain.Offsets = l.edges[:depth], l.chain.Words[:depth], l.chain.Offsets[:depth-1]
	}
}

// step is walk after an offset of some size.
func (l *lister) step(n int, size uint64) {
	if l.used+size > l.budget {
		return
	}
	l.used += size
	l.walk(n)
	l.used -= size
}

// arrive ends a walk whose last pointer has the value v.
func (l *lister) arrive(v addr.Addr) {
	t := l.c.opt.Target
	w, _ := windowAt(v, l.c.low, l.c.high)
	t, _ = t.Intersect(w)
	end := min(max(v, t.First), t.Last)
	offset := int64(end - v)
	if l.used+uint64(max(offset, -offset)) > l.budget {
		return
	}
	if !l.holdsAtEnd(offset) {
		return
	}
	n := len(l.chain.Offsets)
	l.chain.Offsets = append(l.chain.Offsets, offset)
	l.chain.Target = end
	l.stopped = !l.yield(&l.chain)
	l.chain.Offsets = l.chain.Offsets[:n]
}

// holdsAtRoot reports whether the root is found in the other graphs.
func (l *lister) holdsAtRoot() bool {
	for i, p := range l.c.otherPlaces {
		a, ok := p.find(l.chain.Place, l.c.places)
		if ok {
			a, ok = l.c.opt.OtherGraphs[i].Forward.Target(a)
		}
		if !ok {
			l.leftOut.NotInOthers++
			return false
		}
		l.others[i] = append(l.others[i][:0], a)
	}
	return true
}

// holdsAtStep reports whether an offset leads to a pointer in the other graphs too.
func (l *lister) holdsAtStep(offset int64) bool {
	depth := len(l.edges) - 1
	for i := range l.others {
		v, ok := l.c.opt.OtherGraphs[i].Forward.Target(l.others[i][depth-1] + addr.Addr(offset))
		if !ok {
			l.leftOut.NotInOthers++
			return false
		}
		l.others[i] = append(l.others[i][:depth], v)
	}
	return true
}

// holdsAtEnd reports whether the walk ends where it has to in the other graphs.
func (l *lister) holdsAtEnd(offset int64) bool {
	for i := range l.others {
		end := l.others[i][len(l.edges)-1] + addr.Addr(offset)
		o := &l.c.opt.OtherGraphs[i]
		if o.Target != nil && !o.Target.Contains(end) || o.Target == nil && o.Forward.g.RegionAt(end) < 0 {
			l.leftOut.NotInOthers++
			return false
		}
	}
	return true
}
