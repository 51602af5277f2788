package yara

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A tokenKind is a kind of token.
type tokenKind uint8

const (
	tEnd    tokenKind = iota // the end of the file
	tWord                    // a keyword or an identifier
	tString                  // $a; $a* if wild
	tCount                   // #a
	tOffset                  // @a
	tLength                  // !a
	tInt                     // 1, 1KB, 0x1, 0o1
	tFloat                   // 1.5
	tText                    // "…"
	tRegexp                  // /…/is
	tPunct                   // all else
)

// A token is a token and where it stands. s is its text; for tText without quotes and
// escapes, for tRegexp without slashes and flags.
type token struct {
	kind  tokenKind
	s     string
	i     int64
	f     float64
	flags string // of tRegexp
	wild  bool   // for tString: a * stands behind it
	file  *ruleFile
	pos   int // the token is file.text[pos:end]
	end   int
}

// is reports whether the token is a keyword or a sign.
func (t token) is(s string) bool {
	return (t.kind == tWord || t.kind == tPunct) && t.s == s
}

// String returns the token as a message shows it.
func (t token) String() string {
	if t.kind == tEnd {
		return "the end"
	}
	shown := t.file.text[t.pos:t.end]
	if len(shown) > 40 {
		shown = shown[:40] + "…"
	}
	return fmt.Sprintf("%q", shown)
}

// written returns the token as it stands in the file.
func (t token) written() string { return t.file.text[t.pos:t.end] }

// A lexer takes a rule file apart.
type lexer struct {
	file         *ruleFile
	pos          int
	unterminated bool // whether the rest of the file is a comment without its end
}

// next returns the next token.
func (l *lexer) next() (token, error) {
	if err := l.blanks(); err != nil {
		return token{}, err
	}
	s, i := l.file.text, l.pos
	t := token{kind: tPunct, file: l.file, pos: i}
	if i == len(s) {
		t.kind, t.end = tEnd, i
		return t, nil
	}
	var err error
	switch c := s[i]; {
	case isLetter(c):
		t.kind, t.end = tWord, l.word(i)
	case isDigit(c):
		err = l.number(&t)
	case c == '"':
		err = l.quoted(&t)
	case c == '/':
		err = l.regexp(&t)
	case c == '$':
		t.kind, t.end = tString, l.word(i+1)
		if t.end < len(s) && s[t.end] == '*' {
			t.s, t.wild = s[i:t.end], true
			t.end++
		}
	case c == '#':
		t.kind, t.end = tCount, l.word(i+1)
	case c == '@':
		t.kind, t.end = tOffset, l.word(i+1)
	case c == '!' && !strings.HasPrefix(s[i:], "!="):
		t.kind, t.end = tLength, l.word(i+1)
	default:
		t.end = i + 1
		if i+2 <= len(s) {
			switch s[i : i+2] {
			case "..", "<=", ">=", "==", "!=", "<<", ">>":
				t.end = i + 2
			}
		}
		if c < ' ' || c > '~' {
			err = l.file.fault(i, "the byte %#02x can stand in quotes and comments only", c)
		}
	}
	if err != nil {
		l.pos = max(l.pos, i+1)
		return token{}, err
	}
	if t.s == "" && t.kind != tText && t.kind != tRegexp {
		t.s = s[i:t.end]
	}
	l.pos = t.end
	return t, nil
}

