package automaton

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// ParseUTF16 reads a regular expression on characters of UTF-16, of RE2's syntax as Go has
// it. order is WideLE or WideBE. The node that it returns is one of bytes and has that
// encoding already: see Options.Encoded.
//
//   - A character of the expression, which is UTF-8, stands for its code unit or, beyond
//     U+FFFF, its two code units. \xNN is the code unit 0x00NN, \x{…} any character.
//   - . and negated classes ([^a], \D, \W, \S) stand for any other single code unit; . does
//     not stand for \n without DotAll. So a character beyond U+FFFF is two of them, and a
//     class that leaves out such a character is refused. \C is any code unit.
//   - With Caseless, letters of all scripts have their other cases (Unicode's simple
//     folding).
//   - \p{…} are classes of Unicode; \d, \s, \w, \b and [[:alpha:]] are of ASCII.
//
// The error is a *SyntaxError.
func ParseUTF16(expr string, flags Flags, order Encoding) (*Node, error) {
	for i, r := range expr {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(expr[i:]); n == 1 {
				return nil, &SyntaxError{i, fmt.Sprintf(`the byte %#02x is not UTF-8: an expression on UTF-16 is written in UTF-8, the unit 0x00NN as \xNN`, expr[i])}
			}
		}
	}
	mode := flags.mode() | syntax.UnicodeGroups
	text, at := withoutC(expr)
	re, err := syntax.Parse(text, mode)
	if err != nil {
		return nil, syntaxError(expr, text, at, err)
	}
	u := utf16Nodes{order: order}
	n := u.convert(re)
	if u.err != nil {
		return nil, u.err
	}
	return n, nil
}

// mode returns the flags as regexp/syntax has them.
func (f Flags) mode() syntax.Flags {
	mode := syntax.Perl &^ syntax.UnicodeGroups
	if f&Caseless != 0 {
		mode |= syntax.FoldCase
	}
	if f&DotAll != 0 {
		mode |= syntax.DotNL
	}
	if f&MultiLine != 0 {
		mode &^= syntax.OneLine
	}
	return mode
}

// withoutC returns the expression with (?s:.) for each \C, which the parser does not know,
// and, for each byte of the result, the offset in expr of what it came from.
func withoutC(expr string) (text string, at []int) {
	const anyUnit = `(?s:.)`
	var out strings.Builder
	quoted := false // whether i is between \Q and \E
	for i := 0; i < len(expr); {
		n, s := 1, expr[i:i+1]
		if expr[i] == '\\' && i+1 < len(expr) {
			switch c := expr[i+1]; {
			case quoted && c != 'E': // a \ that stands for itself
			case c == 'C':
				n, s = 2, anyUnit
			default:
				quoted = c == 'Q'
				n, s = 2, expr[i:i+2]
			}
		}
		for range len(s) {
			at = append(at, i)
		}
		out.WriteString(s)
		i += n
	}
	return out.String(), at
}

// utf16Nodes makes nodes of what was parsed. err is the first error.
type utf16Nodes struct {
	order Encoding
	err   error
}

func (u *utf16Nodes) convert(re *syntax.Regexp) *Node {
	switch re.Op {
	case syntax.OpLiteral:
		var all []*Node
		for _, r := range re.Rune {
			all = append(all, u.class(folded(r, re.Flags)))
		}
		return Cat(all...)
	case syntax.OpCharClass:
		return u.class(re.Rune)
	case syntax.OpAnyChar:
		return u.class([]rune{0, unicode.MaxRune})
	case syntax.OpAnyCharNotNL:
		return u.class([]rune{0, '\n' - 1, '\n' + 1, unicode.MaxRune})
	}
	return convertWith(re, u.convert)
}

// folded returns the range of a character; with FoldCase the ranges of all its cases.
func folded(r rune, flags syntax.Flags) []rune {
	out := []rune{r, r}
	if flags&syntax.FoldCase == 0 {
		return out
	}
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		out = append(out, f, f)
	}
	return out
}

