package yara

import (
	"fmt"
	"slices"

	"vscan/patterns"
	"vscan/patterns/automaton"
)

// expressionOptions is the modifiers and flags of a regular expression.
type expressionOptions struct {
	caseless, dotAll bool
	patterns.RegexpOptions
}

// parts is the patterns of a regular expression: one, or where it has long jumps
// one for each part.
func (t translated) parts(name, source string, o expressionOptions) ([]patterns.Part, error) {
	var parts []patterns.Part
	split, err := t.split(o.Wide)
	if err != nil {
		return nil, err
	}
	for _, p := range split {
		q := o.RegexpOptions
		alternatives := p.root.hasAlternatives()
		switch {
		case alternatives: // what Perl takes
		case t.greedy:
			q.Longest = true
		default:
			q.Shortest = true
		}
		q.MaxMatchAtLeast = p.root.reach()
		pat, err := patterns.NewExpression(name, source, func(e automaton.Encoding) *automaton.Node {
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

// scanLimit is how many bytes yara looks at on either side of where it begins to look:
// YR_RE_SCAN_LIMIT of libyara.
const scanLimit = 4096

// reach is the length of the longest match that yara may find, in bytes.
func (n *reNode) reach() int {
	reach := 2 * scanLimit
	if atom := atomsOf(n).best; atom.quality == 0 || atom.alt == nil && atom.end == atom.size {
		reach = scanLimit // it begins to look where the match begins
	}
	if _, most := n.node(&expressionOptions{}).Lengths(); most >= 0 {
		reach = min(reach, most)
	}
	return reach
}

// rePart is a part of a regular expression, and the jump in front of it.
type rePart struct {
	root        *reNode
	least, most int
}

// longJump is the number of bytes from which on, excluded, a jump parts a regular
// expression: STRING_CHAINING_THRESHOLD of libyara.
const longJump = 200

// split parts a regular expression at its long jumps as libyara does
// (yr_re_ast_split_at_chaining_point): at .{n,m}? outside of groups, if it has no
// alternatives. The bytes that are jumped over are any: \n too, without s, and of a
// wide string they are not parted in twos.
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

// asOnePart is all of an expression as one part, where one of several would match the
// empty string, and so everywhere. It is not supported where it is longer than a
// match may be.
func (t translated) asOnePart(wide bool) ([]rePart, error) {
	root := &reNode{op: reCat}
	for _, n := range t.root.subs {
		if n.isLongJump() {
			if wide || n.most < 0 || n.most > scanLimit/2 {
				return nil, fmt.Errorf("on one side of a long jump it matches the empty string, which is not supported: leave that side out")
			}
			n = n.clone()
			n.subs[0] = &reNode{op: reSet, negated: true} // not none
		}
		root.subs = append(root.subs, n)
	}
	return []rePart{{root: root}}, nil
}

func (n *reNode) isLongJump() bool {
	return n.op == reRepeat && n.counted && !n.greedy && n.subs[0].op == reAny && (n.least > longJump || n.most > longJump || n.most < 0)
}

// hasAlternatives says whether there are any in a regular expression.
func (n *reNode) hasAlternatives() bool {
	return n.op == reAlt || slices.ContainsFunc(n.subs, (*reNode).hasAlternatives)
}

// shortest is the length of the shortest match, in bytes.
func (n *reNode) shortest() int {
	least, _ := n.node(&expressionOptions{}).Lengths()
	return least
}

// node is the expression that a regular expression comes to.
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

// factored is alternatives that stand side by side and begin with the same bytes as
// one, which they begin and their ends are alternatives of: task(list|kill). What is
// preferred stays so; there are fewer anchors and states.
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

// leadingBytes is the bytes that an alternative begins with.
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

// commonPrefix is how many bytes a and b begin with alike.
func commonPrefix(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
