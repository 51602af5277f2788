package patterns

import (
	"slices"
	"sync"

	"vscan/patterns/automaton"
)

// An exception is an expression that drops matches in which it is found.
type exception struct {
	written string // the pattern as written
	flags   automaton.Flags
	in      input // where it was written, for errors

	mu    sync.Mutex
	nodes map[formEncoding]exceptionNode // what node has read, for each encoding
}

// A formEncoding is the encoding of a form. An exception is read anew for each.
type formEncoding struct {
	encoding automaton.Encoding
	encoded  bool
}

type exceptionNode struct {
	node *automaton.Node
	err  error
}

// exceptions are the exceptions of a pattern. A Pattern has one pointer to them and no
// more, since there are sets of hundreds of thousands of patterns.
type exceptions struct{ list []*exception }

func (p *Pattern) exceptions() []*exception {
	if p.except == nil {
		return nil
	}
	return p.except.list
}

// WithExceptions returns the pattern with more exceptions: a match in which one of them is
// found is no hit. Such matches are looked at nevertheless and counted apart, in
// engine.Stats.
//
// An exception is looked for in the bytes of the match alone, as if there were no other
// memory: ^ and $ hold at its two ends, and without them it may be found in any part of the
// match. A match of more than DefaultMaxMatch bytes, or one that Target.MaxMatch may have
// cut off, is a hit whatever is in it. Where the pattern is Disjoint, what lies wholly in a
// match that is dropped is no hit either, since the end of a placeholder is a placeholder.
// What begins in it and goes on beyond its end may be a hit.
//
// Exceptions are patterns of re: with no flags but i, s and m, and only patterns of re:
// have any. They are read in the encoding in which the match was found, so flags w and W of
// the pattern hold for them. An exception that matches the empty string (x*) would drop
// every match and is an error.
func (p Pattern) WithExceptions(more ...Pattern) (Pattern, error) {
	var list []*exception
	for i := range more {
		x, err := more[i].asException()
		if err != nil {
			return Pattern{}, err
		}
		list = append(list, x)
	}
	return p.withExceptions(list)
}

// withExceptions is WithExceptions for exceptions that several patterns may share.
func (p Pattern) withExceptions(more []*exception) (Pattern, error) {
	b, ok := p.body.(*programBody)
	if !ok || p.Kind != KindRegexp {
		return Pattern{}, p.fault(-1, "%s", onlyRegexps)
	}
	for _, x := range more {
		for _, f := range b.forms {
			if _, err := x.node(&f); err != nil {
				return Pattern{}, err
			}
		}
	}
	if len(more) > 0 {
		p.except = &exceptions{slices.Concat(p.exceptions(), more)}
	}
	return p, nil
}

// onlyRegexps is the message that refuses exceptions to other patterns.
const onlyRegexps = "only patterns of re: have exceptions: write it as re:, with \\xNN for its bytes"

// Exceptions returns the exceptions of the pattern as they were written, in order.
func (p Pattern) Exceptions() []string {
	var all []string
	for _, x := range p.exceptions() {
		all = append(all, x.written)
	}
	return all
}

// WithoutExceptions returns the pattern without its exceptions.
func (p Pattern) WithoutExceptions() Pattern {
	p.except = nil
	return p
}

// asException returns the pattern as an exception to another pattern.
func (p *Pattern) asException() (*exception, error) {
	b, ok := p.body.(*programBody)
	switch {
	case !ok || p.Kind != KindRegexp:
		return nil, p.fault(-1, "an exception is a pattern of re:")
	case len(b.forms) != 1 || b.forms[0].encoding != automaton.Plain || b.options.FullWord:
		return nil, p.fault(-1, "an exception has the encoding of the pattern that it is of, and no flags but i, s and m")
	case p.except != nil:
		return nil, p.fault(-1, "an exception has no exceptions")
	}
	in := input{text: p.text, pos: b.offset, end: b.offset + len(b.expr), file: p.File, line: p.Line}
	return &exception{written: p.Written, flags: b.options.flags(), in: in}, nil
}

// node returns the exception as an expression in the encoding of a form.
func (x *exception) node(f *form) (*automaton.Node, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	key := formEncoding{f.encoding, f.encoded}
	if known, ok := x.nodes[key]; ok {
		return known.node, known.err
	}
	o := RegexpOptions{UTF16: f.encoded}
	n, err := o.parse(x.in, x.flags, f.encoding)
	if err == nil && n.MatchesEmpty() {
		err = x.in.fault(x.in.pos, "as an exception it would hold in every match: want an expression that takes a byte at least")
	}
	if x.nodes == nil {
		x.nodes = make(map[formEncoding]exceptionNode)
	}
	x.nodes[key] = exceptionNode{n, err}
	return n, err
}

// program returns a program that matches the beginning of a match, up to and including the
// place where the exception is found.
func (x *exception) program(f *form) (*automaton.Program, error) {
	n, err := x.node(f)
	if err != nil {
		return nil, err
	}
	char := automaton.Bytes(automaton.All)
	if f.encoded {
		char = automaton.Cat(char, char)
	}
	p, err := automaton.Compile(automaton.Cat(automaton.Repeat(char, 0, -1, true), n), automaton.Options{
		Limit: MaxBytes, Semantics: automaton.Shortest, Encoding: f.encoding, Encoded: f.encoded, MatchOnly: true,
	})
	if err != nil {
		return nil, x.in.fault(x.in.pos, "%v", err)
	}
	return p, nil
}

// An exceptionKey is an exception in one encoding.
type exceptionKey struct {
	*exception
	formEncoding
}

// exceptions returns the matchers of the pattern's exceptions for one of its forms. A
// matcher is made once for all patterns that share the exception.
func (c *compiler) exceptions(p *Pattern, f *form) ([]Matcher, error) {
	var all []Matcher
	for _, x := range p.exceptions() {
		key := exceptionKey{x, formEncoding{f.encoding, f.encoded}}
		m, ok := c.exceptionMatchers[key]
		if !ok {
			made, err := x.program(f)
			if err != nil {
				return nil, err
			}
			if c.exceptionMatchers == nil {
				c.exceptionMatchers = make(map[exceptionKey]Matcher)
			}
			m = program{made}
			c.exceptionMatchers[key] = m
		}
		all = append(all, m)
	}
	return all, nil
}

// Excepted reports whether one of the expression's exceptions holds in b, the bytes of a
// match of it. It is false for a match that may go on behind b, and for one of more than
// DefaultMaxMatch bytes: a placeholder is short, and looking for it takes time that grows
// with b.
func (e *Expr) Excepted(b []byte) bool {
	if len(b) > DefaultMaxMatch || e.CutLen > 0 && len(b) >= e.CutLen {
		return false
	}
	m := Memory{Bytes: b}
	return slices.ContainsFunc(e.Except, func(x Matcher) bool { return x.Match(&m, 0) > 0 })
}

// sameExceptions reports whether two patterns have the same exceptions.
func sameExceptions(a, b *Pattern) bool {
	return slices.EqualFunc(a.exceptions(), b.exceptions(), func(x, y *exception) bool { return x.written == y.written })
}