// A character beyond U+FFFF is two code units, a high surrogate and a low one. beyondBMP is
// the first such character.
const (
	surrogates    = 0xd800
	lowSurrogates = 0xdc00
	surrogatesEnd = 0xe000
	beyondBMP     = 0x10000
)

// class returns the node of one character. ranges has pairs of a first and a last one, both
// included.
func (u *utf16Nodes) class(ranges []rune) *Node {
	var units unitSets
	var high []rune // the ranges beyond U+FFFF
	for i := 0; i+1 < len(ranges); i += 2 {
		lo, hi := ranges[i], ranges[i+1]
		if lo < beyondBMP {
			units.add(lo, min(hi, beyondBMP-1))
		}
		if hi >= beyondBMP {
			high = append(high, max(lo, beyondBMP), hi)
		}
	}
	switch allSurrogates := units.has(surrogates, surrogatesEnd-1); {
	case len(high) == 0 || allSurrogates && slices.Equal(high, []rune{beyondBMP, unicode.MaxRune}):
		return u.units(&units)
	case allSurrogates && u.err == nil:
		u.err = &SyntaxError{0, "a class of what is not a character beyond U+FFFF: in UTF-16 that is two code units, and a class is about one"}
	}
	n := u.pairs(high)
	if units.notEmpty() {
		n = Alt(n, u.units(&units))
	}
	return n
}

// unitSets is a set of code units: by high byte, the set of low bytes.
type unitSets [256]Set

func (s *unitSets) add(lo, hi rune) {
	for h := lo >> 8; h <= hi>>8; h++ {
		s[h].AddRange(byte(max(lo, h<<8)), byte(min(hi, h<<8|0xff)))
	}
}

// has reports whether all of lo to hi are in the set.
func (s *unitSets) has(lo, hi rune) bool {
	for c := lo; c <= hi; c++ {
		if !s[c>>8].Has(byte(c)) {
			return false
		}
	}
	return true
}

func (s *unitSets) notEmpty() bool {
	return slices.ContainsFunc(s[:], func(low Set) bool { return low.Len() > 0 })
}

// units returns the node of one code unit of a set. High bytes that have the same low bytes
// are put together.
func (u *utf16Nodes) units(s *unitSets) *Node {
	highs := map[Set]Set{}
	var order []Set
	for h, low := range s {
		if low.Len() == 0 {
			continue
		}
		if _, ok := highs[low]; !ok {
			order = append(order, low)
		}
		with := highs[low]
		with.Add(byte(h))
		highs[low] = with
	}
	if len(order) == 0 {
		return Bytes(Set{}) // nothing matches it
	}
	var all []*Node
	for _, low := range order {
		if u.order == WideLE {
			all = append(all, Cat(Bytes(low), Bytes(highs[low])))
		} else {
			all = append(all, Cat(Bytes(highs[low]), Bytes(low)))
		}
	}
	return Alt(all...)
}

// pairs returns the node of one character beyond U+FFFF that is in the ranges. High
// surrogates that have the same low ones are put together.
func (u *utf16Nodes) pairs(ranges []rune) *Node {
	var all []*Node
	add := func(h1, h2, l1, l2 rune) {
		var high, low unitSets
		high.add(h1, h2)
		low.add(l1, l2)
		all = append(all, Cat(u.units(&high), u.units(&low)))
	}
	for i := 0; i+1 < len(ranges); i += 2 {
		h1, l1 := utf16.EncodeRune(ranges[i])
		h2, l2 := utf16.EncodeRune(ranges[i+1])
		const last = surrogatesEnd - 1
		if h1 == h2 {
			add(h1, h1, l1, l2)
			continue
		}
		add(h1, h1, l1, last)
		if h1+1 < h2 {
			add(h1+1, h2-1, lowSurrogates, last)
		}
		add(h2, h2, lowSurrogates, l2)
	}
	return Alt(all...)
}
