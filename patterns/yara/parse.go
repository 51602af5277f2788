package yara

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"vscan/engine/budget"
)

// These are limits of rule files, which are written by strangers.
const (
	maxFile     = 64 << 20 // bytes of all files together
	maxIncludes = 1 << 14  // files that are included
	maxDepth    = 16       // files that include one another, as in YARA
	maxName     = 128      // bytes of an identifier, as in YARA
	maxNesting  = 400      // of parentheses, loops, not and signs in a condition, within one another
	maxErrors   = 20       // files that cannot be included: each is reported
	maxMembers  = 1 << 24  // of all sets of strings and rules together
	maxMistakes = 1 << 16  // each is reported; what stands behind them is not read
)

// A parser reads rules. After a mistake (failed) the current token is the end of the file,
// so that whatever is being read comes to its end. Then reading goes on with the next rule.
type parser struct {
	ctx   context.Context
	steps int   // how many are left until the context is asked
	ended error // why reading ended before the end: the cause of the end of the context

	lex       lexer
	tok       token        // the current token
	reading   bytes.Buffer // the file that is read; of all files one after another
	lookahead token        // the token behind the current one, where ahead
	ahead     bool         // whether it was asked for
	failed    bool
	resumeAt  int // where in the file reading goes on after a mistake
	resumeMin int // reading goes on here or later, behind what was read of the rule
	mistakes  int
	errs      []error // files that could not be read

	rules      *Rules
	allRules   []*rule // skipped rules too; a mistake outside of rules is a rule without a name
	ns         *namespace
	namespaces map[string]*namespace
	variables  map[string]int // indices in Rules.variables

	over         error          // that of budget, which has no more
	budget       *budget.Budget // asked for the memory of a file before it is parsed
	open         func(path string) (io.ReadCloser, error)
	including    []string // the files that are being read, outermost first
	includeCount int
	readSoFar    int // in bytes
	setMembers   int // how many members the sets have so far

	searches    map[searchKey]*searched // what strings look for, so that those that are written alike share it
	compact     []byte                  // of withoutBlanks
	stringsRead []*ruleString           // those of current, while they are read
	metaRead    []Meta                  // the same of its meta section
	current     *rule                   // nil between rules
	byID        map[string]*ruleString  // the strings of current, by identifier
	loopVars    []loopVar               // variables of the loops that are being read, outermost first
	stringLoops int                     // how many of those loops run over strings
	nesting     int
}

func newParser() *parser {
	return &parser{ctx: context.Background(), rules: &Rules{}, namespaces: make(map[string]*namespace), variables: make(map[string]int), searches: make(map[searchKey]*searched), byID: make(map[string]*ruleString)}
}

// read returns the text of a file.
func (p *parser) read(name string, r io.Reader) (string, error) {
	p.reading.Reset()
	_, err := p.reading.ReadFrom(io.LimitReader(readerUntil{p.ctx, r}, int64(maxFile-p.readSoFar+1)))
	b := p.reading.Bytes()
	p.readSoFar += len(b)
	switch {
	case p.ctx.Err() != nil:
		return "", context.Cause(p.ctx)
	case err != nil:
		return "", fmt.Errorf("reading rules from %s: %w", name, err)
	case p.readSoFar > maxFile:
		return "", fmt.Errorf("%s: the rule files are larger than %d MiB: give fewer at once", name, maxFile>>20)
	case len(b) >= 2 && (b[0] == 0xff && b[1] == 0xfe || b[0] == 0xfe && b[1] == 0xff):
		return "", fmt.Errorf("%s: the file is UTF-16: save it as UTF-8", name)
	}
	if !p.take(textBytes * len(b)) {
		return "", p.over
	}
	return string(b), nil
}

// readerUntil reads until a context ends.
type readerUntil struct {
	ctx context.Context
	io.Reader
}

func (r readerUntil) Read(b []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.Reader.Read(b)
}

// askEvery is how many steps are done before the context is asked. A token is a step; what
// takes longer is several.
const askEvery = 1 << 12

// goOn notes that so many steps were done, and reports whether reading goes on. It does
// not once the context has ended: then the rest of the file is not looked at.
func (p *parser) goOn(steps int) bool {
	if p.steps -= steps; p.steps <= 0 && p.ended == nil {
		p.steps = askEvery
		if p.ctx.Err() != nil {
			p.ended = context.Cause(p.ctx)
		}
	}
	if p.ended != nil {
		p.failed = true
		p.tok = token{kind: tEnd, file: p.lex.file, pos: len(p.lex.file.text), end: len(p.lex.file.text)}
		return false
	}
	return true
}

// What is read takes several times the memory of its text. These are about how many bytes
// the text itself takes, with conditions and meta, a byte of it; a rule; a string, and each
// of its bytes; and each byte of an expression in each of its encodings.
const (
	textBytes       = 12
	ruleBytes       = 400
	stringBytes     = 500
	hexBytes        = 20
	expressionBytes = 100
)

