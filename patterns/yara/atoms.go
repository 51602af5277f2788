package yara

import (
	"cmp"
	"slices"
	"strings"

	"vscan/patterns/automaton"
)

// Where a match may have several lengths at a place, yara's choice depends on where it
// starts to look: at an atom, up to 4 bytes in a row that are part of each match. Behind an
// atom it takes what Perl takes. Where no such atom is good enough, it starts at one atom
// in each of several alternatives. Of the matches that it finds so, it takes the first, or
// the last where repetitions are greedy:
//
//	/the (cat|caterpillar)/     atom "the "          as in Perl: the cat
//	/the (caterpillar|cat)/                          as in Perl: the caterpillar
//	/(caterpillar|cat)/         atoms cate, cat      the first: cat
//	/(caterpillar|cat)+/                             the last: caterpillar
//	/(cat|catch).{9}the/        atom the             the first; the last where it is greedy
//	/((cats|c)x|do)/            atoms cats, c, do    the first, of c, do and cats
//	/((the |catch)|(the there|e))there/              the first, of e, the , catch and the there
//
// So yara's choice is Perl's choice for an expression in which the alternatives that have
// atoms stand in the order of their atoms, and the alternatives in front of the atom in the
// order of their lengths. In pseudo-code:
//
//	walk over the expression from left to right; of each run of items that an atom can
//	    have, the best 4 side by side (quality) are a choice
//	alternatives, taken together, are a choice as good as the worst of their atoms
//	of all choices take the best, at equal quality the first
//	sort the alternatives that hold its atoms by where the atoms end, then the longest
//	    first; the other way round where repetitions are greedy
//	sort the alternatives in front of it by the length of what they are together, likewise
//
// The choice of atoms is that of libyara (_yr_atoms_extract_from_re and _yr_atoms_choose in
// atoms.c, the same in 4.2 and 4.5).

// A preference is what the order of alternatives depends on besides the expression.
type preference struct{ greedy, wide bool }

// prefer returns the regular expression with its alternatives in the order in which yara
// prefers them.
func (n *reNode) prefer(pref preference) *reNode {
	n = n.clone()
	x := atomsOf(n)
	if m := n.preferInFront(x, pref); m != nil {
		return m
	}
	for _, alt := range x.alts[:x.best.altsBefore] {
		slices.SortStableFunc(alt.subs, func(a, b *reNode) int {
			if pref.greedy {
				a, b = b, a
			}
			return cmp.Compare(a.shortest(), b.shortest())
		})
	}
	alt := x.best.alt
	if alt == nil {
		return n
	}
	order := x.best.atoms
	if pref.wide { // a wide atom has two characters, and _yr_atoms_wide reverses the order of atoms
		slices.Reverse(order)
		for i := range order {
			f := &order[i]
			f.end -= max(f.size-atomBytes/2, 0)
			f.size = min(f.size, atomBytes/2)
		}
	}
	slices.SortStableFunc(order, func(a, b atom) int {
		return cmp.Or(cmp.Compare(a.end, b.end), cmp.Compare(b.size, a.size))
	})
	if pref.greedy {
		slices.Reverse(order)
	}
	paths := make([][]branch, len(order))
	for i, f := range order {
		paths[i] = f.path
	}
	subs := arrange(alt, paths, true)
	if before := alt.count(); (&reNode{subs: subs}).count() > 2*before+64 { // there would be too many copies
		subs = arrange(alt, paths, false)
	}
	alt.subs = subs
	return n
}

// preferInFront is prefer for an expression with one atom and several alternatives in front
// of it: what these are together, one way or the other, is in the order of its lengths, which
// is not that of the lengths of each by itself. It returns nil where this is another case,
// where the ways have no lengths, or where there are too many.
//
//	((the |catch)|(the there|e))there    the order is e, the , catch, the there
//	(a|ab)(c|bcde)there                  ac, abc, abcde, abbcde
func (n *reNode) preferInFront(x *atomFinder, pref preference) *reNode {
	if x.best.alt != nil || n.op != reCat || x.best.altsBefore < 2 {
		return nil
	}
	alts := x.alts[:x.best.altsBefore]
	first, end, found := len(n.subs), 0, 0
	for i, sub := range n.subs {
		in := sub.alternatives(nil)
		if len(in) == 0 {
			continue
		}
		if !slices.Contains(alts, in[0]) {
			break
		}
		first, end, found = min(first, i), i+1, found+len(in)
	}
	if found != len(alts) { // some are repeated, or in a group that has the atom, too
		return nil
	}
	most := 2*n.count() + 512
	ways := (&reNode{op: reCat, subs: n.subs[first:end]}).ways(most)
	if ways == nil {
		return nil
	}
	slices.SortStableFunc(ways, func(a, b *reNode) int {
		if pref.greedy {
			a, b = b, a
		}
		return cmp.Compare(a.shortest(), b.shortest())
	})
	subs := slices.Concat(n.subs[:first], []*reNode{oneOf(ways)}, n.subs[end:])
	if m := (&reNode{op: reCat, subs: subs}); m.count() <= most {
		return m
	}
	return nil
}

