package summary

import (
	"bufio"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"vscan/engine/sweep/state"
	"vscan/internal/wording"
)

// jsonFormat is the number of the format of summary.json. It grows when a key gets another
// meaning.
const jsonFormat = 1

// WriteJSON writes the summary as one JSON object, in which a pattern, a problem and an image
// are a line each. docs/sweep.md has its keys.
func (s *Summary) WriteJSON(w io.Writer) error {
	o := objectWriter{w: bufio.NewWriter(w)}
	o.value("format", jsonFormat)
	o.value("sentence", s.Sentence())
	o.value("complete", s.Complete())
	o.value("version", s.About.Version)
	o.value("digest", s.About.Digest)
	o.value("began", jsonTime(s.About.Began))
	o.value("ended", jsonTime(s.About.Ended))
	writeEach(&o, "options", slices.Values(s.About.Options), optionLine)
	o.value("rules_left_out", len(s.About.LeftOut))
	writeEach(&o, "rules_left_out_list", slices.Values(s.LeftOut(maxLeftOut)), func(text string) string { return text })
	o.value("images", countsOf(s.Images))
	o.value("bytes", s.Total.json())
	o.value("hits", s.Hits)
	o.value("at_least", s.AtLeast)
	o.value("limited_images", s.LimitedImages)
	o.value("limited_counts", s.LimitedPairs)
	o.value("seconds", s.Work.Seconds())
	writeEach(&o, "problems", slices.Values(s.Problems), problemLine)
	o.value("pattern_count", len(s.About.Patterns))
	o.value("patterns_with_hits", s.WithHits)
	o.value("patterns_left_out", s.WithHits-len(s.Patterns))
	writeEach(&o, "patterns", slices.Values(s.Patterns), patternLine)
	writeEach(&o, "image_list", slices.Values(s.Listed), imageLine)
	o.value("images_left_out", countsOf(s.NotListed))
	return o.finish()
}

// objectWriter writes a JSON object, a key a line.
type objectWriter struct {
	w    *bufio.Writer
	keys int
	err  error
}

func (o *objectWriter) key(name string) {
	before := ",\n"
	if o.keys++; o.keys == 1 {
		before = "{\n"
	}
	o.w.WriteString(before + `"` + name + `":`) // an error comes with Flush
}

func (o *objectWriter) value(name string, v any) {
	o.key(name)
	o.encode(v)
}

func (o *objectWriter) encode(v any) {
	b, err := json.Marshal(v)
	if err != nil && o.err == nil {
		o.err = err
	}
	o.w.Write(wording.AppendJSONSafe(nil, b))
}

func (o *objectWriter) finish() error {
	o.w.WriteString("\n}\n")
	if o.err != nil {
		return o.err
	}
	return o.w.Flush()
}

// writeEach writes an array of objects, each on a line.
func writeEach[T, L any](o *objectWriter, name string, all func(func(T) bool), line func(T) L) {
	o.key(name)
	before := "[\n"
	for v := range all {
		o.w.WriteString(before)
		o.encode(line(v))
		before = ",\n"
	}
	if before == "[\n" {
		o.w.WriteByte('[')
	}
	o.w.WriteByte(']')
}

func jsonTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// escapes notes which strings of an object were escaped, since they are no UTF-8.
type escapes []string

func (e *escapes) text(key, s string) string {
	if !utf8.ValidString(s) {
		*e = append(*e, key)
	}
	return wording.ValidUTF8(s)
}

// texts returns strings as they are, or all escaped if one of them has to be.
func (e *escapes) texts(key string, all []string) []string {
	if !slices.ContainsFunc(all, func(s string) bool { return !utf8.ValidString(s) }) {
		return slices.Clone(all)
	}
	*e = append(*e, key)
	var out []string
	for _, s := range all {
		out = append(out, wording.EscapeBytes(s))
	}
	return out
}

// stateCounts is States as JSON.
type stateCounts struct {
	Total   uint64 `json:"total"`
	Done    uint64 `json:"done"`
	Partial uint64 `json:"partial"`
	Failed  uint64 `json:"failed"`
	Aside   uint64 `json:"aside"`
	Skipped uint64 `json:"skipped"`
	Running uint64 `json:"running"`
	Waiting uint64 `json:"waiting"`
}

