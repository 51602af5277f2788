package patterns

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// Source is what a pattern was read from, as plain values that can be written down. Of a
// Source, FromSources makes the same pattern, in another program or on another machine.
type Source struct {
	Name string // Pattern.Name
	Text string // an argument, or a line of File
	File string // Pattern.File
	Line int    // Pattern.Line

	// Literal says that Text is bytes as they stand, also where it begins like a kind.
	Literal bool

	Flags  string   // those of the last call of Pattern.WithFlags
	Except []string // Pattern.Exceptions
}

// An origin tells how a pattern was made.
type origin uint8

const (
	originRead     origin = 1 << iota // it was read from text, by parse or ParseLiterals
	originCaseless                    // WithFlags has added i
	originFullWord                    // WithFlags has added f
)

// originFlags are the flags that WithFlags adds, by origin.
var originFlags = []struct {
	origin
	flag string
}{{originCaseless, "i"}, {originFullWord, "f"}}

// withFlags returns an origin with other flags.
func (o origin) withFlags(flags string) origin {
	for _, f := range originFlags {
		o &^= f.origin
		if strings.Contains(flags, f.flag) {
			o |= f.origin
		}
	}
	return o
}

// Source returns what the pattern was read from, and false for one that a program has made
// or that ParsePointer has read.
func (p Pattern) Source() (Source, bool) {
	s := Source{Name: p.Name, Text: p.text, File: p.File, Line: p.Line, Literal: p.Kind == KindLiteral, Except: p.Exceptions()}
	for _, f := range originFlags {
		if p.origin&f.origin != 0 {
			s.Flags += f.flag
		}
	}
	return s, p.origin&originRead != 0
}

// FromSources makes patterns of what they were read from. The error joins what is wrong
// with any of them, each an *Error; where ctx ends, it is the cause of that.
func FromSources(ctx context.Context, sources []Source) ([]Pattern, error) {
	pats := make([]Pattern, 0, min(len(sources), 1<<16))
	shared := map[string]*exception{} // many patterns may have the same exception
	var errs []error
	for i := range sources {
		if i%1024 == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		p, err := sources[i].pattern(shared)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		pats = append(pats, p)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return pats, nil
}

// pattern makes the pattern; shared has the exceptions that were read before, by their text.
func (s *Source) pattern(shared map[string]*exception) (p Pattern, err error) {
	if s.Literal {
		p, err = literalOf(s.Text, s.File, s.Line)
	} else {
		p, err = parse(s.Text, s.File, s.Line)
	}
	if err == nil && s.Name != "" {
		p.Name = s.Name
	}
	if err == nil && s.Flags != "" {
		if i := strings.IndexFunc(s.Flags, func(c rune) bool { return c != 'i' && c != 'f' }); i >= 0 {
			return Pattern{}, p.fault(-1, "the flags %q cannot be added: want i, f or both", s.Flags)
		}
		p, err = p.WithFlags(s.Flags)
	}
	if err != nil || len(s.Except) == 0 {
		return p, err
	}
	var list []*exception
	for _, text := range s.Except {
		x := shared[text]
		if x == nil {
			of, err := Parse(text)
			if err == nil {
				x, err = of.asException()
			}
			if err != nil {
				return Pattern{}, err
			}
			shared[text] = x
		}
		list = append(list, x)
	}
	return p.withExceptions(slices.Clip(list))
}

// literalOf returns the pattern of bytes as they stand, at least one.
func literalOf(s, file string, line int) (Pattern, error) {
	in := input{text: s, end: len(s), file: file, line: line}
	switch {
	case s == "":
		return Pattern{}, in.fault(0, "an empty pattern")
	case len(s) > MaxBytes:
		return Pattern{}, in.tooLong(len(s))
	}
	return Pattern{
		Name: s, Written: s, Kind: KindLiteral, origin: originRead, File: file, Line: line,
		text: s, body: literals{{bytes: []byte(s)}},
	}, nil
}
