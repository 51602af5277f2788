package report

import (
	"encoding/csv"
	"strconv"

	"vscan/cmd/vscan/internal/console"
	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/search"
)

// csvReporter writes comma-separated values with a header. The file csvcell.go says
// what stands in a cell.
type csvReporter struct {
	base
	w      *csv.Writer
	counts bool  // the number of hits is written, and not the hits
	rules  bool  // hits have the namespace and the file of their rule
	header bool  // whether the header has been written
	names  Cache // of names as cells
}

// newCSVReporter returns a reporter that writes csv to out.
func newCSVReporter(out *console.Output, s Style) *csvReporter {
	return &csvReporter{base: base{out: out}, w: csv.NewWriter(out), counts: s.CountsOnly, rules: s.WithRules, names: Cache{Convert: CSVText}}
}

// record writes a row, and the header in front of the first row. Without fields it
// writes the header alone.
func (r *csvReporter) record(header []string, fields ...string) error {
	if !r.header {
		r.header = true
		r.w.Write(header)
	}
	if len(fields) > 0 {
		r.w.Write(fields)
	}
	r.w.Flush() // into the output's own buffer, which is flushed from time to time
	if err := r.w.Error(); err != nil && r.err == nil {
		r.err = err
	}
	return r.err
}

func (r *csvReporter) Hit(h *search.Hit) error {
	m := r.at(h.Addr)
	text, value := CSVText(h.Text), ""
	switch {
	case !h.Run:
		value = CSVValue(h.Value)
	case h.Value == h.Text: // as of most runs
		value = text
	default:
		value = CSVText(h.Value)
	}
	module, offset := r.moduleFields(r.moduleAt(h.Addr))
	fields := []string{r.names.Get(r.target.Arg), h.Addr.String(), r.names.Get(h.Name), strconv.Itoa(h.Len), r.names.Get(m.Name),
		CSVCount(fileOffset(m, h.Addr)), csvBytes(h.Bytes),
		value, text, h.KeyText(), csvBytes(h.Before), csvBytes(h.After), module, offset}
	if r.rules {
		namespace, file := "", ""
		if h.Rule != nil {
			namespace, file = r.names.Get(h.Rule.Namespace), r.names.Get(h.Rule.File)
		}
		fields = append(fields, namespace, file)
	}
	return r.record(r.hitHeader(), fields...)
}

func (r *csvReporter) hitHeader() []string { return HitHeader(r.rules) }

// HitHeader returns the columns of csv of hits. A new column goes in front of those of rules,
// which are there only where rules are searched for.
func HitHeader(rules bool) []string {
	header := []string{"image", "addr", "pattern", "len", "mapping", "offset", "bytes", "value", "text", "key", "before", "after", "module", "module_offset"}
	if rules {
		header = append(header, "namespace", "file")
	}
	return header
}

// moduleFields returns the cells of a module and of the offset there, which are empty
// if ok is false.
func (r *csvReporter) moduleFields(name string, offset addr.Addr, ok bool) (string, string) {
	if !ok {
		return "", ""
	}
	return r.names.Get(name), offset.String()
}

// Rule writes nothing, since rows are hits.
func (r *csvReporter) Rule(*search.RuleMatch) error { return r.err }

func (r *csvReporter) Interval(v engine.Interval, zero uint64) error {
	m := v.Mapping
	module, offset := r.moduleFields(r.moduleOf(v))
	zeros := ""
	if zero > 0 {
		zeros = CSVCount(zero)
	}
	return r.record([]string{"first", "last", "state", "perm", "name", "source", "offset", "layer", "build_id", "module", "module_offset", "absence", "zero"},
		v.First.String(), v.Last.String(), m.State.String(), CSVText(m.Perm.String()), r.names.Get(m.Name), r.names.Get(sourceName(m)),
		CSVCount(fileOffset(m, v.First)), strconv.Itoa(v.Layer), CSVHex(r.buildID(v)), module, offset, absenceOf(m), zeros)
}

// End writes the number of hits of each pattern if the reporter counts. Otherwise it
// writes nothing but the header, where no hit has done so, since all rows of a csv are
// of one kind.
func (r *csvReporter) End(s *search.Summary) {
	if !r.counts {
		r.record(r.hitHeader())
		return
	}
	for i, name := range s.Names {
		r.record([]string{"image", "pattern", "hits"}, r.names.Get(s.Image), r.names.Get(name), CSVCount(s.Counts[i]))
	}
}
