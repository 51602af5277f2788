package report

import (
	"bytes"
	"io"
	"sync"

	"vscan/engine/search"
	"vscan/patterns/yara"
)

// lines is a search.Sink that writes what is found in an image as lines of jsonl, for a state
// that keeps them: whole lines without blanks behind them, and without a summary.
type lines struct{ *JSONLReporter }

// NewLines returns a sink that writes the lines of jsonl of an image to w, but for its summary:
// hits, rules that match, and what of the rules is not known. context says whether hits have
// what lies around them.
func NewLines(w io.Writer, context bool) search.Sink {
	return lines{&JSONLReporter{base: base{out: w}, context: context, parted: true}}
}

func (l lines) Begin(s *search.Search) error {
	l.JSONLReporter.Begin(s.Image())
	return nil
}

func (l lines) End(s *search.Summary) error {
	l.JSONLReporter.End(s)
	return l.WriteError()
}

// LeftOutLine returns the line of jsonl of a rule that is asked of no image, without its end.
func LeftOutLine(s yara.Skipped) []byte {
	var b bytes.Buffer
	r := &JSONLReporter{base: base{out: &b}}
	r.LeftOut([]yara.Skipped{s})
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}

// NewSummaryLine returns a function that returns the summary of an image as a line of jsonl,
// without its end and without what differs from one run to another: the time, kernels and
// workers. It may be called by several goroutines at once, and keeps the names of patterns as
// JSON from one call to the next.
func NewSummaryLine() func(*search.Summary) []byte {
	reporters := sync.Pool{New: func() any { return &JSONLReporter{} }}
	return func(s *search.Summary) []byte {
		r := reporters.Get().(*JSONLReporter)
		defer reporters.Put(r)
		var b bytes.Buffer
		r.out = &b
		r.startSummary(s)
		r.FinishLine()
		return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
	}
}
