package patterns

import (
	"slices"
	"strings"

	"vscan/patterns/automaton"
)

// parseHexExpression reads a body of hex: that has more than digits and ?.
func parseHexExpression(in input) (body, error) {
	h := hexReader{input: in}
	n, err := h.sequence(0)
	switch {
	case err != nil:
		return nil, err
	case !h.fixed:
		return nil, in.fault(in.pos, onlyWild)
	}
	if e := fewLiterals(n); e != nil {
		return e, nil
	}
	_, most := n.Lengths()
	if most > MaxBytes {
		return nil, in.fault(in.pos, "its jumps allow for matches of %d bytes: at most %d", most, MaxBytes)
	}
	return &programBody{
		forms:     []form{{node: n, encoding: automaton.Plain}},
		semantics: automaton.Shortest,
		maxMatch:  max(most, 0), // where its jumps have an end, so have its matches
		endless:   most < 0,
		offset:    in.pos,
	}, nil
}

// A hexReader reads a body of hex: that has more than digits and ?.
type hexReader struct {
	input
	bytes int  // the number of bytes read so far, those of all alternatives
	fixed bool // whether one of them is not just any byte

	// splits means that the body is split at long jumps: then jumps outside of alternatives
	// may have any length up to maxJump, and those inside at most longJump, as in YARA.
	splits bool
}

const (
	maxHexDepth = 32      // how deep alternatives may be nested
	maxHexBytes = 1 << 15 // how many bytes a body may have
)

// sequence reads what stands side by side, up to the end, or to the | or ) of the
// alternatives around it.
func (h *hexReader) sequence(depth int) (*automaton.Node, error) {
	var subs []*automaton.Node
	if depth == 0 {
		subs = make([]*automaton.Node, 0, min((h.end-h.pos)/2, maxHexBytes)+1)
	}
	jump := -1 // the offset of the jump that was read last; −1 where something else was
	for {
		h.pos = skipBlanks(h.text, h.pos)
		if h.pos >= h.end || depth > 0 && (h.text[h.pos] == '|' || h.text[h.pos] == ')') {
			break
		}
		var n *automaton.Node
		var err error
		at := h.pos
		switch h.text[at] {
		case '[':
			if len(subs) == 0 {
				return nil, h.fault(at, "a jump in front of all else: want a byte first, where a match can begin")
			}
			jump = at
			if n, err = h.jump(); err == nil && h.splits && depth > 0 && isLong(n.Max) {
				err = h.fault(at, "a jump of more than %d bytes inside of alternatives: want it outside", longJump)
			}
		case '(':
			jump = -1
			n, err = h.choice(depth + 1)
		case '|', ')':
			return nil, h.fault(at, "a %c without a ( in front of it", h.text[at])
		default:
			jump = -1
			n, err = h.one()
		}
		if err != nil {
			return nil, err
		}
		subs = append(subs, n)
	}
	switch {
	case jump >= 0:
		return nil, h.fault(jump, "a jump behind all else: want a byte last, where a match can end")
	case len(subs) == 0:
		return nil, h.fault(h.pos, "want pairs of hexadecimal digits, found %s", h.found(h.pos))
	}
	return automaton.Cat(subs...), nil
}

// one reads a byte, or a byte with a ~ in front, which is any other byte.
func (h *hexReader) one() (*automaton.Node, error) {
	at := h.pos
	not := h.text[at] == '~'
	if not {
		h.pos++
	}
	b, mask, err := h.pair()
	if err != nil {
		return nil, err
	}
	h.pos += 2
	if h.bytes++; h.bytes > maxHexBytes {
		return nil, h.fault(at, "more than %d bytes with jumps, negation or alternatives among them", maxHexBytes)
	}
	s := automaton.Masked(b, mask)
	if not {
		if mask == 0 {
			return nil, h.fault(at, "~??, a byte that is none: it would match nowhere")
		}
		s = s.Not()
	}
	h.fixed = h.fixed || s != automaton.All
	return automaton.Bytes(s), nil
}

// choice reads ( A | B ).
func (h *hexReader) choice(depth int) (*automaton.Node, error) {
	open := h.pos
	if depth > maxHexDepth {
		return nil, h.fault(open, "alternatives nested more than %d deep", maxHexDepth)
	}
	var subs []*automaton.Node
	for {
		h.pos++ // past the ( or |
		n, err := h.sequence(depth)
		if err != nil {
			return nil, err
		}
		subs = append(subs, n)
		if h.pos >= h.end {
			return nil, h.fault(open, "a ( without a ) behind it")
		}
		if h.text[h.pos] == ')' {
			h.pos++
			return automaton.Alt(subs...), nil
		}
	}
}

