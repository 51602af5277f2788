package main

import (
	"bytes"
	"context"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"vscan/patterns"
	"vscan/patterns/yara"
)

// Made-up corpora and patterns are the same on every machine.
func TestGenerators(t *testing.T) {
	c := corpus{Seed: 1, Zero: 45, Pointers: 25, Text: 15, Code: 5, Random: 10}
	b := make([]byte, 1<<20)
	c.fill(b)
	if got, want := crc32.ChecksumIEEE(b), uint32(0x270c52e5); got != want {
		t.Errorf("the corpus has checksum %#x, want %#x", got, want)
	}
	if n := strings.Count(string(b), needle); n != 3 {
		t.Errorf("%d needles, want 3", n)
	}
	g := generate{Count: 500, Min: 8, Max: 24, Sampled: 0.5, Masked: 0.3, Nocase: 0.1, Seed: 1}
	var all strings.Builder
	kinds := map[string]int{}
	for _, l := range g.literals(b) {
		all.WriteString(l.String())
		kind := "plain"
		if l.nocase() {
			kind = "nocase"
		} else if l.mask != nil {
			kind = "masked"
		}
		kinds[kind]++
		p, err := patterns.Parse(l.String())
		if err != nil {
			t.Fatal(err)
		}
		set, err := patterns.Compile(context.Background(), []patterns.Pattern{p}, patterns.Target{})
		if err != nil {
			t.Fatal(err)
		}
		if n := set.Needles()[0]; !slices.Equal(n.Lit, l.bytes) || l.mask != nil && !slices.Equal(n.Mask, l.mask) {
			t.Errorf("%s is %x, mask %x; want %x, mask %x", l, n.Lit, n.Mask, l.bytes, l.mask)
		}
	}
	if got, want := crc32.ChecksumIEEE([]byte(all.String())), uint32(0x1a438cd1); got != want {
		t.Errorf("the patterns have checksum %#x, want %#x", got, want)
	}
	if kinds["masked"] < 100 || kinds["nocase"] < 20 || kinds["plain"] < 200 {
		t.Errorf("kinds of patterns: %v", kinds)
	}
}

// Rules that are made up are the same on every machine; some of their strings stand in several.
func TestMadeUpRules(t *testing.T) {
	c := corpus{Seed: 1, Zero: 45, Pointers: 25, Text: 15, Code: 5, Random: 10}
	memory := make([]byte, 1<<20)
	c.fill(memory)
	g := generate{Count: 500, Min: 5, Max: 40, Text: true, Masked: 0.15, Nocase: 0.1, Wide: 0.25, Regexp: 0.03, Rules: 6, Copies: 0.3, Seed: 1}
	literals := g.literals(memory)
	file, strings := g.rules(literals)
	if n := len(strings) - len(literals); len(literals) != 500 || n < 150 || n > 300 {
		t.Errorf("%d literals, and %d copies of them", len(literals), n)
	}
	rules, err := yara.Parse(t.Context(), "rules.yar", bytes.NewReader(file), nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for i := range rules.Len() {
		n += len(rules.Strings(i))
	}
	if len(rules.Skipped) > 0 || n != len(strings) || len(rules.Patterns()) != len(literals) {
		t.Errorf("%d rules are left out, the others have %d strings, want %d; %d patterns, want %d", len(rules.Skipped), n, len(strings), len(rules.Patterns()), len(literals))
	}
	if got, want := crc32.ChecksumIEEE(file), uint32(0x16bf0657); got != want {
		t.Errorf("the rules have checksum %#x, want %#x", got, want)
	}
}

// The definitions are right, and wrong ones are refused.
func TestDefinitions(t *testing.T) {
	if _, err := load(definitions); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ text, want string }{
		{`{"corpora": {}, "benchmarks": [{"name": "x", "corpus": "c"}]}`, "no corpus"},
		{`{"corpora": {"c": {}}, "benchmarks": [{"name": "x", "corpus": "c", "engines": ["read"]}]}`, "want one of"},
		{`{"corpora": {"c": {}}, "benchmarks": [{"name": "x", "corpus": "c", "patterns": ["a"]}]}`, "no engines"},
		{`{"corpora": {"c": {}}, "benchmarks": [{"name": "x", "corpus": "c", "patterns": ["a"], "engines": ["grep"]}]}`, "no engine"},
		{`{"corpora": {"c": {}}, "benchmarks": [{"name": "x", "corpus": "c", "patterns": ["a"], "mode": "folder", "engines": ["cat"]}]}`, "want files"},
		{`{"corpora": {"c": {}}, "benchmarks": [{"name": "x", "corpus": "c", "wrong": 1}]}`, "unknown field"},
	} {
		if _, err := load([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.text, err, c.want)
		}
	}
}

// What lies across the end of a file is no hit of a folder.
func TestParts(t *testing.T) {
	j, err := newJob(&definition{Patterns: []string{"abcd"}, Files: 2}, []byte("abcd__ab"+"cd__abcd"))
	if err != nil || j.hits != 2 {
		t.Errorf("%d hits, want 2: %v", j.hits, err)
	}
}

// The naive count is that of comparing everything everywhere.
func TestCount(t *testing.T) {
	memory := []byte(strings.Repeat("abcABCab\x00\x00\x00", 50))
	for _, texts := range [][]string{{"abc"}, {"text/i:ABC", "b", "hex:6?62"}, {"hex:0000", "hex:?1", "ab"}} {
		j, err := newJob(&definition{Patterns: texts}, memory)
		if err != nil {
			t.Fatal(err)
		}
		want := uint64(0)
		for i := range memory {
			for _, l := range j.literals {
				if l.matches(memory[i:]) {
					want++
				}
			}
		}
		if j.hits != want || want == 0 {
			t.Errorf("%v: %d, want %d", texts, j.hits, want)
		}
	}
}
