package report

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

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
	written int   // bytes that the current block of the output has so far
	slack   int   // blockSlack, or more where lines are longer
	names   Cache // of strings as JSON
	context bool  // whether hits have what lies around them
	parted  bool  // whether summaries are written elsewhere
}

// NewJSONLReporter returns a reporter that writes jsonl to out.
func NewJSONLReporter(out *console.Output, s Style) *JSONLReporter {
	// A byte takes 2 digits in bytes, and up to 6 characters each in value and in text.
	more := 14*max(0, int(s.HitBytes)-engine.HitBytes) + 4*int(s.Context)
	return &JSONLReporter{base: base{out: out}, slack: min(blockSlack+more, blockBytes/8), names: Cache{Convert: QuoteJSON}, context: s.Context > 0, parted: s.SummariesElsewhere}
}

// QuoteJSON returns s as JSON. Bytes that are not UTF-8, which JSON cannot hold, are
// written as the text \xNN: if they became U+FFFD, different names would become the
// same.
func QuoteJSON(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(wording.ValidUTF8(s)) // this cannot fail for a string
	return strings.TrimSuffix(b.String(), "\n")
}

// ChangedJSON returns what changed about files as an array of JSON.
func ChangedJSON(changes []image.Change) string {
	var b strings.Builder
	for i, c := range changes {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"file":%s,"what":%s,"before":%s,"after":%s}`, QuoteJSON(c.Path), QuoteJSON(string(c.What)), QuoteJSON(c.Before), QuoteJSON(c.After))
	}
	return "[" + b.String() + "]"
}

// Quote returns s as JSON. It keeps the result, so s is a name that comes again and
// again.
func (r *JSONLReporter) Quote(s string) string { return r.names.Get(s) }

// Add adds a key to the line; value is JSON.
func (r *JSONLReporter) Add(key, value string) {
	r.line = append(r.line, ',', '"')
	r.line = append(r.line, key...)
	r.line = append(r.line, '"', ':')
	r.line = append(r.line, value...)
}

// addText adds a string that is not kept in names, since each hit has another one.
func (r *JSONLReporter) addText(key, s string) {
	if strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }) {
		r.Add(key, QuoteJSON(s))
		return
	}
	r.Add(key, `"`)
	r.line = append(append(r.line, s...), '"')
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

// Blocks of blockBytes bytes of the output hold whole lines, so that it can be cut at any
// multiple of that (by split -b 1M, or a reader that counts block by block) and no hit falls
// on a cut. Where a line leaves less than blockSlack bytes of its block, blanks fill the
// block, which JSON allows at the end of a line. Where more bytes of a hit are shown, the
// limit is higher. A line that is longer than the limit can still cross a multiple.
const (
	blockBytes = 1 << 20
	blockSlack = 3 << 9
)

// FinishLine ends the line and writes it.
func (r *JSONLReporter) FinishLine() error {
	r.line = append(r.line, '}')
	r.written = (r.written + len(r.line) + 1) % blockBytes
	if left := blockBytes - r.written; left < r.slack {
		r.line = append(r.line, bytes.Repeat([]byte{' '}, left)...)
		r.written = 0
	}
	r.line = append(r.line, '\n')
	return r.write(r.line)
}

func (r *JSONLReporter) Hit(h *search.Hit) error {
	m := r.at(h.Addr)
	r.StartLine("hit")
	r.Add("image", r.Quote(r.target.Arg))
	r.addAddr("addr", h.Addr)
	r.Add("pattern", r.Quote(h.Name))
	r.AddUint("len", uint64(h.Len))
	if h.HasValue {
		r.addText("value", h.Value)
	}
	r.Add("mapping", r.Quote(m.Name))
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
		r.Add("module", r.Quote(name))
		r.addAddr("module_offset", offset)
	}
}

func (r *JSONLReporter) Rule(m *search.RuleMatch) error {
	r.StartLine("rule")
	r.Add("image", r.Quote(r.target.Arg))
	r.Add("rule", r.Quote(m.Name))
	r.Add("tags", "[")
	for i, tag := range m.Tags {
		if i > 0 {
			r.line = append(r.line, ',')
		}
		r.line = append(r.line, QuoteJSON(tag)...)
	}
	r.line = append(r.line, ']')
	r.Add("meta", "{")
	r.meta(m.Meta)
	r.line = append(r.line, '}')
	if m.Mapping != nil {
		r.Add("mapping", r.Quote(m.Mapping.Mapping.Name))
		r.addAddr("first", m.Mapping.First)
		r.addAddr("last", m.Mapping.Last)
	}
	r.addSource(m.Namespace, m.File)
	return r.FinishLine()
}

