package main

import (
	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/layered"
	"vscan/engine/search"
	"vscan/engine/wording"
	"vscan/patterns/yara"
)

// reporter writes hits and summaries in one format. A kind of output is one
// file that implements it.
type reporter interface {
	begin(img *layered.Image)         // the hits that follow are of this image
	hit(h *search.Hit) error          // one hit; an error ends the scan
	rule(m *search.RuleMatch) error   // a rule of YARA that matches
	leftOut(rules []yara.Skipped)     // rules that are asked of no image
	end(s *search.Summary)            // the image is done
	interval(v engine.Interval) error // a line of map
	failed() error                    // the first error of writing
}

// style is what a reporter can be told. Those that write for programs heed
// counts alone.
type style struct {
	color   bool
	aligned bool   // columns, as at a terminal
	context uint64 // bytes before and after a hit, as a hexdump
	bytes   uint64 // of a hit, at most so many are shown
	counts  bool   // no hits, only how many
	several bool   // images: name them
	parted  bool   // summaries are not written here
	layers  bool   // of map: say which layer a mapping is
	rules   bool   // YARA rules are searched for
	files   bool   // of rules, several: name them
}

// newReporter returns the reporter of a format: text, jsonl or csv.
func newReporter(out *output, format string, s style) reporter {
	base := base{out: out}
	switch format {
	case "jsonl":
		return newJSONLReporter(base, s)
	case "csv":
		return newCSVReporter(base, s)
	}
	return newTextReporter(base, s)
}

// maxShown is the most bytes of a hit that are shown.
const maxShown = 1 << 20

// base is what reporters share: where they write, and where a hit is.
type base struct {
	out    *output
	target *layered.Image
	last   engine.Interval // that the last hit was in: the next is often there too
	place  engine.Place    // of last
	ids    *image.BuildIDs // of the target, once asked for
	err    error
}

func (b *base) begin(img *layered.Image) {
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

func (b *base) failed() error { return b.err }

// leftOut writes nothing: standard error tells of rules that are left out.
func (b *base) leftOut([]yara.Skipped) {}

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
func shortName(m *engine.Mapping) string { return shortPath(m.Name) }

func shortPath(name string) string { return wording.ShortName(name) }

// cache keeps what a name is turned into: hits come by the million, and their
// names are few.
type cache struct {
	of    func(string) string
	known map[string]string
}

func (c *cache) get(s string) string {
	if t, ok := c.known[s]; ok {
		return t
	}
	if c.known == nil || len(c.known) > 1<<16 {
		c.known = map[string]string{}
	}
	t := c.of(s)
	c.known[s] = t
	return t
}

// reasonOf returns why a rule is left out, and which flag may help.
func reasonOf(s yara.Skipped) string {
	if s.Undefined != "" {
		return s.Reason + ": define it with -d " + s.Undefined + "=VALUE"
	}
	return s.Reason
}
