package main

import (
	"bytes"
	"io"

	"vscan/engine/sweep"
	"vscan/patterns/yara"
)

// ruleRecord notes the texts of all files of rules that are read, and the variables that are
// defined, so that the same rules can be made elsewhere. A nil *ruleRecord notes nothing.
type ruleRecord struct {
	texts     sweep.Rules
	variables map[string]any
}

// file returns a reader of a file of rules that notes what is read.
func (r *ruleRecord) file(namespace, name string, from io.Reader) io.Reader {
	if r == nil {
		return from
	}
	f := &sweep.RuleFile{Namespace: sweep.Text(namespace), Name: sweep.Text(name)}
	r.texts.Files = append(r.texts.Files, f)
	return &notedReader{from: from, to: &f.Text}
}

// opener returns what open does, and notes what is read of included files, or why they
// could not be opened.
func (r *ruleRecord) opener(open func(string) (io.ReadCloser, error)) func(string) (io.ReadCloser, error) {
	if r == nil {
		return open
	}
	return func(path string) (io.ReadCloser, error) {
		f := &sweep.IncludedFile{Path: sweep.Text(path)}
		r.texts.Included = append(r.texts.Included, f)
		from, err := open(path)
		if err != nil {
			f.Error = sweep.Text(err.Error())
			return nil, err
		}
		return struct {
			io.Reader
			io.Closer
		}{&notedReader{from: from, to: &f.Text}, from}, nil
	}
}

// define notes a variable.
func (r *ruleRecord) define(name string, value any) {
	if r == nil {
		return
	}
	if r.variables == nil {
		r.variables = map[string]any{}
	}
	r.variables[name] = value
}

// rules returns what was noted, with what was left out.
func (r *ruleRecord) rules(leftOut []yara.Skipped) (*sweep.Rules, error) {
	for _, s := range leftOut {
		r.texts.LeftOut = append(r.texts.LeftOut, sweep.LeftOut{Namespace: sweep.Text(s.Namespace), File: sweep.Text(s.File), Reason: sweep.Text(s.Reason)})
	}
	return &r.texts, r.texts.SetVariables(r.variables)
}

// notedReader notes in to what was read once all is read.
type notedReader struct {
	from io.Reader
	read bytes.Buffer
	to   *sweep.Text
}

func (n *notedReader) Read(b []byte) (int, error) {
	got, err := n.from.Read(b)
	n.read.Write(b[:got])
	if err == io.EOF {
		*n.to = sweep.Text(n.read.String())
	}
	return got, err
}
