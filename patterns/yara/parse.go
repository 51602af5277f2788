package yara

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// What a rule file may be at most. Files of rules are written by strangers.
const (
	maxFile     = 64 << 20 // bytes of all files together
	maxIncludes = 1000     // files that are included
	maxDepth    = 16       // files that include one another, as in YARA
	maxNesting  = 400      // of parentheses, loops, not and signs in a condition
	maxErrors   = 20       // that are reported
)

// Parse reads the rules of a file and of all that it includes; name is that of
// the file, for errors. open opens an included file by its path: relative ones
// are taken from the directory of the file that includes. Where open is nil,
// include is refused.
//
// Mistakes are errors: file:line:column, what was expected, the line and a
// caret, as patterns.Error has it; all of them, 20 at most, joined. No rules
// are returned with them. What is merely not supported is in Rules.Skipped.
func Parse(name string, r io.Reader, open func(path string) (io.ReadCloser, error)) (*Rules, error) {
	p := parser{rules: &Rules{}, byName: make(map[string]*rule), open: open}
	text, err := p.read(name, r)
	if err != nil {
		return nil, err
	}
	p.file(newSource(name, text))
	if len(p.errs) > 0 {
		return nil, errors.Join(p.errs...)
	}
	p.finish()
	return p.rules, nil
}

// parser reads rules. An error makes the current token the end of the file
// (failed), so that whatever is being read comes to its end; reading goes on
// with the next rule.
type parser struct {
	lex    lexer
	tok    token  // the current token
	ahead  *token // the one behind it, if it was asked for
	failed bool
	errs   []error

	rules    *Rules
	all      []*rule // skipped ones too
	byName   map[string]*rule
	prefixes []string // name* of sets of rules: no later rule may have such a name

	open      func(path string) (io.ReadCloser, error)
	including []string // the files that are being read, outermost first
	included  int
	readSoFar int // bytes

	cur     *rule
	ids     map[string]*str // of cur, by identifier
	vars    []string        // of the loops that are being read, outermost first
	sets    int             // how many of those loops run over strings
	nesting int
}

// read reads a file.
func (p *parser) read(name string, r io.Reader) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, int64(maxFile-p.readSoFar+1)))
	p.readSoFar += len(b)
	switch {
	case err != nil:
		return "", fmt.Errorf("reading rules from %s: %w", name, err)
	case p.readSoFar > maxFile:
		return "", fmt.Errorf("%s: the rule files are larger than %d MiB: give fewer at once", name, maxFile>>20)
	case len(b) >= 2 && (b[0] == 0xff && b[1] == 0xfe || b[0] == 0xfe && b[1] == 0xff):
		return "", fmt.Errorf("%s: the file is UTF-16: save it as UTF-8", name)
	}
	return string(b), nil
}

// file reads the rules of a source.
func (p *parser) file(src *source) {
	p.lex = lexer{src: src}
	p.lex.pos = len(src.text) - len(strings.TrimPrefix(src.text, "\ufeff"))
	p.including = append(p.including, src.name)
	p.advance()
	for len(p.errs) < maxErrors {
		switch {
		case p.failed:
			p.resume()
		case p.tok.kind == tEnd:
			p.including = p.including[:len(p.including)-1]
			return
		case p.tok.is("import"):
			p.advance()
			p.want(tText, "the name of a module in quotes")
		case p.tok.is("include"):
			p.include()
		default:
			p.rule()
		}
	}
}

// resume goes on with the next rule after an error.
func (p *parser) resume() {
	p.failed, p.ahead, p.nesting = false, nil, 0
	for {
		t, err := p.lex.next()
		if err == nil && (t.kind == tEnd || t.is("rule") || t.is("include")) {
			p.tok = t
			return
		}
	}
}

// advance goes to the next token.
func (p *parser) advance() {
	switch {
	case p.failed:
	case p.ahead != nil:
		p.tok, p.ahead = *p.ahead, nil
	default:
		t, err := p.lex.next()
		if err != nil {
			p.fail(err)
			return
		}
		p.tok = t
	}
}

// peek is the token behind the current one.
func (p *parser) peek() token {
	if p.ahead == nil {
		t, err := p.lex.next()
		if err != nil {
			p.fail(err)
			return p.tok
		}
		p.ahead = &t
	}
	return *p.ahead
}

// fail notes an error and ends what is being read.
func (p *parser) fail(err error) {
	if !p.failed {
		p.errs = append(p.errs, err)
		p.failed = true
	}
	p.tok = token{kind: tEnd, src: p.lex.src, pos: len(p.lex.src.text), end: len(p.lex.src.text)}
}

