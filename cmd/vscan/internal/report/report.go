// Package report writes what searches and other commands find. Text, jsonl, csv, lists
// of images and bare bytes are a Reporter each; rows of other kinds are a Table. What
// is written is laid down in docs/output.md.
package report

import (
	"io"

	"vscan/cmd/vscan/internal/console"
	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/layered"
	"vscan/engine/search"
	"vscan/internal/wording"
	"vscan/patterns/yara"
)

// Reporter writes what is found in images in one format. An output is one file that
// implements it. Errors of writing are kept: methods return the first one, and nothing
// written after it counts.
type Reporter interface {
	Begin(img *layered.Image)       // says that what follows is of this image
	Hit(h *search.Hit) error        // writes a hit
	Rule(m *search.RuleMatch) error // writes a YARA rule that matches
	LeftOut(rules []yara.Skipped)   // writes the rules that are asked of no image
	End(s *search.Summary)          // writes the summary of an image
	WriteError() error              // returns the first error of writing

	// Interval writes a mapping, a line of map; zero is its Interval.ZeroBytes.
	Interval(v engine.Interval, zero uint64) error
}

// Style says how things are written. Reporters of jsonl and csv, which are for
// programs, heed Context, HitBytes, CountsOnly, SummariesElsewhere and WithRules only.
type Style struct {
	Color              bool
	Aligned            bool   // whether columns are aligned, as at a terminal
	Context            uint64 // how many bytes before and after a hit are shown
	HitBytes           uint64 // the most bytes of a hit that are shown
	CountsOnly         bool   // whether the numbers of hits are written, and not the hits
	NameImages         bool   // whether each line of text names the image
	SummariesElsewhere bool   // whether summaries are written elsewhere, and not here
	LayerNumbers       bool   // whether mappings have the number of their layer in front
	WithRules          bool   // whether YARA rules are searched for
	NameRuleFiles      bool   // whether rules that match have the names of their files
}

// NewReporter returns a reporter that writes to out in a format: text, jsonl or csv.
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

// base is what reporters share: where they write, and where in the image a hit is.
type base struct {
	out    io.Writer
	target *layered.Image
	last   engine.Interval // the interval of the latest hit: the next one often lies there too
	place  engine.Place    // the place of last
	ids    *image.BuildIDs // of the target; nil until one is asked for
	err    error
}

// Begin notes the image that what follows is of.
func (b *base) Begin(img *layered.Image) {
	b.target, b.last, b.ids = img, engine.Interval{Range: addr.Range{First: 1}}, nil
}

// buildID returns the build-id of the file that an interval shows, or "" where it is
// not known.
func (b *base) buildID(v engine.Interval) string {
	if b.target == nil {
		return "" // the image of the demonstration has no files
	}
	if b.ids == nil {
		b.ids = b.target.BuildIDs()
	}
	return b.ids.Of(v.Mapping, v.First)
}

// WriteError returns the first error of writing.
func (b *base) WriteError() error { return b.err }

// LeftOut writes nothing: standard error tells which rules are left out.
func (b *base) LeftOut([]yara.Skipped) {}

// write writes p to the output, and returns the first error of all writes.
func (b *base) write(p []byte) error {
	if _, err := b.out.Write(p); err != nil && b.err == nil {
		b.err = err
	}
	return b.err
}

// at returns the mapping that shows at the address of a hit, where there is never a
// hole.
func (b *base) at(a addr.Addr) *engine.Mapping {
	if !b.last.Contains(a) {
		b.last = b.target.Space.At(a)
		b.place = b.target.Space.Place(b.last)
	}
	return b.last.Mapping
}

// moduleAt returns the module that a hit lies in and the offset there, and whether it
// lies in one.
func (b *base) moduleAt(a addr.Addr) (name string, offset addr.Addr, ok bool) {
	b.at(a)
	return b.place.Name, a - b.place.Base, b.place.Module
}

// moduleOf returns the module that an interval belongs to and the offset of its first
// byte there, and whether it belongs to one. An interval behind a module is its .bss
// only where it shows, and is not hidden by another mapping.
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

// fileOffset returns the offset of a mapping's byte in its source, or 0 where it has
// none.
func fileOffset(m *engine.Mapping, a addr.Addr) uint64 {
	if m.Source == nil {
		return 0
	}
	return m.OffsetOf(a)
}

// sourceName returns the name of the file that a mapping's bytes come from, or "" where
// there is none.
func sourceName(m *engine.Mapping) string {
	if m.Source == nil {
		return ""
	}
	return m.Source.Name()
}

// absenceOf returns why the bytes of a mapping are absent, or "" where they are not.
func absenceOf(m *engine.Mapping) string {
	if m.State != engine.Absent {
		return ""
	}
	return m.Absence.String()
}

// shortName returns the name of a mapping for a line of text: the last part of a path.
func shortName(m *engine.Mapping) string { return wording.ShortName(m.Name) }

// A Cache keeps what names are converted to: hits come by the million, and their names
// are few.
type Cache struct {
	Convert func(string) string
	known   map[string]string // what Convert has returned
}

// Get returns what Convert makes of s.
func (c *Cache) Get(s string) string {
	if t, ok := c.known[s]; ok {
		return t
	}
	return c.add(s)
}

// GetBytes returns what Convert makes of s as a string.
func (c *Cache) GetBytes(s []byte) string {
	if t, ok := c.known[string(s)]; ok {
		return t
	}
	return c.add(string(s))
}

// add converts s, and keeps what it is converted to.
func (c *Cache) add(s string) string {
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
