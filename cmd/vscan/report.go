package main

import (
	"os"
	"path/filepath"

	"vscan/engine"
	"vscan/engine/addr"
)

// reporter writes hits and summaries in one format. A kind of output is one
// file that implements it.
type reporter interface {
	begin(t *target)                        // the hits that follow are of this image
	hit(h engine.Hit, pattern string) error // one hit; an error ends the scan
	end(s *summary)                         // the image is done
	interval(v engine.Interval, t *target)  // a line of map
	failed() error                          // the first error of writing
}

func (a *app) newReporter(f *searchFlags, several bool) reporter {
	return a.reporterFor(f.format, f.color, f.context, f.count, several)
}

func (a *app) reporterFor(format, color string, context int, count, several bool) reporter {
	base := base{out: a.out}
	switch format {
	case "jsonl":
		return &jsonlReporter{base: base}
	case "csv":
		return newCSVReporter(base)
	}
	return &textReporter{base: base, color: wantColor(color, a.out.terminal), columns: a.out.terminal,
		context: context, count: count, several: several}
}

func wantColor(when string, terminal bool) bool {
	return when == "always" || when == "auto" && terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// base is what reporters share: where they write, and where a hit is.
type base struct {
	out    *output
	target *target
	last   engine.Interval // that the last hit was in: the next is often there too
	err    error
}

func (b *base) begin(t *target) { b.target, b.last = t, engine.Interval{Range: addr.Range{First: 1}} }
func (b *base) failed() error   { return b.err }

func (b *base) write(p []byte) error {
	if _, err := b.out.Write(p); err != nil && b.err == nil {
		b.err = err
	}
	return b.err
}

// at is what shows at an address; a hit's is never a hole.
func (b *base) at(a addr.Addr) *engine.Mapping {
	if !b.last.Contains(a) {
		b.last = b.target.space.At(a)
	}
	return b.last.Mapping
}

// fileOffset is the offset of a mapping's byte in its source, 0 where the
// mapping has none.
func fileOffset(m *engine.Mapping, a addr.Addr) uint64 {
	if m.Source == nil {
		return 0
	}
	return m.OffsetOf(a)
}

// sourceName is the file that a mapping's bytes come from, "" where there is
// none.
func sourceName(m *engine.Mapping) string {
	if m.Source == nil {
		return ""
	}
	return m.Source.Name()
}

// shortName is a mapping's name for a line of text: the last part of a path.
func shortName(m *engine.Mapping) string {
	if filepath.IsAbs(m.Name) {
		return filepath.Base(m.Name)
	}
	return m.Name
}
