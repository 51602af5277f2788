package patterns

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"vscan/engine/addr"
	"vscan/engine/budget"
)

// Target tells what patterns have to know of the image that they are compiled for. The zero
// Target is enough for patterns that need none of it.
type Target struct {
	WordSize   int            // of a pointer, in bytes: 4 or 8; 0 where it is not known
	Order      addr.ByteOrder // of numbers and pointers; counts only if OrderKnown
	OrderKnown bool

	// Mapping returns the addresses of the mappings that have a name, for @NAME, in any
	// order; the name "mapped" stands for all that is mapped. It may know other names too,
	// such as NAME+OFFSET of the command. No ranges, or an error, are an error of the
	// pattern. Compile asks once for each name. Where Mapping is nil, the image has no
	// named mappings.
	Mapping func(name string) ([]addr.Range, error)

	// Align is what the addresses of all hits have to be multiples of, instead of what each
	// pattern has by default. It may be any number, not only a power of two. 0 leaves the
	// defaults.
	Align uint64

	// MaxMatch is the length in bytes of the longest match of a regular expression that
	// sets none itself, and of a hex: with jumps without an end; at most MaxBytes. 0 stands
	// for DefaultMaxMatch.
	MaxMatch int

	// Budget is asked for the memory of the set before it is spent, for as long as the set
	// is used: the caller gives it a Share, and releases that. An error of it is that of
	// Compile. Nil has no limit.
	Budget *budget.Budget
}

// Needle is one thing to look for in memory: a pattern as bytes, or as a number in ranges.
// Exactly one of Lit and Words is set. What a needle refers to must not be changed.
//
// It is for the engine, and may change.
type Needle struct {
	Pattern int32  // index in Set.Patterns of the needle's pattern
	Keys    Keys   // where there are any, all bytes of a hit are those of Lit exclusive-ored with one of them
	Lit     []byte // the bytes, at least one; two where there are keys; or nil
	Mask    []byte // which bits of Lit count, at least one, as long as Lit; nil where all do, as with keys
	Words   *Words // or a number in a set of ranges
	Align   uint64 // a hit's address is a multiple of this; at least 1
}

// Words is a number in memory that lies in one of several ranges. It is for the engine, and
// may change.
type Words struct {
	Size   int            // in bytes: 1, 2, 4 or 8
	Order  addr.ByteOrder // of those bytes; little-endian where Size is 1
	Ranges []ValueRange   // INVARIANT: ascending, disjoint, with a gap between any two; at least one
}

// Contains reports whether a word, as an unsigned number, is in one of the ranges. It takes
// a binary search.
func (w *Words) Contains(v uint64) bool {
	_, ok := slices.BinarySearchFunc(w.Ranges, v, func(r ValueRange, v uint64) int {
		switch {
		case r.Hi < v:
			return -1
		case r.Lo > v:
			return 1
		}
		return 0
	})
	return ok
}

// ValueRange is the values Lo to Hi, both included, as unsigned numbers. A negative value
// is given as its two's complement in the size of the word.
type ValueRange struct{ Lo, Hi uint64 }

// Len returns the length of the needle's hits in bytes.
func (n Needle) Len() int {
	if n.Words != nil {
		return n.Words.Size
	}
	return len(n.Lit)
}

// Set is what many patterns look for, compiled for one image. It does not change and may be
// used by many goroutines.
type Set struct {
	patterns []Pattern
	needles  []Needle
	exprs    []Expr
	maxLen   int
	target   Target // the Target of Compile, without Mapping and Budget
}

// Patterns returns the patterns in the order given, without repetitions (see Compile). The
// caller must not change them.
func (s *Set) Patterns() []Pattern { return s.patterns }

// Needles returns the literals and numbers to look for, in the order of the patterns. A
// pattern without expressions has at least one needle and no two that are alike; different
// patterns may have the same. The caller must not change them. It is for the engine, and
// may change.
func (s *Set) Needles() []Needle { return s.needles }

// Exprs returns what to look for that has to be verified, in the order of the patterns. A
// pattern has either needles or expressions. The caller must not change them. It is for the
// engine, and may change.
func (s *Set) Exprs() []Expr { return s.exprs }

// MaxLen returns the length of the longest match in bytes, 0 for an empty set. A shard
// reads on past its core by MaxLen − 1 bytes.
func (s *Set) MaxLen() int { return s.maxLen }

