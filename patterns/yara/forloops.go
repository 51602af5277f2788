package yara

// A loopVar is a variable of a loop or of with, while the body is being read.
type loopVar struct {
	name string
	typ  valueType
	slot int // its index in evaluation.loopVars
}

// variable returns the variable of a name, if a loop around here has one.
func (p *parser) variable(name string) (loopVar, bool) {
	for _, v := range p.loopVars {
		if v.name == name {
			return v, true
		}
	}
	return loopVar{}, false
}

// declare adds a variable. It is a mistake if a loop around this one has the name already.
func (p *parser) declare(t token, k valueType) loopVar {
	if _, ok := p.variable(t.s); ok {
		p.fault(t, "a loop around this one has the variable %s", t.s)
	}
	v := loopVar{t.s, k, len(p.loopVars)}
	p.loopVars = append(p.loopVars[:len(p.loopVars):len(p.loopVars)], v)
	p.current.vars = max(p.current.vars, len(p.loopVars))
	return v
}

// loop reads
//
//	for QUANTIFIER of SET : ( CONDITION )
//	for QUANTIFIER NAME in ITERATOR : ( CONDITION )
func (p *parser) loop() operand {
	at := p.tok
	p.advance()
	q, operands := p.loopQuantifier()
	if p.accept("of") {
		set := p.set()
		p.stringLoops++
		body := p.body()
		p.stringLoops--
		return p.newOperand(at, typeBool, forOfNode{q, set, body.node, body.size}, append(operands, body)...)
	}
	names := []token{p.identifier("of, or the name of a variable")}
	for p.accept(",") {
		p.refuse(p.tok, "loops with several variables are those of modules, which are not supported")
		names = append(names, p.identifier("the name of a variable"))
	}
	p.expect("in")
	n := forInNode{q: q, slot: len(p.loopVars)}
	outer := p.loopVars
	if p.tok.is("(") {
		kind, over := p.iterator(&n)
		operands = append(operands, over...)
		for _, t := range names {
			p.declare(t, kind)
		}
	} else {
		// Other iterators are not supported, and neither are their variables, which become
		// unknown names.
		operands = append(operands, p.primary())
	}
	body := p.body()
	p.loopVars = outer
	n.body, n.cost = body.node, body.size
	return p.newOperand(at, typeBool, n, append(operands, body)...)
}

// loopQuantifier reads all, any, none, a number, or a share, which is YARA-X's.
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

// iterator reads (X..Y) or (X, Y, Z), and returns the type of its values.
func (p *parser) iterator(n *forInNode) (valueType, []operand) {
	p.expect("(")
	first := p.arithmetic(0)
	if first.typ != typeInt && first.typ != typeText && first.typ != typeUnknown {
		p.fault(first.first, "a value of the loop is an integer or a text, and this is %v", first.typ)
	}
	operands := []operand{first}
	if first.typ != typeText && p.accept("..") {
		hi := p.integer("the upper end")
		n.in, operands = pair{first.node, hi.node}, append(operands, hi)
		p.expect(")")
		return typeInt, operands
	}
	for p.accept(",") {
		x := p.arithmetic(0)
		if x.typ != first.typ && x.typ != typeUnknown && first.typ != typeUnknown {
			p.fault(x.first, "the values of the loop begin with %v, and this is %v", first.typ, x.typ)
		}
		operands = append(operands, x)
	}
	n.items = nodes(operands)
	p.expect(")")
	return first.typ, operands
}

// with reads with NAME = VALUE, … : ( CONDITION ), which is YARA-X's. A value may use the
// names in front of it.
func (p *parser) with() operand {
	at := p.tok
	p.advance()
	outer := p.loopVars
	n := withNode{firstSlot: len(outer)}
	var operands []operand
	for {
		t := p.identifier("a name")
		p.expect("=")
		x := p.condition()
		if p.failed {
			return p.unknown(at)
		}
		p.declare(t, x.typ)
		n.values, operands = append(n.values, x.node), append(operands, x)
		if !p.accept(",") {
			break
		}
	}
	body := p.body()
	p.loopVars = outer
	n.body = body.node
	return p.newOperand(at, typeBool, n, append(operands, body)...)
}

// withNode is with NAME = VALUE, … : ( BODY ).
type withNode struct {
	firstSlot int // the slot of the first name; the others follow
	values    []node
	body      node
}

func (n withNode) eval(s *evaluation) value {
	for i, x := range n.values {
		s.loopVars[n.firstSlot+i] = x.eval(s)
	}
	return n.body.eval(s)
}
