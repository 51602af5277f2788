package main

import (
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// A definition is one benchmark: what is looked for, in which corpus, by which
// engines.
type definition struct {
	Name   string
	Corpus string
	// One of these says what is looked for: patterns as a user writes them, made-up
	// literals, or words.
	Patterns []string
	Generate *generate
	Words    *words
	// Naive is, where patterns are expressions, what Go's regexp finds as often in the corpus,
	// no match going over the end of a line.
	Naive string
	// Mode is "" (memory that is resident), "file" (a file that is opened anew each time, as
	// an image is), "command" (a whole process) or "folder" (a whole process that searches a
	// folder with the corpus cut into Files files of the same size).
	Mode  string
	Files int
	// Pieces is how many bytes of the file are written at a time, 0 for all at once. It
	// decides how large the pieces are that the page cache has it in, and so what it costs
	// to map them.
	Pieces int
	// Layout is "" (one mapping), "pages" (a mapping for each page, in the order of
	// memory) or "scattered" (the same in random order).
	Layout  string
	Hits    *uint64 // how many there are; nil for corpora that differ from run to run
	Engines []string
	Target  string // in words, what rate is to be reached
}

// generate says which literals are made up. Shares are from 0 to 1.
type generate struct {
	Count    int
	Min, Max int     // bytes; 8 and 24 if not given
	Sampled  float64 // the share taken from the corpus; half of them if not given
	Masked   float64 // the share with wildcard nibbles, a third of them
	Nocase   float64 // the share of text whose case does not count
	Wide     float64 // the share of text in UTF-16
	Regexp   float64 // the share of text with some digits behind it
	Keys     bool    // under any key, of what has no mask and is not wide
	Shape    string  // an expression that cannot match a line feed, in which # is the literal, lower case letters all
	Changed  float64 // the share of bytes that are changed to others of text, in all but every eighth literal
	Text     bool    // only printable characters, so that all peers take them
	Common   bool    // literals may be all over the corpus
	Seed     uint64

	// Rules is how many strings a rule has, on average; they are searched for as YARA rules
	// then, and not as patterns. Copies is the share of strings that another rule has too.
	Rules  int
	Copies float64
}

func (g *generate) UnmarshalJSON(b []byte) error {
	type plain generate
	*g = generate{Min: 8, Max: 24, Sampled: 0.5, Seed: 1}
	return unmarshal(b, (*plain)(g))
}

// words says in which ranges words of 8 bytes are looked for.
type words struct {
	Ranges            int
	First, Each, Step hexNumber // where the first range begins; the size of each, less 1; from one range to the next
}

// A hexNumber is a number that JSON has as text, since it may be hexadecimal.
type hexNumber uint64

func (n *hexNumber) UnmarshalText(b []byte) error {
	v, err := strconv.ParseUint(string(b), 0, 64)
	*n = hexNumber(v)
	return err
}

// A suite is what the file definitions.json has.
type suite struct {
	Corpora    map[string]corpus
	Benchmarks []definition
}

//go:embed definitions.json
var definitions []byte

// load returns the definitions in b, after checking them.
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
		case (d.Mode == "folder") != (d.Files > 0):
			return nil, fmt.Errorf("definitions: %s: want files with the mode folder, and with no other", d.Name)
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

// unmarshal reads JSON into v. A field that v does not have is an error.
func unmarshal(b []byte, v any) error {
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// A literal is bytes of which some bits may not count.
type literal struct {
	bytes, mask []byte

	keys   bool   // under any key
	wide   bool   // the bytes are text in UTF-16LE
	digits bool   // two to four digits follow, so it is an expression
	shape  string // what generate.Shape says; it is that expression
}

// String returns the literal as a pattern of vscan.
func (l literal) String() string {
	switch e := l.expression(); {
	case e != "":
		return "re:" + e
	case l.keys:
		return "text/x:" + escaped(l.bytes)
	case l.nocase():
		return "text/i:" + escaped(l.bytes)
	case l.wide:
		return "text/w:" + l.narrow()
	}
	digits := []byte(hex.EncodeToString(l.bytes))
	for i := range digits {
		if l.mask != nil && l.mask[i/2]>>(4*(1-i%2))&15 == 0 {
			digits[i] = '?'
		}
	}
	return "hex:" + string(digits)
}

// narrow returns the text that a wide literal has.
func (l literal) narrow() string {
	var b []byte
	for i := 0; i < len(l.bytes); i += 2 {
		b = append(b, l.bytes[i])
	}
	return string(b)
}

// yara returns the literal as a string of a YARA rule.
func (l literal) yara() string {
	switch e := l.expression(); {
	case e != "":
		return "/" + strings.ReplaceAll(e, "/", `\/`) + "/"
	case l.nocase():
		return fmt.Sprintf("%q nocase", strings.ToLower(string(unfolded(l.bytes, l.mask))))
	case l.wide:
		return fmt.Sprintf("%q wide", l.narrow())
	}
	return "{ " + strings.TrimPrefix(l.String(), "hex:") + " }"
}

// unfolded returns the bytes of text whose case does not count, in lower case.
func unfolded(b, mask []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		out[i] = c | ^mask[i]
	}
	return out
}

// nocase reports whether the mask is that of text whose case does not count.
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

// escaped returns all bytes as \x and two digits.
func escaped(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		fmt.Fprintf(&s, "\\x%02x", c)
	}
	return s.String()
}

// matches reports whether the literal stands at the beginning of b.
func (l literal) matches(b []byte) bool {
	if len(b) < len(l.bytes) {
		return false
	}
	for i, c := range l.bytes {
		if l.keys {
			c ^= b[0] ^ l.bytes[0]
		}
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