// addSource adds the namespace and the file that a rule is from.
func (r *JSONLReporter) addSource(namespace, file string) {
	r.Add("namespace", r.Quote(namespace))
	r.Add("file", r.Quote(file))
}

// LeftOut writes a line for each rule that is asked of no image.
func (r *JSONLReporter) LeftOut(rules []yara.Skipped) {
	for _, s := range rules {
		r.StartLine("rule_left_out")
		r.Add("rule", QuoteJSON(s.Rule))
		r.addSource(s.Namespace, s.File)
		r.AddUint("line", uint64(s.Line))
		if s.Column > 0 {
			r.AddUint("column", uint64(s.Column))
		}
		r.Add("reason", QuoteJSON(ReasonOf(s)))
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
	some := false
	for i, m := range meta {
		if last[m.Key] != i {
			continue
		}
		if some {
			r.line = append(r.line, ',')
		}
		some = true
		r.line = append(append(r.line, QuoteJSON(m.Key)...), ':')
		if text, ok := m.Value.(string); ok {
			r.line = append(r.line, QuoteJSON(text)...)
		} else {
			r.line = fmt.Append(r.line, m.Value)
		}
	}
}

func (r *JSONLReporter) Interval(v engine.Interval) error {
	m := v.Mapping
	r.StartLine("mapping")
	r.addAddr("first", v.First)
	r.addAddr("last", v.Last)
	r.Add("state", r.Quote(m.State.String()))
	r.Add("perm", r.Quote(m.Perm.String()))
	r.Add("name", r.Quote(m.Name))
	r.Add("source", r.Quote(sourceName(m)))
	r.AddUint("offset", fileOffset(m, v.First))
	r.addModule(r.moduleOf(v))
	r.AddUint("layer", uint64(v.Layer))
	if id := r.buildID(v); id != "" {
		r.Add("build_id", r.Quote(id))
	}
	return r.FinishLine()
}

// addCounts adds an object that has, by the names of patterns, the numbers of by that
// are not 0. It adds nothing where by is nil.
func (r *JSONLReporter) addCounts(key string, s *search.Summary, by []uint64) {
	if by == nil {
		return
	}
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
		r.line = append(append(r.line, r.Quote(s.NameOf(i))...), ':')
		r.line = strconv.AppendUint(r.line, n, 10)
	}
	r.line = append(r.line, '}')
}

// End writes the summary of an image, unless summaries are written elsewhere.
func (r *JSONLReporter) End(s *search.Summary) {
	if r.parted {
		return
	}
	r.StartLine("summary")
	r.Add("image", r.Quote(s.Image))
	r.AddUint("hits", s.Hits)
	r.Add("counts", "{")
	for i, name := range s.Names {
		if i > 0 {
			r.line = append(r.line, ',')
		}
		r.line = append(r.line, r.Quote(name)...)
		r.line = append(r.line, ':')
		r.line = strconv.AppendUint(r.line, s.Counts[i], 10)
	}
	r.line = append(r.line, '}')
	r.AddUint("scanned", s.Scanned)
	r.AddUint("absent", s.Absent)
	r.AddUint("unreadable", s.Unreadable)
	r.Add("complete", strconv.FormatBool(s.Complete))
	r.Add("limited", strconv.FormatBool(s.Limited))
	if len(s.LeftOut) > 0 {
		r.Add("left_out", "[")
		for i, path := range s.LeftOut {
			if i > 0 {
				r.line = append(r.line, ',')
			}
			r.line = append(r.line, r.Quote(path)...)
		}
		r.line = append(r.line, ']')
	}
	if s.Beyond > 0 {
		r.AddUint("beyond", s.Beyond)
	}
	if s.Appended > 0 {
		r.AddUint("appended", s.Appended)
	}
	if len(s.Changed) > 0 {
		r.Add("changed", ChangedJSON(s.Changed))
	}
	r.addCounts("cut", s, s.Cut)
	r.addCounts("excepted", s, s.Excepted)
	if s.Rules != nil {
		r.AddUint("rules", s.Rules.Matched)
		r.AddUint("rules_left_out", uint64(s.Rules.LeftOut))
	}
	r.Add("kernel", r.Quote(s.Kernel()))
	r.AddUint("workers", uint64(s.Workers))
	r.Add("seconds", strconv.FormatFloat(s.Elapsed.Seconds(), 'f', 6, 64))
	r.FinishLine()
}
