package report

import (
	"vscan/cmd/vscan/internal/console"
	"vscan/engine"
	"vscan/engine/search"
	"vscan/internal/wording"
)

// listReporter writes the images that have a hit, or those without one, a line
// each. One that was not looked at as a whole and has no hit is in neither list:
// what is missing of it is told on standard error.
type listReporter struct {
	base
	without bool
}

func NewListReporter(out *console.Output, without bool) Reporter {
	return &listReporter{base{out: out}, without}
}

func (r *listReporter) Hit(*search.Hit) error          { return r.err }
func (r *listReporter) Rule(*search.RuleMatch) error   { return r.err }
func (r *listReporter) Interval(engine.Interval) error { return r.err }

func (r *listReporter) End(s *search.Summary) {
	if r.without && !s.Found() && s.Complete || !r.without && s.Found() {
		r.write([]byte(wording.Printable(s.Image) + "\n"))
	}
}

// matchReporter writes the bytes of hits as they are, a line each; to a terminal,
// which would obey some of them, what prints of them.
type matchReporter struct {
	base
	nameImages bool // the image in front of each line
	terminal   bool
	line       []byte
}

func NewMatchReporter(out *console.Output, nameImages bool) Reporter {
	return &matchReporter{base: base{out: out}, nameImages: nameImages, terminal: out.ToTerminal}
}

func (r *matchReporter) Hit(h *search.Hit) error {
	r.line = r.line[:0]
	if r.nameImages {
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

func (r *matchReporter) Rule(*search.RuleMatch) error   { return r.err }
func (r *matchReporter) Interval(engine.Interval) error { return r.err }
func (r *matchReporter) End(*search.Summary)            {}
