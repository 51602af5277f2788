package patterns

import (
	"errors"
	"strings"

	"vscan/patterns/automaton"
)

// regexpKind is re:, a regular expression on bytes, of RE2's syntax. automaton.ParseRegexp
// says what the syntax means for bytes.
//
// With flag i the case of ASCII letters does not count; with s, . is \n as well; with m, ^
// and $ hold at \n as well. With flag w (W) the expression is on the characters of UTF-16,
// little-endian (big-endian), as automaton.ParseUTF16 reads it: пар.* is what it says, . is
// a code unit, \xNN is the code unit 0x00NN, and with i letters of all scripts have their
// cases. There, ^, $ and \b ask for a whole code unit. Flag a looks for the expression on
// bytes as well.
//
// ^ holds where memory begins, which is where no byte of it lies in front of the match, and
// $ where it ends.
var regexpKind = kind{
	kind:     KindRegexp,
	keywords: []string{"re"},
	flags:    "ismwWa",
	parse:    parseRegexp,
}

// RegexpOptions says how a regular expression is read, and which of the matches that begin
// at one place counts. The zero value is re: without flags.
type RegexpOptions struct {
	Caseless, DotAll, MultiLine bool // as flags i, s and m

	// Wide looks for each byte with a zero behind it, WideBE with a zero in front, and
	// ASCII for the bytes as they stand. Without any of the three, the bytes are looked for
	// as they stand.
	Wide, WideBE, ASCII bool

	// UTF16 makes Wide and WideBE look for all characters of UTF-16, as with the flags w
	// and W, and not only for those below U+0100.
	UTF16 bool

	// FullWord lets only those matches at a place count that have no ASCII letter or digit
	// on either side. Where bytes are wide, a letter is one of two bytes.
	FullWord bool

	// Longest and Shortest choose the longest or the shortest of the matches at a place;
	// not both may be set. Without either, the match is what Perl takes: as much or as
	// little as the expression says, alternatives in their order.
	Longest, Shortest bool

	MaxMatch        int // bytes of the longest match; 0 stands for that of the Target
	MaxMatchAtLeast int // bytes; a shorter limit of the Target is raised to it
}

// NewRegexp returns the pattern of a regular expression that stands behind re:. Its matches
// may overlap (see Disjoint). name and written are for those who read hits. The error is an
// *Error whose Pattern is expr.
func NewRegexp(name, written, expr string, o RegexpOptions) (Pattern, error) {
	in := input{text: expr, end: len(expr)}
	b, err := newRegexp(in, o)
	if err != nil {
		return Pattern{}, err
	}
	return Pattern{Name: name, Written: written, Kind: KindRegexp, text: expr, body: b}, nil
}

// NewExpression is NewRegexp for an expression that the caller has read. It calls expr for
// each encoding to look for; what expr returns has characters of one byte each, and is
// encoded here. Caseless, DotAll and MultiLine are up to the expression, and UTF16 must not
// be set. It is for package yara, and may change.
func NewExpression(name, written string, expr func(automaton.Encoding) *automaton.Node, o RegexpOptions) (Pattern, error) {
	in := input{text: written, end: len(written)}
	b, err := o.body(in, func(e automaton.Encoding) (*automaton.Node, error) { return expr(e), nil })
	if err != nil {
		return Pattern{}, err
	}
	return Pattern{Name: name, Written: written, Kind: KindRegexp, text: written, body: b}, nil
}

func parseRegexp(in input, _, flags string) (body, error) {
	b, err := newRegexp(in, RegexpOptions{
		Caseless:  strings.Contains(flags, "i"),
		DotAll:    strings.Contains(flags, "s"),
		MultiLine: strings.Contains(flags, "m"),
		Wide:      strings.Contains(flags, "w"),
		WideBE:    strings.Contains(flags, "W"),
		ASCII:     strings.Contains(flags, "a"),
		FullWord:  strings.Contains(flags, "f"), // only Pattern.WithFlags gives it
		UTF16:     true,
	})
	if err != nil {
		return nil, err
	}
	b.disjoint = true
	return b, nil
}

func newRegexp(in input, o RegexpOptions) (*programBody, error) {
	if in.pos == in.end {
		return nil, in.fault(in.pos, "want a regular expression, found the end")
	}
	if len(in.body()) > MaxBytes {
		return nil, in.tooLong(len(in.body()))
	}
	b, err := o.body(in, func(e automaton.Encoding) (*automaton.Node, error) { return o.parse(in, o.flags(), e) })
	if err == nil {
		b.expr, b.options = in.body(), o
	}
	return b, err
}

// body returns the body of an expression. parse returns the expression for an encoding.
func (o *RegexpOptions) body(in input, parse func(automaton.Encoding) (*automaton.Node, error)) (*programBody, error) {
	b := &programBody{offset: in.pos, maxMatch: o.MaxMatch, maxMatchAtLeast: o.MaxMatchAtLeast}
	switch {
	case o.Longest && o.Shortest:
		return nil, in.fault(in.pos, "a match is the longest or the shortest, not both")
	case o.Longest:
		b.semantics = automaton.Longest
	case o.Shortest:
		b.semantics = automaton.Shortest
	}
	for _, e := range o.encodings() {
		n, err := parse(e)
		if err != nil {
			return nil, err
		}
		if o.FullWord {
			n = automaton.Cat(automaton.Assert(automaton.NoAlnumBefore), n, automaton.Assert(automaton.NoAlnumBehind))
		}
		b.forms = append(b.forms, form{n, e, o.encoded(e)})
	}
	return b, nil
}

// flags returns the flags for the parsers of package automaton.
func (o *RegexpOptions) flags() (flags automaton.Flags) {
	for _, f := range []struct {
		on   bool
		flag automaton.Flags
	}{{o.Caseless, automaton.Caseless}, {o.DotAll, automaton.DotAll}, {o.MultiLine, automaton.MultiLine}} {
		if f.on {
			flags |= f.flag
		}
	}
	return flags
}

// encodings returns the encodings to look for.
func (o *RegexpOptions) encodings() (all []automaton.Encoding) {
	if o.ASCII || !o.Wide && !o.WideBE {
		all = append(all, automaton.Plain)
	}
	if o.Wide {
		all = append(all, automaton.WideLE)
	}
	if o.WideBE {
		all = append(all, automaton.WideBE)
	}
	return all
}

// encoded reports whether what is parsed for an encoding has that encoding already.
func (o *RegexpOptions) encoded(e automaton.Encoding) bool { return o.UTF16 && e != automaton.Plain }

// parse reads the regular expression that in holds, for an encoding.
func (o *RegexpOptions) parse(in input, flags automaton.Flags, e automaton.Encoding) (n *automaton.Node, err error) {
	if o.encoded(e) {
		n, err = automaton.ParseUTF16(in.body(), flags, e)
	} else {
		n, err = automaton.ParseRegexp(in.body(), flags)
	}
	if err == nil {
		return n, nil
	}
	at := in.pos
	var syntax *automaton.SyntaxError
	if errors.As(err, &syntax) {
		at += syntax.Offset
	}
	return nil, in.fault(at, "%v", err)
}
