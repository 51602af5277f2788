package yara

import (
	"cmp"
	"slices"
	"strings"

	"vscan/patterns/automaton"
)

// Which of several lengths a match has that begins at a place depends in yara on
// where it starts to look: at an atom, up to 4 bytes in a row that are part of each
// match. Behind an atom it takes what Perl takes. Where no such atom is good enough,
// it starts at one in each of several alternatives, and of the matches that it comes
// to takes the first, or where repetitions are greedy the last:
//
//	/the (cat|caterpillar)/     atom "the "          as in Perl: the cat
//	/the (caterpillar|cat)/                          as in Perl: the caterpillar
//	/(caterpillar|cat)/         atoms cate, cat      the first: cat
//	/(caterpillar|cat)+/                             the last: caterpillar
//	/(cat|catch).{9}the/        atom the             the first; the last where it is greedy
//	/((cats|c)x|do)/            atoms cats, c, do    the first, of c, do and cats
//
// So it is as in Perl where these alternatives stand in the order of their atoms, and
// those in front of the atom in the order of their lengths.
// Which atoms it takes is that of libyara (_yr_atoms_extract_from_re and
// _yr_atoms_choose in atoms.c, the same in 4.2 and 4.5).

// preference is what the order of alternatives depends on besides them.
type preference struct{ greedy, wide bool }

// prefer is a regular expression with its alternatives in the order in which yara
// prefers them.
func (n *re) prefer(by preference) *re {
	n = n.clone()
	x := atomsOf(n)
	for _, alt := range x.alts[:x.best.front] {
		slices.SortStableFunc(alt.subs, func(a, b *re) int {
			if by.greedy {
				a, b = b, a
			}
			return cmp.Compare(a.shortest(), b.shortest())
		})
	}
	alt := x.best.alt
	if alt == nil {
		return n
	}
	order := x.best.all
	if by.wide { // an atom has two characters, and _yr_atoms_wide turns their order round
		slices.Reverse(order)
		for i := range order {
			f := &order[i]
			f.end -= max(f.size-atomBytes/2, 0)
			f.size = min(f.size, atomBytes/2)
		}
	}
	slices.SortStableFunc(order, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.end, b.end), cmp.Compare(b.size, a.size))
	})
	if by.greedy {
		slices.Reverse(order)
	}
	paths := make([][]branch, len(order))
	for i, f := range order {
		paths[i] = f.path
	}
	subs := arrange(alt, paths, true)
	if before := alt.count(); (&re{subs: subs}).count() > 2*before+64 { // no copies, then
		subs = arrange(alt, paths, false)
	}
	alt.subs = subs
	return n
}

// count is the number of items of an expression.
func (n *re) count() int {
	all := 1
	for _, sub := range n.subs {
		all += sub.count()
	}
	return all
}

// together is paths with all that begin in one alternative where the first of them is.
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

// arrange is the alternatives of alt in the order of paths, which are all that begin
// in it. One whose alternatives stand apart in that order comes several times; without
// copies once, where the first of them stands.
func arrange(alt *re, paths [][]branch, copies bool) []*re {
	if !copies {
		paths = together(paths)
	}
	leaves := make(map[int]int)
	for _, p := range paths {
		leaves[p[0].sub]++
	}
	var subs []*re
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
			if end < leaves[i] && repeats(sub, inner) { // the others may follow
				choices = append(choices, inner.subs...)
			}
			sub = sub.with(inner, choices)
		}
		subs = append(subs, sub)
		paths = paths[end:]
	}
	return subs
}

// repeats says whether a part of n is in a repetition in it.
func repeats(n, part *re) bool {
	return slices.ContainsFunc(n.subs, func(sub *re) bool {
		return n.op == reRepeat && sub.contains(part) || repeats(sub, part)
	})
}

func (n *re) contains(part *re) bool {
	return n == part || slices.ContainsFunc(n.subs, func(sub *re) bool { return sub.contains(part) })
}

// with is a copy of n in which the alternatives of alt are others.
func (n *re) with(alt *re, subs []*re) *re {
	c := *n
	if n == alt {
		c.subs = subs
		return &c
	}
	c.subs = make([]*re, len(n.subs))
	for i, sub := range n.subs {
		c.subs[i] = sub.with(alt, subs)
	}
	return &c
}

// clone is a copy whose alternatives can be put in another order.
func (n *re) clone() *re {
	c := *n
	c.subs = make([]*re, len(n.subs))
	for i, sub := range n.subs {
		c.subs[i] = sub.clone()
	}
	return &c
}

// preferHex is a part of a hex string with its alternatives in the order in which
// yara prefers them.
func preferHex(n *automaton.Node) *automaton.Node {
	return hexAsRegexp(n).prefer(preference{}).node(&expressionOptions{dotAll: true})
}

