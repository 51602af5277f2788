package report

import (
	"fmt"
	"strconv"
	"strings"

	"vscan/cmd/vscan/internal/console"
	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/search"
	"vscan/internal/wording"
)

// textReporter writes one hit a line: its address, its pattern, its module or mapping
// with the offset there, its bytes, and of a number its value. The columns are
// separated by tabs, or aligned at a terminal.
type textReporter struct {
	base
	Style
	names  Cache
	line   []byte
	module string // the build-id and the name of the file whose build-id was told last
}

// newTextReporter returns a reporter that writes text to out.
func newTextReporter(out *console.Output, s Style) *textReporter {
	return &textReporter{base: base{out: out}, Style: s, names: Cache{Convert: wording.Escape}}
}

// The colours at a terminal are those of grep.
const (
	colorAddr    = "\x1b[36m"
	colorPattern = "\x1b[35m"
	colorWhere   = "\x1b[32m"
	colorMatch   = "\x1b[1;31m"
	colorOff     = "\x1b[0m"
)

// field appends a column and what separates it from the next one. A negative width
// aligns to the right.
func (r *textReporter) field(color, s string, width int) {
	pad := 0
	if r.Aligned {
		pad = max(width, -width) - wording.Columns(s)
	}
	if width < 0 {
		r.pad(pad)
	}
	r.colored(color, s)
	if !r.Aligned {
		r.line = append(r.line, '\t')
		return
	}
	if width > 0 {
		r.pad(pad)
	}
	r.pad(2)
}

// pad appends n blanks.
func (r *textReporter) pad(n int) {
	for range n {
		r.line = append(r.line, ' ')
	}
}

// colored appends s in a colour, if there are to be colours.
func (r *textReporter) colored(color, s string) {
	if color == "" || !r.Color {
		r.line = append(r.line, s...)
		return
	}
	r.line = append(r.line, color...)
	r.line = append(r.line, s...)
	r.line = append(r.line, colorOff...)
}

func (r *textReporter) Hit(h *search.Hit) error {
	r.line = r.line[:0]
	if r.NameImages {
		r.field("", r.names.Get(r.target.Arg), 0)
	}
	r.at(h.Addr)
	var at [64]byte
	r.field(colorAddr, string(wording.AppendAddr(at[:0], h.Addr)), 18)
	r.field(colorPattern, r.names.Get(h.Name), 16)
	r.field(colorWhere, r.names.Get(wording.ShortName(r.place.Name))+"+"+string(wording.AppendAddr(at[:0], h.Addr-r.place.Base)), 28)
	r.contents(h)
	r.line = append(r.line, '\n')
	if r.Context > 0 {
		r.dump(h.Hit)
	}
	return r.write(r.line)
}

// contents appends what a hit holds. Of a run of characters that is the run, tabs and backslashes
// as they are: a line has the characters that memory has. Jsonl and csv are for
// programs that have to tell an escape from them. Of other hits it is their bytes, with dots for those that do not print, and
// the value of a number in a column of its own.
func (r *textReporter) contents(h *search.Hit) {
	shown := ""
	if h.Run {
		shown = wording.Text(h.Value)
	} else {
		var room [engine.HitBytes]byte
		dots := room[:0]
		for _, b := range h.Bytes {
			dots = append(dots, wording.PrintByte(b))
		}
		shown = string(dots)
	}
	if number := h.HasValue && !h.Run; number {
		r.field(colorMatch, shown, 8)
		r.line = append(r.line, h.Value...)
		return
	}
	r.colored(colorMatch, shown)
	if h.Len > len(h.Bytes) {
		r.line = append(r.line, "…"...)
	}
}

// dump appends a hexdump of a hit and of what lies around it, as far as it is there, in
// whole lines. Of a hit that is longer than MaxHitBytes, which only runs of characters
// are, it shows the beginning.
func (r *textReporter) dump(h engine.Hit) {
	h.Len = min(h.Len, MaxHitBytes)
	first, ok := h.Addr.Sub(r.Context)
	if !ok {
		first = 0
	}
	last, ok := h.Addr.Add(uint64(h.Len-1) + r.Context)
	if !ok {
		last = addr.Max
	}
	match := addr.Range{First: h.Addr, Last: h.Addr + addr.Addr(h.Len-1)}
	d := Hexdump{match: match, color: r.Color}
	d.read(r.target.Space, addr.Range{First: first.AlignDown(BytesPerLine), Last: last | (BytesPerLine - 1)})
	r.line = append(d.Lines(r.line), '\n')
}

// End writes the number of hits of each pattern if nothing but these is written.
func (r *textReporter) End(s *search.Summary) {
	if !r.CountsOnly {
		return
	}
	for i, name := range s.Names {
		r.line = r.line[:0]
		if r.NameImages {
			r.field("", r.names.Get(s.Image), 0)
		}
		r.field("", strconv.FormatUint(s.Counts[i], 10), 0)
		r.colored(colorPattern, r.names.Get(name))
		r.line = append(r.line, '\n')
		r.write(r.line)
	}
}

// Rule writes the word rule, the rule's name, its tags, the mapping if it matches in
// one mapping alone, and the rule's file if there are several files.
func (r *textReporter) Rule(m *search.RuleMatch) error {
	r.line = r.line[:0]
	if r.NameImages {
		r.field("", r.names.Get(r.target.Arg), 0)
	}
	r.field("", "rule", 18)
	r.field(colorPattern, r.names.Get(m.FullName()), 16)
	r.line = append(r.line, wording.Escape(strings.Join(m.Tags, ","))...)
	if m.Mapping != nil {
		r.field("", "", 0)
		r.colored(colorWhere, r.names.Get(shortName(m.Mapping.Mapping)))
		r.field("", "", 0)
		r.line = append(r.line, m.Mapping.First.String()...)
	}
	if r.NameRuleFiles {
		r.field("", "", 0)
		r.line = append(r.line, r.names.Get(m.File)...)
	}
	r.line = append(r.line, '\n')
	return r.write(r.line)
}

// Interval writes a mapping. The build-id of a file stands in its first line only.
func (r *textReporter) Interval(v engine.Interval, zero uint64) error {
	m := v.Mapping
	perm := m.Perm.String()
	if perm == "" {
		perm = "???" // the image does not tell the permissions
	}
	r.line = r.line[:0]
	if r.LayerNumbers {
		r.field("", strconv.Itoa(v.Layer), -4)
	}
	r.field(colorAddr, v.First.String(), 18)
	r.field(colorAddr, v.Last.String(), 18)
	r.field("", wording.Size(v.Size()), -10)
	r.field("", m.State.String(), 7)
	r.field("", perm, 3)
	r.field(colorWhere, r.names.Get(m.Name), 24)
	if m.Source != nil {
		r.line = fmt.Appendf(r.line, "%s+%#x", r.names.Get(m.Source.Name()), m.OffsetOf(v.First))
	}
	if id := r.buildID(v); id != "" && id+m.Name != r.module {
		r.field("", "", 0)
		r.line = append(append(r.line, "build-id "...), id...)
		r.module = id + m.Name
	}
	if m.State == engine.Present && zero > 0 {
		r.field("", "", 0)
		r.line = append(append(r.line, wording.Size(zero)...), " zero"...)
	}
	if m.Absence != engine.Unsaved {
		r.field("", "", 0)
		r.line = append(r.line, m.Absence.String()...)
	}
	r.line = append(r.line, '\n')
	return r.write(r.line)
}
