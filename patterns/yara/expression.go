package yara

import (
	"fmt"
	"slices"

	"vscan/patterns"
	"vscan/patterns/automaton"
)

// expressionOptions are the modifiers and flags of a regular expression.
type expressionOptions struct {
	regexpFlags
	patterns.RegexpOptions
}

// parts returns the patterns of a regular expression: one, or one for each part if it has
// long jumps.
func (t translated) parts(name, written string, o expressionOptions) ([]patterns.Part, error) {
	var parts []patterns.Part
	split, err := t.split(o.Wide)
	if err != nil {
		return nil, err
	}
	for _, p := range split {
		q := o.RegexpOptions
		alternatives := p.root.hasAlternatives()
		switch {
		case alternatives: // the match is what Perl takes
		case t.greedy:
			q.Longest = true
		default:
			q.Shortest = true
		}
		q.MaxMatchAtLeast = p.root.reach()
		pat, err := patterns.NewExpression(name, written, func(e automaton.Encoding) *automaton.Node {
			root := p.root
			if alternatives {
				root = root.prefer(preference{greedy: t.greedy, wide: e != automaton.Plain})
			}
			return root.node(&o)
		}, q)
		if err != nil {
			return nil, err
		}
		parts = append(parts, patterns.Part{Pattern: pat, Min: p.least, Max: p.most})
	}
	return parts, nil
}

// scanLimit is how many bytes yara looks at on either side of the place where it begins to
// look: YR_RE_SCAN_LIMIT of libyara.
const scanLimit = 4096

// reach returns the length of the longest match that yara may find, in bytes.
func (n *reNode) reach() int {
	reach := 2 * scanLimit
	if atom := atomsOf(n).best; atom.quality == 0 || atom.alt == nil && atom.end == atom.size {
		reach = scanLimit // yara begins to look where the match begins
	}
	if _, most := n.node(&expressionOptions{}).Lengths(); most >= 0 {
		reach = min(reach, most)
	}
	return reach
}

// A rePart is a part of a regular expression, and the jump in front of it.
type rePart struct {
	root        *reNode
	least, most int
}

// longJump is the longest jump, in bytes, that does not split a regular expression:
// STRING_CHAINING_THRESHOLD of libyara.
const longJump = 200

// split splits a regular expression at its long jumps, as libyara does
// (yr_re_ast_split_at_chaining_point): at .{n,m}? outside of groups, if the expression has
// no alternatives outside of groups. The bytes that are jumped over are any bytes: \n too,
// even without s, and in a wide string also an odd number of bytes.
func (t translated) split(wide bool) ([]rePart, error) {
	if t.root.op != reCat {
		return []rePart{{root: t.root}}, nil
	}
	parts := []rePart{{root: &reNode{op: reCat}}}
	for i, n := range t.root.subs {
		last := parts[len(parts)-1].root
		if n.isLongJump() && len(last.subs) > 0 && i+1 < len(t.root.subs) {
			parts = append(parts, rePart{&reNode{op: reCat}, n.least, n.most})
			continue
		}
		last.subs = append(last.subs, n)
	}
	for _, p := range parts {
		if len(parts) > 1 && p.root.shortest() == 0 {
			return t.asOnePart(wide)
		}
	}
	return parts, nil
}

// asOnePart returns all of an expression as one part. It is for expressions of which a part
// would match the empty string, and so everywhere. An expression that is longer than a
// match may be is not supported.
func (t translated) asOnePart(wide bool) ([]rePart, error) {
	root := &reNode{op: reCat}
	for _, n := range t.root.subs {
		if n.isLongJump() {
			if wide || n.most < 0 || n.most > scanLimit/2 {
				return nil, fmt.Errorf("on one side of a long jump it matches the empty string, which is not supported: leave that side out")
			}
			n = n.clone()
			n.subs[0] = &reNode{op: reSet, negated: true} // the set of all bytes
		}
		root.subs = append(root.subs, n)
	}
	return []rePart{{root: root}}, nil
}

func (n *reNode) isLongJump() bool {
	return n.op == reRepeat && n.counted && !n.greedy && n.subs[0].op == reAny && (n.least > longJump || n.most > longJump || n.most < 0)
}

// hasAlternatives reports whether a regular expression has alternatives.
func (n *reNode) hasAlternatives() bool {
	return n.op == reAlt || slices.ContainsFunc(n.subs, (*reNode).hasAlternatives)
}

// shortest returns the length of the shortest match, in bytes.
func (n *reNode) shortest() int {
	least, _ := n.node(&expressionOptions{}).Lengths()
	return least
}

// node returns the regular expression as a node of package automaton.
func (n *reNode) node(o *expressionOptions) *automaton.Node {
	fold := func(s automaton.Set) automaton.Set {
		if o.caseless {
			return s.Fold()
		}
		return s
	}
	switch n.op {
	case reByte:
		return automaton.Bytes(fold(automaton.SetOf(n.b)))
	case reAny:
		if o.dotAll {
			return automaton.Bytes(automaton.All)
		}
		return automaton.Bytes(automaton.SetOf('\n').Not())
	case reSet, reMasked:
		s := fold(n.set)
		if n.negated {
			s = s.Not()
		}
		return automaton.Bytes(s)
	case reLook:
		return automaton.Assert(n.look)
	}
	from := n.subs
	if n.op == reAlt {
		from = factored(from)
	}
	subs := make([]*automaton.Node, len(from))
	for i, sub := range from {
		subs[i] = sub.node(o)
	}
	switch n.op {
	case reAlt:
		return automaton.Alt(subs...)
	case reRepeat:
		return automaton.Repeat(subs[0], n.least, n.most, !n.greedy)
	}
	return automaton.Cat(subs...)
}

// factored puts alternatives side by side that begin with the same bytes together:
// tasklist|taskkill becomes task(list|kill). The order of preference stays the same, and
// there are fewer anchors and states.
func factored(subs []*reNode) []*reNode {
	var out []*reNode
	for i := 0; i < len(subs); {
		n, end := len(subs[i].leadingBytes()), i+1
		for ; end < len(subs); end++ {
			m := commonPrefix(subs[i].leadingBytes()[:n], subs[end].leadingBytes())
			if m == 0 {
				break
			}
			n = m
		}
		if end == i+1 {
			out = append(out, subs[i])
			i = end
			continue
		}
		var ends []*reNode
		for _, sub := range subs[i:end] {
			ends = append(ends, &reNode{op: reCat, subs: sub.subs[n:]})
		}
		all := slices.Clone(subs[i].subs[:n])
		out = append(out, &reNode{op: reCat, subs: append(all, &reNode{op: reAlt, subs: ends})})
		i = end
	}
	return out
}

// leadingBytes returns the bytes that an alternative begins with.
func (n *reNode) leadingBytes() (bytes []byte) {
	if n.op != reCat {
		return nil
	}
	for _, sub := range n.subs {
		if sub.op != reByte {
			break
		}
		bytes = append(bytes, sub.b)
	}
	return bytes
}

// commonPrefix returns how many bytes a and b have in common at the start.
func commonPrefix(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
