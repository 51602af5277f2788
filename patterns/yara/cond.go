package yara

import (
	"math"
	"math/bits"
	"strings"
)

// An operand is a part of a condition that was read.
type operand struct {
	node  node
	typ   valueType
	size  int   // the number of its nodes: what evaluating it costs at most, loops aside
	depth int   // the depth of its tree
	first token // its first token
}

// maxTree is the greatest depth of the tree of a condition.
const maxTree = 2000

// newOperand returns an operand that is made of others.
func (p *parser) newOperand(at token, k valueType, n node, parts ...operand) operand {
	x := operand{node: n, typ: k, size: 1, first: at}
	for _, o := range parts {
		x.size += o.size
		x.depth = max(x.depth, o.depth+1)
		if o.typ == typeUnknown && k != typeBool {
			x.typ = typeUnknown
		}
	}
	if x.depth > maxTree {
		p.fault(at, "the condition is too deep: at most %d operators that depend on one another", maxTree)
	}
	return x
}

// constant returns the operand of a value.
func (p *parser) constant(at token, v value) operand {
	return p.newOperand(at, v.typ, constNode{v})
}

// unknown returns the operand of something that is not supported, which refuse has noted.
func (p *parser) unknown(at token) operand { return p.newOperand(at, typeUnknown, constNode{}) }

// constOf returns the value of an operand whose value is constant.
func constOf(x operand) (value, bool) {
	c, ok := x.node.(constNode)
	return c.value, ok && x.typ != typeUnknown
}

// enter counts a level of nesting, and reports whether there are not too many.
func (p *parser) enter() bool {
	if p.nesting++; p.nesting > maxNesting {
		p.fault(p.tok, "nested too deeply: at most %d levels", maxNesting)
		return false
	}
	return true
}

func (p *parser) leave() { p.nesting-- }

// condition reads operands with the word or between them; and binds closer.
func (p *parser) condition() operand {
	at := p.tok
	x := p.conjunction()
	if !p.tok.is("or") {
		return x
	}
	list := []operand{x}
	for p.accept("or") {
		list = append(list, p.conjunction())
	}
	return p.newOperand(at, typeBool, orNode(nodes(list)), list...)
}

func (p *parser) conjunction() operand {
	at := p.tok
	x := p.negation()
	if !p.tok.is("and") {
		return x
	}
	list := append(make([]operand, 0, 4), x)
	for p.accept("and") {
		list = append(list, p.negation())
	}
	return p.newOperand(at, typeBool, andNode(nodes(list)), list...)
}

func nodes(list []operand) []node {
	out := make([]node, len(list))
	for i, x := range list {
		out[i] = x.node
	}
	return out
}

func (p *parser) negation() operand {
	t := p.tok
	if !t.is("not") && !t.is("defined") {
		return p.comparison()
	}
	defer p.leave()
	if !p.enter() {
		return p.unknown(t)
	}
	p.advance()
	x := p.negation()
	if t.is("not") {
		return p.newOperand(t, typeBool, notNode{x.node}, x)
	}
	return p.newOperand(t, typeBool, definedNode{x.node}, x)
}

// comparison reads a comparison, a test of texts, a set with its quantifier,
// or a lone value.
func (p *parser) comparison() operand {
	at := p.tok
	if w := p.tok.s; p.tok.kind == tWord && (w == "all" || w == "any" || w == "none") {
		p.advance()
		return p.operands(at, keywordQuantifier(w), operand{})
	}
	x := p.arithmetic(0)
	for {
		t := p.tok
		switch {
		case t.is("of"):
			return p.operands(at, p.quantifier(x), x)
		case t.is("%") && p.peek().is("of"):
			p.advance()
			return p.operands(at, p.percentage(x), x)
		case t.kind == tPunct && strings.Contains(" == != < <= > >= ", " "+t.s+" "):
			p.advance()
			x = p.compare(t, x, p.arithmetic(0))
		case t.kind == tWord && textTests[t.s] != nil:
			p.advance()
			x = p.testText(t, x, p.arithmetic(0))
		case t.is("matches"):
			p.advance()
			x = p.matches(t, x)
		default:
			return x
		}
	}
}

// compare returns a comparison; t is its operator.
func (p *parser) compare(t token, a, b operand) operand {
	for _, x := range []operand{a, b} {
		if x.typ == typeBool || x.typ == typeRegexp {
			p.fault(x.first, "%s compares numbers or texts, and this is %v", t.s, x.typ)
		}
	}
	if (a.typ == typeText) != (b.typ == typeText) && a.typ != typeUnknown && b.typ != typeUnknown {
		p.fault(t, "%s of %v and %v", t.s, a.typ, b.typ)
	}
	v, aok := constOf(a)
	w, bok := constOf(b)
	if aok && bok {
		x := p.constant(a.first, compare(t.s, v, w))
		x.typ = typeBool
		return x
	}
	return p.newOperand(a.first, typeBool, compareNode{t.s, a.node, b.node}, a, b)
}

