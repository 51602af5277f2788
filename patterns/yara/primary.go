package yara

// primary reads an operand of an operator. Everything that nests passes through here.
func (p *parser) primary() operand {
	t := p.tok
	defer p.leave()
	if !p.enter() {
		return p.unknown(t)
	}
	switch t.kind {
	case tInt:
		p.advance()
		return p.constant(t, intValue(t.i))
	case tFloat:
		p.advance()
		return p.constant(t, value{typ: typeFloat, f: t.f})
	case tText:
		p.advance()
		return p.constant(t, value{typ: typeText, s: t.s})
	case tRegexp:
		p.regexpNode(t) // reports a mistake in the expression
		p.advance()
		// A regular expression by itself is true, as in YARA.
		return p.newOperand(t, typeRegexp, constNode{boolValue(true)})
	case tString:
		return p.found()
	case tCount:
		return p.count()
	case tOffset, tLength:
		return p.hit()
	case tWord:
		return p.word()
	}
	if !t.is("(") {
		p.expected("a value or a condition")
		return p.unknown(t)
	}
	p.advance()
	x := p.condition()
	x.first = t
	p.expect(")")
	return x
}

// word reads an operand that starts with a word.
func (p *parser) word() operand {
	t := p.tok
	switch {
	case t.is("true"), t.is("false"):
		p.advance()
		x := p.constant(t, boolValue(t.is("true")))
		x.typ = typeBool
		return x
	case t.is("filesize"):
		p.advance()
		return p.newOperand(t, typeInt, filesizeNode{})
	case t.is("entrypoint"):
		p.advance()
		p.refuse(t, "entrypoint is not supported: it asks for the format of the file")
		return p.unknown(t)
	case t.is("for"):
		return p.loop()
	case t.is("with") && p.peek().kind == tWord && !keywords[p.peek().s]:
		return p.with()
	case reads[t.s] != (readNode{}):
		p.advance()
		p.expect("(")
		x := p.integer("the address")
		p.expect(")")
		n := reads[t.s]
		n.at = x.node
		return p.newOperand(t, typeInt, n, x)
	case keywords[t.s]:
		p.expected("a value or a condition")
		return p.unknown(t)
	}
	return p.name()
}

// name reads the name of a variable or of a rule, or of something that is not supported.
func (p *parser) name() operand {
	t := p.tok
	p.advance()
	if v, ok := p.variable(t.s); ok {
		return p.newOperand(t, v.typ, varNode(v.slot))
	}
	if x, ok := p.external(t); ok {
		return x
	}
	module := p.tok.is(".")
	for !p.failed {
		switch {
		case p.accept("."):
			p.want(tWord, "a name")
		case p.accept("["):
			p.arithmetic(0)
			p.expect("]")
		case p.accept("("):
			p.arguments()
		case module:
			p.refuse(t, "the module %s is not supported", t.s)
			return p.unknown(t)
		default:
			if p.current.skip == "" {
				p.current.undefined = t.s
			}
			p.refuse(t, "undefined identifier %s", t.s)
			return p.unknown(t)
		}
	}
	return p.unknown(t)
}

// external returns an external variable or a rule. A rule hides a variable that was
// predefined.
func (p *parser) external(t token) (operand, bool) {
	if r := p.ns.rules[t.s]; r != nil && !p.tok.is(".") { // with a . behind it, it is a module
		p.refer(t, r)
		return p.newOperand(t, typeBool, ruleNode{r}), true
	}
	if i, ok := p.variables[t.s]; ok {
		return p.newOperand(t, p.rules.variables[i].typ, externalNode(i)), true
	}
	return operand{}, false
}

// arguments reads the arguments of a function of a module.
func (p *parser) arguments() {
	if p.accept(")") {
		return
	}
	for {
		if p.tok.kind == tRegexp {
			p.advance()
		} else {
			p.condition()
		}
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
}

// refer notes that the condition depends on a rule.
func (p *parser) refer(t token, r *rule) {
	if r.skip != "" && r != p.current {
		p.refuse(t, "it refers to the rule %s, which is left out", r.Name)
	}
}

// integer reads arithmetic whose value has to be an integer.
func (p *parser) integer(what string) operand {
	x := p.arithmetic(0)
	if x.typ != typeInt && x.typ != typeUnknown {
		p.fault(x.first, "%s is an integer, and this is %v", what, x.typ)
	}
	return x
}
