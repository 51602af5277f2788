package main

import "vscan/engine"

// listReporter writes the images that have a hit, or those without one, a line
// each. One that was not looked at as a whole and has no hit is in neither list:
// what is missing of it is told on standard error.
type listReporter struct {
	base
	without bool
}

func (r *listReporter) hit(*shownHit) error            { return r.err }
func (r *listReporter) rule(*ruleHit) error            { return r.err }
func (r *listReporter) interval(engine.Interval) error { return r.err }

func (r *listReporter) end(s *summary) {
	if r.without && !s.found() && s.complete || !r.without && s.found() {
		r.write([]byte(printable(s.image) + "\n"))
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

func (r *matchReporter) hit(h *shownHit) error {
	r.line = r.line[:0]
	if r.named {
		r.line = append(append(r.line, printable(r.target.arg)...), '\t')
	}
	if r.terminal {
		r.line = append(r.line, printable(string(h.Bytes))...)
	} else {
		r.line = append(r.line, h.Bytes...)
	}
	r.line = append(r.line, '\n')
	return r.write(r.line)
}

func (r *matchReporter) rule(*ruleHit) error            { return r.err }
func (r *matchReporter) interval(engine.Interval) error { return r.err }
func (r *matchReporter) end(*summary)                   {}
