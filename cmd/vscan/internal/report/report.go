// Package report writes what searches and other commands find, in one format each: text,
// jsonl, csv, lists of images, bare bytes. docs/output.md is the contract of what is
// written.
package report

import (
	"vscan/cmd/vscan/internal/console"
	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/layered"
	"vscan/engine/search"
	"vscan/internal/wording"
	"vscan/patterns/yara"
)

// Reporter writes hits and summaries in one format. A kind of output is one
// file that implements it.
type Reporter interface {
	Begin(img *layered.Image)         // the hits that follow are of this image
	Hit(h *search.Hit) error          // one hit; an error ends the scan
	Rule(m *search.RuleMatch) error   // a rule of YARA that matches
	LeftOut(rules []yara.Skipped)     // rules that are asked of no image
	End(s *search.Summary)            // the image is done
	Interval(v engine.Interval) error // a line of map
	WriteError() error                // the first error of writing
}

// Style is what a reporter can be told. Those that write for programs heed
// counts alone.
type Style struct {
	Color              bool
	Aligned            bool   // columns, as at a terminal
	Context            uint64 // bytes before and after a hit, as a hexdump
	HitBytes           uint64 // of a hit, at most so many are shown
	CountsOnly         bool   // no hits, only how many
	NameImages         bool   // images: name them
	SummariesElsewhere bool   // summaries are not written here
	LayerNumbers       bool   // of map: say which layer a mapping is
	WithRules          bool   // YARA rules are searched for
	NameRuleFiles      bool   // of rules, several: name them
}

// NewReporter returns the reporter of a format: text, jsonl or csv.
func NewReporter(out *console.Output, format string, s Style) Reporter {
	switch format {
	case "jsonl":
		return NewJSONLReporter(out, s)
	case "csv":
		return newCSVReporter(out, s)
	}
	return newTextReporter(out, s)
}

// MaxHitBytes is the most bytes of a hit that are shown.
const MaxHitBytes = 1 << 20

// base is what reporters share: where they write, and where a hit is.
type base struct {
	out    *console.Output
	target *layered.Image
	last   engine.Interval // that the last hit was in: the next is often there too
	place  engine.Place    // of last
	ids    *image.BuildIDs // of the target, once asked for
	err    error
}

func (b *base) Begin(img *layered.Image) {
	b.target, b.last, b.ids = img, engine.Interval{Range: addr.Range{First: 1}}, nil
}

// buildID is that of the file that a mapping is of, "" where it is not known.
func (b *base) buildID(v engine.Interval) string {
	if b.target == nil {
		return "" // of the demonstration, which has no files
	}
	if b.ids == nil {
		b.ids = b.target.BuildIDs()
	}
	return b.ids.Of(v.Mapping, v.First)
}

func (b *base) WriteError() error { return b.err }

// LeftOut writes nothing: standard error tells of rules that are left out.
func (b *base) LeftOut([]yara.Skipped) {}

func (b *base) write(p []byte) error {
	if _, err := b.out.Write(p); err != nil && b.err == nil {
		b.err = err
	}
	return b.err
}

// at is what shows at an address; a hit's is never a hole.
func (b *base) at(a addr.Addr) *engine.Mapping {
	if !b.last.Contains(a) {
		b.last = b.target.Space.At(a)
		b.place = b.target.Space.Place(b.last)
	}
	return b.last.Mapping
}

// moduleAt is the module of a hit and the offset in it; false where there is
// none.
func (b *base) moduleAt(a addr.Addr) (name string, offset addr.Addr, ok bool) {
	b.at(a)
	return b.place.Name, a - b.place.Base, b.place.Module
}

// moduleOf is the module of an interval of map and the offset in it of its first
// byte; false where there is none. What lies behind a module is its .bss only
// where it shows.
func (b *base) moduleOf(v engine.Interval) (name string, offset addr.Addr, ok bool) {
	if b.target == nil || b.target.Space == nil {
		return "", 0, false
	}
	p := b.target.Space.Place(v)
	if p.Name != v.Mapping.Name && b.at(v.First) != v.Mapping {
		return "", 0, false
	}
	return p.Name, v.First - p.Base, p.Module
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
func shortName(m *engine.Mapping) string { return wording.ShortName(m.Name) }

// Cache keeps what a name is turned into: hits come by the million, and their
// names are few.
type Cache struct {
	Convert func(string) string
	known   map[string]string
}

func (c *Cache) Get(s string) string {
	if t, ok := c.known[s]; ok {
		return t
	}
	if c.known == nil || len(c.known) > 1<<16 {
		c.known = map[string]string{}
	}
	t := c.Convert(s)
	c.known[s] = t
	return t
}

// ReasonOf returns why a rule is left out, and which flag may help.
func ReasonOf(s yara.Skipped) string {
	if s.Undefined != "" {
		return s.Reason + ": define it with -d " + s.Undefined + "=VALUE"
	}
	return s.Reason
}