// oneOf returns the alternatives ways, each a row of items. Where those that begin alike
// begin with a byte, it comes once: of what begins with different bytes, any order is right.
func oneOf(ways []*reNode) *reNode {
	all := &reNode{op: reAlt}
	for _, w := range ways {
		if slices.ContainsFunc(w.subs, func(n *reNode) bool { return n.op != reByte }) {
			all.subs = ways
			return all
		}
	}
	at := map[byte]int{} // where the ways that begin with a byte are
	var behind [][]*reNode
	var ended bool
	for _, w := range ways {
		if len(w.subs) == 0 {
			if !ended {
				ended = true
				all.subs, behind = append(all.subs, w), append(behind, nil)
			}
			continue
		}
		b := w.subs[0].b
		i, ok := at[b]
		if !ok {
			i = len(all.subs)
			at[b] = i
			all.subs, behind = append(all.subs, &reNode{op: reCat, subs: w.subs[:1:1]}), append(behind, nil)
		}
		behind[i] = append(behind[i], &reNode{op: reCat, subs: w.subs[1:]})
	}
	for i, sub := range all.subs {
		if len(behind[i]) > 0 {
			rest := oneOf(behind[i])
			if rest.op != reCat {
				rest = &reNode{op: reCat, subs: []*reNode{rest}}
			}
			sub.subs = append(sub.subs, rest.subs...)
		}
	}
	if len(all.subs) == 1 {
		return all.subs[0]
	}
	return all
}

// alternatives appends all alternatives in n, outermost first.
func (n *reNode) alternatives(all []*reNode) []*reNode {
	if n.op == reAlt {
		all = append(all, n)
	}
	for _, sub := range n.subs {
		all = sub.alternatives(all)
	}
	return all
}

// ways returns the expressions without alternatives that n is one of, each of one length.
// It returns nil where they are not of one length, or more than most.
func (n *reNode) ways(most int) []*reNode {
	ways := []*reNode{{op: reCat}}
	switch n.op {
	case reAlt:
		ways = nil
		for _, sub := range n.subs {
			one := sub.ways(most)
			if one == nil || len(ways)+len(one) > most {
				return nil
			}
			ways = append(ways, one...)
		}
		return ways
	case reCat:
		for _, sub := range n.subs {
			next := sub.ways(most)
			if next == nil || len(ways)*len(next) > most {
				return nil
			}
			all := make([]*reNode, 0, len(ways)*len(next))
			for _, a := range ways {
				for _, b := range next {
					all = append(all, &reNode{op: reCat, subs: slices.Concat(a.subs, b.subs)})
				}
			}
			ways = all
		}
		return ways
	case reRepeat:
		if n.least != n.most || len(n.alternatives(nil)) > 0 {
			return nil
		}
	}
	ways[0].subs = []*reNode{n}
	return ways
}

// count returns the number of items of an expression.
func (n *reNode) count() int {
	all := 1
	for _, sub := range n.subs {
		all += sub.count()
	}
	return all
}

// together moves the paths that begin in one alternative to where the first of them is.
func together(paths [][]branch) [][]branch {
	at := make(map[int]int)
	for i, p := range paths {
		if _, ok := at[p[0].sub]; !ok {
			at[p[0].sub] = i
		}
	}
	paths = slices.Clone(paths)
	slices.SortStableFunc(paths, func(a, b []branch) int { return cmp.Compare(at[a[0].sub], at[b[0].sub]) })
	return paths
}

// arrange returns the alternatives of alt in the order of paths, which are all paths that
// begin in alt. An alternative whose own alternatives stand apart in that order comes
// several times; without copies it comes once, where the first of them stands.
func arrange(alt *reNode, paths [][]branch, copies bool) []*reNode {
	if !copies {
		paths = together(paths)
	}
	leaves := make(map[int]int)
	for _, p := range paths {
		leaves[p[0].sub]++
	}
	var subs []*reNode
	for len(paths) > 0 {
		i := paths[0][0].sub
		sub := alt.subs[i]
		end := 1
		for end < len(paths) && paths[end][0].sub == i {
			end++
		}
		if len(paths[0]) > 1 {
			inner := paths[0][1].alt
			rest := make([][]branch, end)
			for k := range rest {
				rest[k] = paths[k][1:]
			}
			choices := arrange(inner, rest, copies)
			if end < leaves[i] && repeats(sub, inner) { // a later turn may take the others
				choices = append(choices, inner.subs...)
			}
			sub = sub.with(inner, choices)
		}
		subs = append(subs, sub)
		paths = paths[end:]
	}
	return subs
}