func countsOf(s States) stateCounts {
	return stateCounts{s.Total(), s.Done, s.Partial, s.Failed, s.Aside, s.Skipped, s.Running, s.Waiting}
}

// byteCounts is Bytes as JSON.
type byteCounts struct {
	Size       uint64 `json:"size"`
	Scanned    uint64 `json:"scanned"`
	Zero       uint64 `json:"zero"`
	Absent     uint64 `json:"absent"`
	Unreadable uint64 `json:"unreadable"`
	Missing    uint64 `json:"missing"`
}

func (b Bytes) json() byteCounts {
	return byteCounts{b.Size, b.Scanned, b.Zero, b.Absent, b.Unreadable, b.Missing}
}

type jsonOption struct {
	Name    string  `json:"name"`
	Value   string  `json:"value"`
	Escaped escapes `json:"escaped,omitempty"`
}

func optionLine(o state.Option) (l jsonOption) {
	l.Name, l.Value = l.Escaped.text("name", o.Name), l.Escaped.text("value", o.Value)
	return l
}

type jsonProblem struct {
	State   string   `json:"state"`
	Reason  string   `json:"reason"`
	Images  uint64   `json:"images"`
	Names   []string `json:"names"`
	LeftOut uint64   `json:"names_left_out"`
	Escaped escapes  `json:"escaped,omitempty"`
}

func problemLine(p Problem) jsonProblem {
	l := jsonProblem{State: p.State, Images: p.Images, LeftOut: p.Images - uint64(len(p.Names))}
	l.Reason, l.Names = l.Escaped.text("reason", p.Reason), l.Escaped.texts("names", p.Names)
	return l
}

type jsonPattern struct {
	Pattern int     `json:"pattern"`
	Name    string  `json:"name"`
	Hits    uint64  `json:"hits"`
	AtLeast bool    `json:"at_least"`
	Images  uint64  `json:"images"`
	Limited uint64  `json:"limited_images"`
	Escaped escapes `json:"escaped,omitempty"`
}

func patternLine(p Pattern) jsonPattern {
	l := jsonPattern{Pattern: p.Pattern, Hits: p.Hits, AtLeast: p.Limited > 0, Images: p.Images, Limited: p.Limited}
	l.Name = l.Escaped.text("name", p.Name)
	return l
}

type jsonImage struct {
	N        int        `json:"n"`
	Image    string     `json:"image"`
	State    string     `json:"state"`
	Reason   string     `json:"reason,omitempty"`
	Format   string     `json:"format,omitempty"`
	Modified *time.Time `json:"modified,omitempty"`
	Bytes    byteCounts `json:"bytes"`
	Hits     uint64     `json:"hits"`
	AtLeast  bool       `json:"at_least"`
	Most     []mostLine `json:"most,omitempty"`
	First    string     `json:"first,omitempty"`
	Last     string     `json:"last,omitempty"`
	Density  []uint32   `json:"density,omitempty"`
	Seconds  float64    `json:"seconds"`
	Tries    int        `json:"tries"`
	Escaped  escapes    `json:"escaped,omitempty"`
}

// mostLine is one of the patterns with the most hits in an image.
type mostLine struct {
	Pattern int    `json:"pattern"`
	Hits    uint64 `json:"hits"`
	AtLeast bool   `json:"at_least"`
}

func imageLine(i state.Image) jsonImage {
	var b Bytes
	b.add(&i)
	l := jsonImage{
		N: i.N, State: i.State, Modified: jsonTime(i.Modified), Bytes: b.json(), Hits: i.Hits, AtLeast: i.AtLeast,
		Density: i.Density, Seconds: i.Elapsed.Seconds(), Tries: i.Tries,
	}
	l.Image, l.Reason, l.Format = l.Escaped.text("image", i.Arg), l.Escaped.text("reason", i.Reason), l.Escaped.text("format", i.Format)
	for _, p := range i.Patterns {
		l.Most = append(l.Most, mostLine{p.Pattern, p.Hits, p.AtLeast})
	}
	if len(i.Density) > 0 {
		l.First, l.Last = "0x"+strconv.FormatUint(uint64(i.First), 16), "0x"+strconv.FormatUint(uint64(i.Last), 16)
	}
	return l
}