// jump reads [N], [N-M], [N-] or [-].
func (h *hexReader) jump() (*automaton.Node, error) {
	const want = "want [N], [N-M], [N-] or [-]"
	open := h.pos
	n := strings.IndexByte(h.text[open:h.end], ']')
	if n < 0 {
		return nil, h.fault(open, "a [ without a ] behind it: %s", want)
	}
	in := h.input
	in.pos, in.end = open+1, open+n
	h.pos = in.end + 1
	if in = in.trim(); in.pos == in.end {
		return nil, h.fault(in.pos, "an empty jump: %s", want)
	}
	i := strings.IndexByte(in.body(), '-')
	if i < 0 {
		n, err := h.skipped(in)
		return automaton.Repeat(automaton.Bytes(automaton.All), n, n, true), err
	}
	lo, hi := in, in
	lo.end, hi.pos = in.pos+i, in.pos+i+1
	lo, hi = lo.trim(), hi.trim()
	least, most := 0, -1
	var err error
	if lo.pos < lo.end {
		if least, err = h.skipped(lo); err != nil {
			return nil, err
		}
	}
	if hi.pos < hi.end {
		if most, err = h.skipped(hi); err != nil {
			return nil, err
		}
		if least > most {
			return nil, h.fault(open, "jump %d-%d: its first number is above its last", least, most)
		}
	}
	return automaton.Repeat(automaton.Bytes(automaton.All), least, most, true), nil
}

// skipped reads one of the numbers of bytes of a jump.
func (h *hexReader) skipped(in input) (int, error) {
	longest := MaxBytes
	if h.splits {
		longest = maxJump
	}
	n := 0
	for i := in.pos; i < in.end; i++ {
		c := in.text[i]
		if c < '0' || c > '9' {
			return 0, in.fault(i, "want decimal digits in a jump, found %s", in.found(i))
		}
		if n = 10*n + int(c-'0'); n > longest {
			return 0, in.fault(in.pos, "a jump of more than %d bytes: no match is longer", longest)
		}
	}
	return n, nil
}

// fewLiterals returns the body of the literals that n stands for, if they are few and of
// one length and all their bits count. Otherwise it returns nil.
func fewLiterals(n *automaton.Node) body {
	const few = 16
	all, ok := expand(n, few)
	if !ok {
		return nil
	}
	var out literals
	for _, b := range all {
		if len(b) != len(all[0]) {
			return nil
		}
		out = out.add(literal{bytes: b})
	}
	return out
}

// expands reports whether expand may find literals: whether n is made of single bytes alone.
func expands(n *automaton.Node) bool {
	switch n.Op {
	case automaton.OpSet:
		return n.Set.Len() == 1
	case automaton.OpAlt, automaton.OpCat:
		return !slices.ContainsFunc(n.Subs, func(sub *automaton.Node) bool { return !expands(sub) })
	}
	return false
}

// expand returns the literals that n stands for. ok is false if there are more than limit,
// or if n stands for something else.
func expand(n *automaton.Node, limit int) (all [][]byte, ok bool) {
	switch n.Op {
	case automaton.OpSet:
		b, mask := n.Set.Mask()
		return [][]byte{{b}}, mask == 0xff
	case automaton.OpAlt:
		for _, sub := range n.Subs {
			more, ok := expand(sub, limit-len(all))
			if all = append(all, more...); !ok || len(all) > limit {
				return nil, false
			}
		}
		return all, true
	case automaton.OpCat:
		all = [][]byte{nil}
		for _, sub := range n.Subs {
			tails, ok := expand(sub, limit/len(all))
			if !ok || len(tails)*len(all) > limit {
				return nil, false
			}
			if len(tails) == 1 {
				for i := range all {
					all[i] = append(all[i], tails[0]...)
				}
				continue
			}
			var longer [][]byte
			for _, head := range all {
				for _, tail := range tails {
					longer = append(longer, append(head[:len(head):len(head)], tail...))
				}
			}
			all = longer
		}
		return all, true
	}
	return nil, false
}
