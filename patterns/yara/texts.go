package yara

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"vscan/patterns/automaton"
)

// textTests has the operators on texts.
var textTests = map[string]func(a, b string) bool{
	"contains":    strings.Contains,
	"icontains":   func(a, b string) bool { return strings.Contains(lower(a), lower(b)) },
	"startswith":  strings.HasPrefix,
	"istartswith": func(a, b string) bool { return strings.HasPrefix(lower(a), lower(b)) },
	"endswith":    strings.HasSuffix,
	"iendswith":   func(a, b string) bool { return strings.HasSuffix(lower(a), lower(b)) },
	"iequals":     func(a, b string) bool { return lower(a) == lower(b) },
}

// lower returns s with ASCII letters in lower case.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return string(b)
}

// A textNode is a test of two texts.
type textNode struct {
	test func(a, b string) bool
	a, b node
}

func (n textNode) eval(s *evaluation) value {
	a, b := n.a.eval(s), n.b.eval(s)
	if !a.defined() || !b.defined() || !s.spend(1+(len(a.s)+len(b.s))/16) {
		return undefined
	}
	return boolValue(n.test(a.s, b.s))
}

// testText returns a test of texts; t is its operator.
func (p *parser) testText(t token, a, b operand) operand {
	for _, x := range []operand{a, b} {
		if x.typ != typeText && x.typ != typeUnknown {
			p.fault(x.first, "%s takes texts, and this is %v", t.s, x.typ)
		}
	}
	return p.newOperand(a.first, typeBool, textNode{textTests[t.s], a.node, b.node}, a, b)
}

// A matchNode is TEXT matches /EXPRESSION/.
type matchNode struct {
	text node
	re   *regexp.Regexp
	cost int // of each byte of the text, in steps
}

// A match has to begin in front of a byte of the text, unless the text is empty, since
// libyara looks for it so: "b" has no match of /a*$/.
func (n matchNode) eval(s *evaluation) value {
	v := n.text.eval(s)
	if !v.defined() || !s.spend(1+len(v.s)*n.cost) {
		return undefined
	}
	text := characters(v.s)
	var at []int
	if len(v.s)*n.cost < 1<<16 {
		at = n.re.FindStringIndex(text)
	} else { // it may take seconds
		at = n.re.FindReaderIndex(&runesUntil{strings.NewReader(text), s.ctx, 0})
	}
	return boolValue(at != nil && (v.s == "" || at[0] < len(text)))
}

// runesUntil reads characters until a context ends.
type runesUntil struct {
	*strings.Reader
	ctx context.Context
	n   int // how many characters were read
}

func (r *runesUntil) ReadRune() (rune, int, error) {
	if r.n++; r.n&0xff == 0 && r.ctx.Err() != nil {
		return 0, 0, context.Cause(r.ctx)
	}
	return r.Reader.ReadRune()
}

// matches reads the regular expression behind the word matches, which is t; a is what
// stands in front of it.
func (p *parser) matches(t token, a operand) operand {
	if a.typ != typeText && a.typ != typeUnknown {
		p.fault(a.first, "%s takes a text, and this is %v", t.s, a.typ)
	}
	re := p.tok
	if re.kind != tRegexp {
		p.expected("a regular expression")
		return p.unknown(re)
	}
	n := p.regexpNode(re)
	n.text = a.node
	p.advance()
	return p.newOperand(a.first, typeBool, n, a)
}

// maxExpression is the longest regular expression behind the word matches, in bytes of
// RE2's syntax.
const maxExpression = 1 << 16

// regexpNode compiles the regular expression of a token.
func (p *parser) regexpNode(t token) matchNode {
	tr, at, err := translate(t.s)
	if err != nil {
		p.fail(t.file.fault(t.pos+1+at, "%v", err))
		return matchNode{}
	}
	text := tr.root.onCharacters()
	if t.flags != "" {
		text = "(?" + t.flags + ")" + text
	}
	if len(text) > maxExpression {
		p.refuse(t, "the regular expression is too long: at most %d bytes", maxExpression)
		return matchNode{}
	}
	re, err := regexp.Compile(text)
	if err != nil {
		p.refuse(t, "the regular expression cannot be compiled: %v", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		return matchNode{}
	}
	return matchNode{re: re, cost: 1 + len(text)/64}
}

// Package regexp reads characters, and bytes are meant. So bytes from 0x80 on become
// characters of a private area of Unicode, where none has another case.
const privateArea = 0xf700

// characters returns a text in which each byte of s is a character.
func characters(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		b.WriteRune(character(s[i]))
	}
	return b.String()
}

func character(c byte) rune {
	if c < utf8.RuneSelf {
		return rune(c)
	}
	return privateArea + rune(c)
}

// onCharacters returns the expression in the syntax of package regexp, for a text of
// characters.
func (n *reNode) onCharacters() string {
	var b strings.Builder
	n.write(&b)
	return b.String()
}

func (n *reNode) write(b *strings.Builder) {
	switch n.op {
	case reByte:
		fmt.Fprintf(b, `\x{%x}`, character(n.b))
	case reAny:
		b.WriteByte('.')
	case reSet:
		n.writeSet(b)
	case reLook:
		b.WriteString(looks[n.look])
	case reCat:
		for _, sub := range n.subs {
			sub.write(b)
		}
	case reAlt:
		for i, sub := range n.subs {
			b.WriteString([]string{"(?:", "|"}[min(i, 1)])
			sub.write(b)
		}
		b.WriteByte(')')
	case reRepeat:
		b.WriteString("(?:")
		n.subs[0].write(b)
		fmt.Fprintf(b, "){%d,", n.least)
		if n.most >= 0 {
			fmt.Fprint(b, n.most)
		}
		b.WriteByte('}')
		if !n.greedy {
			b.WriteByte('?')
		}
	}
}

// looks has the syntax of package regexp for looks.
var looks = map[automaton.Look]string{
	automaton.BeginMemory: "^", automaton.EndMemory: "$", automaton.WordBoundary: `\b`, automaton.NoBoundary: `\B`,
}

// writeSet writes the set as ranges in brackets.
func (n *reNode) writeSet(b *strings.Builder) {
	b.WriteByte('[')
	if n.negated {
		b.WriteByte('^')
	}
	for c := 0; c < 256; c++ {
		if !n.set.Has(byte(c)) {
			continue
		}
		last := c // the end of the range, which does not go on from 0x7f to 0x80
		for last < 255 && last != utf8.RuneSelf-1 && n.set.Has(byte(last+1)) {
			last++
		}
		fmt.Fprintf(b, `\x{%x}-\x{%x}`, character(byte(c)), character(byte(last)))
		c = last
	}
	b.WriteByte(']')
}
