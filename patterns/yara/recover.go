package yara

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"vscan/patterns"
)

// This file goes on after mistakes. A mistake leaves out the rule that has it, and reading
// goes on with the next rule. A mistake outside of rules is reported as a rule without a
// name.

// file reads the rules of a file.
func (p *parser) file(src *ruleFile) {
	p.lex = lexer{file: src}
	p.lex.pos = len(src.text) - len(strings.TrimPrefix(src.text, "\ufeff"))
	p.including = append(p.including, src.name)
	p.ns.read[filepath.Clean(src.name)] = true
	p.resumeAt, p.resumeMin = p.lex.pos, p.lex.pos
	p.advance()
	for p.ended == nil && p.mistakes < maxMistakes && len(p.errs) < maxErrors && p.over == nil {
		if !p.failed {
			p.resumeMin = p.tok.end
		}
		switch {
		case p.failed:
			p.resume()
		case p.tok.kind == tEnd:
			p.including = p.including[:len(p.including)-1]
			return
		case p.tok.is("import"):
			p.imports()
		case p.tok.is("include"):
			p.include()
		default:
			p.rule()
		}
	}
	p.stop()
}

// stop reports that nothing more is read, since there are too many mistakes.
func (p *parser) stop() {
	if p.mistakes == maxMistakes {
		p.mistakes++
		p.allRules = append(p.allRules, &rule{
			ns: p.ns, skip: fmt.Sprintf("there are more than %d mistakes: what is behind them is not read", maxMistakes),
			skipAt: p.lex.file.position(p.lex.pos), mistake: true,
		})
	}
}

// imports reads the name of a module. Rules that use the module are skipped, whether or not
// there is such a module.
func (p *parser) imports() {
	p.advance()
	t := p.want(tText, "the name of a module in quotes")
	if !p.failed && !isIdentifier(t.s) {
		p.fault(t, "%s is no name of a module", t)
	}
}

// resume goes on after a mistake, with the next rule and the words global and private in
// front of it.
func (p *parser) resume() {
	p.failed, p.ahead, p.nesting, p.stringLoops, p.loopVars = false, false, 0, 0, nil
	p.lex.pos = max(p.resumeAt, p.resumeMin)
	first := -1 // offset of the words global and private in front of the next token; −1 where there are none
	for {
		if !p.goOn(1) {
			return
		}
		t, err := p.lex.next()
		switch {
		case err != nil && p.lex.unterminated:
			p.mistakes++
			p.mistake(err)
			continue
		case err != nil:
			first = -1
			continue
		case t.is("global") || t.is("private"):
			if first < 0 {
				first = t.pos
			}
			continue
		case t.is("rule") && first >= 0:
			p.lex.pos = first
			t, _ = p.lex.next()
		case t.kind == tEnd, t.is("rule"), t.is("include"), t.is("import"):
		default:
			first = -1
			continue
		}
		p.tok = t
		return
	}
}

// fail notes a mistake and ends what is being read.
func (p *parser) fail(err error) {
	if !p.failed {
		p.failed = true
		p.mistakes++
		p.resumeAt = p.lex.pos
		if p.ahead || p.lex.pos == p.tok.end {
			p.resumeAt = p.tok.pos // the tokens behind were not read, or only looked at
		}
		p.mistake(err)
	}
	p.tok = token{kind: tEnd, file: p.lex.file, pos: len(p.lex.file.text), end: len(p.lex.file.text)}
}

// mistake notes why the rule that is being read is left out, or that something is wrong
// between rules.
func (p *parser) mistake(err error) {
	r := p.current
	if r == nil {
		r = &rule{ns: p.ns}
		r.Namespace = p.ns.name
		p.allRules = append(p.allRules, r)
	}
	var e *patterns.Error
	if errors.As(err, &e) {
		r.skip, r.skipAt = e.Msg, position{e.File, e.Line, e.Column}
	} else {
		r.skip = err.Error()
	}
	r.mistake, r.undefined, r.nameless = true, "", !p.lex.file.shown
}

// fault notes a mistake at a token.
func (p *parser) fault(t token, format string, args ...any) {
	p.fail(t.file.fault(t.pos, format, args...))
}

// refuse skips the rule that is being read, since it needs something that is not supported.
// Reading goes on, since the rule may have mistakes as well.
func (p *parser) refuse(t token, format string, args ...any) {
	if p.current.skip == "" {
		p.current.skip, p.current.skipAt = fmt.Sprintf(format, args...), t.file.position(t.pos)
	}
}
