package automaton

import (
	"bytes"

	"vscan/engine/simd"
)

// Anchor is bytes that a match holds, and where in the match they can begin.
type Anchor struct {
	Lit, Mask   []byte // only the bits of Mask count, and the others are zero in Lit; all count where Mask is nil
	First, Last int    // offsets from the match's first byte, both included
	Before      Set    // the bytes that a match can have in front of it
	After       Set    // one of these follows it in a match; none, or all, where that is not known or a match can end there

	// entry is the node of the expression with which what holds the anchor begins, skip bytes in front of
	// it; nil where it is not one. A match that holds the anchor goes through it there.
	entry *Node
	skip  int

	open bool // whether what comes behind the nodes that were walked can follow it
}

// Traced reports whether a Track is helped by knowing where the anchor was found.
func (a *Anchor) Traced() bool { return a.entry != nil }

// Anchors returns what a search can look for: every match holds at least one of them. It
// returns nil where anchors would be found too often to be of use.
//
// # How they are chosen
//
// The expression is walked from left to right. For as long as what was read stands for few
// strings, these are gathered; a set of bytes counts as one string, of the bits in which
// its bytes agree. The gathering ends at a repetition, or where there are too many strings
// or too long ones. Then the strings become a choice of anchors, and the gathering starts
// anew behind them, at a place in the match that may then not be fixed. Within an
// alternative each branch has its own best choice. Of all choices the cheapest is taken:
// the one for which a search looks at the fewest places (see choice.cost).
//
//	expression    https?:// [a-z]{2,20} \.com
//	strings       http:// https://      .com
//	at            0       0             9 to 28
func (p *Program) Anchors() []Anchor { return p.anchors }

const (
	maxStrings  = 16      // how many strings are gathered at most
	manyStrings = 1 << 14 // how many alternatives are, that are strings
	maxString   = 32      // how long a string gets, in bytes

	// useless is the cost from which on anchors are taken to be no better than looking at
	// every place for the first byte of a match.
	useless = 1.0 / 16

	// passing is the cost of passing over a place at which no match can begin.
	passing = 1.0 / 32

	// perAnchor is the cost of looking for one more anchor; where there are many, perAnchorOfMany.
	perAnchor, perAnchorOfMany = 1e-5, 1e-6

	// rareEnough is the share of places below which an anchor of whole bytes is not made
	// longer by masked bytes. Searches are fastest without a mask.
	rareEnough = 1e-7
)

// anchors returns the anchors of n, whose matches have at most maxLen bytes, if they cost less
// than most. Matches begin with bytes of first.
func (n *Node) anchors(maxLen int, first Set, most float64) []Anchor {
	g := gatherer{limit: maxLen, begin: min(1, byteShare(first)+passing)}
	best := choice{cost: most}
	// Several strings and a single one are both tried, since either may have the better
	// anchors; and where there are many alternatives, all of them.
	numbers := []int{maxStrings, 1}
	if n.alternatives() > maxStrings {
		numbers = append(numbers, manyStrings)
	}
	for _, g.strings = range numbers {
		if g.strings == 1 && !g.several {
			break // the same was tried
		}
		f := g.node(n)
		c := f.best
		if f.exact != nil {
			// An empty match does not count.
			c = g.choose(withoutEmpty(f.exact), 0, 0, n, nil)
		}
		if c.anchors != nil && c.cost < best.cost {
			best = c
		}
		if len(best.anchors) == 1 && best.cost < 2*perAnchor {
			break // nothing could be better
		}
	}
	var out []Anchor
	for _, a := range best.anchors {
		last := maxLen - len(a.Lit)
		if a.Last < 0 || a.Last > last {
			a.Last = last
		}
		if a.open {
			a.After = Set{} // a match can end there
		}
		if a.First <= a.Last { // else a match that holds it would be too long
			out = append(out, a)
		}
	}
	return out
}

// A choice is a set of anchors such that a match holds one of them.
type choice struct {
	anchors []Anchor // Last < 0 stands for anywhere from First on. Nil where there are none
	// cost is about the share of places that have to be looked at. It is the sum over the
	// anchors: how often the anchor is found, times the number of places that it may belong
	// to.
	cost float64
}

// A maskedString is bytes of which the bits of mask count.
type maskedString struct{ lit, mask []byte }

func (s maskedString) plus(t maskedString) maskedString {
	return maskedString{append(s.lit[:len(s.lit):len(s.lit)], t.lit...), append(s.mask[:len(s.mask):len(s.mask)], t.mask...)}
}

