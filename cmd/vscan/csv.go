package main

import (
	"encoding/csv"
	"encoding/hex"
	"strconv"

	"vscan/engine"
	"vscan/engine/addr"
)

// csvReporter writes comma-separated values with a header.
type csvReporter struct {
	base
	w      *csv.Writer
	counts bool // of hits, not the hits
	header bool // has been written
	name   func(string) string
}

func newCSVReporter(b base, s style) *csvReporter {
	r := &csvReporter{base: b, w: csv.NewWriter(b.out), counts: s.counts, name: validUTF8}
	if b.out.terminal {
		r.name = printable
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

func (r *csvReporter) hit(h *shownHit) error {
	m := r.at(h.Addr)
	module, offset := r.moduleFields(r.moduleAt(h.Addr))
	return r.record(hitHeader(), r.name(r.target.arg), h.Addr.String(), r.name(h.pattern), strconv.Itoa(h.Len), r.name(m.Name),
		strconv.FormatUint(fileOffset(m, h.Addr), 10), hex.EncodeToString(h.Bytes), module, offset)
}

func hitHeader() []string {
	return []string{"image", "addr", "pattern", "len", "mapping", "offset", "bytes", "module", "module_offset"}
}

// moduleFields is the module that something is in and the offset there, "" where
// there is none.
func (r *csvReporter) moduleFields(name string, offset addr.Addr, ok bool) (string, string) {
	if !ok {
		return "", ""
	}
	return r.name(name), offset.String()
}

// rule writes nothing: rows are hits.
func (r *csvReporter) rule(*ruleHit) error { return r.err }

func (r *csvReporter) interval(v engine.Interval) error {
	m := v.Mapping
	module, offset := r.moduleFields(r.moduleOf(v))
	return r.record([]string{"first", "last", "state", "perm", "name", "source", "offset", "layer", "build_id", "module", "module_offset"},
		v.First.String(), v.Last.String(), m.State.String(), m.Perm.String(), r.name(m.Name), r.name(sourceName(m)),
		strconv.FormatUint(fileOffset(m, v.First), 10), strconv.Itoa(v.Layer), r.buildID(v), module, offset)
}

// end writes nothing but, with -c, the counts: csv has rows of one kind.
func (r *csvReporter) end(s *summary) {
	if !r.counts {
		r.record(hitHeader())
		return
	}
	for i, name := range s.names {
		r.record([]string{"image", "pattern", "hits"}, r.name(s.image), r.name(name), strconv.FormatUint(s.counts[i], 10))
	}
}
