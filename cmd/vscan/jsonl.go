package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/search"
	"vscan/patterns/yara"
)

// jsonlReporter writes one JSON object a line. Addresses are strings, since
// numbers of JSON lose them above 2^53. The lines are put together by hand:
// hits come by the million.
type jsonlReporter struct {
	base
	line    []byte
	written int // bytes of the block so far
	slack   int // see blockSlack
	names   cache
	context bool // whether hits have what lies around them
	parted  bool // whether summaries are written elsewhere
}

func newJSONLReporter(b base, s style) *jsonlReporter {
	// A byte takes two digits, and in a value and in text up to six.
	more := 14*max(0, int(s.bytes)-engine.HitBytes) + 4*int(s.context)
	return &jsonlReporter{base: b, slack: min(blockSlack+more, blockBytes/8), names: cache{of: quoteJSON}, context: s.context > 0, parted: s.parted}
}

// quoteJSON is s as JSON. Bytes that are not UTF-8, which JSON cannot hold, are
// written as the text \xNN: as U+FFFD, names that differ would become the same.
func quoteJSON(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(validUTF8(s)) // a string always can
	return strings.TrimSuffix(b.String(), "\n")
}

func (r *jsonlReporter) quote(s string) string { return r.names.get(s) }

func (r *jsonlReporter) add(key, value string) {
	r.line = append(r.line, ',', '"')
	r.line = append(r.line, key...)
	r.line = append(r.line, '"', ':')
	r.line = append(r.line, value...)
}

// addText adds text that is not kept in names, for there is another with every
// hit.
func (r *jsonlReporter) addText(key, s string) {
	if strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }) {
		r.add(key, quoteJSON(s))
		return
	}
	r.add(key, `"`)
	r.line = append(append(r.line, s...), '"')
}

func (r *jsonlReporter) addUint(key string, value uint64) {
	r.add(key, "")
	r.line = strconv.AppendUint(r.line, value, 10)
}

func (r *jsonlReporter) addAddr(key string, a addr.Addr) {
	r.add(key, `"0x`)
	r.line = strconv.AppendUint(r.line, uint64(a), 16)
	r.line = append(r.line, '"')
}

func (r *jsonlReporter) start(kind string) {
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

func (r *jsonlReporter) finish() error {
	r.line = append(r.line, '}')
	r.written = (r.written + len(r.line) + 1) % blockBytes
	if left := blockBytes - r.written; left < r.slack {
		r.line = append(r.line, bytes.Repeat([]byte{' '}, left)...)
		r.written = 0
	}
	r.line = append(r.line, '\n')
	return r.write(r.line)
}

func (r *jsonlReporter) hit(h *search.Hit) error {
	m := r.at(h.Addr)
	r.start("hit")
	r.add("image", r.quote(r.target.Arg))
	r.addAddr("addr", h.Addr)
	r.add("pattern", r.quote(h.Name))
	r.addUint("len", uint64(h.Len))
	if h.HasValue {
		r.addText("value", h.Value)
	}
	r.add("mapping", r.quote(m.Name))
	r.addUint("offset", fileOffset(m, h.Addr))
	r.addModule(r.moduleAt(h.Addr))
	r.add("bytes", `"`)
	r.line = hex.AppendEncode(r.line, h.Bytes)
	r.line = append(r.line, '"')
	if h.Text != "" {
		r.addText("text", h.Text)
	}
	if h.HasKey {
		r.add("key", `"`+h.KeyText()+`"`)
	}
	if r.context {
		r.add("before", `"`+hex.EncodeToString(h.Before)+`"`)
		r.add("after", `"`+hex.EncodeToString(h.After)+`"`)
	}
	if h.Rule != nil {
		r.addSource(h.Rule.Namespace, h.Rule.File)
	}
	return r.finish()
}

// addModule adds the module that something is in, and the offset there.
func (r *jsonlReporter) addModule(name string, offset addr.Addr, ok bool) {
	if ok {
		r.add("module", r.quote(name))
		r.addAddr("module_offset", offset)
	}
}

func (r *jsonlReporter) rule(m *search.RuleMatch) error {
	r.start("rule")
	r.add("image", r.quote(r.target.Arg))
	r.add("rule", r.quote(m.Name))
	r.add("tags", "[")
	for i, tag := range m.Tags {
		if i > 0 {
			r.line = append(r.line, ',')
		}
		r.line = append(r.line, quoteJSON(tag)...)
	}
	r.line = append(r.line, ']')
	r.add("meta", "{")
	r.meta(m.Meta)
	r.line = append(r.line, '}')
	if m.Mapping != nil {
		r.add("mapping", r.quote(m.Mapping.Mapping.Name))
		r.addAddr("first", m.Mapping.First)
		r.addAddr("last", m.Mapping.Last)
	}
	r.addSource(m.Namespace, m.File)
	return r.finish()
}

// addSource adds where a rule is from.
func (r *jsonlReporter) addSource(namespace, file string) {
	r.add("namespace", r.quote(namespace))
	r.add("file", r.quote(file))
}

// leftOut writes a line for each rule that is asked of no image.
func (r *jsonlReporter) leftOut(rules []yara.Skipped) {
	for _, s := range rules {
		r.start("rule_left_out")
		r.add("rule", quoteJSON(s.Rule))
		r.addSource(s.Namespace, s.File)
		r.addUint("line", uint64(s.Line))
		if s.Column > 0 {
			r.addUint("column", uint64(s.Column))
		}
		r.add("reason", quoteJSON(reasonOf(s)))
		r.finish()
	}
}

// meta writes a meta section; of a key that is there several times, the last
// value, as JSON's readers would have it.
func (r *jsonlReporter) meta(meta []yara.Meta) {
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
		r.line = append(append(r.line, quoteJSON(m.Key)...), ':')
		if text, ok := m.Value.(string); ok {
			r.line = append(r.line, quoteJSON(text)...)
		} else {
			r.line = fmt.Append(r.line, m.Value)
		}
	}
}