// wholeBytes are the strings of one byte, all of whose bits count. Nothing is written to them.
var wholeBytes = func() (all [256]maskedString) {
	for b := range all {
		all[b] = maskedString{[]byte{byte(b)}, []byte{0xff}}
	}
	return all
}()

// facts is what is known of the matches of a node.
type facts struct {
	node        *Node          // the node
	exact       []maskedString // every match is one of these; nil where they are not known
	head        []maskedString // every match begins with one of these; nil where they are not known
	best        choice         // what every match holds, where exact is nil
	least, most int            // the length of a match; most < 0 stands for no bound
	bytes       Set            // those of which matches are made
}

// heads returns the strings with which matches begin; nil where they are not known.
func (f *facts) heads() []maskedString {
	if f.exact != nil {
		return f.exact
	}
	return f.head
}

// alternatives returns the most alternatives that there are at one place of n.
func (n *Node) alternatives() int {
	most := 0
	if n.Op == OpAlt {
		most = len(n.Subs)
	}
	for _, sub := range n.Subs {
		most = max(most, sub.alternatives())
	}
	return most
}

// A gatherer gathers facts.
type gatherer struct {
	strings int     // how many strings it gathers at most
	several bool    // whether there was a place at which there is more than one
	limit   int     // the longest match, in bytes
	begin   float64 // of the places that an anchor leads to, the share at which a match is looked for
}

func (g *gatherer) node(n *Node) facts {
	f := g.facts(n)
	f.node = n
	return f
}

func (g *gatherer) facts(n *Node) facts {
	switch n.Op {
	case OpLook:
		return facts{exact: []maskedString{{}}}
	case OpSet:
		if n.Set.Len() == 0 {
			return facts{least: 1, most: 1}
		}
		value, mask := n.Set.Mask()
		if mask == 0xff {
			return facts{exact: wholeBytes[value : int(value)+1 : int(value)+1], least: 1, most: 1, bytes: n.Set}
		}
		return facts{exact: []maskedString{{[]byte{value}, []byte{mask}}}, least: 1, most: 1, bytes: n.Set}
	case OpCat:
		r := g.newSequence()
		for _, sub := range n.Subs {
			r.add(g.node(sub))
		}
		return r.facts()
	case OpAlt:
		return g.either(n.Subs)
	}
	return g.repeated(n)
}

// alternatives returns how many strings of alternatives are gathered at most.
func (g *gatherer) alternatives() int { return max(maxStrings, g.strings) }

// either returns the facts of one of several nodes.
func (g *gatherer) either(subs []*Node) facts {
	g.several = true
	var all facts
	exact := true
	var branches []facts
	for i, sub := range subs {
		f := g.node(sub)
		branches = append(branches, f)
		all.bytes = all.bytes.Or(f.bytes)
		if exact = exact && f.exact != nil && len(all.exact)+len(f.exact) <= g.alternatives(); exact {
			all.exact = append(all.exact, f.exact...)
		}
		if i == 0 {
			all.least, all.most = f.least, f.most
			continue
		}
		all.least = min(all.least, f.least)
		if all.most >= 0 && (f.most < 0 || f.most > all.most) {
			all.most = f.most
		}
	}
	if exact {
		return all
	}
	all.exact = nil
	for i, f := range branches {
		h := f.heads()
		if h == nil || i > 0 && all.head == nil || len(all.head)+len(h) > g.alternatives() {
			all.head = nil
			break
		}
		all.head = append(all.head, h...)
	}
	for _, f := range branches {
		c := f.best
		if f.exact != nil {
			c = g.choose(f.exact, 0, 0, f.node, nil)
		}
		if c.anchors == nil || len(all.best.anchors)+len(c.anchors) > g.alternatives() {
			all.best = choice{}
			break
		}
		all.best.anchors = append(all.best.anchors, c.anchors...)
		all.best.cost += c.cost
	}
	return all
}

// isJump reports whether n stands for some of a few numbers of bytes of which nothing is known. What
// stands in front of it and behind it may be rare together only.
func isJump(n *Node) bool {
	sub := n.Subs[0]
	if sub.Op != OpSet || sub.Set.Len() == 0 || n.Max < 0 || n.Max > maxString || n.Max-n.Min >= maxStrings {
		return false
	}
	_, mask := sub.Set.Mask()
	return mask == 0
}

