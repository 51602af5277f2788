package automaton

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Flags says how a regular expression is read, as (?i), (?s) and (?m) in front of it do.
type Flags uint8

const (
	Caseless  Flags = 1 << iota // i: the case of ASCII letters does not count
	DotAll                      // s: a . is \n as well
	MultiLine                   // m: ^ and $ hold at the ends of lines as well
)

// SyntaxError tells what is wrong with a regular expression.
type SyntaxError struct {
	Offset int    // in bytes, from the start of the expression
	Msg    string // one line
}

// Error returns the message without the offset.
func (e *SyntaxError) Error() string { return e.Msg }

// ParseRegexp reads a regular expression on bytes, of RE2's syntax as Go has it
// (https://github.com/google/re2/wiki/Syntax):
//
//   - \xNN, an octal escape and every byte of the expression stand for one byte. A
//     character that is not ASCII is its bytes of UTF-8, one by one: in é+ only the last
//     byte is repeated, and [é] is either of its bytes.
//   - . and negated classes ([^a], \D, \W, \S) stand for all other bytes; . does not stand
//     for \n without DotAll. \C is any byte.
//   - Only ASCII letters have two cases.
//   - ^, \A, $ and \z hold where memory has no byte in front or behind; with MultiLine, ^
//     and $ hold at \n as well. \b and \B know words of ASCII.
//   - \p{…}, \x{100} and above, and repetitions of more than 1000 are refused.
//   - What RE2 does not have is refused: Perl's looking around, back references, possessive
//     repetitions and conditions. An empty alternative, as in a|, matches the empty string:
//     (a|)b is ab or b. Since an empty match does not count, a| alone finds what a finds,
//     and so does |a, which prefers the empty string.
//
// The error is a *SyntaxError.
func ParseRegexp(expr string, flags Flags) (*Node, error) {
	runes, at, err := asRunes(expr)
	if err != nil {
		return nil, err
	}
	re, err := syntax.Parse(runes, flags.mode())
	if err != nil {
		return nil, syntaxError(expr, runes, at, err)
	}
	return convert(re), nil
}

// The parser of regexp/syntax reads characters. So the bytes 0x80 to 0xff are handed to it
// as characters of a private area of Unicode, where none has another case or belongs to a
// class. Whatever else a class holds, apart from these and ASCII, stands for no byte.
const (
	private = 0xf700
	lowest  = private + utf8.RuneSelf
	highest = private + 0xff
)

// asRunes returns the expression with such characters and, for each byte of the result, the
// offset in expr of what it came from.
func asRunes(expr string) (runes string, at []int, err error) {
	var out strings.Builder
	class := false // whether i is inside [ ]
	emit := func(from int, s string) {
		out.WriteString(s)
		for range len(s) {
			at = append(at, from)
		}
	}
	value := func(from int, v uint64) {
		switch {
		case v >= utf8.RuneSelf:
			emit(from, string(rune(private+v)))
		default:
			emit(from, fmt.Sprintf(`\x%02x`, v))
		}
	}
	for i := 0; i < len(expr); {
		switch c := expr[i]; {
		case c >= utf8.RuneSelf:
			value(i, uint64(c))
			i++
		case c == '[' && !class:
			n := 1
			class = true
			// A ] that follows at once does not end the class.
			if strings.HasPrefix(expr[i+n:], "^") {
				n++
			}
			if strings.HasPrefix(expr[i+n:], "]") {
				n++
			}
			emit(i, expr[i:i+n])
			i += n
		case c == '[' && strings.HasPrefix(expr[i:], "[:") && strings.Contains(expr[i+2:], ":]"):
			n := 2 + strings.Index(expr[i+2:], ":]") + 2
			for _, c := range []byte(expr[i : i+n]) {
				if c >= utf8.RuneSelf {
					return "", nil, &SyntaxError{i, fmt.Sprintf("invalid character class range %q", expr[i:i+n])}
				}
			}
			emit(i, expr[i:i+n])
			i += n
		case c == ']' && class:
			class = false
			emit(i, "]")
			i++
		case c != '\\' || i+1 == len(expr):
			emit(i, expr[i:i+1])
			i++
		default:
			n, v, err := escape(expr, i, class)
			if err != nil {
				return "", nil, err
			}
			switch {
			case v >= 0:
				value(i, uint64(v))
			case expr[i+1] == 'C':
				emit(i, `(?s:.)`)
			case expr[i+1] == 'Q' && !class:
				for k, c := range []byte(strings.TrimSuffix(expr[i+2:i+n], `\E`)) {
					value(i+2+k, uint64(c))
				}
			case expr[i+1] >= utf8.RuneSelf:
				return "", nil, &SyntaxError{i, fmt.Sprintf("invalid escape sequence: a \\ and the byte %#02x", expr[i+1])}
			default:
				emit(i, expr[i:i+n])
			}
			i += n
		}
	}
	return out.String(), at, nil
}