func (r *jsonlReporter) interval(v engine.Interval) error {
	m := v.Mapping
	r.start("mapping")
	r.addAddr("first", v.First)
	r.addAddr("last", v.Last)
	r.add("state", r.quote(m.State.String()))
	r.add("perm", r.quote(m.Perm.String()))
	r.add("name", r.quote(m.Name))
	r.add("source", r.quote(sourceName(m)))
	r.addUint("offset", fileOffset(m, v.First))
	r.addModule(r.moduleOf(v))
	r.addUint("layer", uint64(v.Layer))
	if id := r.buildID(v); id != "" {
		r.add("build_id", r.quote(id))
	}
	return r.finish()
}

// addCounts adds numbers by the names of patterns, those that are not 0, if there
// are any.
func (r *jsonlReporter) addCounts(key string, s *search.Summary, by []uint64) {
	if by == nil {
		return
	}
	r.add(key, "{")
	some := false
	for i, n := range by {
		if n == 0 {
			continue
		}
		if some {
			r.line = append(r.line, ',')
		}
		some = true
		r.line = append(append(r.line, r.quote(s.NameOf(i))...), ':')
		r.line = strconv.AppendUint(r.line, n, 10)
	}
	r.line = append(r.line, '}')
}

func (r *jsonlReporter) end(s *search.Summary) {
	if r.parted {
		return
	}
	r.start("summary")
	r.add("image", r.quote(s.Image))
	r.addUint("hits", s.Hits)
	r.add("counts", "{")
	for i, name := range s.Names {
		if i > 0 {
			r.line = append(r.line, ',')
		}
		r.line = append(r.line, r.quote(name)...)
		r.line = append(r.line, ':')
		r.line = strconv.AppendUint(r.line, s.Counts[i], 10)
	}
	r.line = append(r.line, '}')
	r.addUint("scanned", s.Scanned)
	r.addUint("absent", s.Absent)
	r.addUint("unreadable", s.Unreadable)
	r.add("complete", strconv.FormatBool(s.Complete))
	r.add("limited", strconv.FormatBool(s.Limited))
	if len(s.LeftOut) > 0 {
		r.add("left_out", "[")
		for i, path := range s.LeftOut {
			if i > 0 {
				r.line = append(r.line, ',')
			}
			r.line = append(r.line, r.quote(path)...)
		}
		r.line = append(r.line, ']')
	}
	r.addCounts("cut", s, s.Cut)
	r.addCounts("excepted", s, s.Excepted)
	if s.Rules != nil {
		r.addUint("rules", s.Rules.Matched)
		r.addUint("rules_left_out", uint64(s.Rules.LeftOut))
	}
	r.add("kernel", r.quote(s.Kernel()))
	r.addUint("workers", uint64(s.Workers))
	r.add("seconds", strconv.FormatFloat(s.Elapsed.Seconds(), 'f', 6, 64))
	r.finish()
}