// repeated returns the facts of a repetition: the turns that there must be, followed by
// those that there may be.
func (g *gatherer) repeated(n *Node) facts {
	sub := g.node(n.Subs[0])
	r := g.newSequence()
	copies := 0
	for ; copies < n.Min && copies <= maxString; copies++ {
		r.add(sub)
	}
	if n.Max == n.Min && copies == n.Min {
		return r.facts()
	}
	g.several = g.several || n.Max == 1 || isJump(n)
	if isJump(n) && n.Max-n.Min < g.strings {
		f := facts{least: n.Min, most: n.Max, bytes: sub.bytes}
		for size := n.Min; size <= n.Max; size++ {
			f.exact = append(f.exact, maskedString{make([]byte, size), make([]byte, size)})
		}
		return f
	}
	if n.Max == 1 && sub.exact != nil && len(sub.exact) < g.strings {
		return facts{exact: append([]maskedString{{}}, sub.exact...), most: sub.most, bytes: sub.bytes}
	}
	most := -1
	if n.Max >= 0 {
		most = n.Max - copies
	}
	rest := Repeat(n.Subs[0], n.Min-copies, most, n.Lazy)
	r.add(facts{node: rest, least: times(sub.least, n.Min-copies), most: times(sub.most, most), bytes: sub.bytes})
	return r.facts()
}

// A sequence is the walk along nodes that stand side by side.
type sequence struct {
	g           *gatherer
	exact       []maskedString // the strings gathered
	own         bool           // whether the strings can be appended to where they are
	entry       *Node          // the first node of the strings; nil where there is none yet
	sets        []*Set         // by byte of the string, if it is the only one: what it stands for; nil: that which its mask says
	first, last int            // where the strings begin; last < 0 stands for anywhere from first on
	before      Set            // the bytes of what stands in front of the strings
	least, most int            // the length of all that was walked
	bytes       Set            // its bytes
	best        choice
	broken      bool           // whether something stands in front of exact
	head        []maskedString // the strings with which all of it begins, where broken
}

func (g *gatherer) newSequence() *sequence {
	return &sequence{g: g, exact: []maskedString{{}}, own: true}
}

func (r *sequence) add(f facts) {
	if r.fits(f.exact) {
		r.follow(f.node)
		r.enter(f.node)
		r.append(f.exact, f.node)
		r.walk(f)
		return
	}
	next := f.node
	if f.exact == nil && r.fits(f.head) {
		r.follow(f.node)
		r.enter(f.node)
		if r.append(f.head, f.node); longest(f.head) > 0 {
			next = nil // the strings end inside the node
		}
	}
	r.flush()
	r.follow(next)
	if f.exact == nil {
		r.take(f.best, r.least, r.most, r.bytes)
		r.walk(f)
		r.exact, r.own, r.first, r.last, r.before, r.entry, r.sets = []maskedString{{}}, true, r.least, r.most, r.bytes, nil, r.sets[:0]
		return
	}
	r.exact, r.own, r.first, r.last, r.before, r.entry, r.sets = f.exact, false, r.least, r.most, r.bytes, f.node, r.sets[:0]
	r.stands(f.exact, f.node)
	r.walk(f)
}

// follow notes for the anchors of the best choice that a node comes next; nil stands for one of which nothing is known.
func (r *sequence) follow(n *Node) {
	var first Set
	known, empty := false, false
	for i := range r.best.anchors {
		a := &r.best.anchors[i]
		if !a.open {
			continue
		}
		if !known && n != nil {
			first, empty = n.firstBytes()
		}
		known = true
		if a.After, a.open = a.After.Or(first), empty; n == nil {
			a.After = Set{}
		}
	}
}

// enter notes that strings are gathered from n on, unless there are some already.
func (r *sequence) enter(n *Node) {
	if r.entry == nil {
		r.entry = n
	}
}

// walk adds a node to what was walked.
func (r *sequence) walk(f facts) {
	r.least, r.most, r.bytes = plus(r.least, f.least), plus(r.most, f.most), r.bytes.Or(f.bytes)
}

// append puts each of some strings behind each of those that were gathered.
func (r *sequence) append(more []maskedString, n *Node) {
	r.stands(more, n)
	if !r.own || len(more) != 1 {
		r.exact, r.own = product(r.exact, more), true
		return
	}
	for i := range r.exact {
		s := &r.exact[i]
		s.lit, s.mask = append(s.lit, more[0].lit...), append(s.mask, more[0].mask...)
	}
}

