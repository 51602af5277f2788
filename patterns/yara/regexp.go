package yara

import (
	"fmt"
	"strconv"
	"strings"

	"vscan/patterns/automaton"
)

// A reNode is a part of a regular expression of YARA.
type reNode struct {
	op      reOp
	b       byte           // for reByte
	set     automaton.Set  // for reSet and reMasked
	negated bool           // for reSet: the bytes that are not in set
	look    automaton.Look // for reLook
	subs    []*reNode      // for reCat, reAlt and reRepeat, which has one

	// These are for reRepeat: how often, both ends included; most < 0 stands for no end.
	// counted holds for all repetitions but * and +, for which libyara has other nodes.
	least, most     int
	greedy, counted bool
}

type reOp uint8

const (
	reByte   reOp = iota
	reAny         // .
	reMasked      // of hex strings: a byte of which only one digit is given
	reSet
	reLook
	reCat    // all of subs side by side; without subs, the empty string
	reAlt    // one of subs; the earlier is preferred
	reRepeat // subs[0], repeated
)

// translated is a regular expression of YARA that was read.
type translated struct {
	root             *reNode
	greedy, ungreedy bool // which kinds of repetitions it has
}

// maxRepeat is the highest count of a repetition in YARA, and maxGroups is how deep groups
// may be nested.
const (
	maxRepeat = 32767
	maxGroups = 1000
)

// translate reads a regular expression of YARA (libyara's re_grammar.y and re_lexer.l). The
// syntax is neither Perl's nor RE2's: YARA has no (?, \A, \z, \Q, \p, octal escapes and
// names of classes; \s includes \v; {,n} is a repetition; and a \ in front of a letter
// without a meaning is that letter. at is the offset of the error.
func translate(text string) (t translated, at int, err error) {
	tr := translator{text: text}
	root, err := tr.all()
	if err != nil {
		return translated{}, tr.pos, err
	}
	if tr.greedy && tr.ungreedy {
		return translated{}, tr.last, fmt.Errorf("repetitions with and without ? behind: YARA does not mix them")
	}
	return translated{root, tr.greedy, tr.ungreedy}, 0, nil
}

// literal reports whether the expression is nothing but bytes.
func (t translated) literal() bool {
	for _, n := range t.root.subs {
		if n.op != reByte {
			return false
		}
	}
	return t.root.op == reCat
}

type translator struct {
	text  string
	pos   int // offset of the byte that is being read
	depth int
	last  int // offset of the repetition that was read last

	greedy, ungreedy bool
}

func (t *translator) all() (*reNode, error) {
	if t.text == "" {
		return nil, fmt.Errorf("an empty regular expression")
	}
	if i := strings.IndexByte(t.text, 0); i >= 0 {
		t.pos = i
		return nil, fmt.Errorf(`a byte 0x00: write it as \x00`)
	}
	n, err := t.alternatives()
	if err == nil && t.pos < len(t.text) {
		err = fmt.Errorf("a ) without its (")
	}
	return n, err
}

// alternatives reads what stands between |, up to the end or a ). All but the first may be
// empty, as in libyara's re_grammar.y.
func (t *translator) alternatives() (*reNode, error) {
	var subs []*reNode
	for {
		n, err := t.sequence()
		if err != nil {
			return nil, err
		}
		if len(subs) == 0 && len(n.subs) == 0 && t.pos < len(t.text) {
			return nil, fmt.Errorf("nothing in front of %s: of alternatives, the first cannot be empty", t.text[t.pos:t.pos+1])
		}
		subs = append(subs, n)
		if t.pos == len(t.text) || t.text[t.pos] == ')' {
			break
		}
		t.pos++ // past the |
	}
	if len(subs) == 1 {
		return subs[0], nil
	}
	return &reNode{op: reAlt, subs: subs}, nil
}

// sequence reads what stands side by side, up to the end, a | or a ).
func (t *translator) sequence() (*reNode, error) {
	n := &reNode{op: reCat}
	for t.pos < len(t.text) && t.text[t.pos] != '|' && t.text[t.pos] != ')' {
		sub, err := t.one()
		if err != nil {
			return nil, err
		}
		n.subs = append(n.subs, sub)
	}
	return n, nil
}