// precedence returns how closely an operator of arithmetic binds, 0 where t is none.
func precedence(t token) int {
	if t.kind != tPunct {
		return 0
	}
	switch t.s {
	case "|":
		return 1
	case "^":
		return 2
	case "&":
		return 3
	case "<<", ">>":
		return 4
	case "+", "-":
		return 5
	case "*", `\`, "%":
		return 6
	}
	return 0
}

// arithmetic reads operators that bind more closely than limit.
func (p *parser) arithmetic(limit int) operand { return p.operators(limit, false) }

// quantity reads the number in front of a loop, where a % behind it may be that of a share.
func (p *parser) quantity() operand { return p.operators(0, true) }

func (p *parser) operators(limit int, share bool) operand {
	x := p.sign()
	for {
		t := p.tok
		n := precedence(t)
		if n <= limit || t.is("%") && p.isShare(share) {
			return x
		}
		p.advance()
		x = p.binary(t, x, p.arithmetic(n))
	}
}

// isShare reports whether the current token, a %, is that of a share and no operator: the
// word of stands behind it or, in front of a loop, the name of a variable and the word in.
func (p *parser) isShare(loop bool) bool {
	next := p.peek()
	if next.is("of") {
		return true
	}
	if !loop || next.kind != tWord || keywords[next.s] {
		return false
	}
	after, err := (&lexer{file: p.lex.file, pos: next.end}).next()
	return err == nil && (after.is("in") || after.is(","))
}

// binary returns an operation of arithmetic; t is its operator.
func (p *parser) binary(t token, a, b operand) operand {
	k := typeInt
	for _, x := range []operand{a, b} {
		switch {
		case x.typ == typeFloat && strings.Contains(`+-*\`, t.s):
			k = typeFloat
		case x.typ != typeInt && x.typ != typeUnknown:
			p.fault(x.first, "%s of %v", t.s, x.typ)
		}
	}
	v, aok := constOf(a)
	w, bok := constOf(b)
	if bok && k == typeInt && !p.failed {
		p.checkOperand(t, w)
	}
	if aok && bok && !p.failed {
		if k == typeInt && overflows(t.s, v.i, w.i) {
			p.fault(t, "the result does not fit in 64 bits")
		}
		x := p.constant(a.first, arithmetic(t.s, v, w))
		x.typ = k
		return x
	}
	return p.newOperand(a.first, k, arithNode{t.s, a.node, b.node}, a, b)
}

// checkOperand checks the right operand of an operator, whose value v is constant.
func (p *parser) checkOperand(op token, v value) {
	switch {
	case (op.s == `\` || op.s == "%") && v.i == 0:
		p.fault(op, "division by zero")
	case (op.s == "<<" || op.s == ">>") && v.i < 0:
		p.fault(op, "shift by a negative number")
	}
}

// overflows reports whether a op b does not fit in 64 bits. Like YARA, it counts a product
// of −2^63 as one that does not.
func overflows(op string, a, b int64) bool {
	switch op {
	case "+":
		return b > 0 && a > math.MaxInt64-b || b < 0 && a < math.MinInt64-b
	case "-":
		return b < 0 && a > math.MaxInt64+b || b > 0 && a < math.MinInt64+b
	case "*":
		hi, lo := bits.Mul64(magnitude(a), magnitude(b))
		return hi > 0 || lo > math.MaxInt64
	case `\`:
		return a == math.MinInt64 && b == -1
	}
	return false
}

func magnitude(a int64) uint64 {
	if a < 0 {
		return -uint64(a)
	}
	return uint64(a)
}

// sign reads - and ~ and the operand behind them.
func (p *parser) sign() operand {
	t := p.tok
	if !t.is("-") && !t.is("~") {
		return p.primary()
	}
	defer p.leave()
	if !p.enter() {
		return p.unknown(t)
	}
	p.advance()
	x := p.sign()
	if x.typ != typeInt && x.typ != typeUnknown && (x.typ != typeFloat || t.is("~")) {
		p.fault(x.first, "%s of %v", t.s, x.typ)
	}
	if v, ok := constOf(x); ok {
		v = negate(t.s, v)
		return p.constant(t, v)
	}
	return p.newOperand(t, x.typ, negateNode{t.s, x.node}, x)
}
