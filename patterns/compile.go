package patterns

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"vscan/engine/addr"
)

// Target is what a set has to know of the image that it is compiled for. The
// zero Target will do for patterns that ask for none of it.
type Target struct {
	WordSize   int            // of a pointer, in bytes: 4 or 8; 0: not known
	Order      addr.ByteOrder // of numbers and pointers, if OrderKnown
	OrderKnown bool

	// Mapping gives the addresses of the mappings that have a name, for @NAME,
	// in any order; "mapped" asks for all that is mapped. A name may be what else
	// the caller knows, as NAME+OFFSET of the command. No ranges, or an error, is
	// an error of the pattern. Asked once for each name. Nil: the
	// image has no named mappings.
	Mapping func(name string) ([]addr.Range, error)

	// Align is what the addresses of all hits are to be multiples of, instead
	// of what the patterns have by default: any number, not only powers of
	// two. 0: not given.
	Align uint64

	// MaxMatch is the length in bytes of the longest match of a regular
	// expression that sets none itself, or of a hex: with jumps without an end; 0:
	// DefaultMaxMatch. At most MaxBytes.
	MaxMatch int
}

// Needle is one thing to look for in memory, an encoding of a pattern. Exactly
// one of Lit and Words is set. What a needle refers to must not be changed.
type Needle struct {
	Pattern int    // index in Set.Patterns of the pattern that it is of
	Lit     []byte // the bytes, at least one; or nil
	Mask    []byte // which bits of Lit count, as long as it; nil: all. One at least does
	Words   *Words // or a number in a set of ranges
	Align   uint64 // a hit's address is a multiple of this; at least 1
}

// Words is a number in memory that lies in one of several ranges.
type Words struct {
	Size   int            // in bytes: 1, 2, 4 or 8
	Order  addr.ByteOrder // of those bytes; little-endian where Size is 1
	Ranges []ValueRange   // ascending, disjoint, with a gap between any two; at least one
}

// Contains says whether a word, as an unsigned number, is in one of the ranges.
// It takes a binary search.
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

// ValueRange is the words Lo to Hi, both included, as unsigned numbers: a
// negative value is its two's complement in the word's size.
type ValueRange struct{ Lo, Hi uint64 }

// Len is the length of the needle's hits in bytes.
func (n Needle) Len() int {
	if n.Words != nil {
		return n.Words.Size
	}
	return len(n.Lit)
}

// Set is the needles of many patterns, compiled for one image. It does not
// change and may be used by many goroutines.
type Set struct {
	patterns []Pattern
	needles  []Needle
	exprs    []Expr
	maxLen   int
	target   Target // that it was compiled for
}

// Patterns is the patterns in the order given, without repetitions (see
// Compile). The caller must not change it.
func (s *Set) Patterns() []Pattern { return s.patterns }

// Needles is what to look for, in the order of the patterns. A pattern that is
// not one of expressions has at least one needle and no two that are alike;
// different patterns may have the same. The caller must not change it.
func (s *Set) Needles() []Needle { return s.needles }

// Exprs is what to look for that has to be verified, in the order of the
// patterns. A pattern has needles or expressions. The caller must not change it.
func (s *Set) Exprs() []Expr { return s.exprs }

// MaxLen is the length of the longest match in bytes, 0 for an empty set. A
// shard reads MaxLen − 1 bytes past its core.
func (s *Set) MaxLen() int { return s.maxLen }