// one reads one item, and how often it is repeated.
func (t *translator) one() (*reNode, error) {
	n, err := t.item()
	if err != nil || n.op == reLook || t.pos == len(t.text) {
		return n, err
	}
	least, most, size, counted := 0, -1, 1, false
	switch t.text[t.pos] {
	case '*':
	case '+':
		least = 1
	case '?':
		most, counted = 1, true
	case '{':
		counted = true
		if size, least, most, err = t.count(); size == 0 || err != nil {
			return n, err
		}
	default:
		return n, nil
	}
	t.last = t.pos
	t.pos += size
	greedy := t.pos == len(t.text) || t.text[t.pos] != '?'
	if greedy {
		t.greedy = true
	} else {
		t.ungreedy = true
		t.pos++
	}
	return &reNode{op: reRepeat, subs: []*reNode{n}, least: least, most: most, greedy: greedy, counted: counted}, nil
}

// item reads one item.
func (t *translator) item() (*reNode, error) {
	c := t.text[t.pos]
	look := func(l automaton.Look, n int) (*reNode, error) {
		t.pos += n
		return &reNode{op: reLook, look: l}, nil
	}
	switch c {
	case '(':
		return t.group()
	case '^':
		return look(automaton.BeginMemory, 1)
	case '$':
		return look(automaton.EndMemory, 1)
	case '.':
		t.pos++
		return &reNode{op: reAny}, nil
	case '*', '+', '?':
		return nil, fmt.Errorf("nothing to repeat in front of %c", c)
	case '{':
		if n, _, _, err := t.count(); err != nil || n > 0 {
			if err == nil {
				err = fmt.Errorf("nothing to repeat in front of %s", t.text[t.pos:t.pos+n])
			}
			return nil, err
		}
	case '[':
		return t.class()
	case '\\':
		if t.pos+1 < len(t.text) && t.text[t.pos+1] == 'b' {
			return look(automaton.WordBoundary, 2)
		}
		if t.pos+1 < len(t.text) && t.text[t.pos+1] == 'B' {
			return look(automaton.NoBoundary, 2)
		}
	}
	return t.single()
}

// group reads ( … ).
func (t *translator) group() (*reNode, error) {
	if strings.HasPrefix(t.text[t.pos:], "(?") {
		return nil, fmt.Errorf("YARA has no (?")
	}
	if t.depth++; t.depth > maxGroups {
		return nil, fmt.Errorf("groups nested more than %d deep", maxGroups)
	}
	t.pos++
	n, err := t.alternatives()
	if err != nil {
		return nil, err
	}
	if t.pos == len(t.text) {
		return nil, fmt.Errorf("want ), found the end")
	}
	t.depth--
	t.pos++
	return n, nil
}

// count reads {n}, {n,}, {n,m} or {,m}. It returns the length of that, 0 where the { is a
// byte like others. most is −1 where there is no upper bound.
func (t *translator) count() (n, least, most int, err error) {
	end := strings.IndexByte(t.text[t.pos:], '}')
	if end < 0 || strings.Trim(t.text[t.pos+1:t.pos+end], "0123456789, ") != "" {
		return 0, 0, 0, nil
	}
	lo, hi, comma := strings.Cut(t.text[t.pos+1:t.pos+end], ",")
	if comma { // blanks may stand around the comma since YARA 4.5
		lo, hi = strings.TrimRight(lo, " "), strings.TrimLeft(hi, " ")
	}
	if lo == "" && !comma || strings.Trim(lo+hi, "0123456789") != "" {
		return 0, 0, 0, nil
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
		return 0, 0, 0, fmt.Errorf("repeated more than %d times", maxRepeat)
	case b < a:
		return 0, 0, 0, fmt.Errorf("a repetition from %d to %d", a, b)
	case hi == "":
		return n, a, -1, nil
	}
	return n, a, b, nil
}

// single reads one byte, or an escape.
func (t *translator) single() (*reNode, error) {
	c := t.text[t.pos]
	if c != '\\' {
		t.pos++
		return &reBytes[c], nil
	}
	if t.pos+1 == len(t.text) {
		return nil, fmt.Errorf("a \\ at the end")
	}
	if c := t.text[t.pos+1]; strings.IndexByte("wWsSdD", c) >= 0 {
		t.pos += 2
		return &reNode{op: reSet, set: classOf(c | 0x20), negated: c < 'a'}, nil
	}
	b, n, err := t.escapedByte()
	if err != nil {
		return nil, err
	}
	t.pos += n
	return &reBytes[b], nil
}

