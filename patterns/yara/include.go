package yara

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
)

// include reads the file that an include names; the current token is the word include.
func (p *parser) include() {
	p.advance()
	t := p.tok
	if t.kind != tText {
		p.expected("the path of a file in quotes")
		return
	}
	path := filepath.Clean(t.s)
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(p.lex.file.name), path)
	}
	if p.ns.read[path] && !p.isBeingRead(path) {
		p.advance()
		return
	}
	p.includeCount++
	text, err := p.includable(path)
	if err != nil {
		fault := t.file.fault
		if !t.file.shown {
			fault = t.file.faultWithout // the path of an include may be shown of any file
		}
		p.errs = append(p.errs, &includeError{fault(t.pos, "cannot include %s: %v", path, err), err})
		p.advance()
		return
	}
	outer := p.lex
	p.file(newRuleFile(path, text, false))
	p.lex = outer
	p.advance()
}

// isBeingRead reports whether the file with a clean path is one of those that are being
// read.
func (p *parser) isBeingRead(path string) bool {
	return slices.ContainsFunc(p.including, func(name string) bool { return filepath.Clean(name) == path })
}

// includable returns the text of a file that is to be included.
func (p *parser) includable(path string) (string, error) {
	switch {
	case p.isBeingRead(path):
		return "", errors.New("it is included by itself")
	case p.open == nil:
		return "", errors.New("nothing can be included here: put the rules into one file")
	case len(p.including) > maxDepth:
		return "", fmt.Errorf("more than %d files include one another", maxDepth)
	case p.includeCount > maxIncludes:
		return "", fmt.Errorf("more than %d files are included", maxIncludes)
	}
	return p.readFile(path)
}

// An includeError is an error at a place in a rule file, and its cause.
type includeError struct {
	error
	cause error
}

func (e *includeError) Unwrap() error { return e.error }

func (e *includeError) Is(target error) bool { return errors.Is(e.cause, target) }

func (e *includeError) As(target any) bool {
	return errors.As(e.error, target) || errors.As(e.cause, target)
}

func (p *parser) readFile(path string) (string, error) {
	f, err := p.open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return p.read(path, f)
}
