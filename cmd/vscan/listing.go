package main

import (
	"vscan/engine"
	"vscan/engine/search"
)

// listReporter writes the images that have a hit, or those without one, a line
// each. One that was not looked at as a whole and has no hit is in neither list:
// what is missing of it is told on standard error.
type listReporter struct {
	base
	without bool
}

func (r *listReporter) hit(*search.Hit) error          { return r.err }
func (r *listReporter) rule(*search.RuleMatch) error   { return r.err }
func (r *listReporter) interval(engine.Interval) error { return r.err }

func (r *listReporter) end(s *search.Summary) {
	if r.without && !s.Found() && s.Complete || !r.without && s.Found() {
		r.write([]byte(printable(s.Image) + "\n"))
	}
}

// matchReporter writes the bytes of hits as they are, a line each; to a terminal,
// which would obey some of them, what prints of them.
type matchReporter struct {
	base
	named    bool // the image in front of each line
	terminal bool
	line     []byte
}

func newMatchReporter(b base, s style) *matchReporter {
	return &matchReporter{base: b, named: s.several, terminal: b.out.terminal}
}

func (r *matchReporter) hit(h *search.Hit) error {
	r.line = r.line[:0]
	if r.named {
		r.line = append(append(r.line, printable(r.target.Arg)...), '\t')
	}
	if r.terminal {
		r.line = append(r.line, printable(string(h.Bytes))...)
	} else {
		r.line = append(r.line, h.Bytes...)
	}
	r.line = append(r.line, '\n')
	return r.write(r.line)
}

func (r *matchReporter) rule(*search.RuleMatch) error   { return r.err }
func (r *matchReporter) interval(engine.Interval) error { return r.err }
func (r *matchReporter) end(*search.Summary)            {}
