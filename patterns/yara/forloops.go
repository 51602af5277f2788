package yara

// loopVar is a variable of a loop or of with, while its body is read.
type loopVar struct {
	name string
	kind kind
	slot int // in state.vars
}

// variable is the variable of a name that stands in a loop around.
func (p *parser) variable(name string) (loopVar, bool) {
	for _, v := range p.vars {
		if v.name == name {
			return v, true
		}
	}
	return loopVar{}, false
}

// declare adds a variable. Where its name is taken already, that is a mistake.
func (p *parser) declare(t token, k kind) loopVar {
	if _, ok := p.variable(t.s); ok {
		p.fault(t, "a loop around this one has the variable %s", t.s)
	}
	v := loopVar{t.s, k, len(p.vars)}
	p.vars = append(p.vars[:len(p.vars):len(p.vars)], v)
	p.cur.vars = max(p.cur.vars, len(p.vars))
	return v
}

// loop reads for QUANTIFIER of SET : ( CONDITION ) and
// for QUANTIFIER NAME in ITERATOR : ( CONDITION ).
func (p *parser) loop() operand {
	at := p.tok
	p.advance()
	q, of := p.loopQuantifier()
	if p.accept("of") {
		set := p.set()
		p.sets++
		body := p.body()
		p.sets--
		return p.make(at, kBool, forOfNode{q, set, body.node, body.size}, append(of, body)...)
	}
	names := []token{p.identifier("of, or the name of a variable")}
	for p.accept(",") {
		p.refuse(p.tok, "loops with several variables are those of modules, which are not supported")
		names = append(names, p.identifier("the name of a variable"))
	}
	p.expect("in")
	n := forInNode{q: q, slot: len(p.vars)}
	outer := p.vars
	if p.tok.is("(") {
		kind, over := p.iterator(&n)
		of = append(of, over...)
		for _, t := range names {
			p.declare(t, kind)
		}
	} else {
		// It is not supported, and neither are its variables: names that are not
		// known.
		of = append(of, p.primary())
	}
	body := p.body()
	p.vars = outer
	n.body, n.cost = body.node, body.size
	return p.make(at, kBool, n, append(of, body)...)
}

// loopQuantifier reads all, any, none, a number, or a share, which YARA-X has.
func (p *parser) loopQuantifier() (quantifier, []operand) {
	if w := p.tok; w.is("all") || w.is("any") || w.is("none") {
		p.advance()
		return keywordQuantifier(w.s), nil
	}
	x := p.quantity()
	if p.accept("%") {
		return p.percentage(x), []operand{x}
	}
	return p.quantifier(x), []operand{x}
}

// body reads : ( CONDITION ).
func (p *parser) body() operand {
	p.expect(":")
	p.expect("(")
	x := p.condition()
	p.expect(")")
	return x
}

// iterator reads (X..Y) or (X, Y, Z), and says of what kind its values are.
func (p *parser) iterator(n *forInNode) (kind, []operand) {
	p.expect("(")
	first := p.arithmetic(0)
	if first.kind != kInt && first.kind != kText && first.kind != kUnknown {
		p.fault(first.at, "a value of the loop is an integer or a text, and this is %v", first.kind)
	}
	of := []operand{first}
	if first.kind != kText && p.accept("..") {
		hi := p.integer("the upper end")
		n.in, of = pair{first.node, hi.node}, append(of, hi)
		p.expect(")")
		return kInt, of
	}
	for p.accept(",") {
		x := p.arithmetic(0)
		if x.kind != first.kind && x.kind != kUnknown && first.kind != kUnknown {
			p.fault(x.at, "the values of the loop begin with %v, and this is %v", first.kind, x.kind)
		}
		of = append(of, x)
	}
	n.items = nodes(of)
	p.expect(")")
	return first.kind, of
}

// with reads with NAME = VALUE, … : ( CONDITION ), which YARA-X has. A value
// may use the names in front of it.
func (p *parser) with() operand {
	at := p.tok
	p.advance()
	outer := p.vars
	n := withNode{slot: len(outer)}
	var of []operand
	for {
		t := p.identifier("a name")
		p.expect("=")
		x := p.condition()
		if p.failed {
			return p.unknown(at)
		}
		p.declare(t, x.kind)
		n.values, of = append(n.values, x.node), append(of, x)
		if !p.accept(",") {
			break
		}
	}
	body := p.body()
	p.vars = outer
	n.body = body.node
	return p.make(at, kBool, n, append(of, body)...)
}

// withNode is with NAME = VALUE, … : ( BODY ).
type withNode struct {
	slot   int // of the first name
	values []node
	body   node
}

func (n withNode) eval(s *state) value {
	for i, x := range n.values {
		s.vars[n.slot+i] = x.eval(s)
	}
	return n.body.eval(s)
}
