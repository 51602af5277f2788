package yara

import "path/filepath"

// include reads the file that the current token, include, names.
func (p *parser) include() {
	p.advance()
	t := p.tok
	if t.kind != tText {
		p.expected("the path of a file in quotes")
		return
	}
	path := t.s
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(p.lex.src.name), path)
	}
	for _, f := range p.including {
		if f == path {
			p.fault(t, "%s is included by itself", path)
			return
		}
	}
	p.included++
	switch {
	case p.open == nil:
		p.fault(t, "include is not possible here: put the rules into one file")
		return
	case len(p.including) > maxDepth:
		p.fault(t, "more than %d files include one another", maxDepth)
		return
	case p.included > maxIncludes:
		p.fault(t, "more than %d files are included", maxIncludes)
		return
	}
	text, err := p.readFile(path)
	if err != nil {
		p.fault(t, "cannot include %s: %v", path, err)
		p.errs[len(p.errs)-1] = &includeError{p.errs[len(p.errs)-1], err}
		return
	}
	outer := p.lex
	p.file(newSource(path, text))
	p.lex = outer
	p.advance()
}

// includeError is an error of a place in a rule file that has a cause.
type includeError struct {
	error
	cause error
}

func (e *includeError) Unwrap() []error { return []error{e.error, e.cause} }

func (p *parser) readFile(path string) (string, error) {
	f, err := p.open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return p.read(path, f)
}
