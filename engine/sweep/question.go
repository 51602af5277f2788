package sweep

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/search"
	"vscan/engine/where"
	"vscan/patterns"
	"vscan/patterns/yara"
)

// Question is what of a search.Query changes what is found, as plain values. What only
// changes how it is shown, or how fast it is found, is no part of it.
type Question struct {
	Patterns []Pattern `json:"patterns,omitempty"`
	RulesAt  int       `json:"rules_at,omitempty"` // as in search.Query

	Rules      *Rules `json:"rules,omitempty"`
	PerMapping bool   `json:"per_mapping,omitempty"`
	AllStrings bool   `json:"all_strings,omitempty"`
	RuleSteps  uint64 `json:"rule_steps,omitempty"`

	Align       uint64 `json:"align,omitempty"` // in bytes
	AlignWord   bool   `json:"align_word,omitempty"`
	MaxMatch    int    `json:"max_match,omitempty"` // in bytes
	Overlapping bool   `json:"overlapping,omitempty"`
	Ranges      []Text `json:"ranges,omitempty"` // as package where reads them
	In          []Text `json:"in,omitempty"`     // likewise, choices of mappings
	At          *At    `json:"at,omitempty"`     // where hits may begin; nil: anywhere
	MaxHits     uint64 `json:"max_hits,omitempty"`
	MaxBytes    uint64 `json:"max_bytes,omitempty"`
}

// At is addresses, ascending, each there once; in JSON they are strings.
type At search.Addresses

// MarshalJSON implements json.Marshaler.
func (a At) MarshalJSON() ([]byte, error) {
	out := []byte{'['}
	for i, at := range a {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, '"')
		out = append(out, at.String()...)
		out = append(out, '"')
	}
	return append(out, ']'), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (a *At) UnmarshalJSON(b []byte) error {
	var all []address
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	*a = make(At, len(all))
	for i, at := range all {
		if i > 0 && at <= all[i-1] {
			return fmt.Errorf("the address %v does not ascend", addr.Addr(at))
		}
		(*a)[i] = addr.Addr(at)
	}
	return nil
}