// reBytes are the bytes as nodes, of which nothing changes.
var reBytes = func() (all [256]reNode) {
	for b := range all {
		all[b] = reNode{op: reByte, b: byte(b)}
	}
	return all
}()

// escapedByte returns the byte that an escape stands for, and the length of the escape.
func (t *translator) escapedByte() (b byte, n int, err error) {
	switch c := t.text[t.pos+1]; {
	case c == 'x':
		if t.pos+4 <= len(t.text) {
			if v, err := strconv.ParseUint(t.text[t.pos+2:t.pos+4], 16, 8); err == nil {
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

// class reads brackets, as libyara's re_lexer.l does: a ] at the front is one of the bytes,
// and begins no range.
func (t *translator) class() (*reNode, error) {
	open := t.pos
	t.pos++
	n := &reNode{op: reSet}
	if strings.HasPrefix(t.text[t.pos:], "^") {
		n.negated = true
		t.pos++
	}
	if strings.HasPrefix(t.text[t.pos:], "]") {
		n.set.Add(']')
		t.pos++
	}
	for {
		if t.pos == len(t.text) {
			t.pos = open
			return nil, fmt.Errorf("a [ without its ]")
		}
		if t.text[t.pos] == ']' {
			t.pos++
			return n, nil
		}
		if err := t.member(&n.set); err != nil {
			return nil, err
		}
	}
}

// member reads a byte, a range or an escape in brackets. What can be the first byte of a
// range is taken for it: [\w-z] is from w to z.
func (t *translator) member(in *automaton.Set) error {
	rest := t.text[t.pos:]
	size := 1 // the length of the byte as it is written
	if rest[0] == '\\' {
		if size = 2; isHexEscape(rest) {
			size = 4
		}
	}
	if len(rest) > size+1 && rest[size] == '-' && rest[size+1] != ']' {
		return t.byteRange(in)
	}
	switch c := rest[0]; {
	case c == '\\' && len(rest) > 1 && strings.IndexByte("wWsSdD", rest[1]) >= 0:
		set := classOf(rest[1] | 0x20)
		if rest[1] < 'a' {
			set = set.Not()
		}
		*in = in.Or(set)
		t.pos += 2
		return nil
	case c < ' ' || c > '~':
		return fmt.Errorf(`the byte %#02x in brackets: write it as \x%02x`, c, c)
	}
	b, err := t.memberByte()
	if err == nil {
		in.Add(b)
	}
	return err
}

// isHexEscape reports whether s begins with \x and two hexadecimal digits.
func isHexEscape(s string) bool {
	if len(s) < 4 || s[1] != 'x' {
		return false
	}
	_, err := strconv.ParseUint(s[2:4], 16, 8)
	return err == nil
}

// byteRange reads a range in brackets, LOW-HIGH.
func (t *translator) byteRange(in *automaton.Set) error {
	lo, err := t.memberByte()
	if err != nil {
		return err
	}
	at := t.pos
	t.pos++
	hi, err := t.memberByte()
	if err != nil {
		return err
	}
	if hi < lo {
		t.pos = at
		return fmt.Errorf("a range whose first byte is above its last")
	}
	in.AddRange(lo, hi)
	return nil
}

// memberByte reads a byte in brackets. A letter or digit behind a \ stands for itself if it
// has no other meaning, and also if it is a class where none can stand.
func (t *translator) memberByte() (byte, error) {
	b, n := t.text[t.pos], 1
	if b == '\\' {
		if t.pos+1 == len(t.text) {
			return 0, fmt.Errorf("a \\ at the end")
		}
		if c := t.text[t.pos+1]; isDigit(c) { // there are no back references in brackets
			t.pos += 2
			return c, nil
		}
		var err error
		if b, n, err = t.escapedByte(); err != nil {
			return 0, err
		}
	}
	t.pos += n
	return b, nil
}

// classOf returns the bytes of \w, \s or \d.
func classOf(class byte) (s automaton.Set) {
	switch class {
	case 's':
		s.AddRange('\t', '\r')
		s.Add(' ')
		return s
	case 'w':
		s.AddRange('a', 'z')
		s.AddRange('A', 'Z')
		s.Add('_')
	}
	s.AddRange('0', '9')
	return s
}
