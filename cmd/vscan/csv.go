package main

import (
	"encoding/csv"
	"encoding/hex"
	"strconv"

	"vscan/engine"
)

// csvReporter writes comma-separated values with a header.
type csvReporter struct {
	base
	w      *csv.Writer
	header bool
}

func newCSVReporter(b base) *csvReporter {
	return &csvReporter{base: b, w: csv.NewWriter(b.out)}
}

func (r *csvReporter) record(header []string, fields ...string) error {
	if !r.header {
		r.header = true
		r.w.Write(header)
	}
	r.w.Write(fields)
	r.w.Flush() // to our own buffer, which is flushed from time to time
	if err := r.w.Error(); err != nil && r.err == nil {
		r.err = err
	}
	return r.err
}

var hitHeader = []string{"image", "addr", "pattern", "len", "mapping", "offset", "bytes"}

func (r *csvReporter) hit(h engine.Hit, pattern string) error {
	m := r.at(h.Addr)
	return r.record(hitHeader, r.target.arg, h.Addr.String(), pattern, strconv.Itoa(h.Len), m.Name,
		strconv.FormatUint(fileOffset(m, h.Addr), 10), hex.EncodeToString(h.Bytes))
}

var mappingHeader = []string{"first", "last", "state", "perm", "name", "source", "offset", "layer"}

func (r *csvReporter) interval(v engine.Interval, t *target) {
	m := v.Mapping
	r.record(mappingHeader, v.First.String(), v.Last.String(), m.State.String(), m.Perm.String(), m.Name, sourceName(m),
		strconv.FormatUint(fileOffset(m, v.First), 10), strconv.Itoa(v.Layer))
}

var countHeader = []string{"image", "pattern", "hits"}

// end writes nothing but, with -c, the counts: csv has rows of one kind.
func (r *csvReporter) end(s *summary) {
	if !s.countsOnly {
		if !r.header {
			r.header = true
			r.w.Write(hitHeader)
			r.w.Flush()
		}
		return
	}
	for i, p := range s.pats {
		r.record(countHeader, s.image, p.Name, strconv.FormatUint(s.counts[i], 10))
	}
}
