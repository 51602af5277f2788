package yara

import (
	"fmt"
	"strconv"
	"strings"

	"vscan/patterns/automaton"
)

// re is a part of a regular expression of YARA.
type re struct {
	op      reOp
	b       byte           // of reByte
	set     automaton.Set  // of reSet and reMasked
	negated bool           // of reSet: the bytes that are not in set
	look    automaton.Look // of reLook
	subs    []*re          // of reCat, reAlt and reRepeat, which has one

	// Of reRepeat: how often, both included; most < 0: without an end. Counted is
	// all but * and +, which libyara has other nodes for.
	least, most     int
	greedy, counted bool
}

type reOp uint8

const (
	reByte   reOp = iota
	reAny         // .
	reMasked      // of hex strings: a digit of two
	reSet
	reLook
	reCat    // subs one behind the other; none: what is empty
	reAlt    // one of subs, the first that will do preferred
	reRepeat // subs[0]
)

// translated is a regular expression of YARA.
type translated struct {
	root             *re
	greedy, ungreedy bool // which kind of repetitions it has
}

// maxRepeat is the highest count of a repetition that YARA has, and maxGroups how
// deep groups may be nested.
const (
	maxRepeat = 32767
	maxGroups = 1000
)

// translate reads a regular expression of YARA (libyara's re_grammar.y and
// re_lexer.l). Its syntax is neither Perl's nor RE2's: YARA knows no (?, \A, \z,
// \Q, \p, octal escapes and names of classes, \s is \v as well, {,n} repeats, and
// a \ in front of a letter that means nothing else is that letter. The error is at
// offset at.
func translate(text string) (t translated, at int, err error) {
	tr := translator{re: text}
	root, err := tr.all()
	if err != nil {
		return translated{}, tr.i, err
	}
	if tr.greedy && tr.ungreedy {
		return translated{}, tr.last, fmt.Errorf("repetitions with and without ? behind: YARA does not mix them")
	}
	return translated{root, tr.greedy, tr.ungreedy}, 0, nil
}

// literal says whether it is nothing but bytes.
func (t translated) literal() bool {
	for _, n := range t.root.subs {
		if n.op != reByte {
			return false
		}
	}
	return t.root.op == reCat
}

type translator struct {
	re    string
	i     int // the byte that is being read
	depth int
	last  int // offset of the last repetition

	greedy, ungreedy bool
}

func (t *translator) all() (*re, error) {
	if t.re == "" {
		return nil, fmt.Errorf("an empty regular expression")
	}
	n, err := t.alternatives()
	if err == nil && t.i < len(t.re) {
		err = fmt.Errorf("a ) without its (")
	}
	return n, err
}

// alternatives reads what stands between |, up to the end or a ).
func (t *translator) alternatives() (*re, error) {
	var subs []*re
	for {
		n, err := t.sequence()
		if err != nil {
			return nil, err
		}
		subs = append(subs, n)
		if t.i == len(t.re) || t.re[t.i] == ')' {
			break
		}
		t.i++ // the |
	}
	if len(subs) == 1 {
		return subs[0], nil
	}
	return &re{op: reAlt, subs: subs}, nil
}

// sequence reads what stands side by side, up to the end, a | or a ).
func (t *translator) sequence() (*re, error) {
	n := &re{op: reCat}
	for t.i < len(t.re) && t.re[t.i] != '|' && t.re[t.i] != ')' {
		sub, err := t.one()
		if err != nil {
			return nil, err
		}
		n.subs = append(n.subs, sub)
	}
	return n, nil
}

