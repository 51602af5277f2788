package patterns

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
)

// maxIncludes is how deep files may include one another.
const maxIncludes = 16

// ParseFiles reads patterns from a file as ParseFile does, and from those that it includes.
// A line @include FILE, with blanks in front, between and behind, stands for the patterns
// of FILE, whose path is relative to the file that the line is in. A file that is included
// again adds nothing. A file that includes itself, directly or through others, is an error,
// and so are files that include one another more than 16 deep.
//
// open opens a file by its path; name is that of the first. The error joins what is wrong
// with any of the files: values of type *Error, in the order of reading, or what open or
// Read returned for the first file. They have no text of an included file unless its first
// line, after empty ones and comments, is KIND:BODY or begins with one of these words with
// @: such a file need be none of patterns. The end of ctx ends the reading, with its cause.
func ParseFiles(ctx context.Context, name string, open func(name string) (io.ReadCloser, error)) ([]Pattern, error) {
	f := fileReader{ctx: ctx, open: open}
	r, err := open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	f.read(name, r)
	return f.result()
}

// A fileReader reads patterns from files.
type fileReader struct {
	ctx      context.Context
	open     func(name string) (io.ReadCloser, error) // nil where nothing can be included
	stack    []string                                 // the files that are being read, each included by the one in front of it
	included map[string]bool                          // the files that were included so far

	patterns []Pattern
	errs     []error

	// What follows is about the file that is being read.
	afterPattern bool         // whether the line in front is the last of patterns
	forAll       []*exception // exceptions to all patterns of re: that follow
	shown        bool         // whether errors may have text of the file: see conceal
}

func (f *fileReader) result() ([]Pattern, error) {
	if len(f.errs) > 0 {
		return nil, errors.Join(f.errs...)
	}
	return f.patterns, nil
}

// read reads one file.
func (f *fileReader) read(name string, r io.Reader) {
	const longest = 4*MaxBytes + 4096 // every byte of a pattern may be an escape, and it may have a name
	f.stack = append(f.stack, filepath.Clean(name))
	outer, outerShown := f.forAll, f.shown
	f.afterPattern, f.forAll, f.shown = false, nil, len(f.stack) == 1
	defer func() {
		f.stack, f.afterPattern, f.forAll, f.shown = f.stack[:len(f.stack)-1], false, outer, outerShown
	}()
	first := true // no line but empty ones and comments was read yet
	errs := eachLine(f.ctx, name, r, longest, func(s string, line int) error {
		i := skipBlanks(s, 0)
		if i == len(s) || s[i] == '#' {
			return nil
		}
		if first {
			first, f.shown = false, f.shown || isPlainly(s)
		}
		if err := f.line(s, name, line); err != nil {
			f.errs = append(f.errs, err)
		}
		return nil
	})
	for _, err := range errs {
		f.errs = append(f.errs, f.conceal(err))
	}
}

// conceal returns an error about the file that is being read without text of the file,
// unless that may be shown: of the file that the caller names, and of an included one
// whose first line is plainly one of patterns. What a stranger's patterns include may be
// any file that the user can read, and messages may go where the file must not.
func (f *fileReader) conceal(err error) error {
	e, ok := err.(*Error)
	if !ok || f.shown {
		return err
	}
	return &Error{File: e.File, Line: e.Line, Column: e.Column, Msg: "no pattern can be read here; the text is not shown, since the file is included and its first line is no KIND:BODY"}
}

// isPlainly reports whether a line could hardly be one of another file: KIND:BODY, perhaps
// with a name, or a directive.
func isPlainly(s string) bool {
	for _, word := range []string{"@include", "@except", "@except-all"} {
		if _, ok := directive(word, s, "", 0); ok {
			return true
		}
	}
	_, _, h := splitHead(s, true)
	return h.kind != nil
}

// line reads a line that is neither empty nor a comment.
func (f *fileReader) line(s, name string, line int) error {
	if in, ok := directive("@include", s, name, line); ok {
		f.afterPattern = false
		return f.include(in)
	}
	if in, ok := directive("@except", s, name, line); ok {
		return f.conceal(f.except(in))
	}
	if in, ok := directive("@except-all", s, name, line); ok {
		return f.conceal(f.exceptAll(in))
	}
	p, err := parse(s, name, line)
	if err == nil && p.Kind == KindRegexp {
		p, err = p.withExceptions(f.forAll)
	}
	if err != nil {
		return f.conceal(err)
	}
	f.patterns, f.afterPattern = append(f.patterns, p), true
	return nil
}

// directive returns what stands behind a word that begins with @, and reports whether the
// line s begins with that word.
func directive(word, s, name string, line int) (in input, ok bool) {
	i := skipBlanks(s, 0)
	if !strings.HasPrefix(s[i:], word) {
		return input{}, false
	}
	in = input{text: s, pos: i + len(word), end: len(s), file: name, line: line}
	if in.pos < in.end && !isBlank(s[in.pos]) {
		return input{}, false
	}
	return in.trim(), true
}

// include reads the file whose path in holds.
func (f *fileReader) include(in input) error {
	path := in.body()
	if !f.shown {
		in.text = "" // only the path may be shown, which messages have
	}
	switch {
	case path == "":
		return in.fault(in.end, "want the path of a file behind @include, found the end")
	case f.open == nil:
		return in.fault(in.pos, "no other file can be included here")
	case len(f.stack) > maxIncludes:
		return in.fault(in.pos, "files include one another more than %d deep", maxIncludes)
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(in.file), path)
	}
	path = filepath.Clean(path)
	for _, open := range f.stack {
		if open == path {
			return in.fault(in.pos, "%s includes itself: %s", path, strings.Join(append(f.stack, path), ", "))
		}
	}
	if f.included[path] {
		return nil
	}
	r, err := f.open(path)
	if err != nil {
		e := in.fault(in.pos, "%v", err)
		e.Err = err
		return e
	}
	defer r.Close()
	if f.included == nil {
		f.included = make(map[string]bool)
	}
	f.included[path] = true
	f.read(path, r)
	return nil
}
