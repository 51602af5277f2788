package yara

import "strings"

// A quantifier says how many members of a set have to be true.
type quantifier struct {
	all     bool
	count   node // how many: 0 stands for none, not for at least none; nil stands for all
	percent bool // whether count is a share, in percent
}

// keywordQuantifier returns the quantifier all, any or none.
func keywordQuantifier(word string) quantifier {
	switch word {
	case "any":
		return quantifier{count: constNode{intValue(1)}}
	case "none":
		return quantifier{count: constNode{intValue(0)}}
	}
	return quantifier{all: true}
}

// quantifier returns the quantifier of a number.
func (p *parser) quantifier(x operand) quantifier {
	if x.typ != typeInt && x.typ != typeBool && x.typ != typeUnknown {
		p.fault(x.first, "the quantifier of a set is all, any, none or an integer, and this is %v", x.typ)
	}
	if v, ok := constOf(x); ok && v.i < 0 {
		p.fault(x.first, "the quantifier of a set is negative")
	}
	return quantifier{count: x.node}
}

// percentage returns the quantifier of a share.
func (p *parser) percentage(x operand) quantifier {
	q := p.quantifier(x)
	if v, ok := constOf(x); ok && (v.i < 1 || v.i > 100) {
		p.fault(x.first, "a percentage is from 1 to 100")
	}
	q.percent = true
	return q
}

// quantified reads the rest of QUANTIFIER of SET, from the word of on; x is what the quantifier was
// made of.
func (p *parser) operands(at token, q quantifier, x operand) operand {
	p.expect("of")
	operands := []operand{x}
	if x.node == nil {
		operands = nil
	}
	if p.tok.is("(") && !p.isStringSet() {
		return p.quantifiedConditions(at, q, operands)
	}
	set := p.set()
	n := ofNode{q: q, set: set}
	switch {
	case p.tok.is("in") && !q.percent:
		p.advance()
		p.usePlacesOfAll(set)
		r, ends := p.interval()
		n.in, operands = r, append(operands, ends...)
	case p.tok.is("at") && !q.percent:
		p.advance()
		p.usePlacesOfAll(set)
		x := p.integer("an address")
		n.in, operands = pair{x.node, x.node}, append(operands, x)
	}
	y := p.newOperand(at, typeBool, n, operands...)
	y.size += len(set)
	return y
}

// isStringSet reports whether the parentheses that begin here hold strings and nothing
// else.
func (p *parser) isStringSet() bool {
	l := lexer{file: p.lex.file, pos: p.tok.end}
	for {
		name, err := l.next()
		if err != nil || name.kind != tString {
			return false
		}
		sign, err := l.next()
		if err != nil || !sign.is(",") {
			return err == nil && sign.is(")")
		}
	}
}

// usePlacesOfAll notes that the condition asks for places of hits of all strings of a set.
func (p *parser) usePlacesOfAll(set []*ruleString) {
	for _, s := range set {
		p.usePlaces(s)
	}
}

// quantifiedConditions reads (RULE, RULE*, CONDITION). Sets of rules are YARA's; sets of conditions
// are YARA-X's, and a rule is a condition.
func (p *parser) quantifiedConditions(at token, q quantifier, operands []operand) operand {
	p.expect("(")
	n := ofConditionsNode{q: q}
	size := 0
	for {
		if t := p.tok; t.kind == tWord && p.peek().is("*") && !keywords[t.s] {
			for _, r := range p.ruleSet() {
				n.set = append(n.set, ruleNode{r})
			}
		} else {
			x := p.condition()
			n.set = append(n.set, x.node)
			size += x.size
			operands = append(operands, x)
		}
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	y := p.newOperand(at, typeBool, n, operands...)
	y.size += len(n.set)
	return y
}

// set reads a set of strings: them, or ($a, $b*). A string that is named twice
// counts twice, as in YARA.
func (p *parser) set() []*ruleString {
	t := p.tok
	var set []*ruleString
	if p.accept("them") {
		if set = p.current.strings; len(set) == 0 && !p.failed {
			p.fault(t, "the rule has no strings")
		}
	} else {
		p.expect("(")
		for {
			t := p.want(tString, "a string, or several as $a*")
			if p.failed {
				return nil
			}
			n := len(set)
			if set = append(set, p.stringsNamed(t)...); len(set) == n {
				p.fault(t, "the rule has no string %s", t.written())
			}
			if !p.accept(",") {
				break
			}
		}
		p.expect(")")
	}
	p.addMembers(t, 0, len(set))
	if p.failed {
		return nil
	}
	for _, s := range set {
		p.useAnywhere(s)
	}
	return set
}

// stringsNamed returns the strings that an item of a set names.
func (p *parser) stringsNamed(t token) (set []*ruleString) {
	if !t.wild {
		if s := p.byID[t.s]; s != nil && t.s != "$" {
			set = append(set, s)
		}
		return set
	}
	p.addMembers(t, 0, len(p.current.strings))
	if p.failed {
		return nil
	}
	for _, s := range p.current.strings {
		if strings.HasPrefix(s.declared(), t.s) {
			set = append(set, s)
		}
	}
	p.addMembers(t, len(set), 0)
	return set
}

// addMembers counts the members of sets, and what was gone through to find them, which
// takes time but no memory.
func (p *parser) addMembers(t token, members, seen int) {
	if p.setMembers += members + seen/8; p.setMembers > maxMembers {
		p.fault(t, "the sets of strings and rules are too large: at most %d members in all files", maxMembers)
	}
}

// ruleSet reads NAME* and returns the rules above whose names begin so. The rule that is
// being read is one of them, as in YARA.
func (p *parser) ruleSet() []*rule {
	t := p.tok
	p.advance()
	p.expect("*")
	p.addMembers(t, 0, len(p.ns.order))
	if p.failed {
		return nil
	}
	var set []*rule
	for _, r := range p.ns.order {
		if strings.HasPrefix(r.Name, t.s) {
			set = append(set, r)
			p.refer(t, r)
		}
	}
	p.ns.prefixes[t.s] = true
	p.addMembers(t, len(set), 0)
	if len(set) == 0 {
		p.fault(t, "no rule above has a name that begins so")
	}
	return set
}