// take takes memory of the compiler's budget, and reports whether there was any. If not, no
// more is read.
func (p *parser) take(n int) bool {
	if p.over == nil {
		p.over = p.budget.Take(uint64(n), "the rules of the files")
	}
	return p.over == nil
}

// advance goes to the next token.
func (p *parser) advance() {
	switch {
	case p.failed, !p.goOn(1):
	case p.ahead:
		p.tok, p.ahead = p.lookahead, false
	default:
		t, err := p.lex.next()
		if err != nil {
			p.fail(err)
			return
		}
		p.tok = t
	}
}

// peek returns the token behind the current one.
func (p *parser) peek() token {
	if !p.ahead {
		t, err := p.lex.next()
		if err != nil {
			p.fail(err)
			return p.tok
		}
		p.lookahead, p.ahead = t, true
	}
	return p.lookahead
}

// expected reports that something else should stand in place of the current token.
func (p *parser) expected(what string) { p.fault(p.tok, "want %s, found %s", what, p.tok) }

// accept goes past the current token if it is s, and reports whether it was.
func (p *parser) accept(s string) bool {
	if !p.tok.is(s) {
		return false
	}
	p.advance()
	return true
}

// expect goes past the current token; it is a mistake if that is not s.
func (p *parser) expect(s string) {
	if !p.accept(s) {
		p.expected(s)
	}
}

// want returns the current token and goes past it; it is a mistake if it is not of kind k.
func (p *parser) want(k tokenKind, what string) token {
	t := p.tok
	if t.kind != k {
		p.expected(what)
	} else {
		p.advance()
	}
	return t
}

// identifier returns the current token and goes past it; it is a mistake if it is not an
// identifier.
func (p *parser) identifier(what string) token {
	if keywords[p.tok.s] && p.tok.kind == tWord {
		p.expected(what + ", which no keyword can be")
		return p.tok
	}
	if p.tok.kind == tWord && len(p.tok.s) > maxName {
		p.fault(p.tok, "a name of %d bytes: at most %d", len(p.tok.s), maxName)
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
	defer func() { p.current = nil }()
	if !p.take(ruleBytes) {
		return
	}
	r := &rule{ns: p.ns}
	at := p.tok.file.position(p.tok.pos)
	r.Namespace, r.File, r.Line = p.ns.name, at.file, at.line
	for p.tok.is("global") || p.tok.is("private") {
		r.Global = r.Global || p.tok.is("global")
		r.Private = r.Private || p.tok.is("private")
		p.begin(r)
		p.advance()
	}
	if !p.tok.is("rule") {
		p.expected("rule, import or include")
		return
	}
	p.begin(r)
	p.resumeMin = p.tok.end
	p.advance()
	p.ruleName(r)
	if p.accept(":") {
		p.tags()
	}
	p.lex.file.shown = p.lex.file.shown || p.tok.is("{") && !p.failed
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
	if !p.failed { // what is wrong behind the } is not in the rule
		p.current, p.resumeMin = nil, p.tok.end
	}
	p.advance()
}

// begin makes r the rule that is being read.
func (p *parser) begin(r *rule) {
	if p.current == nil {
		clear(p.byID)
		p.current, p.loopVars, p.stringLoops = r, nil, 0
		p.allRules = append(p.allRules, r)
	}
}

// ruleName reads the name of a rule. From there on the name stands for the rule, even in
// its own condition, where it has not matched yet, as in YARA.
func (p *parser) ruleName(r *rule) {
	t := p.identifier("the name of the rule")
	if p.failed {
		return
	}
	t.file.shown = t.file.shown || p.tok.is("{")
	at := t.file.position(t.pos)
	r.Name, r.File, r.Line = t.s, at.file, at.line
	if old := p.ns.rules[r.Name]; old != nil {
		p.fault(t, "another rule has the name %s (%s:%d)", r.Name, old.File, old.Line)
		r.clash = old
		return
	}
	if i, ok := p.variables[r.Name]; ok && !p.rules.variables[i].hideable {
		p.fault(t, "%s is the name of an external variable", r.Name)
		return
	}
	p.ns.rules[r.Name] = r
	p.ns.order = append(p.ns.order, r)
	for i := range len(r.Name) {
		if prefix := r.Name[:i+1]; p.ns.prefixes[prefix] {
			p.fault(t, "the rule would belong to the set %s*, which is used above", prefix)
			return
		}
	}
}

// tags reads the tags behind the name of a rule.
func (p *parser) tags() {
	for first := true; first || p.tok.kind == tWord; first = false {
		t := p.identifier("a tag")
		for _, tag := range p.current.Tags {
			if tag == t.s {
				p.fault(t, "the tag %s is given twice", t.s)
			}
		}
		p.current.Tags = append(p.current.Tags, t.s)
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
		p.metaRead = append(p.metaRead, m)
	}
	p.current.Meta = slices.Clone(p.metaRead)
	clear(p.metaRead)
	p.metaRead = p.metaRead[:0]
}
