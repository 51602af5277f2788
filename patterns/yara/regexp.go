package yara

import (
	"fmt"
	"strconv"
	"strings"
)

// translated is a regular expression of YARA in RE2's syntax.
type translated struct {
	text             string
	greedy, ungreedy bool // which kind of repetitions it has
	literal          bool // it is nothing but bytes
}

// maxRepeat is the highest count of a repetition that YARA has.
const maxRepeat = 32767

// translate reads a regular expression of YARA (libyara's re_grammar.y and
// re_lexer.l) and writes it in RE2's syntax, which differs: YARA knows no (?,
// \A, \z, \Q, \p, octal escapes and names of classes, \s is \v as well, {,n}
// repeats, and a \ in front of a letter that means nothing else is that letter.
// All bytes are written as \xNN. The error is at offset at.
func translate(re string) (t translated, at int, err error) {
	tr := translator{re: re}
	if err := tr.all(); err != nil {
		return translated{}, tr.i, err
	}
	if tr.greedy && tr.ungreedy {
		return translated{}, tr.last, fmt.Errorf("repetitions with and without ? behind: YARA does not mix them")
	}
	return translated{tr.out.String(), tr.greedy, tr.ungreedy, !tr.more}, 0, nil
}

type translator struct {
	re    string
	i     int // the byte that is being read
	out   strings.Builder
	depth int
	atom  bool // what stands in front can be repeated
	last  int  // offset of the last repetition

	greedy, ungreedy bool
	more             bool // there was something else than bytes
}

func (t *translator) all() error {
	if t.re == "" {
		return fmt.Errorf("an empty regular expression")
	}
	for t.i < len(t.re) {
		t.more = t.more || !t.plain()
		atom, err := t.one()
		if err != nil {
			return err
		}
		t.atom = atom
	}
	if t.depth > 0 {
		return fmt.Errorf("want ), found the end")
	}
	return nil
}

// plain says whether a byte stands here, escaped or not.
func (t *translator) plain() bool {
	if c := t.re[t.i]; c != '\\' {
		return strings.IndexByte("()|^$.*+?{[", c) < 0
	}
	return t.i+1 < len(t.re) && strings.IndexByte("wWsSdDbB", t.re[t.i+1]) < 0
}

// one reads one item, and says whether it can be repeated.
func (t *translator) one() (atom bool, err error) {
	switch c := t.re[t.i]; c {
	case '(':
		if strings.HasPrefix(t.re[t.i:], "(?") {
			return false, fmt.Errorf("YARA has no (?")
		}
		t.depth++
		t.put("(?:", 1)
		return false, nil
	case ')':
		if t.depth == 0 {
			return false, fmt.Errorf("a ) without its (")
		}
		t.depth--
		t.put(")", 1)
		return true, nil
	case '|', '^', '$':
		t.put(string(c), 1)
		return false, nil
	case '.':
		t.put(".", 1)
		return true, nil
	case '*', '+', '?':
		return false, t.repeat(string(c), 1)
	case '{':
		n, text, err := t.count()
		if err != nil {
			return false, err
		}
		if n > 0 {
			return false, t.repeat(text, n)
		}
	case '[':
		return true, t.class()
	case '\\':
		if t.i+1 < len(t.re) && (t.re[t.i+1] == 'b' || t.re[t.i+1] == 'B') {
			t.put(t.re[t.i:t.i+2], 2)
			return false, nil
		}
	}
	set, negated, n, err := t.escape()
	if err != nil {
		return false, err
	}
	if negated {
		t.put("[^"+set+"]", n)
	} else {
		t.put("["+set+"]", n)
	}
	return true, nil
}

func (t *translator) put(s string, n int) {
	t.out.WriteString(s)
	t.i += n
}

// repeat writes a repetition that is n bytes long, and a ? behind it.
func (t *translator) repeat(s string, n int) error {
	if !t.atom {
		return fmt.Errorf("nothing to repeat in front of %s", t.re[t.i:t.i+n])
	}
	t.last = t.i
	t.put(s, n)
	if t.i < len(t.re) && t.re[t.i] == '?' {
		t.ungreedy = true
		t.put("?", 1)
	} else {
		t.greedy = true
	}
	return nil
}

// count reads {n}, {n,}, {n,m} or {,m}, n bytes of it; 0 where the { is but a
// byte.
func (t *translator) count() (n int, text string, err error) {
	end := strings.IndexByte(t.re[t.i:], '}')
	if end < 0 || strings.Trim(t.re[t.i+1:t.i+end], "0123456789, ") != "" {
		return 0, "", nil
	}
	lo, hi, comma := strings.Cut(t.re[t.i+1:t.i+end], ",")
	if comma { // blanks may stand around it, since YARA 4.5
		lo, hi = strings.TrimRight(lo, " "), strings.TrimLeft(hi, " ")
	}
	if lo == "" && !comma || strings.Trim(lo+hi, "0123456789") != "" {
		return 0, "", nil
	}
	n = end + 1
	if lo == "" {
		lo = "0"
	}
	if !comma {
		hi = lo
	}
	a, err := strconv.Atoi(lo)
	b := a
	if err == nil && hi != "" {
		b, err = strconv.Atoi(hi)
	}
	switch {
	case err != nil || a > maxRepeat || b > maxRepeat:
		return 0, "", fmt.Errorf("repeated more than %d times", maxRepeat)
	case b < a:
		return 0, "", fmt.Errorf("a repetition from %d to %d", a, b)
	case hi == "":
		return n, fmt.Sprintf("{%d,}", a), nil
	}
	return n, fmt.Sprintf("{%d,%d}", a, b), nil
}

