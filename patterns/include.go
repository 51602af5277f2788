package patterns

import (
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
// Read returned for the first file.
func ParseFiles(name string, open func(name string) (io.ReadCloser, error)) ([]Pattern, error) {
	f := fileReader{open: open}
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
	open     func(name string) (io.ReadCloser, error) // nil where nothing can be included
	stack    []string                                 // the files that are being read, each included by the one in front of it
	included map[string]bool                          // the files that were included so far

	patterns []Pattern
	errs     []error

	// What follows is about the file that is being read.
	afterPattern bool         // whether the line in front is the last of patterns
	forAll       []*exception // exceptions to all patterns of re: that follow
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
	outer := f.forAll
	f.afterPattern, f.forAll = false, nil
	defer func() { f.stack, f.afterPattern, f.forAll = f.stack[:len(f.stack)-1], false, outer }()
	errs := eachLine(name, r, longest, func(s string, line int) error {
		i := skipBlanks(s, 0)
		if i == len(s) || s[i] == '#' {
			return nil
		}
		if err := f.line(s, name, line); err != nil {
			f.errs = append(f.errs, err)
		}
		return nil
	})
	f.errs = append(f.errs, errs...)
}

// line reads a line that is neither empty nor a comment.
func (f *fileReader) line(s, name string, line int) error {
	if in, ok := directive("@include", s, name, line); ok {
		f.afterPattern = false
		return f.include(in)
	}
	if in, ok := directive("@except", s, name, line); ok {
		return f.except(in)
	}
	if in, ok := directive("@except-all", s, name, line); ok {
		return f.exceptAll(in)
	}
	p, err := parse(s, name, line)
	if err == nil && p.Kind == KindRegexp {
		p, err = p.withExceptions(f.forAll)
	}
	if err != nil {
		return err
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
