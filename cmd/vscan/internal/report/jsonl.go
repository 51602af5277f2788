package report

import (
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"vscan/cmd/vscan/internal/console"
	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/search"
	"vscan/internal/wording"
	"vscan/patterns/yara"
)

// JSONLReporter writes one JSON object a line. Addresses are strings, since numbers of
// JSON lose them above 2^53. The lines are put together by hand, since hits come by the
// million.
//
// Lines of other types are written with StartLine, any number of Add and AddUint, and
// FinishLine.
type JSONLReporter struct {
	base
	line    []byte
	blocks  Blocks
	room    int // for the longest of usual lines
	names   JSONNames
	escaped []string // the keys of the line whose strings are escaped
	context bool     // whether hits have what lies around them
	parted  bool     // whether summaries are written elsewhere
	counted struct { // see countKeys
		names   []string // of which the keys are
		keys    []string
		escaped bool // whether they are escaped
	}
}

// NewJSONLReporter returns a reporter that writes jsonl to out.
func NewJSONLReporter(out *console.Output, s Style) *JSONLReporter {
	// A byte takes 2 digits in bytes, and up to 6 characters each in value and in text.
	more := 14*max(0, int(s.HitBytes)-engine.HitBytes) + 4*int(s.Context)
	return &JSONLReporter{base: base{out: out}, room: Room(blockSlack + more), context: s.Context > 0, parted: s.SummariesElsewhere}
}

// AddName adds a string that comes again and again.
func (r *JSONLReporter) AddName(key, s string) {
	r.Add(key, r.names.Get(s))
	if r.names.Escaped(s) {
		r.escaped = append(r.escaped, key)
	}
}

// AddNames adds an array of strings.
func (r *JSONLReporter) AddNames(key string, all []string) {
	text := r.Texts(key, slices.Values(all))
	r.Add(key, "[")
	for i, s := range all {
		if i > 0 {
			r.line = append(r.line, ',')
		}
		r.line = append(r.line, r.names.Get(text(s))...)
	}
	r.line = append(r.line, ']')
}

// Texts returns how the strings are written that are in an array or an object, with its keys,
// which is the value of key: as they are, or all of them escaped if one has to be.
func (r *JSONLReporter) Texts(key string, all iter.Seq[string]) func(string) string {
	for s := range all {
		if !utf8.ValidString(s) {
			r.escaped = append(r.escaped, key)
			return wording.EscapeBytes
		}
	}
	return func(s string) string { return s }
}

// addChanges adds what changed about files as an array.
func (r *JSONLReporter) addChanges(changes []image.Change) {
	text := r.Texts("changed", func(yield func(string) bool) {
		for _, c := range changes {
			if !yield(c.Path) || !yield(c.Before) || !yield(c.After) {
				return
			}
		}
	})
	var b strings.Builder
	for i, c := range changes {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"file":%s,"what":%s,"before":%s,"after":%s}`, QuoteJSON(text(c.Path)), QuoteJSON(string(c.What)), QuoteJSON(text(c.Before)), QuoteJSON(text(c.After)))
	}
	r.Add("changed", "["+b.String()+"]")
}

// Add adds a key to the line; value is JSON.
func (r *JSONLReporter) Add(key, value string) {
	r.line = append(r.line, ',', '"')
	r.line = append(r.line, key...)
	r.line = append(r.line, '"', ':')
	r.line = append(r.line, value...)
}

// addText adds a string that is not kept in names, since each hit has another one.
func (r *JSONLReporter) addText(key, s string) {
	r.Add(key, "")
	if utf8.ValidString(s) {
		r.line = wording.AppendJSON(r.line, s)
		return
	}
	r.line = wording.AppendJSON(r.line, wording.ValidUTF8(s))
	r.escaped = append(r.escaped, key)
}

// AddUint adds a key whose value is a number.
func (r *JSONLReporter) AddUint(key string, value uint64) {
	r.Add(key, "")
	r.line = strconv.AppendUint(r.line, value, 10)
}

// addAddr adds a key whose value is an address.
func (r *JSONLReporter) addAddr(key string, a addr.Addr) {
	r.Add(key, `"0x`)
	r.line = strconv.AppendUint(r.line, uint64(a), 16)
	r.line = append(r.line, '"')
}

// StartLine begins a line of a type.
func (r *JSONLReporter) StartLine(kind string) {
	r.line = append(r.line[:0], `{"type":"`...)
	r.line = append(r.line, kind...)
	r.line = append(r.line, '"')
}

// FinishLine ends the line and writes it.
func (r *JSONLReporter) FinishLine() error {
	if len(r.escaped) > 0 {
		r.Add("escaped", `["`+strings.Join(r.escaped, `","`)+`"]`) // keys are words of this program
		r.escaped = r.escaped[:0]
	}
	r.line = append(r.line, '}')
	r.line = r.blocks.End(r.line, r.room)
	return r.write(r.line)
}

