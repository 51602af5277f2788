package report

import (
	"vscan/cmd/vscan/internal/console"
	"vscan/engine"
	"vscan/engine/search"
	"vscan/internal/wording"
)

// listReporter writes the names of the images that have a hit, or of those without one,
// a line each. An image that has no hit and was not looked at as a whole is in neither
// list; standard error tells what of it is missing.
type listReporter struct {
	base
	without bool
}

// NewListReporter returns a reporter that writes to out the names of the images with a
// hit, or of those without one.
func NewListReporter(out *console.Output, without bool) Reporter {
	return &listReporter{base{out: out}, without}
}

func (r *listReporter) Hit(*search.Hit) error                  { return r.err }
func (r *listReporter) Rule(*search.RuleMatch) error           { return r.err }
func (r *listReporter) Interval(engine.Interval, uint64) error { return r.err }

// End writes the name of the image if it belongs into the list.
func (r *listReporter) End(s *search.Summary) {
	if r.without && !s.Found() && s.Complete || !r.without && s.Found() {
		r.write([]byte(wording.Escape(s.Image) + "\n"))
	}
}

// matchReporter writes the bytes of hits as they are, a line each. To a terminal, which
// would obey some of them, it writes them with what does not print escaped.
type matchReporter struct {
	base
	nameImages bool // whether the image stands in front of each line
	terminal   bool // whether the output is a terminal
	line       []byte
}

// NewMatchReporter returns a reporter that writes to out the bytes of hits and, if
// nameImages is set, the image in front of them.
func NewMatchReporter(out *console.Output, nameImages bool) Reporter {
	return &matchReporter{base: base{out: out}, nameImages: nameImages, terminal: out.ToTerminal}
}

func (r *matchReporter) Hit(h *search.Hit) error {
	r.line = r.line[:0]
	if r.nameImages {
		r.line = append(append(r.line, wording.Escape(r.target.Arg)...), '\t')
	}
	if r.terminal {
		r.line = append(r.line, wording.Escape(string(h.Bytes))...)
	} else {
		r.line = append(r.line, h.Bytes...)
	}
	r.line = append(r.line, '\n')
	return r.write(r.line)
}

func (r *matchReporter) Rule(*search.RuleMatch) error           { return r.err }
func (r *matchReporter) Interval(engine.Interval, uint64) error { return r.err }
func (r *matchReporter) End(*search.Summary)                    {}
