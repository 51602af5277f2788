package patterns

import "strings"

// This file reads the lines @except and @except-all of a file of patterns.

// except adds the exception that in holds to the pattern in front of it.
func (f *fileReader) except(in input) error {
	x, err := in.exception()
	if err != nil {
		return err
	}
	if !f.afterPattern {
		return in.fault(0, "an exception belongs to the pattern in front of it, and there is none in this file")
	}
	p := &f.patterns[len(f.patterns)-1]
	if p.Kind != KindRegexp {
		return in.fault(0, "the pattern in front (line %d): %s", p.Line, onlyRegexps)
	}
	q, err := p.withExceptions([]*exception{x})
	if err == nil {
		*p = q
	}
	return err
}

// exceptAll keeps the exception that in holds, for all patterns of re: that follow in the
// file.
func (f *fileReader) exceptAll(in input) error {
	x, err := in.exception()
	if err == nil {
		f.forAll, f.afterPattern = append(f.forAll, x), false
	}
	return err
}

// exception reads the exception that in holds.
func (in input) exception() (*exception, error) {
	if in.pos == in.end {
		return nil, in.fault(in.end, "want the exception, a pattern of re:, found the end")
	}
	// Blanks in front do not count, so columns stay what they are.
	p, err := parse(strings.Repeat(" ", in.pos)+in.text[in.pos:], in.file, in.line)
	if e, ok := err.(*Error); ok {
		e.Pattern = in.text
		return nil, e
	} else if err != nil {
		return nil, err
	}
	p.text = in.text
	if p.Name != p.Written && p.Kind != KindLiteral {
		return nil, in.fault(in.pos, "an exception has no name: want a pattern of re:")
	}
	return p.asException()
}
