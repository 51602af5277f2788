package main

import (
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// definition is one benchmark: what is looked for, in what, by whom.
type definition struct {
	Name   string
	Corpus string
	// What is looked for: patterns as they are written, made-up ones, or words.
	Patterns []string
	Generate *generate
	Words    *words
	// Mode is buffer (resident memory; the default), file (opened and mapped
	// anew each time) or command (a whole process).
	Mode string
	// Layout is one (one mapping; the default), pages or scattered: one-page
	// mappings, in the order of memory or in none.
	Layout  string
	Hits    *uint64 // how many there are; not known for corpora that differ from run to run
	Engines []string
	Target  string // what is to be reached, in words
}

// generate describes made-up literals.
type generate struct {
	Count    int
	Min, Max int     // bytes; 8 and 24 if not given
	Sampled  float64 // the share taken from the corpus; half of them if not given
	Masked   float64 // the share with wildcard nibbles, a third of them
	Nocase   float64 // the share of text in either case
	Wide     float64 // the share of text in UTF-16
	Regexp   float64 // the share of text with some digits behind it
	Text     bool    // only printable characters, so that all peers take them
	Common   bool    // also such as are all over the corpus
	Seed     uint64
}

func (g *generate) UnmarshalJSON(b []byte) error {
	type plain generate
	*g = generate{Min: 8, Max: 24, Sampled: 0.5, Seed: 1}
	return unmarshal(b, (*plain)(g))
}

// words describes ranges that words of 8 bytes are to be in.
type words struct {
	Ranges            int
	First, Each, Step hexNumber // of the first range; size less 1; from one to the next
}

// hexNumber is a number written as text.
type hexNumber uint64

func (n *hexNumber) UnmarshalText(b []byte) error {
	v, err := strconv.ParseUint(string(b), 0, 64)
	*n = hexNumber(v)
	return err
}

// suite is the file definitions.json.
type suite struct {
	Corpora    map[string]corpus
	Benchmarks []definition
}

//go:embed definitions.json
var definitions []byte

// load reads and checks the definitions.
func load(b []byte) (*suite, error) {
	var s suite
	if err := unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("definitions: %w", err)
	}
	names := map[string]bool{}
	for _, d := range s.Benchmarks {
		given := 0
		for _, is := range []bool{len(d.Patterns) > 0, d.Generate != nil, d.Words != nil} {
			if is {
				given++
			}
		}
		_, known := s.Corpora[d.Corpus]
		switch {
		case d.Name == "" || names[d.Name]:
			return nil, fmt.Errorf("definitions: %q: a name that is empty or there already", d.Name)
		case !known:
			return nil, fmt.Errorf("definitions: %s: no corpus %q", d.Name, d.Corpus)
		case given != 1:
			return nil, fmt.Errorf("definitions: %s: want one of patterns, generate and words", d.Name)
		case len(d.Engines) == 0:
			return nil, fmt.Errorf("definitions: %s: no engines", d.Name)
		}
		for _, e := range d.Engines {
			if _, err := newEngine(e); err != nil {
				return nil, fmt.Errorf("definitions: %s: %w", d.Name, err)
			}
		}
		names[d.Name] = true
	}
	return &s, nil
}

func unmarshal(b []byte, v any) error {
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// literal is bytes of which some bits may not count.
type literal struct {
	bytes, mask []byte

	wide   bool // they are text in UTF-16
	digits bool // and two to four digits behind them: not a literal any more
}

// String is the literal as a pattern of vscan.
func (l literal) String() string {
	switch {
	case l.nocase():
		return "text/i:" + escaped(l.bytes)
	case l.wide:
		return "text/w:" + l.narrow()
	case l.digits:
		return "re:" + string(l.bytes) + "[0-9]{2,4}"
	}
	digits := []byte(hex.EncodeToString(l.bytes))
	for i := range digits {
		if l.mask != nil && l.mask[i/2]>>(4*(1-i%2))&15 == 0 {
			digits[i] = '?'
		}
	}
	return "hex:" + string(digits)
}

// narrow is text in UTF-16 as text.
func (l literal) narrow() string {
	var b []byte
	for i := 0; i < len(l.bytes); i += 2 {
		b = append(b, l.bytes[i])
	}
	return string(b)
}

// yara is the literal as a string of a YARA rule.
func (l literal) yara() string {
	switch {
	case l.nocase():
		return fmt.Sprintf("%q nocase", strings.ToLower(string(unfolded(l.bytes, l.mask))))
	case l.wide:
		return fmt.Sprintf("%q wide", l.narrow())
	case l.digits:
		return "/" + string(l.bytes) + "[0-9]{2,4}/"
	}
	return "{ " + strings.TrimPrefix(l.String(), "hex:") + " }"
}

// unfolded is text in either case as lower case.
func unfolded(b, mask []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		out[i] = c | ^mask[i]
	}
	return out
}

// nocase says whether the mask is that of text in either case.
func (l literal) nocase() bool {
	letters := false
	for i, c := range l.bytes {
		if l.mask == nil {
			return false
		}
		switch letter := c|0x20 >= 'a' && c|0x20 <= 'z'; {
		case letter && l.mask[i] == 0xdf:
			letters = true
		case letter || l.mask[i] != 0xff:
			return false
		}
	}
	return letters
}

func escaped(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		fmt.Fprintf(&s, "\\x%02x", c)
	}
	return s.String()
}

// matches says whether the literal stands at the beginning of b.
func (l literal) matches(b []byte) bool {
	if len(b) < len(l.bytes) {
		return false
	}
	for i, c := range l.bytes {
		m := byte(0xff)
		if l.mask != nil {
			m = l.mask[i]
		}
		if (b[i]^c)&m != 0 {
			return false
		}
	}
	if l.digits {
		behind := b[len(l.bytes):]
		return len(behind) >= 2 && isDigit(behind[0]) && isDigit(behind[1])
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
