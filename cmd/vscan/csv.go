package main

import (
	"encoding/csv"
	"strconv"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/search"
)

// csvReporter writes comma-separated values with a header. What stands in a cell
// says csvcell.go.
type csvReporter struct {
	base
	w      *csv.Writer
	counts bool // of hits, not the hits
	rules  bool // hits have the namespace and the file of their rule
	header bool // has been written
	names  cache
}

func newCSVReporter(b base, s style) *csvReporter {
	r := &csvReporter{base: b, w: csv.NewWriter(b.out), counts: s.counts, rules: s.rules, names: cache{of: csvText}}
	if b.out.terminal {
		r.names.of = func(s string) string { return csvText(printable(s)) }
	}
	return r
}

// record writes a row, the header before the first one. No fields are the
// header alone.
func (r *csvReporter) record(header []string, fields ...string) error {
	if !r.header {
		r.header = true
		r.w.Write(header)
	}
	if len(fields) > 0 {
		r.w.Write(fields)
	}
	r.w.Flush() // to our own buffer, which is flushed from time to time
	if err := r.w.Error(); err != nil && r.err == nil {
		r.err = err
	}
	return r.err
}

func (r *csvReporter) hit(h *search.Hit) error {
	m := r.at(h.Addr)
	value := csvValue(h.Value)
	if h.Run {
		value = r.names.of(h.Value)
	}
	module, offset := r.moduleFields(r.moduleAt(h.Addr))
	fields := []string{r.names.get(r.target.Arg), h.Addr.String(), r.names.get(h.Name), strconv.Itoa(h.Len), r.names.get(m.Name),
		csvCount(fileOffset(m, h.Addr)), csvBytes(h.Bytes),
		value, r.names.of(h.Text), h.KeyText(), csvBytes(h.Before), csvBytes(h.After), module, offset}
	if r.rules {
		namespace, file := "", ""
		if h.Rule != nil {
			namespace, file = r.names.get(h.Rule.Namespace), r.names.get(h.Rule.File)
		}
		fields = append(fields, namespace, file)
	}
	return r.record(r.hitHeader(), fields...)
}

// hitHeader is the columns of hits. New ones go in front of those of rules, which
// are there only where rules are searched for.
func (r *csvReporter) hitHeader() []string {
	header := []string{"image", "addr", "pattern", "len", "mapping", "offset", "bytes", "value", "text", "key", "before", "after", "module", "module_offset"}
	if r.rules {
		header = append(header, "namespace", "file")
	}
	return header
}

// moduleFields is the module that something is in and the offset there, "" where
// there is none.
func (r *csvReporter) moduleFields(name string, offset addr.Addr, ok bool) (string, string) {
	if !ok {
		return "", ""
	}
	return r.names.get(name), offset.String()
}

// rule writes nothing: rows are hits.
func (r *csvReporter) rule(*search.RuleMatch) error { return r.err }

func (r *csvReporter) interval(v engine.Interval) error {
	m := v.Mapping
	module, offset := r.moduleFields(r.moduleOf(v))
	return r.record([]string{"first", "last", "state", "perm", "name", "source", "offset", "layer", "build_id", "module", "module_offset"},
		v.First.String(), v.Last.String(), m.State.String(), csvText(m.Perm.String()), r.names.get(m.Name), r.names.get(sourceName(m)),
		csvCount(fileOffset(m, v.First)), strconv.Itoa(v.Layer), csvHex(r.buildID(v)), module, offset)
}

// end writes nothing but, with -c, the counts: csv has rows of one kind.
func (r *csvReporter) end(s *search.Summary) {
	if !r.counts {
		r.record(r.hitHeader())
		return
	}
	for i, name := range s.Names {
		r.record([]string{"image", "pattern", "hits"}, r.names.get(s.Image), r.names.get(name), csvCount(s.Counts[i]))
	}
}
