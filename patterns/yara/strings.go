package yara

import (
	"errors"
	"math/bits"
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
	p.current.strings = slices.Clone(p.stringsRead)
	clear(p.stringsRead)
	p.stringsRead = p.stringsRead[:0]
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
		if len(s.id) < 2 || !isDigit(s.id[1]) {
			continue
		}
		if n, err := strconv.Atoi(s.id[1:]); err == nil && s.id == numbered(n) {
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
	if t.kind != tString || t.wild {
		p.expected("the name of a string, as $a")
		return
	}
	if old := p.byID[t.s]; old != nil && t.s != "$" {
		n, _ := old.file.line(int(old.pos))
		p.fault(t, "the string %s is also on line %d", t.s, n)
		return
	}
	s := &ruleString{id: t.s, anonymous: t.s == "$", pos: int32(t.pos), file: t.file}
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
	p.stringsRead = append(p.stringsRead, s)
	p.byID[t.s] = s
}

// A modifier is one of the words that may stand behind a string; several are a set of bits.
type modifier uint8

const (
	mNocase modifier = 1 << iota
	mWide
	mASCII
	mFullword
	mXor
	mBase64
	mBase64wide
	mPrivate
)

// modifierNames are the words, in the order of their bits.
var modifierNames = [...]string{"nocase", "wide", "ascii", "fullword", "xor", "base64", "base64wide", "private"}

// modifiers are the words that stand behind a string.
type modifiers struct {
	given    modifier
	at       [len(modifierNames)]int32 // where they stand in the file, by the order of their bits
	xor      patterns.KeyRange
	alphabet string // of base64; "" for the standard alphabet
}

func (m *modifiers) has(one modifier) bool { return m.given&one != 0 }

// found returns those modifiers that make a difference for what is found.
func (m *modifiers) found() modifier { return m.given &^ mPrivate }

// badPairs are modifiers that do not go with one another.
var badPairs = [...][2]modifier{
	{mXor, mNocase}, {mBase64, mNocase}, {mBase64wide, mNocase}, {mBase64, mFullword}, {mBase64wide, mFullword},
	{mBase64, mXor}, {mBase64wide, mXor},
}

// modifiers reads modifiers. allowed are those that the string may have, as words and as bits.
func (p *parser) modifiers(what, allowed string, of modifier) modifiers {
	var m modifiers
	alphabets := 0
	for p.tok.kind == tWord {
		t := p.tok
		i := slices.Index(modifierNames[:], t.s)
		if i < 0 {
			break
		}
		one := modifier(1) << i
		if of&one == 0 {
			p.fault(t, "%s takes no %s: want %s", what, t.s, strings.ReplaceAll(allowed, " ", ", "))
		}
		if m.has(one) {
			p.fault(t, "%s is given twice", t.s)
		}
		m.given |= one
		m.at[i] = int32(t.pos)
		p.advance()
		switch one {
		case mXor:
			m.xor = p.keys()
		case mBase64, mBase64wide:
			alphabet := p.alphabet()
			if alphabets > 0 && alphabet != m.alphabet {
				p.fault(t, "base64 and base64wide have different alphabets: give both the same")
			}
			m.alphabet = alphabet
			alphabets++
		}
	}
	for _, pair := range badPairs {
		if m.has(pair[0]) && m.has(pair[1]) {
			first, second := bits.TrailingZeros8(uint8(pair[0])), bits.TrailingZeros8(uint8(pair[1]))
			at := token{file: p.lex.file, pos: int(m.at[second])}
			p.fault(at, "%s does not go with %s", modifierNames[second], modifierNames[first])
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

// A searchKey is the same for strings that look for the same.
type searchKey struct {
	kind      tokenKind // tText, tRegexp, or tPunct for a hex string
	modifiers modifier
	xor       patterns.KeyRange
	flags     regexpFlags
	alphabet  bool // whether text begins with the 64 bytes of an alphabet of base64

	// text is of a text its bytes, of an expression what stands between the slashes, of a hex
	// string what stands between the braces, without blanks.
	text string
}

// regexpFlags are what flags and modifiers say of a regular expression.
type regexpFlags struct{ caseless, dotAll bool }

// known returns what is looked for for a string, if another one is written alike; else nil.
// Of a string that looks for the same and is written in another way, first is returned.
func (p *parser) known(key searchKey, written string) (same, first *searched) {
	first = p.searches[key]
	if first != nil && first.first.Written == written {
		return first, first
	}
	return nil, first
}

// search makes a string look for the same as one that is written alike.
func (s *ruleString) share(with *searched) { s.search, s.knownBytes = with, with.knownBytes }

// keep notes what a string looks for, for those that look for the same.
func (p *parser) keep(s *ruleString, key searchKey, first *searched) {
	if p.failed || s.search == nil {
		return
	}
	if s.search.knownBytes, s.search.same = s.knownBytes, first; first == nil {
		p.searches[key] = s.search
	}
}

// text makes the pattern of a text string.
func (p *parser) text(s *ruleString, v token) {
	m := p.modifiers("a text", "nocase wide ascii fullword private xor base64 base64wide", ^modifier(0))
	switch {
	case p.failed:
		return
	case v.s == "":
		p.fault(v, "an empty text: it would match everywhere")
		return
	case !p.take(stringBytes + 8*len(v.s)):
		return
	}
	s.private = m.has(mPrivate)
	key := searchKey{kind: tText, modifiers: m.found(), xor: m.xor, alphabet: m.alphabet != "", text: m.alphabet + v.s}
	same, first := p.known(key, v.written())
	if same != nil {
		s.share(same)
		return
	}
	o := patterns.TextOptions{
		Caseless: m.has(mNocase), Wide: m.has(mWide), ASCII: m.has(mASCII), FullWord: m.has(mFullword),
		Base64: m.has(mBase64), Base64Wide: m.has(mBase64wide), Alphabet: m.alphabet,
	}
	if m.has(mXor) {
		keys := m.xor
		o.Xor = &keys
	}
	s.knownBytes = !o.Base64 && !o.Base64Wide
	pat, err := patterns.NewText(s.id, v.written(), []byte(v.s), o)
	p.made(s, v, &searched{first: pat, index: -1}, err)
	p.keep(s, key, first)
}

// regexp makes the pattern of a regular expression.
func (p *parser) regexp(s *ruleString, v token) {
	m := p.modifiers("a regular expression", "nocase wide ascii fullword private", mNocase|mWide|mASCII|mFullword|mPrivate)
	if p.failed {
		return
	}
	encodings := 1
	if m.has(mWide) && m.has(mASCII) {
		encodings = 2
	}
	if !p.take(stringBytes + expressionBytes*encodings*len(v.s)) {
		return
	}
	s.private = m.has(mPrivate)
	flags := regexpFlags{caseless: m.has(mNocase) || strings.Contains(v.flags, "i"), dotAll: strings.Contains(v.flags, "s")}
	key := searchKey{kind: tRegexp, modifiers: m.found() &^ mNocase, flags: flags, text: v.s}
	same, first := p.known(key, v.written())
	if same != nil {
		s.share(same)
		return
	}
	re, at, err := translate(v.s)
	if err != nil {
		p.fail(v.file.fault(v.pos+1+at, "%v", err))
		return
	}
	o := expressionOptions{
		regexpFlags:   flags,
		RegexpOptions: patterns.RegexpOptions{Wide: m.has(mWide), ASCII: m.has(mASCII), FullWord: m.has(mFullword)},
	}
	s.knownBytes = re.literal()
	found := &searched{index: -1, preferLonger: re.greedy, empty: re.root.emptiness()}
	if o.FullWord {
		found.empty = min(found.empty, somewhere)
	}
	parts, err := re.parts(s.id, v.written(), o)
	if err != nil {
		p.checked(s, v, nil, err)
		return
	}
	p.inParts(s, v, found, parts)
	p.keep(s, key, first)
}

// hex makes the pattern of a hex string; v is its {.
func (p *parser) hex(s *ruleString, v token) {
	written, err := p.lex.hex(v)
	if err != nil {
		p.fail(err)
		return
	}
	p.advance()
	m := p.modifiers("a hex string", "private", mPrivate)
	if p.failed {
		return
	}
	body := written[1 : len(written)-1]
	s.private = m.has(mPrivate)
	if !p.take(stringBytes + hexBytes*len(body)) {
		return
	}
	key := searchKey{kind: tPunct, text: p.withoutBlanks(body)}
	same, first := p.known(key, written)
	if same != nil {
		s.share(same)
		return
	}
	s.knownBytes = !strings.ContainsAny(body, "?~[(")
	parts, err := patterns.NewHexParts(s.id, written, body, preferHex)
	if strings.Trim(body, "? ") == "" && strings.Contains(body, "?") {
		p.refuse(v, "%s would match everywhere", s.declared())
		return
	}
	var e *patterns.Error
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		p.checked(s, v, nil, err)
	case errors.As(err, &e):
		p.fail(v.file.fault(v.end+max(e.Column-1, 0), "%s", e.Msg))
	default:
		p.inParts(s, v, &searched{index: -1}, parts)
		p.keep(s, key, first)
	}
}

// withoutBlanks returns a text without its blanks.
func (p *parser) withoutBlanks(s string) string {
	if strings.IndexByte(s, ' ') < 0 {
		return s
	}
	p.compact = p.compact[:0]
	for i := 0; i < len(s); i++ {
		if s[i] != ' ' {
			p.compact = append(p.compact, s[i])
		}
	}
	return string(p.compact)
}

// maxParts is the most parts that a string may have.
const maxParts = 256

// inParts takes the parts of a string; v is its first token.
func (p *parser) inParts(s *ruleString, v token, search *searched, parts []patterns.Part) {
	if len(parts) > maxParts {
		p.refuse(v, "%s has %d long jumps: at most %d are supported", s.declared(), len(parts)-1, maxParts-1)
		return
	}
	for i := range parts[1:] {
		if !p.checked(s, v, &parts[1+i].Pattern, nil) {
			return
		}
	}
	search.first, search.rest = parts[0].Pattern, parts[1:]
	if p.made(s, v, search, nil); len(search.rest) > 0 {
		// A literal with a mask has bytes of any value, which are not known.
		set, err := patterns.Compile(p.ctx, []patterns.Pattern{parts[0].Pattern}, patterns.Target{})
		s.knownBytes = err == nil && len(set.Needles()) == 1 && set.Needles()[0].Mask == nil
	}
}

// made takes what is looked for for a string, unless checked refuses its pattern.
func (p *parser) made(s *ruleString, v token, search *searched, err error) {
	if p.checked(s, v, &search.first, err) {
		s.search = search
	}
}

// checked reports whether a pattern of a string can be looked for; v is the string's first
// token. An error of the pattern's constructor means that YARA allows the string but vscan
// cannot look for it, so the rule is skipped. The same goes for a pattern that cannot be
// compiled, which would otherwise make all patterns fail.
func (p *parser) checked(s *ruleString, v token, pat *patterns.Pattern, err error) bool {
	if !p.goOn(askEvery / 16) { // a pattern may take some milliseconds
		return false
	}
	if err == nil && !s.knownBytes {
		err = pat.Check(p.ctx)
	}
	if p.ctx.Err() != nil { // which may be what err says
		p.goOn(askEvery)
		return false
	}
	if err == nil {
		return true
	}
	reason := err.Error()
	var e *patterns.Error
	if errors.As(err, &e) {
		reason = e.Msg
	}
	p.refuse(v, "%s: %s", s.declared(), reason)
	return false
}
