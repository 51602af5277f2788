package patterns

import (
	"slices"
	"strings"
	"testing"

	"vscan/engine/addr"
)

// A pattern that was read from text, whatever was done to it since, is made again of its
// Source: it looks for the same, under the same name.
func TestSource(t *testing.T) {
	file := "# comment\n  key = hex:dead??beef\nplain text\n@except-all re:=x+$\nmail=re/aw:[a-z]+=[a-z]+\n@except re/i:=(secret|change)$\nu32be:7..\n\ttext/x:abc\n"
	pats, err := ParseFile(t.Context(), "a file", strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	literal, err := ParseLiterals(t.Context(), "words", strings.NewReader("re:not one\n\xff\x00bytes\n"))
	if err != nil {
		t.Fatal(err)
	}
	pats = append(pats, literal...)
	for _, text := range []string{"Word", "text/w:wide", "n=re:[ab]+", "ptr:0x1000..", "f32:1..2", "aes:128", "hex:61 [2-5] 62", "\xfe\xff"} {
		p, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		pats = append(pats, p)
		for _, flags := range []string{"i", "f", "if"} {
			if q, err := p.WithFlags(flags); err == nil {
				q.Name = text + " with " + flags
				pats = append(pats, q)
			}
		}
	}
	pats = append(pats, pats[2].WithoutExceptions())
	pats[len(pats)-1].Name = "without"
	var sources []Source
	for _, p := range pats {
		s, ok := p.Source()
		if !ok {
			t.Fatalf("%s was read from no text", p.Name)
		}
		sources = append(sources, s)
	}
	again, err := FromSources(t.Context(), sources)
	if err != nil {
		t.Fatal(err)
	}
	about := Target{WordSize: 8, OrderKnown: true, Order: addr.Little}
	a, err := Compile(t.Context(), pats, about)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Compile(t.Context(), again, about)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Patterns()) != len(b.Patterns()) || len(a.Needles()) != len(b.Needles()) || len(a.Exprs()) != len(b.Exprs()) {
		t.Fatalf("%d patterns, %d needles, %d expressions; again %d, %d, %d", len(a.Patterns()), len(a.Needles()), len(a.Exprs()), len(b.Patterns()), len(b.Needles()), len(b.Exprs()))
	}
	for i, p := range a.Patterns() {
		q := b.Patterns()[i]
		if p.Name != q.Name || p.Written != q.Written || p.Kind != q.Kind || p.File != q.File || p.Line != q.Line || !sameExceptions(&p, &q) {
			t.Errorf("%q of %s:%d, again %q of %s:%d", p.Name, p.File, p.Line, q.Name, q.File, q.Line)
		}
	}
	for i, n := range a.Needles() {
		if m := b.Needles()[i]; n.Pattern != m.Pattern || string(n.Lit) != string(m.Lit) || string(n.Mask) != string(m.Mask) || n.Align != m.Align {
			t.Errorf("needle %d: %v, again %v", i, n, m)
		}
	}
	for i, e := range a.Exprs() {
		f := b.Exprs()[i]
		if e.Pattern != f.Pattern || e.MinLen != f.MinLen || e.MaxLen != f.MaxLen || len(e.Except) != len(f.Except) {
			t.Errorf("expression %d of %q differs", i, a.Patterns()[e.Pattern].Name)
		}
		m := Memory{Bytes: []byte("mail=secret Word=wide w\x00i\x00d\x00e\x00 abab")}
		for at := range m.Bytes {
			if n, again := e.Matcher.Match(&m, at), f.Matcher.Match(&m, at); n != again {
				t.Errorf("%q: a match of %d bytes at %d, again %d", a.Patterns()[e.Pattern].Name, n, at, again)
			}
		}
	}
}

// What a program has made has no text to be made of again, and text that is none is refused.
func TestNoSource(t *testing.T) {
	pointer, err := ParsePointer("0x1000")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []Pattern{Bytes([]byte("x")), Numbers(4, ValueRange{1, 2}), pointer} {
		if _, ok := p.Source(); ok {
			t.Errorf("%s has a source", p.Name)
		}
	}
	for _, s := range []Source{
		{Text: "re:("}, {Text: ""}, {Text: "", Literal: true}, {Text: "u32:1", Flags: "i"}, {Text: "text:a", Flags: "w"},
		{Text: "text:a", Except: []string{"re:b"}}, {Text: "re:a", Except: []string{"b"}}, {Text: "re:a", Except: []string{"re:b*"}},
		{Text: strings.Repeat("x", MaxBytes+1), Literal: true},
	} {
		if _, err := FromSources(t.Context(), []Source{{Text: "fine"}, s}); err == nil {
			t.Errorf("%.20q %q %q was taken", s.Text, s.Flags, s.Except)
		}
	}
	all, err := FromSources(t.Context(), []Source{{Text: "b"}, {Text: "a", Name: "first"}})
	if err != nil || !slices.Equal([]string{all[0].Name, all[1].Name}, []string{"b", "first"}) {
		t.Errorf("%v, %v", all, err)
	}
}
