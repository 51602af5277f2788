package yara

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"vscan/patterns"
)

// strings reads the strings section of a rule.
func (p *parser) strings() {
	p.expect(":")
	for first := true; !p.failed && (first || p.tok.kind == tString); first = false {
		p.string()
	}
	nameAnonymous(p.current.strings, p.goOn)
}

// nameAnonymous names the anonymous strings of a rule: each gets the number of its place,
// or the next number that is free. It ends in the middle where goOn says so.
func nameAnonymous(all []*ruleString, goOn func(steps int) bool) {
	next := make(map[int]int) // of a number that is taken, one behind it: those between are taken too
	for _, s := range all {
		if !goOn(1) {
			return
		}
		if n, err := strconv.Atoi(strings.TrimPrefix(s.id, "$")); err == nil && s.id == numbered(n) {
			next[n] = n + 1
		}
	}
	for i, s := range all {
		if !goOn(1) {
			return
		}
		if s.id != "$" && s.id != "" {
			continue
		}
		n := i + 1
		for next[n] > 0 {
			n = next[n]
		}
		// Whoever comes to one of these numbers again goes straight to the end, so that all
		// strings together take about as many steps as there are numbers.
		for m := i + 1; m != n; {
			m, next[m] = next[m], n+1
		}
		s.id, next[n] = numbered(n), n+1
	}
}

// numbered returns the name of an anonymous string with a number.
func numbered(n int) string { return "$" + strconv.Itoa(n) }

// string reads a string, $a = "…", /…/ or { … }, and its modifiers.
func (p *parser) string() {
	t := p.tok
	s := &ruleString{id: t.s, declared: t.s, pos: t.pos, file: t.file, search: &searched{}}
	if t.kind != tString || t.wild {
		p.expected("the name of a string, as $a")
		return
	}
	if old := p.byID[t.s]; old != nil && t.s != "$" {
		n, _ := old.file.line(old.pos)
		p.fault(t, "the string %s is also on line %d", t.s, n)
		return
	}
	p.advance()
	p.expect("=")
	switch v := p.tok; {
	case v.kind == tText:
		p.advance()
		p.text(s, v)
	case v.kind == tRegexp:
		p.advance()
		p.regexp(s, v)
	case v.is("{"):
		p.hex(s, v)
	default:
		p.expected(`"text", /regular expression/ or { hex }`)
	}
	if p.failed {
		return
	}
	p.current.strings = append(p.current.strings, s)
	p.byID[t.s] = s
}

// modifiers are the words that stand behind a string.
type modifiers struct {
	given    [len(modifierNames)]token // the modifiers that stand there, by their places in modifierNames; tEnd where one does not
	xor      patterns.KeyRange
	alphabet string // of base64; "" for the standard alphabet
}

// modifierNames are the names of all modifiers. Those of them that make a difference for what
// is found come first.
var modifierNames = [...]string{"nocase", "wide", "ascii", "fullword", "xor", "base64", "base64wide", "private"}

// String returns those modifiers that make a difference for what is found, always in the
// same order.
func (m *modifiers) String() string {
	s := fmt.Sprintf("%d %d %q", m.xor.Lo, m.xor.Hi, m.alphabet)
	for i, name := range modifierNames[:len(modifierNames)-1] {
		if m.given[i].kind != tEnd {
			s += " " + name
		}
	}
	return s
}

// of returns the modifier with a name, as it stands there; its kind is tEnd where it does not.
func (m *modifiers) of(name string) token { return m.given[slices.Index(modifierNames[:], name)] }

func (m *modifiers) has(name string) bool { return m.of(name).kind != tEnd }

// modifiers reads modifiers. allowed lists those that the string may have.
func (p *parser) modifiers(what, allowed string) modifiers {
	var m modifiers
	alphabets := 0
	for p.tok.kind == tWord {
		t := p.tok
		i := slices.Index(modifierNames[:], t.s)
		if i < 0 {
			break
		}
		if !strings.Contains(" "+allowed+" ", " "+t.s+" ") {
			p.fault(t, "%s takes no %s: want %s", what, t.s, strings.ReplaceAll(allowed, " ", ", "))
		}
		if m.has(t.s) {
			p.fault(t, "%s is given twice", t.s)
		}
		m.given[i] = t
		p.advance()
		switch t.s {
		case "xor":
			m.xor = p.keys()
		case "base64", "base64wide":
			alphabet := p.alphabet()
			if alphabets > 0 && alphabet != m.alphabet {
				p.fault(t, "base64 and base64wide have different alphabets: give both the same")
			}
			m.alphabet = alphabet
			alphabets++
		}
	}
	for _, pair := range [][2]string{
		{"xor", "nocase"}, {"base64", "nocase"}, {"base64wide", "nocase"}, {"base64", "fullword"}, {"base64wide", "fullword"},
		{"base64", "xor"}, {"base64wide", "xor"},
	} {
		if m.has(pair[0]) && m.has(pair[1]) {
			p.fault(m.of(pair[1]), "%s does not go with %s", pair[1], pair[0])
		}
	}
	return m
}

// keys reads the keys of xor, (1) or (1-255). Without parentheses it returns all 256.
func (p *parser) keys() patterns.KeyRange {
	if !p.accept("(") {
		return patterns.KeyRange{Lo: 0, Hi: 255}
	}
	lo := p.want(tInt, "a key from 0 to 255")
	hi := lo
	if p.accept("-") {
		hi = p.want(tInt, "a key from 0 to 255")
	}
	if !p.failed && (lo.i > 255 || hi.i > 255 || lo.i > hi.i) {
		p.fault(lo, "the keys of xor go from 0 to 255, the lower one first")
	}
	p.expect(")")
	return patterns.KeyRange{Lo: byte(lo.i), Hi: byte(hi.i)}
}