// hexAsRegexp is what libyara makes of a hex string.
func hexAsRegexp(n *automaton.Node) *re {
	out := &re{op: reCat}
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

// choice is the best atoms so far.
type choice struct {
	quality int
	found           // of the one atom; of several, the first
	alt     *re     // in whose alternatives the atoms are; nil: there is one
	at      int     // where alt begins, in bytes
	front   int     // how many of atomFinder.alts are in front
	all     []found // in each of them, those of alternatives in it one by one
}

// found is an atom: of which alternative, where it ends, in bytes from where
// that begins, and how many bytes it has.
type found struct {
	end, size int
	path      []branch // to the alternative, outermost first
}

// branch is an alternative.
type branch struct {
	alt *re
	sub int
}

// leaves is the atoms in an alternative.
func (c *choice) leaves(of branch) []found {
	if c.alt == nil {
		return []found{{c.end, c.size, []branch{of}}}
	}
	leaves := make([]found, len(c.all))
	for i, f := range c.all {
		leaves[i] = found{c.at + f.end, f.size, append([]branch{of}, f.path...)}
	}
	return leaves
}

// better takes other atoms if they are better.
func (c *choice) better(o choice) {
	if o.quality > c.quality {
		*c = o
	}
}

// atomFinder walks over a regular expression from left to right.
type atomFinder struct {
	best choice
	into *choice // where atoms go: best, or that of an alternative
	at   int     // bytes in front, at least
	alts []*re   // alternatives so far

	run []*re  // up to 4 items in front that an atom can have
	top choice // the best atom of the run so far
}

const atomBytes = 4

// atomsOf finds the atoms of a regular expression.
func atomsOf(n *re) *atomFinder {
	x := new(atomFinder)
	x.into = &x.best
	x.walk(n)
	x.flush()
	return x
}

func (x *atomFinder) walk(n *re) {
	switch n.op {
	case reByte, reMasked, reAny:
		if len(x.run) == atomBytes {
			x.top.better(x.atom())
			x.run = append(x.run[:0], x.run[1:]...)
		}
		x.run = append(x.run, n)
		x.at++
	case reCat:
		for _, sub := range n.subs {
			x.walk(sub)
		}
	case reAlt:
		front := x.end() // libyara adds it behind the alternatives
		x.alts = append(x.alts, n)
		outer, at, shortest := x.into, x.at, 0
		all := choice{quality: maxQuality, alt: n, at: at, front: len(x.alts) - 1}
		for i, sub := range n.subs {
			var one choice
			x.into, x.at = &one, 0
			x.walk(sub)
			x.flush()
			all.all = append(all.all, one.leaves(branch{n, i})...)
			all.quality = min(all.quality, one.quality)
			if i == 0 || x.at < shortest {
				shortest = x.at
			}
			if i == 0 || one.end < all.end {
				all.end, all.size = at+one.end, one.size
			}
		}
		x.into, x.at = outer, at+shortest
		x.into.better(all)
		x.into.better(front)
	case reRepeat:
		times := min(n.least, atomBytes)
		if n.counted && n.subs[0].op == reAny {
			x.flush()
			x.at += n.least
			return
		}
		for range times {
			x.walk(n.subs[0])
		}
		x.flush()
		x.at += n.subs[0].shortest() * (n.least - times)
	default:
		x.flush()
		if n.op == reSet {
			x.at++
		}
	}
}

// flush ends the run, and adds its best atom.
func (x *atomFinder) flush() { x.into.better(x.end()) }

// end ends the run. It is the best atom of it.
func (x *atomFinder) end() choice {
	if len(x.run) > 0 {
		x.top.better(x.atom())
	}
	best := x.top
	x.run, x.top = x.run[:0], choice{}
	return best
}

// atom is the one that the run comes to.
func (x *atomFinder) atom() choice {
	run, behind := trimmed(x.run)
	return choice{quality: quality(run), front: len(x.alts), found: found{end: x.at - behind, size: len(run)}}
}

// maxQuality is that of no atom.
const maxQuality = 255

// common says whether all of some bytes are very common.
func common(seen map[byte]bool) bool {
	for b := range seen {
		if strings.IndexByte("\x00\x20\x90\xcc\xff", b) < 0 {
			return false
		}
	}
	return true
}

// trimmed is a run without bytes of any value at its ends; where it has as many of
// these as others, its first byte (_yr_atoms_trim). So many items behind are left out.
func trimmed(run []*re) (atom []*re, behind int) {
	first, end := 0, len(run)
	for first < end && run[first].op == reAny {
		first++
	}
	for end > first && run[end-1].op == reAny {
		end--
	}
	known, any := 0, 0
	for _, n := range run[first:end] {
		switch n.op {
		case reByte:
			known++
		case reAny:
			any++
		}
	}
	if end > first && any >= known {
		end = first + 1
	}
	return run[first:end], len(run) - end
}

// quality is how good an atom is (yr_atoms_heuristic_quality): the more bytes, rare
// ones and different ones, the better. 0: it is none.
func quality(atom []*re) int {
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
		case n.op == reMasked: // one digit of a hex string
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