// Pattern is a patterns.Source.
type Pattern struct {
	Name    Text   `json:"name"`
	Text    Text   `json:"text"`
	Literal bool   `json:"literal,omitempty"`
	Flags   string `json:"flags,omitempty"`
	Except  []Text `json:"except,omitempty"`
	File    Text   `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
}

// Rules are files of YARA rules with their text, in the order in which they are read.
type Rules struct {
	Files     []*RuleFile     `json:"files"`
	Included  []*IncludedFile `json:"included,omitempty"`
	Variables []Variable      `json:"variables,omitempty"` // besides those that images set
	LeftOut   []LeftOut       `json:"left_out,omitempty"`  // what was to be read and is no file of rules
}

// RuleFile is a file of rules. Namespace may be "", for yara.DefaultNamespace.
type RuleFile struct {
	Namespace Text `json:"namespace,omitempty"`
	Name      Text `json:"name"`
	Text      Text `json:"text"`
}

// IncludedFile is a file that a file of rules includes, by the path that yara.Compiler.Open
// was asked for. Error is why it could not be opened, if it could not.
type IncludedFile struct {
	Path  Text `json:"path"`
	Text  Text `json:"text"`
	Error Text `json:"error,omitempty"`
}

// Variable is an external variable of rules, of one of the types integer, fraction, truth
// and text.
type Variable struct {
	Name  Text   `json:"name"`
	Type  string `json:"type"`
	Value Text   `json:"value"`
}

// LeftOut is a yara.Skipped of a whole file.
type LeftOut struct {
	Namespace Text `json:"namespace"`
	File      Text `json:"file"`
	Reason    Text `json:"reason"`
}

// NewQuestion returns the question that a query asks. rules are the texts of q.Rules, nil
// where there are none. Patterns that a program has made, and Runs, cannot be written down:
// that is an error.
func NewQuestion(q *search.Query, rules *Rules) (*Question, error) {
	switch {
	case len(q.Runs) > 0:
		return nil, errors.New("runs of characters cannot be part of a plan")
	case (q.Rules == nil) != (rules == nil):
		return nil, errors.New("rules are planned with their texts")
	}
	of := &Question{
		RulesAt: q.RulesAt, Rules: rules, PerMapping: q.PerMapping, AllStrings: q.AllStrings, RuleSteps: q.RuleSteps,
		Align: q.Align.Bytes, AlignWord: q.Align.Word, MaxMatch: q.MaxMatch, Overlapping: q.Overlapping,
		MaxHits: q.MaxHits, MaxBytes: q.MaxBytes,
	}
	if q.At != nil {
		at := At(q.At)
		of.At = &at
	}
	for _, r := range q.Ranges {
		of.Ranges = append(of.Ranges, Text(r.String()))
	}
	of.Ranges = append(of.Ranges, texts(q.RangeTexts)...)
	for _, c := range q.In {
		of.In = append(of.In, Text(c.String()))
	}
	for i := range q.Patterns {
		s, ok := q.Patterns[i].Source()
		if !ok {
			return nil, fmt.Errorf("the pattern %s was made by a program, and cannot be written down: make it with patterns.Parse", s.Name)
		}
		of.Patterns = append(of.Patterns, Pattern{
			Name: Text(s.Name), Text: Text(s.Text), Literal: s.Literal, Flags: s.Flags, Except: texts(s.Except), File: Text(s.File), Line: s.Line,
		})
	}
	return of, nil
}

// Query returns the query that asks the question. Patterns and rules are made anew; what
// they take is taken of the budget, which may be nil. Where ctx ends, the error is the cause
// of that.
func (of *Question) Query(ctx context.Context, b *budget.Budget) (*search.Query, error) {
	q := &search.Query{
		RulesAt: of.RulesAt, PerMapping: of.PerMapping, AllStrings: of.AllStrings, RuleSteps: of.RuleSteps,
		Align: search.Alignment{Bytes: of.Align, Word: of.AlignWord}, MaxMatch: of.MaxMatch, Overlapping: of.Overlapping,
		RangeTexts: plain(of.Ranges), MaxHits: of.MaxHits, MaxBytes: of.MaxBytes, Budget: b,
	}
	if of.MaxMatch < 0 || of.MaxMatch > patterns.MaxBytes {
		return nil, fmt.Errorf("a longest match of %d bytes: want 0 to %d", of.MaxMatch, patterns.MaxBytes)
	}
	if of.At != nil {
		q.At = search.Addresses(*of.At)
	}
	for _, text := range of.In {
		c, err := where.ParseMappings(string(text))
		if err != nil {
			return nil, err
		}
		q.In = append(q.In, c)
	}
	sources := make([]patterns.Source, len(of.Patterns))
	for i, p := range of.Patterns {
		sources[i] = patterns.Source{
			Name: string(p.Name), Text: string(p.Text), Literal: p.Literal, Flags: p.Flags, Except: plain(p.Except), File: string(p.File), Line: p.Line,
		}
	}
	var err error
	if q.Patterns, err = patterns.FromSources(ctx, sources); err != nil {
		return nil, err
	}
	if of.Rules != nil {
		q.Rules, q.Defined, err = of.Rules.compile(ctx, b)
	}
	return q, err
}

// digest returns the digest of the question, in hexadecimal.
func (of *Question) digest() (string, error) {
	return digestOf(struct {
		Format   int
		Question *Question
	}{Format, of})
}

// digestOf returns the SHA-256 of a value as JSON, in hexadecimal.
func digestOf(v any) (string, error) {
	b, err := encode(v, "")
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), err
}

// SetVariables notes the external variables of rules, which are an int64, a float64, a bool
// or a string each, as yara.Compiler.Define takes them.
func (r *Rules) SetVariables(values map[string]any) error {
	r.Variables = nil
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v := Variable{Name: Text(name), Value: Text(fmt.Sprint(values[name]))}
		switch value := values[name].(type) {
		case int64:
			v.Type = "integer"
		case float64:
			v.Type, v.Value = "fraction", Text(strconv.FormatFloat(value, 'g', -1, 64))
		case bool:
			v.Type = "truth"
		case string:
			v.Type = "text"
		default:
			return fmt.Errorf("the variable %s is a %T", name, value)
		}
		r.Variables = append(r.Variables, v)
	}
	return nil
}

// value returns the value of a variable, with its type.
func (v *Variable) value() (any, error) {
	switch s := string(v.Value); v.Type {
	case "integer":
		return strconv.ParseInt(s, 10, 64)
	case "fraction":
		return strconv.ParseFloat(s, 64)
	case "truth":
		return strconv.ParseBool(s)
	case "text":
		return s, nil
	}
	return nil, fmt.Errorf("there is no type %q of variables", v.Type)
}

// compile makes the set of all rules, and returns the names of the variables beside it.
func (r *Rules) compile(ctx context.Context, b *budget.Budget) (*yara.Rules, map[string]bool, error) {
	c := yara.Compiler{Open: r.opener(), Budget: b}
	if err := search.Predefine(&c); err != nil {
		return nil, nil, err
	}
	defined := map[string]bool{}
	for i := range r.Variables {
		v := &r.Variables[i]
		value, err := v.value()
		if err == nil {
			err = c.Define(string(v.Name), value)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("the variable %s: %w", v.Name, err)
		}
		defined[string(v.Name)] = true
	}
	for _, f := range r.Files {
		if f == nil {
			return nil, nil, errors.New("a file of rules is empty")
		}
		if err := c.Add(ctx, string(f.Namespace), string(f.Name), strings.NewReader(string(f.Text))); err != nil {
			return nil, nil, err
		}
	}
	rules, err := c.Rules(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, l := range r.LeftOut {
		rules.Skipped = append(rules.Skipped, yara.Skipped{
			Namespace: cmp.Or(string(l.Namespace), yara.DefaultNamespace), File: string(l.File), Reason: string(l.Reason),
		})
	}
	return rules, defined, nil
}

// opener returns what opens the included files.
func (r *Rules) opener() func(string) (io.ReadCloser, error) {
	files := map[string]*IncludedFile{}
	for _, f := range r.Included {
		if f != nil {
			files[string(f.Path)] = f
		}
	}
	return func(path string) (io.ReadCloser, error) {
		f := files[path]
		switch {
		case f == nil:
			return nil, fmt.Errorf("%s is not part of the plan", path)
		case f.Error != "":
			return nil, errors.New(string(f.Error))
		}
		return io.NopCloser(strings.NewReader(string(f.Text))), nil
	}
}