// one reads one item and how often it is repeated.
func (t *translator) one() (*re, error) {
	n, err := t.item()
	if err != nil || n.op == reLook || t.i == len(t.re) {
		return n, err
	}
	least, most, size, counted := 0, -1, 1, false
	switch t.re[t.i] {
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
	t.last = t.i
	t.i += size
	greedy := t.i == len(t.re) || t.re[t.i] != '?'
	if greedy {
		t.greedy = true
	} else {
		t.ungreedy = true
		t.i++
	}
	return &re{op: reRepeat, subs: []*re{n}, least: least, most: most, greedy: greedy, counted: counted}, nil
}

// item reads one item.
func (t *translator) item() (*re, error) {
	c := t.re[t.i]
	look := func(l automaton.Look, n int) (*re, error) {
		t.i += n
		return &re{op: reLook, look: l}, nil
	}
	switch c {
	case '(':
		return t.group()
	case '^':
		return look(automaton.BeginText, 1)
	case '$':
		return look(automaton.EndText, 1)
	case '.':
		t.i++
		return &re{op: reAny}, nil
	case '*', '+', '?':
		return nil, fmt.Errorf("nothing to repeat in front of %c", c)
	case '{':
		if n, _, _, err := t.count(); err != nil || n > 0 {
			if err == nil {
				err = fmt.Errorf("nothing to repeat in front of %s", t.re[t.i:t.i+n])
			}
			return nil, err
		}
	case '[':
		return t.class()
	case '\\':
		if t.i+1 < len(t.re) && t.re[t.i+1] == 'b' {
			return look(automaton.WordBoundary, 2)
		}
		if t.i+1 < len(t.re) && t.re[t.i+1] == 'B' {
			return look(automaton.NoBoundary, 2)
		}
	}
	return t.single()
}

// group reads ( … ).
func (t *translator) group() (*re, error) {
	if strings.HasPrefix(t.re[t.i:], "(?") {
		return nil, fmt.Errorf("YARA has no (?")
	}
	if t.depth++; t.depth > maxGroups {
		return nil, fmt.Errorf("groups nested more than %d deep", maxGroups)
	}
	t.i++
	n, err := t.alternatives()
	if err != nil {
		return nil, err
	}
	if t.i == len(t.re) {
		return nil, fmt.Errorf("want ), found the end")
	}
	t.depth--
	t.i++
	return n, nil
}

// count reads {n}, {n,}, {n,m} or {,m}, n bytes of it; 0 where the { is but a
// byte. Without an upper bound most is −1.
func (t *translator) count() (n, least, most int, err error) {
	end := strings.IndexByte(t.re[t.i:], '}')
	if end < 0 || strings.Trim(t.re[t.i+1:t.i+end], "0123456789, ") != "" {
		return 0, 0, 0, nil
	}
	lo, hi, comma := strings.Cut(t.re[t.i+1:t.i+end], ",")
	if comma { // blanks may stand around it, since YARA 4.5
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

// single reads one byte, or a \ and what is behind it.
func (t *translator) single() (*re, error) {
	c := t.re[t.i]
	if c != '\\' {
		t.i++
		return &re{op: reByte, b: c}, nil
	}
	if t.i+1 == len(t.re) {
		return nil, fmt.Errorf("a \\ at the end")
	}
	if c := t.re[t.i+1]; strings.IndexByte("wWsSdD", c) >= 0 {
		t.i += 2
		return &re{op: reSet, set: classOf(c | 0x20), negated: c < 'a'}, nil
	}
	b, n, err := t.escapedByte()
	if err != nil {
		return nil, err
	}
	t.i += n
	return &re{op: reByte, b: b}, nil
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

// class reads brackets.
func (t *translator) class() (*re, error) {
	open := t.i
	t.i++
	n := &re{op: reSet}
	if strings.HasPrefix(t.re[t.i:], "^") {
		n.negated = true
		t.i++
	}
	for first := true; ; first = false {
		if t.i == len(t.re) {
			t.i = open
			return nil, fmt.Errorf("a [ without its ]")
		}
		if t.re[t.i] == ']' && !first {
			t.i++
			return n, nil
		}
		if err := t.member(&n.set); err != nil {
			return nil, err
		}
	}
}

// member reads a byte, a range or an escape in brackets.
func (t *translator) member(in *automaton.Set) error {
	if t.re[t.i] == '\\' && t.i+1 < len(t.re) && strings.IndexByte("wWsSdD", t.re[t.i+1]) >= 0 {
		c := t.re[t.i+1]
		set := classOf(c | 0x20)
		if c < 'a' {
			set = set.Not()
		}
		*in = in.Or(set)
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
	in.AddRange(lo, hi)
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

// classOf is the bytes of \w, \s or \d.
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