// blanks skips blanks, ends of lines and comments.
func (l *lexer) blanks() error {
	s := l.file.text
	for l.pos < len(s) {
		switch c := s[l.pos]; {
		case isBlank(c):
			l.pos++
		case c != '/':
			return nil
		case strings.HasPrefix(s[l.pos:], "//"):
			n := strings.IndexByte(s[l.pos:], '\n')
			if n < 0 {
				n = len(s) - l.pos
			}
			l.pos += n
		case strings.HasPrefix(s[l.pos:], "/*"):
			n := strings.Index(s[l.pos+2:], "*/")
			if n < 0 {
				at := l.pos
				l.pos, l.unterminated = len(s), true
				return l.file.fault(at, "a comment without its end, */: what is behind it is not read")
			}
			l.pos += n + 4
		default:
			return nil
		}
	}
	return nil
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// word returns the end of the letters, digits and _ from offset i on.
func (l *lexer) word(i int) int {
	for s := l.file.text; i < len(s) && (isLetter(s[i]) || isDigit(s[i])); i++ {
	}
	return i
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// number reads an integer or a fraction.
func (l *lexer) number(t *token) error {
	s := l.file.text
	end := l.word(t.pos)
	if end+1 < len(s) && s[end] == '.' && isDigit(s[end+1]) {
		end = l.word(end + 1)
		t.kind, t.end = tFloat, end
		f, err := strconv.ParseFloat(s[t.pos:end], 64)
		if err != nil || strings.ContainsAny(s[t.pos:end], "eE_xX") {
			l.pos = end
			return l.file.fault(t.pos, "%s is no number", t.String())
		}
		t.f = f
		return nil
	}
	t.kind, t.end = tInt, end
	l.pos = end
	digits, base, scale := s[t.pos:end], 10, int64(1)
	switch {
	case strings.HasPrefix(digits, "0x"):
		digits, base = digits[2:], 16
	case strings.HasPrefix(digits, "0o"):
		digits, base = digits[2:], 8
	case strings.HasSuffix(digits, "KB"):
		digits, scale = digits[:len(digits)-2], 1<<10
	case strings.HasSuffix(digits, "MB"):
		digits, scale = digits[:len(digits)-2], 1<<20
	}
	v, err := strconv.ParseInt(digits, base, 64)
	switch {
	case err != nil && err.(*strconv.NumError).Err == strconv.ErrRange, err == nil && v > math.MaxInt64/scale:
		return l.file.fault(t.pos, "%s is too large: a number is below 2^63", t.String())
	case err != nil:
		return l.file.fault(t.pos, "%s is no number: want digits, with KB or MB behind, or 0x or 0o in front", t.String())
	}
	t.i = v * scale
	return nil
}

// quoted reads a text in quotes.
func (l *lexer) quoted(t *token) error {
	s := l.file.text
	t.kind = tText
	var b strings.Builder
	plain := strings.IndexAny(s[t.pos+1:], "\"\\\n") // so many bytes stand for themselves
	if plain < 0 {
		plain = len(s) - t.pos - 1
	}
	if from := t.pos + 1; from+plain < len(s) && s[from+plain] == '"' {
		t.s, t.end = s[from:from+plain], from+plain+1
		return nil
	}
	b.WriteString(s[t.pos+1 : t.pos+1+plain])
	for i := t.pos + 1 + plain; i < len(s) && s[i] != '\n'; i++ {
		switch s[i] {
		case '"':
			t.s, t.end = b.String(), i+1
			return nil
		case '\\':
			c, n, ok := escape(s[i:])
			if !ok {
				l.skipText(i)
				return l.file.fault(i, `unknown escape: want \" \\ \t \n \r or \x and two hexadecimal digits`)
			}
			b.WriteByte(c)
			i += n - 1
		default:
			b.WriteByte(s[i])
		}
	}
	l.skipLine(t.pos)
	return l.file.fault(t.pos, "a text without its end, \"")
}

// escape returns the byte that an escape at the start of s stands for, and the length of
// the escape. ok is false where it is none.
func escape(s string) (c byte, n int, ok bool) {
	if len(s) < 2 {
		return 0, 0, false
	}
	switch s[1] {
	case '"', '\\':
		return s[1], 2, true
	case 't':
		return '\t', 2, true
	case 'n':
		return '\n', 2, true
	case 'r':
		return '\r', 2, true
	case 'x':
		if len(s) >= 4 {
			v, err := strconv.ParseUint(s[2:4], 16, 8)
			return byte(v), 4, err == nil
		}
	}
	return 0, 0, false
}

// regexp reads a regular expression between slashes, and its flags. A slash inside has a \
// in front of it, in brackets too.
func (l *lexer) regexp(t *token) error {
	s := l.file.text
	t.kind = tRegexp
	for i := t.pos + 1; i < len(s) && s[i] != '\n'; i++ {
		switch s[i] {
		case '\\':
			if i+1 < len(s) && s[i+1] != '\n' { // else the line ends the expression, as in YARA
				i++
			}
		case '/':
			t.s, t.end = s[t.pos+1:i], l.word(i+1)
			switch t.flags = s[i+1 : t.end]; t.flags {
			case "", "i", "s", "is":
				return nil
			}
			l.pos = t.end
			return l.file.fault(i+1, "flags %q: a regular expression takes i, s or is", t.flags)
		}
	}
	l.skipLine(t.pos)
	return l.file.fault(t.pos, "a regular expression without its end, /")
}

// skipText goes on behind the text that offset i is in. If the text does not end on its
// line, skipText goes on behind the line.
func (l *lexer) skipText(i int) {
	s := l.file.text
	for ; i < len(s) && s[i] != '\n'; i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			l.pos = i + 1
			return
		}
	}
	l.pos = min(i, len(s))
}