// repeats reports whether part is in a repetition in n.
func repeats(n, part *reNode) bool {
	return slices.ContainsFunc(n.subs, func(sub *reNode) bool {
		return n.op == reRepeat && sub.contains(part) || repeats(sub, part)
	})
}

func (n *reNode) contains(part *reNode) bool {
	return n == part || slices.ContainsFunc(n.subs, func(sub *reNode) bool { return sub.contains(part) })
}

// with returns a copy of n in which the alternatives of alt are subs.
func (n *reNode) with(alt *reNode, subs []*reNode) *reNode {
	c := *n
	if n == alt {
		c.subs = subs
		return &c
	}
	c.subs = make([]*reNode, len(n.subs))
	for i, sub := range n.subs {
		c.subs[i] = sub.with(alt, subs)
	}
	return &c
}

// clone returns a copy whose alternatives can be put in another order. What has no parts is the
// same in it.
func (n *reNode) clone() *reNode {
	if n.op < reCat {
		return n
	}
	c := *n
	c.subs = make([]*reNode, len(n.subs))
	for i, sub := range n.subs {
		c.subs[i] = sub.clone()
	}
	return &c
}

// preferHex returns a part of a hex string with its alternatives in the order in which yara
// prefers them.
func preferHex(n *automaton.Node) *automaton.Node {
	return hexAsRegexp(n).prefer(preference{}).node(&expressionOptions{regexpFlags: regexpFlags{dotAll: true}})
}

// hexAsRegexp returns the regular expression that libyara makes of a hex string.
func hexAsRegexp(n *automaton.Node) *reNode {
	out := &reNode{op: reCat}
	for _, sub := range n.Subs {
		out.subs = append(out.subs, hexAsRegexp(sub))
	}
	switch n.Op {
	case automaton.OpAlt:
		out.op = reAlt
	case automaton.OpRepeat:
		out.op, out.least, out.most, out.counted = reRepeat, n.Min, n.Max, true
	case automaton.OpSet:
		b, mask := n.Set.Mask()
		switch {
		case automaton.Masked(b, mask) != n.Set:
			out.op, out.set = reSet, n.Set
		case mask == 0:
			out.op = reAny
		case mask == 0xff:
			out.op, out.b = reByte, b
		default:
			out.op, out.b, out.set = reMasked, b, n.Set
		}
	}
	return out
}

// An atomChoice is the best atoms so far: one, or one in each of several alternatives.
type atomChoice struct {
	quality    int
	atom               // the one atom; of several, the first
	alt        *reNode // the alternatives that the atoms are in; nil where there is one atom
	start      int     // how many bytes, at least, stand in front of alt
	altsBefore int     // how many of atomFinder.alts stand in front
	atoms      []atom  // one in each alternative; where an alternative has several, each of them
}

// An atom is bytes that are part of a match. end is the offset of its end from the start of
// the alternative that it is in, and size its length, both in bytes.
type atom struct {
	end, size int
	path      []branch // the alternatives that it is in, outermost first
}

// A branch is one of the alternatives of alt, by its index.
type branch struct {
	alt *reNode
	sub int
}

// leaves returns the atoms in an alternative.
func (c *atomChoice) leaves(from branch) []atom {
	if c.alt == nil {
		return []atom{{c.end, c.size, []branch{from}}}
	}
	leaves := make([]atom, len(c.atoms))
	for i, f := range c.atoms {
		leaves[i] = atom{c.start + f.end, f.size, append([]branch{from}, f.path...)}
	}
	return leaves
}

// better takes other atoms if they are better.
func (c *atomChoice) better(o atomChoice) {
	if o.quality > c.quality {
		*c = o
	}
}

// An atomFinder walks over a regular expression from left to right.
type atomFinder struct {
	best   atomChoice
	target *atomChoice // where atoms go: best, or the choice of an alternative
	offset int         // how many bytes, at least, stand in front
	alts   []*reNode   // the alternatives that were walked over so far

	recent     []*reNode  // up to 4 items right in front that can be in an atom
	bestRecent atomChoice // the best atom of the run of items that ends here
}