// stands notes what the bytes of strings stand for, which were gathered from node n.
func (r *sequence) stands(more []maskedString, n *Node) {
	if len(more) != 1 {
		return // there are several strings now
	}
	if n != nil && n.Op == OpRepeat {
		n = n.Subs[0]
	}
	for range more[0].lit {
		var set *Set
		if n != nil && n.Op == OpSet {
			set = &n.Set
		}
		r.sets = append(r.sets, set)
	}
}

// fits reports whether strings can be gathered behind those that were.
func (r *sequence) fits(more []maskedString) bool {
	if n := len(more) * len(r.exact); more == nil || n > max(r.g.strings, len(r.exact)) || n > maxStrings && len(more) > 1 && len(r.exact) > 1 {
		return false
	}
	return longest(r.exact)+longest(more) <= maxString
}

// product returns each of all with each of more behind it. What is appended to one of them is not seen by any other.
func product(all, more []maskedString) []maskedString {
	out := make([]maskedString, 0, len(all)*len(more))
	for _, s := range all {
		for _, t := range more {
			out = append(out, s.plus(t))
		}
	}
	return out
}

// flush makes the strings that were gathered a choice.
func (r *sequence) flush() {
	if !r.broken {
		r.broken, r.head = true, r.exact
	}
	r.take(r.g.choose(r.exact, r.first, r.last, r.entry, r.sets), 0, 0, r.before)
}

// take keeps a choice if it is the best so far. The choice is about what begins first to
// last bytes behind the start, and before has the bytes of what stands in front of that.
func (r *sequence) take(c choice, first, last int, before Set) {
	if c.anchors == nil {
		return
	}
	moved := choice{anchors: make([]Anchor, len(c.anchors))}
	for i, a := range c.anchors {
		a.First, a.Last, a.Before = plus(a.First, first), plus(a.Last, last), a.Before.Or(before)
		moved.anchors[i] = a
		moved.cost += r.g.cost(a)
	}
	if r.best.anchors == nil || moved.cost < r.best.cost {
		r.best = moved
	}
}

func (r *sequence) facts() facts {
	if !r.broken {
		return facts{exact: r.exact, least: r.least, most: r.most, bytes: r.bytes}
	}
	r.flush()
	return facts{head: r.head, best: r.best, least: r.least, most: r.most, bytes: r.bytes}
}

func longest(all []maskedString) int {
	n := 0
	for _, s := range all {
		n = max(n, len(s.lit))
	}
	return n
}