func (r *JSONLReporter) Hit(h *search.Hit) error {
	m := r.at(h.Addr)
	r.StartLine("hit")
	r.AddName("image", r.target.Arg)
	r.addAddr("addr", h.Addr)
	r.AddName("pattern", h.Name)
	r.AddUint("len", uint64(h.Len))
	if h.HasValue {
		r.addText("value", h.Value)
	}
	r.AddName("mapping", m.Name)
	r.AddUint("offset", fileOffset(m, h.Addr))
	r.addModule(r.moduleAt(h.Addr))
	r.Add("bytes", `"`)
	r.line = hex.AppendEncode(r.line, h.Bytes)
	r.line = append(r.line, '"')
	if h.Text != "" {
		r.addText("text", h.Text)
	}
	if h.HasKey {
		r.Add("key", `"`+h.KeyText()+`"`)
	}
	if r.context {
		r.Add("before", `"`+hex.EncodeToString(h.Before)+`"`)
		r.Add("after", `"`+hex.EncodeToString(h.After)+`"`)
	}
	if h.Rule != nil {
		r.addSource(h.Rule.Namespace, h.Rule.File)
	}
	return r.FinishLine()
}

// addModule adds the module that something lies in and the offset there, if it lies in
// one.
func (r *JSONLReporter) addModule(name string, offset addr.Addr, ok bool) {
	if ok {
		r.AddName("module", name)
		r.addAddr("module_offset", offset)
	}
}

func (r *JSONLReporter) Rule(m *search.RuleMatch) error {
	r.StartLine("rule")
	r.AddName("image", r.target.Arg)
	r.AddName("rule", m.Name)
	r.AddNames("tags", m.Tags)
	r.Add("meta", "{")
	r.meta(m.Meta)
	r.line = append(r.line, '}')
	if m.Mapping != nil {
		r.AddName("mapping", m.Mapping.Mapping.Name)
		r.addAddr("first", m.Mapping.First)
		r.addAddr("last", m.Mapping.Last)
	}
	r.addSource(m.Namespace, m.File)
	return r.FinishLine()
}

// addSource adds the namespace and the file that a rule is from.
func (r *JSONLReporter) addSource(namespace, file string) {
	r.AddName("namespace", namespace)
	r.AddName("file", file)
}

// LeftOut writes a line for each rule that is asked of no image.
func (r *JSONLReporter) LeftOut(rules []yara.Skipped) {
	for _, s := range rules {
		r.StartLine("rule_left_out")
		r.AddName("rule", s.Rule)
		r.addSource(s.Namespace, s.File)
		r.AddUint("line", uint64(s.Line))
		if s.Column > 0 {
			r.AddUint("column", uint64(s.Column))
		}
		r.AddName("reason", ReasonOf(s))
		r.FinishLine()
	}
}

// meta writes the meta section of a rule. Of a key that comes several times it writes
// the last value, which is the one that readers of JSON would keep.
func (r *JSONLReporter) meta(meta []yara.Meta) {
	last := map[string]int{}
	for i, m := range meta {
		last[m.Key] = i
	}
	text := r.Texts("meta", func(yield func(string) bool) {
		for _, m := range meta {
			value, _ := m.Value.(string)
			if !yield(m.Key) || !yield(value) {
				return
			}
		}
	})
	some := false
	for i, m := range meta {
		if last[m.Key] != i {
			continue
		}
		if some {
			r.line = append(r.line, ',')
		}
		some = true
		r.line = append(append(r.line, QuoteJSON(text(m.Key))...), ':')
		if value, ok := m.Value.(string); ok {
			r.line = append(r.line, QuoteJSON(text(value))...)
		} else {
			r.line = fmt.Append(r.line, m.Value)
		}
	}
}

func (r *JSONLReporter) Interval(v engine.Interval, zero uint64) error {
	m := v.Mapping
	r.StartLine("mapping")
	r.addAddr("first", v.First)
	r.addAddr("last", v.Last)
	r.AddName("state", m.State.String())
	r.AddName("perm", m.Perm.String())
	r.AddName("name", m.Name)
	r.AddName("source", sourceName(m))
	r.AddUint("offset", fileOffset(m, v.First))
	r.addModule(r.moduleOf(v))
	r.AddUint("layer", uint64(v.Layer))
	if id := r.buildID(v); id != "" {
		r.AddName("build_id", id)
	}
	if why := absenceOf(m); why != "" {
		r.AddName("absence", why)
	}
	if zero > 0 {
		r.AddUint("zero", zero)
	}
	return r.FinishLine()
}

// addAccount adds where all bytes are that were asked for.
func (r *JSONLReporter) addAccount(a search.Account) {
	r.Add("account", fmt.Sprintf(`{"size":%d,"searched":%d,"zero":%d,"unsaved":%d,"excluded":%d,"missing":%d,"unreadable":%d,"beyond":%d,"unsearched":%d}`,
		a.Size, a.Searched, a.Zero, a.Unsaved, a.Excluded, a.Missing, a.Unreadable, a.Beyond, a.Unsearched))
}