// escape reads one byte, or a \ and what is behind it, n bytes: a set of bytes
// as it stands in brackets.
func (t *translator) escape() (set string, negated bool, n int, err error) {
	c := t.re[t.i]
	if c != '\\' {
		return hexByte(c), false, 1, nil
	}
	if t.i+1 == len(t.re) {
		return "", false, 0, fmt.Errorf("a \\ at the end")
	}
	switch c := t.re[t.i+1]; c {
	case 'w', 'W':
		return "0-9A-Za-z_", c == 'W', 2, nil
	case 's', 'S':
		return `\x09-\x0d\x20`, c == 'S', 2, nil
	case 'd', 'D':
		return "0-9", c == 'D', 2, nil
	}
	b, n, err := t.escapedByte()
	return hexByte(b), false, n, err
}

// escapedByte is the byte that a \ and what is behind it stand for.
func (t *translator) escapedByte() (b byte, n int, err error) {
	switch c := t.re[t.i+1]; {
	case c == 'x':
		if t.i+4 <= len(t.re) {
			if v, err := strconv.ParseUint(t.re[t.i+2:t.i+4], 16, 8); err == nil {
				return byte(v), 4, nil
			}
		}
		return 0, 0, fmt.Errorf(`want two hexadecimal digits behind \x`)
	case isDigit(c):
		return 0, 0, fmt.Errorf("there are no back references")
	default:
		if i := strings.IndexByte("ntrfa", c); i >= 0 {
			c = "\n\t\r\f\a"[i]
		}
		return c, 2, nil
	}
}

func hexByte(b byte) string { return fmt.Sprintf(`\x%02x`, b) }

// class reads brackets.
func (t *translator) class() error {
	open := t.i
	t.i++
	negated := strings.HasPrefix(t.re[t.i:], "^")
	if negated {
		t.i++
	}
	var in [256]bool
	first := true
	for ; ; first = false {
		if t.i == len(t.re) {
			t.i = open
			return fmt.Errorf("a [ without its ]")
		}
		if t.re[t.i] == ']' && !first {
			t.i++
			break
		}
		if err := t.member(&in); err != nil {
			return err
		}
	}
	t.out.WriteString("[")
	if negated {
		t.out.WriteString("^")
	}
	for lo := 0; lo < 256; lo++ {
		hi := lo
		for hi < 256 && in[hi] {
			hi++
		}
		if hi > lo {
			t.out.WriteString(hexByte(byte(lo)) + "-" + hexByte(byte(hi-1)))
			lo = hi
		}
	}
	t.out.WriteString("]")
	return nil
}

// member reads a byte, a range or an escape in brackets.
func (t *translator) member(in *[256]bool) error {
	if t.re[t.i] == '\\' && t.i+1 < len(t.re) && strings.IndexByte("wWsSdD", t.re[t.i+1]) >= 0 {
		c := t.re[t.i+1]
		for b := range 256 {
			if belongs(byte(b), c|0x20) == (c >= 'a') {
				in[b] = true
			}
		}
		t.i += 2
		return nil
	}
	lo, err := t.memberByte()
	if err != nil {
		return err
	}
	hi := lo
	if t.i+1 < len(t.re) && t.re[t.i] == '-' && t.re[t.i+1] != ']' {
		at := t.i
		t.i++
		if hi, err = t.memberByte(); err != nil {
			return err
		}
		if hi < lo {
			t.i = at
			return fmt.Errorf("a range whose first byte is above its last")
		}
	}
	for b := int(lo); b <= int(hi); b++ {
		in[b] = true
	}
	return nil
}

func (t *translator) memberByte() (byte, error) {
	b, n := t.re[t.i], 1
	if b == '\\' {
		if t.i+1 == len(t.re) {
			return 0, fmt.Errorf("a \\ at the end")
		}
		if c := t.re[t.i+1]; isDigit(c) { // no back reference can stand here
			t.i += 2
			return c, nil
		}
		var err error
		if b, n, err = t.escapedByte(); err != nil {
			return 0, err
		}
	}
	t.i += n
	return b, nil
}

// belongs says whether a byte is one of \w, \s or \d.
func belongs(b, class byte) bool {
	switch class {
	case 'w':
		return isLetter(b) || isDigit(b)
	case 's':
		return b >= '\t' && b <= '\r' || b == ' '
	}
	return isDigit(b)
}