func withoutEmpty(all []maskedString) []maskedString {
	var out []maskedString
	for _, s := range all {
		if len(s.lit) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// choose returns the anchors of strings that begin at first to last, with the node entry; sets are those of sequence.sets. It
// returns none if one of the strings has no part that is worth looking for.
func (g *gatherer) choose(all []maskedString, first, last int, entry *Node, sets []*Set) choice {
	var c choice
	var known map[string]int // the anchors, by their bytes and masks, where there may be several
	if len(all) > 1 {
		known = make(map[string]int, len(all))
	}
	for _, s := range all {
		from, to := s.rarestPart()
		if from == to {
			return choice{}
		}
		a := Anchor{Lit: s.lit[from:to], Mask: s.mask[from:to], First: first + from, Last: plus(last, from), Before: s.bytes(from), entry: entry, skip: from, open: to == len(s.lit)}
		if !a.open {
			if a.After = Masked(s.lit[to], s.mask[to]); len(all) == 1 && to < len(sets) && sets[to] != nil {
				a.After = *sets[to]
			}
		}
		if bytes.Count(a.Mask, []byte{0xff}) == len(a.Mask) {
			a.Mask = nil
		}
		if known == nil {
			c.anchors = []Anchor{a}
			break
		}
		key := string(a.Lit) + string(s.mask[from:to])
		if i, ok := known[key]; ok {
			old := &c.anchors[i]
			old.First, old.Before = min(old.First, a.First), old.Before.Or(a.Before)
			old.After, old.open = old.After.Or(a.After), old.open || a.open
			if old.skip != a.skip {
				old.entry = nil
			}
			if old.Last >= 0 && (a.Last < 0 || a.Last > old.Last) {
				old.Last = a.Last
			}
			continue
		}
		known[key] = len(c.anchors)
		c.anchors = append(c.anchors, a)
	}
	for _, a := range c.anchors {
		c.cost += g.cost(a)
	}
	return c
}

// cost returns the cost of looking for an anchor, and at the places that it leads to: from the
// anchor back as far as its Before goes on. Most of them are passed over where few bytes begin a
// match.
func (g *gatherer) cost(a Anchor) float64 {
	last := a.Last
	if last < 0 {
		last = max(g.limit-len(a.Lit), a.First)
	}
	places := float64(last - a.First + 1)
	if last > a.First {
		const alike = 4 // how much longer runs of bytes are than they would be by chance
		places = min(places, alike/max(1-byteShare(a.Before), 1e-3))
		places = max(1, places*g.begin)
	}
	if g.strings > maxStrings {
		return share(a.Lit, a.Mask)*places + perAnchorOfMany
	}
	return share(a.Lit, a.Mask)*places + perAnchor
}

// bytes returns the bytes that the first n of a string stand for.
func (s maskedString) bytes(n int) (all Set) {
	for i := range n {
		all = all.Or(Masked(s.lit[i], s.mask[i]))
	}
	return all
}

// rarestPart returns the part of a string that is best looked for. That is all of the
// string except what says little at its ends, or those of its bytes that have no mask, if
// they are rare enough.
func (s maskedString) rarestPart() (from, to int) {
	from, to = 0, len(s.lit)
	little := func(i int) bool {
		return s.mask[i] != 0xff && share(s.lit[i:i+1], s.mask[i:i+1]) > 0.25
	}
	for from < to && little(from) {
		from++
	}
	for from < to && little(to-1) {
		to--
	}
	rarest, end := rareEnough, to
	for i := from; i < end; i++ {
		n := i
		for n < end && s.mask[n] == 0xff {
			n++
		}
		if n > i {
			if p := share(s.lit[i:n], nil); p < rarest {
				rarest, from, to = p, i, n
			}
			i = n
		}
	}
	return from, to
}

// share estimates the share of places in memory at which the bytes stand, in such memory as has
// rather many of them.
func share(lit, mask []byte) float64 { return max(dataShare(lit, mask), simd.CodeRate(lit, mask)) }

// dataShare is share for all memory but machine code.
func dataShare(lit, mask []byte) float64 {
	p := 1.0
	alike := 0 // how many bytes in a row, up to this one, may be the same as the byte before them
	last := byte(0)
	for i, c := range lit {
		m := byte(0xff)
		if mask != nil {
			m = mask[i]
		}
		if i > 0 && last != 0 && m != 0 && (c^lit[i-1])&m&last == 0 {
			alike++
		} else {
			alike = 0
		}
		last = m
		q := 0.0
		if m == 0xff {
			q = frequency[c]
		} else if m == 0 {
			q = 1
		} else {
			q = byteShare(Masked(c, m))
		}
		switch {
		case i == 0 || m == 0:
		case alike == 1:
			q = max(q, 0.6) // bytes come in runs, and so do digits
		case alike > 1:
			q = max(q, 0.95) // runs are long: those of zeros are pages
		case wideBefore(lit, mask, i):
			q = max(q, 0.9) // text in UTF-16 goes on as such
		case isText(c) && isText(lit[i-1]):
			q = max(q, 0.1) // characters of text come together
		}
		p *= min(q, 1)
	}
	return p
}

// wideBefore reports whether byte i is a zero between the letters of UTF-16: byte i − 2 is
// a zero, byte i − 1 a letter, and byte i a zero.
func wideBefore(lit, mask []byte, i int) bool {
	zero := func(i int) bool { return lit[i] == 0 && (mask == nil || mask[i] == 0xff) }
	return i >= 2 && zero(i) && zero(i-2) && !zero(i-1)
}

func isText(c byte) bool { return c >= ' ' && c < 0x7f }

// frequency is about how often a byte value is met, in memory where the value is rather
// common: some memory is full of text. It need not add up to 1. Code has tables of its own.
var frequency = func() (f [256]float64) {
	for b := range f {
		switch {
		case b >= 'a' && b <= 'z':
			f[b] = 0.015
		case b >= '0' && b <= '9', b >= 'A' && b <= 'Z', b < ' ':
			f[b] = 0.008
		case b < 0x80:
			f[b] = 0.004
		default:
			f[b] = 0.002
		}
	}
	// These are the most common: zeros, what fills gaps in code, −1, the upper halves of
	// pointers, and the blank between words.
	f[0], f[0xcc], f[0xff], f[0x7f], f[' '] = 0.4, 0.05, 0.04, 0.02, 0.03
	return f
}()