// addCounts adds an object that has, by the names of patterns, the numbers of by that
// are not 0. It adds nothing where by is nil.
func (r *JSONLReporter) addCounts(key string, s *search.Summary, by []uint64) {
	if by == nil {
		return
	}
	text := r.Texts(key, func(yield func(string) bool) {
		for i, n := range by {
			if n > 0 && !yield(s.NameOf(i)) {
				return
			}
		}
	})
	r.Add(key, "{")
	some := false
	for i, n := range by {
		if n == 0 {
			continue
		}
		if some {
			r.line = append(r.line, ',')
		}
		some = true
		r.line = append(append(r.line, r.names.Get(text(s.NameOf(i)))...), ':')
		r.line = strconv.AppendUint(r.line, n, 10)
	}
	r.line = append(r.line, '}')
}

// End writes a line for each rule that could not be decided and each string of which hits
// were left out, and then the summary of the image, unless summaries are written elsewhere.
func (r *JSONLReporter) End(s *search.Summary) {
	if s.Rules != nil {
		r.undecided(s)
	}
	if !r.parted {
		r.Summary(s)
	}
}

// undecided writes what of the rules is not known.
func (r *JSONLReporter) undecided(s *search.Summary) {
	for _, u := range s.Rules.Undecided {
		r.StartLine("rule_undecided")
		r.AddName("image", s.Image)
		r.AddName("rule", u.Rule.Name)
		if u.Mapping != nil {
			r.AddName("mapping", u.Mapping.Mapping.Name)
			r.addAddr("first", u.Mapping.First)
			r.addAddr("last", u.Mapping.Last)
		}
		r.addSource(u.Rule.Namespace, u.Rule.File)
		r.AddName("reason", u.Reason)
		r.FinishLine()
	}
	for _, h := range s.Rules.HitsLeftOut {
		r.StartLine("hits_left_out")
		r.AddName("image", s.Image)
		r.AddName("pattern", h.Name)
		r.addSource(h.Rule.Namespace, h.Rule.File)
		r.AddName("reason", h.Reason)
		r.FinishLine()
	}
}

// Summary writes the summary of an image.
func (r *JSONLReporter) Summary(s *search.Summary) {
	r.startSummary(s)
	r.AddName("kernel", s.Kernel())
	r.AddUint("workers", uint64(s.Workers))
	r.Add("seconds", strconv.FormatFloat(s.Elapsed.Seconds(), 'f', 6, 64))
	r.FinishLine()
}

// countKeys returns the names of hits as keys of an object, with what is between them and
// values. They are kept, since the summaries of many images share their names.
func (r *JSONLReporter) countKeys(names []string) []string {
	if len(names) == 0 {
		return nil
	}
	if c := &r.counted; len(c.names) != len(names) || &c.names[0] != &names[0] {
		before := len(r.escaped)
		text := r.Texts("counts", slices.Values(names))
		c.names, c.escaped, c.keys = names, len(r.escaped) > before, make([]string, len(names))
		r.escaped = r.escaped[:before]
		for i, name := range names {
			c.keys[i] = QuoteJSON(text(name)) + ":"
			if i > 0 {
				c.keys[i] = "," + c.keys[i]
			}
		}
	}
	if r.counted.escaped {
		r.escaped = append(r.escaped, "counts")
	}
	return r.counted.keys
}

// startSummary begins the summary of an image, with all but what tells how it was searched.
func (r *JSONLReporter) startSummary(s *search.Summary) {
	r.StartLine("summary")
	r.AddName("image", s.Image)
	r.AddUint("hits", s.Hits)
	r.Add("counts", "{")
	for i, key := range r.countKeys(s.Names) {
		r.line = append(r.line, key...)
		r.line = strconv.AppendUint(r.line, s.Counts[i], 10)
	}
	r.line = append(r.line, '}')
	r.AddUint("scanned", s.Scanned)
	r.AddUint("absent", s.Absent)
	r.AddUint("unreadable", s.Unreadable)
	r.Add("complete", strconv.FormatBool(s.Complete))
	r.Add("limited", strconv.FormatBool(s.Limited))
	if len(s.LeftOut) > 0 {
		r.AddNames("left_out", s.LeftOut)
	}
	if s.Beyond > 0 {
		r.AddUint("beyond", s.Beyond)
	}
	if s.Hidden > 0 {
		r.AddUint("hidden", s.Hidden)
	}
	if s.Appended > 0 {
		r.AddUint("appended", s.Appended)
	}
	if len(s.Changed) > 0 {
		r.addChanges(s.Changed)
	}
	r.addCounts("cut", s, s.Cut)
	r.addCounts("excepted", s, s.Excepted)
	if s.Rules != nil {
		r.AddUint("rules", s.Rules.Matched)
		r.AddUint("rules_left_out", uint64(s.Rules.LeftOut))
		r.AddUint("rules_undecided", s.Rules.NumUndecided)
	}
	r.addAccount(s.Account())
}