// fault is a mistake at a token.
func (p *parser) fault(t token, format string, args ...any) {
	p.fail(t.src.fault(t.pos, format, args...))
}

// expected says that the current token is not what should stand there.
func (p *parser) expected(what string) { p.fault(p.tok, "want %s, found %s", what, p.tok) }

// accept goes past the current token if it is s.
func (p *parser) accept(s string) bool {
	if !p.tok.is(s) {
		return false
	}
	p.advance()
	return true
}

// expect goes past the current token, which must be s.
func (p *parser) expect(s string) {
	if !p.accept(s) {
		p.expected(s)
	}
}

// want is the current token, which must be of a kind, and goes past it.
func (p *parser) want(k tokenKind, what string) token {
	t := p.tok
	if t.kind != k {
		p.expected(what)
	} else {
		p.advance()
	}
	return t
}

// identifier is the current token, which must be a word that is not a keyword.
func (p *parser) identifier(what string) token {
	if keywords[p.tok.s] && p.tok.kind == tWord {
		p.expected(what + ", which no keyword can be")
		return p.tok
	}
	return p.want(tWord, what)
}

var keywords = func() map[string]bool {
	m := make(map[string]bool)
	for _, w := range strings.Fields(`all and any ascii at base64 base64wide condition contains defined endswith
		entrypoint false filesize for fullword global icontains iendswith iequals import in include istartswith
		matches meta nocase none not of or private rule startswith strings them true wide xor
		int8 int16 int32 int8be int16be int32be uint8 uint16 uint32 uint8be uint16be uint32be`) {
		m[w] = true
	}
	return m
}()

// rule reads a rule.
func (p *parser) rule() {
	r := &rule{}
	for {
		if p.accept("global") {
			r.Global = true
		} else if p.accept("private") {
			r.Private = true
		} else {
			break
		}
	}
	if !p.tok.is("rule") {
		p.expected("rule, import or include")
		return
	}
	p.advance()
	t := p.identifier("the name of the rule")
	at := t.src.position(t.pos)
	r.Name, r.File, r.Line = t.s, at.file, at.line
	if old := p.byName[r.Name]; old != nil {
		p.fault(t, "another rule has the name %s (%s:%d)", r.Name, old.File, old.Line)
	}
	for _, prefix := range p.prefixes {
		if strings.HasPrefix(r.Name, prefix) {
			p.fault(t, "the rule would belong to the set %s*, which is used above", prefix)
		}
	}
	p.cur, p.ids, p.vars, p.sets = r, make(map[string]*str), nil, 0
	if p.accept(":") {
		p.tags()
	}
	p.expect("{")
	if p.accept("meta") {
		p.meta()
	}
	if p.accept("strings") {
		p.strings()
	}
	p.expect("condition")
	p.expect(":")
	r.condition = p.condition().node
	if !p.tok.is("}") && !p.failed {
		p.expected("and, or or }")
	}
	if p.failed {
		return
	}
	p.all = append(p.all, r)
	p.byName[r.Name] = r
	p.advance()
}

// tags reads the tags behind the name of a rule.
func (p *parser) tags() {
	for first := true; first || p.tok.kind == tWord; first = false {
		t := p.identifier("a tag")
		for _, tag := range p.cur.Tags {
			if tag == t.s {
				p.fault(t, "the tag %s is given twice", t.s)
			}
		}
		p.cur.Tags = append(p.cur.Tags, t.s)
	}
}

// meta reads the lines of a meta section.
func (p *parser) meta() {
	p.expect(":")
	for first := true; !p.failed && (first || p.tok.kind == tWord && !keywords[p.tok.s]); first = false {
		m := Meta{Key: p.identifier("the name of a meta value").s}
		p.expect("=")
		minus := p.accept("-")
		switch t := p.tok; {
		case t.kind == tInt && minus:
			m.Value = -t.i
		case t.kind == tInt:
			m.Value = t.i
		case t.kind == tText && !minus:
			m.Value = t.s
		case (t.is("true") || t.is("false")) && !minus:
			m.Value = t.s == "true"
		default:
			p.expected("a text, an integer, true or false")
		}
		p.advance()
		p.cur.Meta = append(p.cur.Meta, m)
	}
}

// refuse skips the rule that is being read: it needs something that is not
// supported. Reading goes on, since there may be mistakes.
func (p *parser) refuse(t token, format string, args ...any) {
	if p.cur.skip == "" {
		p.cur.skip, p.cur.skipAt = fmt.Sprintf(format, args...), t.src.position(t.pos)
	}
}
