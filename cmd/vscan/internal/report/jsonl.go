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
	"vscan/engine/search"
	"vscan/internal/wording"
	"vscan/patterns/yara"
)

// JSONLReporter writes one JSON object a line. Addresses are strings, since
// numbers of JSON lose them above 2^53. The lines are put together by hand:
// hits come by the million.
type JSONLReporter struct {
	base
	line    []byte
	written int // bytes of the block so far
	slack   int // see blockSlack
	names   Cache
	context bool // whether hits have what lies around them
	parted  bool // whether summaries are written elsewhere
}

func NewJSONLReporter(out *console.Output, s Style) *JSONLReporter {
	// A byte takes two digits, and in a value and in text up to six.
	more := 14*max(0, int(s.HitBytes)-engine.HitBytes) + 4*int(s.Context)
	return &JSONLReporter{base: base{out: out}, slack: min(blockSlack+more, blockBytes/8), names: Cache{Convert: QuoteJSON}, context: s.Context > 0, parted: s.SummariesElsewhere}
}

// QuoteJSON is s as JSON. Bytes that are not UTF-8, which JSON cannot hold, are
// written as the text \xNN: as U+FFFD, names that differ would become the same.
func QuoteJSON(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(wording.ValidUTF8(s)) // a string always can
	return strings.TrimSuffix(b.String(), "\n")
}

func (r *JSONLReporter) Quote(s string) string { return r.names.Get(s) }

func (r *JSONLReporter) Add(key, value string) {
	r.line = append(r.line, ',', '"')
	r.line = append(r.line, key...)
	r.line = append(r.line, '"', ':')
	r.line = append(r.line, value...)
}

// addText adds text that is not kept in names, for there is another with every
// hit.
func (r *JSONLReporter) addText(key, s string) {
	if strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }) {
		r.Add(key, QuoteJSON(s))
		return
	}
	r.Add(key, `"`)
	r.line = append(append(r.line, s...), '"')
}

func (r *JSONLReporter) AddUint(key string, value uint64) {
	r.Add(key, "")
	r.line = strconv.AppendUint(r.line, value, 10)
}

func (r *JSONLReporter) addAddr(key string, a addr.Addr) {
	r.Add(key, `"0x`)
	r.line = strconv.AppendUint(r.line, uint64(a), 16)
	r.line = append(r.line, '"')
}

func (r *JSONLReporter) StartLine(kind string) {
	r.line = append(r.line[:0], `{"type":"`...)
	r.line = append(r.line, kind...)
	r.line = append(r.line, '"')
}

// Blocks of blockBytes of the output hold whole lines, so that it can be cut
// at any multiple of that (split -b 1M, a reader that counts block by block)
// and no hit falls on a cut. A line that leaves less than blockSlack bytes of
// its block, or more where more bytes of a hit are shown, is filled up with
// blanks, which JSON allows at its end; a line longer than that can still cross.
const (
	blockBytes = 1 << 20
	blockSlack = 3 << 9
)

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

// addModule adds the module that something is in, and the offset there.
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

// addSource adds where a rule is from.
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

// meta writes a meta section; of a key that is there several times, the last
// value, as JSON's readers would have it.
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

// addCounts adds numbers by the names of patterns, those that are not 0, if there
// are any.
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
