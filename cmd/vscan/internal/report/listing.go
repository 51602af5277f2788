package report

import (
	"vscan/engine"
	"vscan/engine/search"
	"vscan/internal/wording"
)

// ListReporter writes the images that have a hit, or those without one, a line
// each. One that was not looked at as a whole and has no hit is in neither list:
// what is missing of it is told on standard error.
type ListReporter struct {
	Base
	Without bool
}

func (r *ListReporter) Hit(*search.Hit) error          { return r.Err }
func (r *ListReporter) Rule(*search.RuleMatch) error   { return r.Err }
func (r *ListReporter) Interval(engine.Interval) error { return r.Err }

func (r *ListReporter) End(s *search.Summary) {
	if r.Without && !s.Found() && s.Complete || !r.Without && s.Found() {
		r.write([]byte(wording.Printable(s.Image) + "\n"))
	}
}

// matchReporter writes the bytes of hits as they are, a line each; to a terminal,
// which would obey some of them, what prints of them.
type matchReporter struct {
	Base
	named    bool // the image in front of each line
	terminal bool
	line     []byte
}

func NewMatchReporter(b Base, s Style) *matchReporter {
	return &matchReporter{Base: b, named: s.Several, terminal: b.Out.Terminal}
}

func (r *matchReporter) Hit(h *search.Hit) error {
	r.line = r.line[:0]
	if r.named {
		r.line = append(append(r.line, wording.Printable(r.target.Arg)...), '\t')
	}
	if r.terminal {
		r.line = append(r.line, wording.Printable(string(h.Bytes))...)
	} else {
		r.line = append(r.line, h.Bytes...)
	}
	r.line = append(r.line, '\n')
	return r.write(r.line)
}

func (r *matchReporter) Rule(*search.RuleMatch) error   { return r.Err }
func (r *matchReporter) Interval(engine.Interval) error { return r.Err }
func (r *matchReporter) End(*search.Summary)            {}