// Compile makes the set of some patterns for an image.
//
// Two patterns with one name that look for the same become one, in the place of the first.
// Two with one name that look for different things are an error, since their hits could not
// be told apart by name. Patterns that look for the same under different names are all
// kept. No patterns make an empty set.
//
// The error joins all that is wrong with any pattern, in their order, as values of type
// *Error. Behind them come at most one *MissingError for the word size and one for the byte
// order. Where the set takes more memory than Target.Budget has, it is a *budget.Error alone;
// where ctx ends, it is the cause of that.
func Compile(ctx context.Context, pats []Pattern, t Target) (*Set, error) {
	if t.WordSize != 0 && t.WordSize != 4 && t.WordSize != 8 {
		return nil, fmt.Errorf("word size %d: want 4 or 8 bytes", t.WordSize)
	}
	c := compiler{ctx: ctx, target: t}
	s := &Set{patterns: make([]Pattern, 0, len(pats)), target: t}
	s.target.Mapping, s.target.Budget = nil, nil // a set may outlive its image
	word := MissingError{What: FactWordSize, More: -1}
	order := MissingError{What: FactByteOrder, More: -1}
	var errs []error
	needleRoom, exprRoom, err := c.takePatterns(pats)
	if err != nil {
		return nil, err
	}
	names := nameBytes * uint64(len(pats))
	if err := c.take(names, "the names of the set's patterns"); err != nil {
		return nil, err
	}
	defer t.Budget.Give(names)
	if err := c.takeTables(pats); err != nil {
		return nil, err
	}
	byName := make(map[string]int32, len(pats)) // the indices of the patterns
	s.needles, s.exprs = make([]Needle, 0, needleRoom), make([]Expr, 0, exprRoom)
	for i := range pats {
		p := &pats[i]
		if err := c.goOn(1); err != nil {
			return nil, err
		}
		if p.body == nil {
			errs = append(errs, p.fault(-1, "an empty pattern"))
			continue
		}
		needles, err := p.body.needles(p, &c)
		var exprs []Expr
		if b, ok := p.body.(exprBody); ok && err == nil {
			exprs, err = b.exprs(p, &c)
		}
		if over := (*budget.Error)(nil); errors.As(err, &over) {
			return nil, err
		} else if n, ok := err.(needs); ok {
			if n.wordSize {
				word.count(p)
			}
			if n.byteOrder {
				order.count(p)
			}
			continue
		} else if err != nil {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			errs = append(errs, err)
			continue
		}
		if err := c.goOn(len(needles)); err != nil {
			return nil, err
		}
		for j := range needles {
			needles[j].Pattern = int32(len(s.patterns))
			if t.Align != 0 {
				needles[j].Align = t.Align
			}
		}
		if old, ok := byName[p.Name]; ok {
			same := slices.EqualFunc(needles, s.needlesOf(old), sameHits)
			if first := &s.patterns[old]; len(exprs) > 0 || len(needles) == 0 {
				same = p.Kind == first.Kind && p.Written == first.Written && sameExceptions(p, first)
			}
			if !same {
				errs = append(errs, p.clash(&s.patterns[old]))
			}
			continue
		}
		s.needles = append(s.needles, needles...)
		byName[p.Name] = int32(len(s.patterns))
		s.patterns = append(s.patterns, *p)
		for _, n := range needles {
			s.maxLen = max(s.maxLen, n.Len())
		}
		for _, e := range exprs {
			e.Pattern = len(s.patterns) - 1
			if t.Align != 0 {
				e.Align = t.Align
			}
			s.exprs = append(s.exprs, e)
			s.maxLen = max(s.maxLen, e.MaxLen)
		}
	}
	for _, m := range []*MissingError{&word, &order} {
		if m.More >= 0 {
			errs = append(errs, m)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return s, nil
}

// needlesOf returns the needles of a pattern.
func (s *Set) needlesOf(pattern int32) []Needle {
	of := func(n Needle, pattern int32) int { return cmp.Compare(n.Pattern, pattern) }
	first, _ := slices.BinarySearchFunc(s.needles, pattern, of)
	last, _ := slices.BinarySearchFunc(s.needles, pattern+1, of)
	return s.needles[first:last]
}

// Check returns the error that Compile has for the pattern, whatever else is in the set and
// whatever image it is for, as one of type *Error; or the cause of the end of ctx.
func (p *Pattern) Check(ctx context.Context) error {
	if p.body == nil {
		return p.fault(-1, "an empty pattern")
	}
	c := compiler{ctx: ctx}
	_, err := p.body.needles(p, &c)
	if b, ok := p.body.(exprBody); ok && err == nil {
		_, err = b.exprs(p, &c)
	}
	switch _, missing := err.(needs); {
	case missing, err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return err
}

// count notes that p needs what is missing.
func (e *MissingError) count(p *Pattern) {
	if e.More++; e.More == 0 {
		_, made := p.body.(*rangesBody)
		e.Pattern, e.Kind, e.Made = p.Name, p.Kind, made
	}
}

// needs is the error of a body that cannot be compiled without the image's word size, byte
// order or both.
type needs struct{ wordSize, byteOrder bool }

func (needs) Error() string { return "word size or byte order not known" }

// fault returns an error about the byte at offset at of the pattern; −1 stands for all of
// it.
func (p *Pattern) fault(at int, format string, args ...any) *Error {
	return input{text: p.text, file: p.File, line: p.Line}.fault(at, format, args...)
}

// clash returns the error of p, which has the name of another pattern, first.
func (p *Pattern) clash(first *Pattern) *Error {
	name, _ := excerpt(p.Name, 0)
	other, _ := excerpt(first.text, 0)
	where := ""
	if first.Line > 0 {
		where = fmt.Sprintf(" (%s:%d)", first.File, first.Line)
	}
	return p.fault(-1, "the name '%s' is also that of another pattern, '%s'%s: give one of them another NAME=", name, other, where)
}

// sameHits reports whether two needles have the same hits.
func sameHits(a, b Needle) bool {
	if a.Align != b.Align || (a.Words == nil) != (b.Words == nil) {
		return false
	}
	if a.Words == nil {
		return bytes.Equal(a.Lit, b.Lit) && bytes.Equal(a.Mask, b.Mask) && a.Keys == b.Keys
	}
	x, y := a.Words, b.Words
	return x.Size == y.Size && x.Order == y.Order &&
		len(x.Ranges) == len(y.Ranges) && (&x.Ranges[0] == &y.Ranges[0] || slices.Equal(x.Ranges, y.Ranges))
}

// wordNeedle returns the needle of a number of size bytes in ranges. Where the ranges hold
// a single value it is the bytes of that.
func wordNeedle(size int, order addr.ByteOrder, ranges []ValueRange, align uint64) Needle {
	if len(ranges) == 1 && ranges[0].Lo == ranges[0].Hi {
		lit := make([]byte, size)
		order.PutUint(lit, ranges[0].Lo)
		return Needle{Lit: lit, Align: align}
	}
	return Needle{Words: &Words{Size: size, Order: order, Ranges: ranges}, Align: align}
}

// A compiler is what the patterns of one call of Compile share.
type compiler struct {
	ctx               context.Context
	work              int // how much was done since the context was asked, in steps of about a tenth of a microsecond
	target            Target
	mappings          map[string]mappingAnswer
	exceptionMatchers map[exceptionKey]Matcher
	tables            int // bytes that the automaton of each expression may take; 0: the default
}

// askEvery is how many steps may be done before the context is asked.
const askEvery = 1 << 16

// goOn notes that so many steps were done, and returns the error that ends the compiling
// if the context has ended.
func (c *compiler) goOn(steps int) error {
	if c.work += steps; c.work < askEvery {
		return nil
	}
	c.work = 0
	return context.Cause(c.ctx)
}

type mappingAnswer struct {
	values []ValueRange
	err    error
}

// mapping returns the addresses, up to highest, of the mappings that have a name.
func (c *compiler) mapping(name string, highest addr.Addr) ([]ValueRange, error) {
	a, ok := c.mappings[name]
	if !ok {
		if c.mappings == nil {
			c.mappings = make(map[string]mappingAnswer)
		}
		a.values, a.err = c.resolve(name, highest)
		c.mappings[name] = a
	}
	return a.values, a.err
}

func (c *compiler) resolve(name string, highest addr.Addr) ([]ValueRange, error) {
	if c.target.Mapping == nil {
		return nil, errors.New("the image has no named mappings")
	}
	ranges, err := c.target.Mapping(name)
	if err != nil {
		return nil, err
	}
	if len(ranges) == 0 {
		return nil, errors.New("no such mapping")
	}
	merged := addr.Merge(ranges)
	values := make([]ValueRange, 0, len(merged)) // of a graph there can be millions
	for _, r := range merged {
		if r, ok := r.Intersect(addr.Range{First: 0, Last: highest}); ok {
			values = append(values, ValueRange{uint64(r.First), uint64(r.Last)})
		}
	}
	if len(values) == 0 {
		return nil, fmt.Errorf("all of it is above %v, the highest address that a word of the image holds", highest)
	}
	return values, nil
}