const atomBytes = 4

// atomsOf finds the atoms of a regular expression.
func atomsOf(n *reNode) *atomFinder {
	x := new(atomFinder)
	x.target = &x.best
	x.walk(n)
	x.flush()
	return x
}

func (x *atomFinder) walk(n *reNode) {
	switch n.op {
	case reByte, reMasked, reAny:
		if len(x.recent) == atomBytes {
			x.bestRecent.better(x.atom())
			x.recent = append(x.recent[:0], x.recent[1:]...)
		}
		x.recent = append(x.recent, n)
		x.offset++
	case reCat:
		for _, sub := range n.subs {
			x.walk(sub)
		}
	case reAlt:
		front := x.end() // libyara adds it behind the alternatives
		x.alts = append(x.alts, n)
		outer, at, shortest := x.target, x.offset, 0
		all := atomChoice{quality: maxQuality, alt: n, start: at, altsBefore: len(x.alts) - 1}
		for i, sub := range n.subs {
			var one atomChoice
			x.target, x.offset = &one, 0
			x.walk(sub)
			x.flush()
			all.atoms = append(all.atoms, one.leaves(branch{n, i})...)
			all.quality = min(all.quality, one.quality)
			if i == 0 || x.offset < shortest {
				shortest = x.offset
			}
			if i == 0 || one.end < all.end {
				all.end, all.size = at+one.end, one.size
			}
		}
		x.target, x.offset = outer, at+shortest
		x.target.better(all)
		x.target.better(front)
	case reRepeat:
		times := min(n.least, atomBytes)
		if n.counted && n.subs[0].op == reAny {
			x.flush()
			x.offset += n.least
			return
		}
		for range times {
			x.walk(n.subs[0])
		}
		x.flush()
		x.offset += n.subs[0].shortest() * (n.least - times)
	default:
		x.flush()
		if n.op == reSet {
			x.offset++
		}
	}
}

// flush ends the run of items and adds its best atom.
func (x *atomFinder) flush() { x.target.better(x.end()) }

// end ends the run of items and returns its best atom.
func (x *atomFinder) end() atomChoice {
	if len(x.recent) > 0 {
		x.bestRecent.better(x.atom())
	}
	best := x.bestRecent
	x.recent, x.bestRecent = x.recent[:0], atomChoice{}
	return best
}

// atom returns the atom that the recent items make.
func (x *atomFinder) atom() atomChoice {
	run, behind := trimmed(x.recent)
	return atomChoice{quality: quality(run), altsBefore: len(x.alts), atom: atom{end: x.offset - behind, size: len(run)}}
}

// maxQuality is better than the quality of any atom.
const maxQuality = 255

// common reports whether all of some bytes are very common.
func common(seen map[byte]bool) bool {
	for b := range seen {
		if strings.IndexByte("\x00\x20\x90\xcc\xff", b) < 0 {
			return false
		}
	}
	return true
}

// trimmed returns a run of items without those of any value at its ends. If of the rest as
// many have any value as are bytes, it returns only the first item (_yr_atoms_trim). behind
// is how many items are left out at the end.
func trimmed(run []*reNode) (atom []*reNode, behind int) {
	first, end := 0, len(run)
	for first < end && run[first].op == reAny {
		first++
	}
	for end > first && run[end-1].op == reAny {
		end--
	}
	known, wild := 0, 0
	for _, n := range run[first:end] {
		switch n.op {
		case reByte:
			known++
		case reAny:
			wild++
		}
	}
	if end > first && wild >= known {
		end = first + 1
	}
	return run[first:end], len(run) - end
}

// quality returns how good an atom is (yr_atoms_heuristic_quality): better with more bytes,
// rarer bytes and more different bytes. It returns 0 where there is none.
func quality(atom []*reNode) int {
	if len(atom) == 0 {
		return 0
	}
	q := 0
	seen := map[byte]bool{}
	for _, n := range atom {
		switch {
		case n.op == reAny:
			q -= 10
			continue
		case n.op == reMasked: // of a hex string: one digit is given
			q += 4
			continue
		case strings.IndexByte("\x00\x20\xcc\xff", n.b) >= 0:
			q += 12
		case n.b|0x20 >= 'a' && n.b|0x20 <= 'z':
			q += 18
		default:
			q += 20
		}
		seen[n.b] = true
	}
	if len(seen) == 1 && common(seen) {
		q -= 10 * len(atom)
	} else {
		q += 2 * len(seen)
	}
	return maxQuality - 22*atomBytes + q
}
