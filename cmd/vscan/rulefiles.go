package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"vscan/cmd/vscan/internal/report"
	"vscan/engine/budget"
	"vscan/engine/search"
	"vscan/internal/wording"
	"vscan/patterns/yara"
)

// ruleArg is an argument that names files of YARA rules.
type ruleArg struct {
	text      string // the argument as it was given
	namespace string // "": yara.DefaultNamespace
	path      string // of a file or a folder
	folder    bool   // whether path is a folder
}

// ruleArgOf returns what an argument of -f names, and reports whether it names YARA
// rules. A path that exists wins; otherwise what stands in front of the first colon is
// the namespace, as with yara.
func ruleArgOf(arg string) (ruleArg, bool) {
	info, err := os.Stat(arg)
	if err == nil {
		return ruleArg{arg, "", arg, info.IsDir()}, info.IsDir() || isRuleFile(arg)
	}
	namespace, path, ok := strings.Cut(arg, ":")
	if info, err := os.Stat(path); ok && err == nil && namespace != "" {
		return ruleArg{arg, namespace, path, info.IsDir()}, true
	}
	return ruleArg{arg, "", arg, false}, isRuleFile(arg)
}

// isRuleFile reports whether a file of YARA rules could have this name.
func isRuleFile(name string) bool {
	ext := filepath.Ext(name)
	return strings.EqualFold(ext, ".yar") || strings.EqualFold(ext, ".yara")
}

// files returns the files that the argument names, in the order of their names. Of a folder
// it passes over what is hidden and what is not named as a file of rules. leftOut has what
// would have been read if it were a file: links, which may lead back or out of the folder,
// and pipes and devices.
func (r ruleArg) files() (all []string, leftOut []yara.Skipped, err error) {
	if !r.folder {
		return []string{r.path}, nil, nil
	}
	leave := func(name, reason string) {
		leftOut = append(leftOut, yara.Skipped{Namespace: cmp.Or(r.namespace, yara.DefaultNamespace), File: name, Reason: reason})
	}
	var errs []error
	fs.WalkDir(os.DirFS(r.path), ".", func(path string, d fs.DirEntry, err error) error {
		name := filepath.Join(r.path, filepath.FromSlash(path))
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", name, withoutPath(err)))
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
		case path != "." && isHidden(d.Name()):
			if d.IsDir() {
				return fs.SkipDir
			}
		case d.Type()&fs.ModeSymlink != 0:
			if info, err := os.Stat(name); isRuleFile(name) || err == nil && info.IsDir() {
				leave(name, "it is a link, which is not followed below a folder: name what it leads to")
			}
		case !isRuleFile(name) || d.IsDir():
		case d.Type().IsRegular():
			all = append(all, name)
		default:
			leave(name, "it is no regular file")
		}
		return nil
	})
	if len(all) == 0 && errs == nil && leftOut == nil {
		errs = append(errs, fmt.Errorf("%s: no file below this folder is named .yar or .yara", r.path))
	}
	return all, leftOut, errors.Join(errs...)
}

// ruleReader reads YARA rules. All files that it reads are one set.
type ruleReader struct {
	defines         []string // the values of -d, NAME=VALUE each
	includeAnywhere bool     // whether files may be included that lie elsewhere

	ruleArgs  []ruleArg
	ruleFiles int            // how many files were read
	rules     *yara.Rules    // the set, once finish has made it; nil: no file was named
	of        map[string]int // by namespace, zero byte and path: the index in ruleArgs of what names the file
	compiler  yara.Compiler
	defined   map[string]bool // the names of -d
	budget    *budget.Budget  // what the rules may take
	leftOut   []yara.Skipped  // what stands below folders and was not read
	record    *ruleRecord     // what is read is noted there; nil: nowhere
}

// define makes known to the compiler the variables of -d and those that an image sets.
func (r *ruleReader) define() error {
	r.compiler.Budget = r.budget
	r.of, r.defined = map[string]int{}, map[string]bool{}
	if err := search.Predefine(&r.compiler); err != nil {
		return err
	}
	var errs []error
	for _, d := range r.defines {
		name, text, ok := strings.Cut(d, "=")
		if !ok {
			errs = append(errs, fmt.Errorf("-d %s: want NAME=VALUE", d))
			continue
		}
		v, err := variableValue(text)
		if err == nil {
			err = r.compiler.Define(name, v)
		}
		if err == nil {
			r.record.define(name, v)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("-d %s: %w", d, err))
		}
		r.defined[name] = true
	}
	return errors.Join(errs...)
}