// escape returns the length of the escape at offset i, and the byte that it stands for; −1
// where it stands for none, or is left to the parser.
func escape(expr string, i int, class bool) (n, v int, err error) {
	rest := expr[i+1:]
	switch c := rest[0]; {
	case c == 'p' || c == 'P':
		return 0, 0, &SyntaxError{i, fmt.Sprintf(`\%c: there are no classes of Unicode: an expression is about bytes`, c)}
	case c == 'C' && class:
		return 0, 0, &SyntaxError{i, `\C, any byte, is not for classes`}
	case c == 'Q' && !class:
		if end := strings.Index(rest, `\E`); end >= 0 {
			return 1 + end + 2, -1, nil
		}
		return 1 + len(rest), -1, nil
	case c == 'x' && strings.HasPrefix(rest, "x{"):
		end := strings.IndexByte(rest, '}')
		if end < 0 {
			break
		}
		v, err := strconv.ParseUint(rest[2:end], 16, 64)
		switch {
		case errors.Is(err, strconv.ErrRange) || err == nil && v > 0xff:
			return 0, 0, &SyntaxError{i, fmt.Sprintf(`\%s is no byte: the highest is \xff`, rest[:end+1])}
		case err == nil:
			return 1 + end + 1, int(v), nil
		}
	case c == 'x' && len(rest) >= 3:
		if v, err := strconv.ParseUint(rest[1:3], 16, 8); err == nil {
			return 4, int(v), nil
		}
	case c == '0' || c >= '1' && c <= '7' && len(rest) > 1 && rest[1] >= '0' && rest[1] <= '7':
		// This is \0 and up to two more octal digits, or \1 to \7 and at least one more.
		// The parser takes a \1 alone for a back reference.
		n, v := 1, int(c-'0')
		for n < 3 && n < len(rest) && rest[n] >= '0' && rest[n] <= '7' {
			v = v<<3 | int(rest[n]-'0')
			n++
		}
		if v > 0xff {
			return 0, 0, &SyntaxError{i, fmt.Sprintf(`\%s is no byte: the highest is \377`, rest[:n])}
		}
		return 1 + n, v, nil
	}
	return 2, -1, nil
}

// syntaxError returns the parser's error as one with an offset in expr.
func syntaxError(expr, runes string, at []int, err error) error {
	var e *syntax.Error
	if !errors.As(err, &e) {
		return &SyntaxError{0, err.Error()}
	}
	first := max(strings.Index(runes, e.Expr), 0)
	last := first + len(e.Expr)
	from, to := 0, len(expr)
	if first < len(at) {
		from = at[first]
	} else if len(at) > 0 && e.Expr == "" {
		from = len(expr)
	}
	if last < len(at) {
		to = at[last]
	}
	msg := e.Code.String()
	switch e.Code {
	case syntax.ErrInvalidRepeatSize:
		msg = "repeated too often, at most 1000 times, those of nested repetitions multiplied"
	case syntax.ErrNestingDepth, syntax.ErrLarge:
		return &SyntaxError{0, msg}
	case syntax.ErrInvalidEscape:
		if len(e.Expr) == 2 && e.Expr[1] >= '1' && e.Expr[1] <= '9' {
			msg = "there are no back references"
		}
	case syntax.ErrInvalidPerlOp:
		msg = "what (? starts here is not known, or not supported (there is no looking ahead or behind)"
	}
	shown := expr[from:max(from, to)]
	if len(shown) > 40 {
		shown = shown[:40] + "…"
	}
	if shown == "" {
		return &SyntaxError{from, msg}
	}
	return &SyntaxError{from, fmt.Sprintf("%s: %q", msg, shown)}
}

// convert returns what was parsed as a node.
func convert(re *syntax.Regexp) *Node {
	switch re.Op {
	case syntax.OpLiteral:
		n := &Node{Op: OpCat}
		for _, r := range re.Rune {
			s := runeSet(r, r)
			if re.Flags&syntax.FoldCase != 0 {
				s = s.Fold()
			}
			n.Subs = append(n.Subs, Bytes(s))
		}
		return Cat(n.Subs...)
	case syntax.OpCharClass:
		var s Set
		for i := 0; i+1 < len(re.Rune); i += 2 {
			s = s.Or(runeSet(re.Rune[i], re.Rune[i+1]))
		}
		return Bytes(s)
	case syntax.OpAnyChar:
		return Bytes(All)
	case syntax.OpAnyCharNotNL:
		return Bytes(SetOf('\n').Not())
	}
	return convertWith(re, convert)
}

// convertWith returns the node of what is no character. It calls convert for its parts.
func convertWith(re *syntax.Regexp, convert func(*syntax.Regexp) *Node) *Node {
	switch re.Op {
	case syntax.OpNoMatch:
		return Bytes(Set{})
	case syntax.OpBeginText:
		return Assert(BeginMemory)
	case syntax.OpEndText:
		return Assert(EndMemory)
	case syntax.OpBeginLine:
		return Assert(BeginLine)
	case syntax.OpEndLine:
		return Assert(EndLine)
	case syntax.OpWordBoundary:
		return Assert(WordBoundary)
	case syntax.OpNoWordBoundary:
		return Assert(NoBoundary)
	}
	subs := make([]*Node, len(re.Sub))
	for i, sub := range re.Sub {
		subs[i] = convert(sub)
	}
	lazy := re.Flags&syntax.NonGreedy != 0
	switch re.Op {
	case syntax.OpAlternate:
		return Alt(subs...)
	case syntax.OpStar:
		return Repeat(subs[0], 0, -1, lazy)
	case syntax.OpPlus:
		return Repeat(subs[0], 1, -1, lazy)
	case syntax.OpQuest:
		return Repeat(subs[0], 0, 1, lazy)
	case syntax.OpRepeat:
		return Repeat(subs[0], re.Min, re.Max, lazy)
	}
	return Cat(subs...) // OpConcat and OpCapture; with no subs, OpEmptyMatch
}

// runeSet returns the bytes that the characters lo to hi stand for.
func runeSet(lo, hi rune) Set {
	var s Set
	if lo < utf8.RuneSelf {
		s.AddRange(byte(lo), byte(min(hi, utf8.RuneSelf-1)))
	}
	if lo, hi := max(lo, lowest), min(hi, highest); lo <= hi {
		s.AddRange(byte(lo-private), byte(hi-private))
	}
	return s
}
