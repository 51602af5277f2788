package yara

// A pair is the ends of a range, both included. Both are nil where there is no range.
type pair struct{ lo, hi node }

// interval reads (LO..HI).
func (p *parser) interval() (pair, []operand) {
	p.expect("(")
	lo := p.integer("the lower end")
	p.expect("..")
	hi := p.integer("the upper end")
	p.expect(")")
	return pair{lo.node, hi.node}, []operand{lo, hi}
}

// stringNamed returns the string that a token names; nil for the string of the innermost
// loop.
func (p *parser) stringNamed(t token) *ruleString {
	id := "$" + t.s[1:]
	if id == "$" {
		if p.stringLoops == 0 {
			p.fault(t, "%s stands for a string of a loop, for … of …, and there is none around it", t.s)
		}
		return nil
	}
	s := p.byID[id]
	if s == nil {
		p.fault(t, "the rule has no string %s", id)
	}
	return s
}

// useAnywhere notes that the condition asks for more of a string than whether it is at a
// constant address. The string of a loop, nil, stands for all strings of the rule, as in
// YARA.
func (p *parser) useAnywhere(s *ruleString) {
	if s != nil {
		s.asksAnywhere = true
		return
	}
	p.addMembers(p.tok, 0, len(p.current.strings))
	for _, s := range p.current.strings {
		s.asksAnywhere = true
	}
}

// usePlaces notes that the condition asks for places or lengths of a string's hits.
func (p *parser) usePlaces(s *ruleString) {
	if s != nil {
		s.asksPlaces = true
		return
	}
	p.addMembers(p.tok, 0, len(p.current.strings))
	for _, s := range p.current.strings {
		s.asksPlaces = true
	}
}

// useAt notes that the condition asks whether a string is at an address. What a loop asks
// of its string counts for all strings of the rule; where the address is not constant, it
// counts only for those that were asked for at a constant address before. YARA does so too.
// It makes a difference only for which hits are shown.
func (p *parser) useAt(s *ruleString, x operand) {
	v, constant := constOf(x)
	switch {
	case s != nil && constant:
		s.pinTo(v.i)
	case s != nil:
		s.asksAnywhere = true
	default:
		p.addMembers(p.tok, 0, len(p.current.strings))
		for _, s := range p.current.strings {
			if constant {
				s.pinTo(v.i)
			} else if s.pinned != pinnedNowhere {
				s.asksAnywhere = true
			}
		}
	}
}

// found reads $a, $a at X and $a in (X..Y).
func (p *parser) found() operand {
	t := p.tok
	if t.wild {
		p.fault(t, "%s is a set: want a quantifier in front, as in any of (%s)", t, t)
	}
	s := p.stringNamed(t)
	p.advance()
	switch {
	case p.accept("at"):
		x := p.integer("an address")
		p.useAt(s, x)
		p.usePlaces(s)
		return p.newOperand(t, typeBool, atNode{s, x.node}, x)
	case p.accept("in"):
		p.useAnywhere(s)
		p.usePlaces(s)
		r, ends := p.interval()
		return p.newOperand(t, typeBool, inNode{s, r}, ends...)
	}
	p.useAnywhere(s)
	return p.newOperand(t, typeBool, foundNode{s})
}

// count reads #a and #a in (X..Y).
func (p *parser) count() operand {
	t := p.tok
	s := p.stringNamed(t)
	p.useAnywhere(s)
	p.advance()
	if !p.accept("in") {
		return p.newOperand(t, typeInt, countNode{s, pair{}})
	}
	p.usePlaces(s)
	r, ends := p.interval()
	return p.newOperand(t, typeInt, countNode{s, r}, ends...)
}

// hit reads @a or !a, either with an index behind it or without.
func (p *parser) hit() operand {
	t := p.tok
	s := p.stringNamed(t)
	p.useAnywhere(s)
	p.usePlaces(s)
	p.advance()
	index := p.constant(t, intValue(1))
	if p.accept("[") {
		index = p.integer("an index")
		p.expect("]")
	}
	return p.newOperand(t, typeInt, hitNode{s, index.node, t.kind == tLength}, index)
}