// skipLine goes on behind the line that offset i is in.
func (l *lexer) skipLine(i int) {
	l.pos = len(l.file.text)
	if n := strings.IndexByte(l.file.text[i:], '\n'); n >= 0 {
		l.pos = i + n
	}
}

// hex reads the rest of a hex string, up to its }, and returns it with its braces; open is
// its {. Comments and ends of lines become blanks, so that offsets stay what they are.
func (l *lexer) hex(open token) (string, error) {
	s := l.file.text
	i := open.end
	for i < len(s) && (s[i] == ' ' || inHex[s[i]]) && !(s[i] == '[' && isZeroJump(s[i+1:])) {
		i++
	}
	if i < len(s) && s[i] == '}' { // it is as it stands
		l.pos = i + 1
		return s[open.pos:l.pos], nil
	}
	var b strings.Builder
	if n := strings.IndexByte(s[open.end:], '}'); n > 0 {
		b.Grow(min(n, 1<<16) + 2)
	}
	b.WriteByte('{')
	for l.pos = open.end; l.pos < len(s); {
		if err := l.blankOut(&b); err != nil {
			return "", err
		}
		if l.pos == len(s) {
			break
		}
		c := s[l.pos]
		l.pos++
		if c == '}' {
			b.WriteByte('}')
			return b.String(), nil
		}
		if c == '[' && isZeroJump(s[l.pos:]) {
			at := l.pos
			l.skipHex()
			return "", l.file.fault(at, "a jump of 0 bytes")
		}
		if !inHex[c] {
			at := l.pos - 1
			l.skipHex()
			return "", l.file.fault(at, "%q in a hex string: want hexadecimal digits, ?, ~, [ ], ( | ) or }", s[at:at+1])
		}
		b.WriteByte(c)
	}
	return "", l.file.fault(open.pos, "a hex string without its end, }")
}

// inHex tells which bytes a hex string is made of, besides blanks.
var inHex = func() (is [256]bool) {
	for _, c := range []byte("0123456789abcdefABCDEF?~[]()|-") {
		is[c] = true
	}
	return is
}()

// skipHex goes on behind the end of a hex string, if it has one.
func (l *lexer) skipHex() {
	if n := strings.IndexByte(l.file.text[l.pos:], '}'); n >= 0 {
		l.pos += n + 1
	}
}

// isZeroJump reports whether a jump is [0], which YARA refuses. s is what stands behind its
// [.
func isZeroJump(s string) bool {
	n, _, ok := strings.Cut(s[:min(len(s), 64)], "]")
	n = strings.TrimSpace(n)
	return ok && n != "" && strings.Trim(n, "0") == ""
}

// blankOut skips what blanks skips, and writes a blank for each byte of it.
func (l *lexer) blankOut(b *strings.Builder) error {
	from := l.pos
	if err := l.blanks(); err != nil {
		return err
	}
	for range l.pos - from {
		b.WriteByte(' ')
	}
	return nil
}