// Compile encodes patterns for an image.
//
// Two patterns with one name that look for the same are one: it keeps the
// place of the first. If they look for different things, their hits could not
// be told apart by name, and that is an error. Patterns that look for the same
// under different names are all kept. No patterns are an empty set.
//
// The error joins all that is wrong with any pattern, in their order: values
// of type *Error, and then at most one *MissingError each for word size and
// byte order.
func Compile(pats []Pattern, t Target) (*Set, error) {
	if t.WordSize != 0 && t.WordSize != 4 && t.WordSize != 8 {
		return nil, fmt.Errorf("word size %d: want 4 or 8 bytes", t.WordSize)
	}
	c := compiler{target: t}
	s := &Set{patterns: make([]Pattern, 0, len(pats)), needles: make([]Needle, 0, len(pats)), target: t}
	type place struct{ pattern, first, last int } // its needles are [first:last]
	byName := make(map[string]place, len(pats))
	word := MissingError{What: FactWordSize, More: -1}
	order := MissingError{What: FactByteOrder, More: -1}
	var errs []error
	for i := range pats {
		p := &pats[i]
		if p.body == nil {
			errs = append(errs, p.fault(-1, "an empty pattern"))
			continue
		}
		needles, err := p.body.needles(p, &c)
		var exprs []Expr
		if b, ok := p.body.(exprBody); ok && err == nil {
			exprs, err = b.exprs(p, &c)
		}
		if n, ok := err.(needs); ok {
			if n.wordSize {
				word.count(p)
			}
			if n.byteOrder {
				order.count(p)
			}
			continue
		} else if err != nil {
			errs = append(errs, err)
			continue
		}
		for j := range needles {
			needles[j].Pattern = len(s.patterns)
			if t.Align != 0 {
				needles[j].Align = t.Align
			}
		}
		if old, ok := byName[p.Name]; ok {
			same := slices.EqualFunc(needles, s.needles[old.first:old.last], sameHits)
			if len(exprs) > 0 || len(needles) == 0 {
				same = p.Written == s.patterns[old.pattern].Written && sameExceptions(p, &s.patterns[old.pattern])
			}
			if !same {
				errs = append(errs, p.clash(&s.patterns[old.pattern]))
			}
			continue
		}
		first := len(s.needles)
		s.needles = append(s.needles, needles...)
		byName[p.Name] = place{len(s.patterns), first, len(s.needles)}
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

// count notes that a pattern needs what is missing.
func (e *MissingError) count(p *Pattern) {
	if e.More++; e.More == 0 {
		_, made := p.body.(*rangesBody)
		e.Pattern, e.Kind, e.Made = p.Name, p.Kind, made
	}
}

// needs is the error of a body that cannot be encoded without the image's word
// size, byte order or both.
type needs struct{ wordSize, byteOrder bool }

func (needs) Error() string { return "word size or byte order not known" }

// fault is an error about the byte at offset at of the pattern; −1: all of it.
func (p *Pattern) fault(at int, format string, args ...any) *Error {
	return input{text: p.text, file: p.File, line: p.Line}.fault(at, format, args...)
}

// clash is the error of two different patterns with one name.
func (p *Pattern) clash(first *Pattern) *Error {
	name, _ := excerpt(p.Name, 0)
	other, _ := excerpt(first.text, 0)
	where := ""
	if first.Line > 0 {
		where = fmt.Sprintf(" (%s:%d)", first.File, first.Line)
	}
	return p.fault(-1, "the name '%s' is also that of another pattern, '%s'%s: give one of them another NAME=", name, other, where)
}

// sameHits says whether two needles have the same hits.
func sameHits(a, b Needle) bool {
	if a.Align != b.Align || (a.Words == nil) != (b.Words == nil) {
		return false
	}
	if a.Words == nil {
		return bytes.Equal(a.Lit, b.Lit) && bytes.Equal(a.Mask, b.Mask)
	}
	x, y := a.Words, b.Words
	return x.Size == y.Size && x.Order == y.Order &&
		len(x.Ranges) == len(y.Ranges) && (&x.Ranges[0] == &y.Ranges[0] || slices.Equal(x.Ranges, y.Ranges))
}

// wordNeedle is the needle of a number of size bytes in ranges: its bytes
// where only one value will do.
func wordNeedle(size int, order addr.ByteOrder, ranges []ValueRange, align uint64) Needle {
	if len(ranges) == 1 && ranges[0].Lo == ranges[0].Hi {
		lit := make([]byte, size)
		order.PutUint(lit, ranges[0].Lo)
		return Needle{Lit: lit, Align: align}
	}
	return Needle{Words: &Words{Size: size, Order: order, Ranges: ranges}, Align: align}
}

// compiler is what the patterns of one Compile share.
type compiler struct {
	target            Target
	mappings          map[string]mappingAnswer
	exceptionMatchers map[exceptionKey]Matcher
}

type mappingAnswer struct {
	values []ValueRange
	err    error
}

// mapping is the addresses up to highest of the mappings that have a name.
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
	var values []ValueRange
	for _, r := range addr.Merge(ranges) {
		if r, ok := r.Intersect(addr.Range{First: 0, Last: highest}); ok {
			values = append(values, ValueRange{uint64(r.First), uint64(r.Last)})
		}
	}
	if len(values) == 0 {
		return nil, fmt.Errorf("all of it is above %v, the highest address that a word of the image holds", highest)
	}
	return values, nil
}
