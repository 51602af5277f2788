package yara

import "strings"

// quantifier says how many of a set it takes.
type quantifier struct {
	all     bool
	n       node // how many: 0 is none, not at least none; nil: all
	percent bool // n is a share, in percent
}

// keywordQuantifier is that of all, any or none.
func keywordQuantifier(word string) quantifier {
	switch word {
	case "any":
		return quantifier{n: constNode{intValue(1)}}
	case "none":
		return quantifier{n: constNode{intValue(0)}}
	}
	return quantifier{all: true}
}

// quantifier is that of a number.
func (p *parser) quantifier(x operand) quantifier {
	if x.kind != kInt && x.kind != kUnknown {
		p.fault(x.at, "the quantifier of a set is all, any, none or an integer, and this is %v", x.kind)
	}
	return quantifier{n: x.node}
}

// percentage is that of a share.
func (p *parser) percentage(x operand) quantifier {
	q := p.quantifier(x)
	if v, ok := constOf(x); ok && (v.i < 1 || v.i > 100) {
		p.fault(x.at, "a percentage is from 1 to 100")
	}
	q.percent = true
	return q
}

// of reads the rest of QUANTIFIER of SET, from of on; x is what the quantifier
// was made of.
func (p *parser) of(at token, q quantifier, x operand) operand {
	p.expect("of")
	of := []operand{x}
	if x.node == nil {
		of = nil
	}
	if p.tok.is("(") {
		switch t := p.peek(); {
		case t.kind == tText:
			p.refuse(t, "sets of texts are not supported")
			p.skipParentheses()
			return p.unknown(at)
		case t.kind == tWord && !p.failed:
			rules := p.ruleSet()
			n := p.make(at, kBool, ofRulesNode{q, rules}, of...)
			n.size += len(rules)
			return n
		}
	}
	set := p.set()
	n := ofNode{q: q, set: set}
	switch {
	case p.tok.is("in") && !q.percent:
		p.advance()
		for _, s := range set {
			p.place(s)
		}
		r, ends := p.interval()
		n.in, of = r, append(of, ends...)
	case p.tok.is("at"):
		p.refuse(p.tok, "a set with at is not supported: YARA 4.2 has none")
		p.advance()
		of = append(of, p.integer("an address"))
	}
	y := p.make(at, kBool, n, of...)
	y.size += len(set)
	return y
}

// skipParentheses goes past parentheses and what is in them.
func (p *parser) skipParentheses() {
	for depth := 0; !p.failed; {
		switch {
		case p.tok.is("("):
			depth++
		case p.tok.is(")"):
			depth--
		case p.tok.kind == tEnd:
			p.expected(")")
		}
		p.advance()
		if depth == 0 {
			return
		}
	}
}

// set reads a set of strings: them, or ($a, $b*). A string that is named twice
// counts twice, as in YARA.
func (p *parser) set() []*str {
	t := p.tok
	var set []*str
	if p.accept("them") {
		if set = p.cur.strings; len(set) == 0 && !p.failed {
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
			for _, s := range p.cur.strings {
				if s.declared == t.s && t.s != "$" || t.wild && strings.HasPrefix(s.declared, t.s) {
					set = append(set, s)
				}
			}
			if len(set) == n {
				p.fault(t, "the rule has no string %s", t.written())
			}
			if !p.accept(",") {
				break
			}
		}
		p.expect(")")
	}
	for _, s := range set {
		p.use(s)
	}
	return set
}

// ruleSet reads a set of rules, (a, b*).
func (p *parser) ruleSet() []*rule {
	var set []*rule
	p.expect("(")
	for {
		t := p.identifier("a rule, or several as a*")
		if p.failed {
			return nil
		}
		wild := p.accept("*")
		n := len(set)
		for _, r := range p.all {
			if r.Name == t.s || wild && strings.HasPrefix(r.Name, t.s) {
				set = append(set, r)
				p.refer(t, r)
			}
		}
		if wild {
			p.prefixes = append(p.prefixes, t.s)
		}
		if len(set) == n {
			p.fault(t, "no rule above is named so")
		}
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	return set
}

// loop reads for QUANTIFIER of SET : ( CONDITION ) and
// for QUANTIFIER NAME in ITERATOR : ( CONDITION ).
func (p *parser) loop() operand {
	at := p.tok
	p.advance()
	var of []operand
	var q quantifier
	if w := p.tok; w.is("all") || w.is("any") || w.is("none") {
		q = keywordQuantifier(w.s)
		p.advance()
	} else {
		x := p.arithmetic(0)
		q, of = p.quantifier(x), append(of, x)
	}
	if p.accept("of") {
		set := p.set()
		p.sets++
		body := p.body()
		p.sets--
		return p.make(at, kBool, forOfNode{q, set, body.node, body.size}, append(of, body)...)
	}
	name := p.identifier("of, or the name of a variable")
	for _, v := range p.vars {
		if v == name.s {
			p.fault(name, "a loop around this one has the variable %s", v)
		}
	}
	names := []string{name.s}
	for p.accept(",") {
		p.refuse(p.tok, "loops with several variables are those of modules, which are not supported")
		names = append(names, p.identifier("the name of a variable").s)
	}
	p.expect("in")
	n := forInNode{q: q, slot: len(p.vars)}
	if p.tok.is("(") {
		of = append(of, p.iterator(&n)...)
	} else {
		of = append(of, p.primary())
	}
	outer := p.vars
	if n.items != nil || n.in.lo != nil {
		// Else it is not supported, and neither are its variables: names that
		// are not known.
		p.vars = append(p.vars, names...)
		p.cur.vars = max(p.cur.vars, len(p.vars))
	}
	body := p.body()
	p.vars = outer
	n.body, n.cost = body.node, body.size
	return p.make(at, kBool, n, append(of, body)...)
}

// body reads : ( CONDITION ).
func (p *parser) body() operand {
	p.expect(":")
	p.expect("(")
	x := p.condition()
	p.expect(")")
	return x
}

// iterator reads (X..Y) or (X, Y, Z).
func (p *parser) iterator(n *forInNode) []operand {
	p.expect("(")
	if p.tok.kind == tText {
		p.refuse(p.tok, "loops over texts are not supported")
		for p.want(tText, "a text"); p.accept(","); {
			p.want(tText, "a text")
		}
		p.expect(")")
		return nil
	}
	first := p.integer("a value of the loop")
	of := []operand{first}
	if p.accept("..") {
		hi := p.integer("the upper end")
		n.in, of = pair{first.node, hi.node}, append(of, hi)
	} else {
		for p.accept(",") {
			of = append(of, p.integer("a value of the loop"))
		}
		n.items = nodes(of)
	}
	p.expect(")")
	return of
}
