package yara

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"vscan/engine/budget"
	"vscan/internal/interrupt"
)

// DefaultNamespace is the namespace of files that are added without one.
const DefaultNamespace = "default"

// Compiler reads files of rules, one after another, into one Rules. The zero Compiler is
// ready to use.
//
// Files of one namespace are like one file: a rule may refer to those above it, even in an
// earlier file; a name stands for one rule; and a global rule counts for all rules of the
// namespace, before and behind it. Namespaces know nothing of each other. A file that was
// read already, because files of a namespace include it more than once, is not read again.
type Compiler struct {
	// Open opens an included file by its path; relative paths are taken from the directory
	// of the file that includes. If Open is nil, include is refused.
	Open func(path string) (io.ReadCloser, error)

	// Budget is asked for the memory of each file before the file is read in. It stays
	// taken: the caller gives it a Share, and releases that with the Rules. Nil has no limit.
	Budget *budget.Budget

	parser *parser
}

func (c *Compiler) begin() *parser {
	if c.parser == nil {
		c.parser = newParser()
	}
	c.parser.open, c.parser.budget = c.Open, c.Budget
	return c.parser
}

// Define makes a name an external variable of the files that are added from now on. value
// is a string, an int64, a float64, or a bool, which becomes the integer 0 or 1 as in YARA.
// It holds where Scope.Variables has no other. No rule can have the name. The error says
// what is wrong with the name or the value.
func (c *Compiler) Define(name string, value any) error {
	return c.begin().define(name, value, false)
}

// Predefine is like Define, except that a rule of the name hides the variable in its
// namespace from there on, and that Define may define the name anew.
func (c *Compiler) Predefine(name string, value any) error {
	return c.begin().define(name, value, true)
}

// Add reads the rules of a file, and of all that it includes, into a namespace, "" for
// DefaultNamespace. name is that of the file, as it is to be shown.
//
// A mistake in a rule leaves out this rule and those that depend on it; Rules.Skipped has
// them. The error says that the file, or one that it includes, could not be read, or is the
// cause of the end of ctx, or the *budget.Error of Budget; after these only part of the
// rules was read, and the compiler is of no more use.
func (c *Compiler) Add(ctx context.Context, namespace, name string, r io.Reader) error {
	p := c.begin()
	p.ctx, p.errs = ctx, nil
	p.enterNamespace(cmp.Or(namespace, DefaultNamespace))
	if p.ns.read[filepath.Clean(name)] || p.over != nil {
		return p.over
	}
	text, err := p.read(name, r)
	if err != nil {
		return err
	}
	p.file(newRuleFile(name, text, true))
	if p.ended != nil {
		return p.ended
	}
	if p.over != nil {
		return p.over
	}
	return errors.Join(p.errs...)
}

// Rules returns the rules of all files that were added, in the order of the files.
// Afterwards the compiler is empty again. The error is the cause of the end of ctx.
func (c *Compiler) Rules(ctx context.Context) (rules *Rules, err error) {
	defer interrupt.Recover(&err)
	p := c.begin()
	c.parser = nil
	p.finish(interrupt.NewChecker(ctx))
	return p.rules, nil
}

// Parse reads the rules of one file and of all that it includes, as a Compiler without
// external variables does.
func Parse(ctx context.Context, name string, r io.Reader, open func(path string) (io.ReadCloser, error)) (*Rules, error) {
	c := Compiler{Open: open}
	if err := c.Add(ctx, "", name, r); err != nil {
		return nil, err
	}
	return c.Rules(ctx)
}

// A namespace is a set of rules that may refer to each other.
type namespace struct {
	name     string
	index    int
	rules    map[string]*rule
	order    []*rule         // the same rules, in the order of the files
	read     map[string]bool // the files that were read into it, by their clean paths
	prefixes map[string]bool // NAME of each set NAME* of rules: no later rule may have a name that begins so
}

func (p *parser) enterNamespace(name string) {
	p.ns = p.namespaces[name]
	if p.ns == nil {
		p.ns = &namespace{name: name, index: len(p.namespaces), rules: make(map[string]*rule), read: make(map[string]bool), prefixes: make(map[string]bool)}
		p.namespaces[name] = p.ns
	}
}

// A variable is an external variable.
type variable struct {
	name     string
	value    value
	typ      valueType // the type of value
	hideable bool      // whether a rule of its name may hide it
}

func (p *parser) define(name string, v any, hideable bool) error {
	if !isIdentifier(name) || keywords[name] {
		return fmt.Errorf("%q cannot be the name of a variable: want a letter or _ and then letters, digits and _, and no keyword of YARA", name)
	}
	val, err := external(v)
	if err != nil {
		return fmt.Errorf("the variable %s: %w", name, err)
	}
	x := variable{name, val, val.typ, hideable}
	if i, ok := p.variables[name]; ok {
		if !p.rules.variables[i].hideable || hideable {
			return fmt.Errorf("the variable %s is defined twice", name)
		}
		p.rules.variables[i] = x
		return nil
	}
	p.variables[name] = len(p.rules.variables)
	p.rules.variables = append(p.rules.variables, x)
	return nil
}

// external returns the value of a variable that Go code gives.
func external(v any) (value, error) {
	switch v := v.(type) {
	case string:
		return value{typ: typeText, s: v}, nil
	case int64:
		return intValue(v), nil
	case float64:
		return value{typ: typeFloat, f: v}, nil
	case bool:
		return boolValue(v), nil
	}
	return value{}, fmt.Errorf("a %T is no value: want a string, an int64, a float64 or a bool", v)
}

func isIdentifier(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isLetter(s[i]) && (i == 0 || !isDigit(s[i])) {
			return false
		}
	}
	return s != ""
}