// add reads the files of an argument.
func (r *ruleReader) add(ctx context.Context, arg ruleArg) error {
	files, leftOut, err := arg.files()
	r.leftOut = append(r.leftOut, leftOut...)
	errs := []error{err}
	for _, name := range files {
		key := cmp.Or(arg.namespace, yara.DefaultNamespace) + "\x00" + name
		if n, ok := r.of[key]; ok && !arg.folder && !r.ruleArgs[n].folder {
			errs = append(errs, fmt.Errorf("-f %s: the file is given twice", arg.text))
			continue
		}
		r.of[key] = len(r.ruleArgs)
		r.compiler.Open = r.record.opener(includesOf(arg.path, r.includeAnywhere).open)
		open := openInput
		if arg.folder {
			r.compiler.Open = r.record.opener(includes{arg.path, r.includeAnywhere}.open)
			open = func(_ context.Context, name string) (io.ReadCloser, error) { return openRegular(name, checkRegular) }
		}
		file, err := open(ctx, name)
		if err != nil {
			if i := strings.IndexByte(arg.text, ':'); i > 0 && !arg.folder && arg.namespace == "" {
				err = fmt.Errorf("%w, and no %s for the namespace %s", err, arg.text[i+1:], arg.text[:i])
			}
			errs = append(errs, err)
			continue
		}
		err = r.compiler.Add(ctx, arg.namespace, name, r.record.file(arg.namespace, name, file))
		file.Close()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if over := (*budget.Error)(nil); errors.As(err, &over) { // of all files together
			return fmt.Errorf("%s: %w", name, err)
		}
		errs = append(errs, err)
		r.ruleFiles++
	}
	r.ruleArgs = append(r.ruleArgs, arg)
	return errors.Join(errs...)
}

// finish makes the set of all rules that were read. It returns an error where files of
// several arguments have rules of one name, since only the user knows which of them is
// meant.
func (r *ruleReader) finish(ctx context.Context) error {
	if len(r.ruleArgs) == 0 {
		return nil
	}
	rules, err := r.compiler.Rules(ctx)
	if err != nil {
		return err
	}
	r.rules = rules
	r.rules.Skipped = append(r.rules.Skipped, r.leftOut...)
	var errs []error
	for _, s := range r.rules.Skipped {
		if s.Clash == nil {
			continue
		}
		n, ok := r.of[s.Namespace+"\x00"+s.File]
		m, known := r.of[s.Namespace+"\x00"+s.Clash.File]
		if ok && known && n != m {
			errs = append(errs, fmt.Errorf("%s:%d:%d: %s: give one of the files a namespace of its own: -f NAMESPACE:FILE", s.File, s.Line, s.Column, s.Reason))
		}
	}
	return errors.Join(errs...)
}

// leftOut returns the rules that are asked of no image.
func (f *searchFlags) leftOut() []yara.Skipped {
	if f.Rules == nil {
		return nil
	}
	return f.Rules.Skipped
}

// requireRule returns an error if there are files of rules and none of their rules
// runs.
func (f *searchFlags) requireRule(args []ruleArg) error {
	if f.Rules == nil || f.Rules.Len() > 0 {
		return nil
	}
	return noRule(f.Rules, args)
}

// noRule returns the error that none of the rules runs, which the arguments name.
func noRule(rules *yara.Rules, args []ruleArg) error {
	name := args[0].text
	if n := len(args) - 1; n > 0 {
		name += fmt.Sprintf(" and %s", wording.Count(uint64(n), "other"))
	}
	if n := len(rules.Skipped); n > 0 {
		return fmt.Errorf("%s: no rule can be searched for: %s left out", name, wording.Count(uint64(n), "rule"))
	}
	return fmt.Errorf("%s: no rule in the files", name)
}

// noteLeftOut tells which rules were left out.
func (a *commands) noteLeftOut(f *searchFlags) {
	var lines []string
	for _, s := range f.leftOut() {
		lines = append(lines, leftOutLine(s))
	}
	a.noteSome(lines)
}

// noteSome tells the first lines on rules that were left out, and how many there are more.
func (a *commands) noteSome(all []string) {
	const most = 20
	for _, line := range all[:min(len(all), most)] {
		a.Note("%s", line)
	}
	if n := len(all) - most; n > 0 {
		a.Note("%s more are left out: vscan rules check lists all", wording.Count(uint64(n), "rule"))
	}
}

// leftOutLine returns a line that says where a rule is, that it is left out, and why.
func leftOutLine(s yara.Skipped) string {
	where := fmt.Sprintf("%s:%d", s.File, s.Line)
	if s.Line == 0 {
		return fmt.Sprintf("%s: left out: %s", s.File, report.ReasonOf(s))
	}
	if s.Column > 0 {
		where += fmt.Sprintf(":%d", s.Column)
	}
	if s.Rule == "" {
		return fmt.Sprintf("%s: what stands here is left out: %s", where, report.ReasonOf(s))
	}
	return fmt.Sprintf("%s: rule %s is left out: %s", where, s.Rule, report.ReasonOf(s))
}