// alphabet reads the alphabet of base64, ("…").
func (p *parser) alphabet() string {
	if !p.accept("(") {
		return ""
	}
	t := p.want(tText, "an alphabet of 64 characters in quotes")
	if !p.failed && len(t.s) != 64 {
		p.fault(t, "the alphabet has %d characters: want 64", len(t.s))
	}
	p.expect(")")
	return t.s
}

// text makes the pattern of a text string.
func (p *parser) text(s *ruleString, v token) {
	m := p.modifiers("a text", "nocase wide ascii fullword private xor base64 base64wide")
	switch {
	case p.failed:
		return
	case v.s == "":
		p.fault(v, "an empty text: it would match everywhere")
		return
	case !p.take(stringBytes + 8*len(v.s)):
		return
	}
	o := patterns.TextOptions{
		Caseless: m.has("nocase"), Wide: m.has("wide"), ASCII: m.has("ascii"), FullWord: m.has("fullword"),
		Base64: m.has("base64"), Base64Wide: m.has("base64wide"), Alphabet: m.alphabet,
	}
	if m.has("xor") {
		o.Xor = &m.xor
	}
	s.private, s.knownBytes = m.has("private"), !o.Base64 && !o.Base64Wide
	s.search.key = fmt.Sprintf("text %q %s", v.s, &m)
	pat, err := patterns.NewText(s.id, v.written(), []byte(v.s), o)
	p.made(s, v, pat, err)
}

// regexp makes the pattern of a regular expression.
func (p *parser) regexp(s *ruleString, v token) {
	m := p.modifiers("a regular expression", "nocase wide ascii fullword private")
	if p.failed {
		return
	}
	encodings := 1
	if m.has("wide") && m.has("ascii") {
		encodings = 2
	}
	if !p.take(stringBytes + expressionBytes*encodings*len(v.s)) {
		return
	}
	re, at, err := translate(v.s)
	if err != nil {
		p.fail(v.file.fault(v.pos+1+at, "%v", err))
		return
	}
	o := expressionOptions{
		caseless: m.has("nocase") || strings.Contains(v.flags, "i"), dotAll: strings.Contains(v.flags, "s"),
		RegexpOptions: patterns.RegexpOptions{Wide: m.has("wide"), ASCII: m.has("ascii"), FullWord: m.has("fullword")},
	}
	s.private, s.preferLonger, s.knownBytes = m.has("private"), re.greedy, re.literal()
	if s.empty = re.root.emptiness(); o.FullWord {
		s.empty = min(s.empty, somewhere)
	}
	s.search.key = fmt.Sprintf("regexp %q %+v", v.s, o)
	parts, err := re.parts(s.id, v.written(), o)
	if err != nil {
		p.made(s, v, patterns.Pattern{}, err)
		return
	}
	p.inParts(s, v, parts)
}

// hex makes the pattern of a hex string; v is its {.
func (p *parser) hex(s *ruleString, v token) {
	body, err := p.lex.hex(v)
	if err != nil {
		p.fail(err)
		return
	}
	p.advance()
	m := p.modifiers("a hex string", "private")
	if p.failed {
		return
	}
	s.private, s.knownBytes = m.has("private"), !strings.ContainsAny(body, "?~[(")
	if !p.take(stringBytes + hexBytes*len(body)) {
		return
	}
	s.search.key = "hex " + strings.Join(strings.Fields(body), "")
	parts, err := patterns.NewHexParts(s.id, "{"+body+"}", body, preferHex)
	if strings.Trim(body, "? ") == "" && strings.Contains(body, "?") {
		p.refuse(v, "%s would match everywhere", s.declared)
		return
	}
	var e *patterns.Error
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		p.made(s, v, patterns.Pattern{}, err)
	case errors.As(err, &e):
		p.fail(v.file.fault(v.end+max(e.Column-1, 0), "%s", e.Msg))
	default:
		p.inParts(s, v, parts)
	}
}

// maxParts is the most parts that a string may have.
const maxParts = 256

// inParts takes the parts of a string; v is its first token.
func (p *parser) inParts(s *ruleString, v token, parts []patterns.Part) {
	if len(parts) > maxParts {
		p.refuse(v, "%s has %d long jumps: at most %d are supported", s.declared, len(parts)-1, maxParts-1)
		return
	}
	for _, part := range parts[1:] {
		if p.made(s, v, part.Pattern, nil); p.failed {
			return
		}
	}
	s.search.rest = parts[1:]
	if p.made(s, v, parts[0].Pattern, nil); len(s.search.rest) > 0 {
		// A literal with a mask has bytes of any value, which are not known.
		set, err := patterns.Compile(p.ctx, []patterns.Pattern{parts[0].Pattern}, patterns.Target{})
		s.knownBytes = err == nil && len(set.Needles()) == 1 && set.Needles()[0].Mask == nil
	}
}

// made takes the pattern of a string; v is its first token. An error of the pattern's
// constructor means that YARA allows the string but vscan cannot look for it, so the rule
// is skipped. The same goes for a pattern that cannot be compiled, which would otherwise
// make all patterns fail.
func (p *parser) made(s *ruleString, v token, pat patterns.Pattern, err error) {
	if !p.goOn(askEvery / 16) { // a pattern may take some milliseconds
		return
	}
	if err == nil && !s.knownBytes {
		err = pat.Check(p.ctx)
	}
	if p.ctx.Err() != nil { // which may be what err says
		p.goOn(askEvery)
		return
	}
	if err == nil {
		s.search.first = pat
		return
	}
	reason := err.Error()
	var e *patterns.Error
	if errors.As(err, &e) {
		reason = e.Msg
	}
	p.refuse(v, "%s: %s", s.declared, reason)
}
