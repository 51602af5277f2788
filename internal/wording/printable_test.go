package wording

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"":                       "",
		"plain text, [heap]":     "plain text, [heap]",
		"größe 世界":               "größe 世界",
		`C:\new "x"`:             `C:\new "x"`,
		"\x1b[31mred":            `\x1b[31mred`,
		"a\nb\tc\x00":            `a\nb\tc\x00`,
		"\xff\xfe!":              `\xff\xfe!`,
		"\u009b31m":              `\u009b31m`, // CSI in one character
		"right\u202eleft":        `right\u202eleft`,
		"not a character \ufffd": "not a character \ufffd",
	} {
		if got := Printable(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := ValidUTF8("a\x1b\xff\xfe\n"); got != "a\x1b\\xff\\xfe\n" {
		t.Errorf("%q", got)
	}
}

func FuzzPrintable(f *testing.F) {
	for _, s := range []string{"", "a\x1b[0m", "\xff", "\xe4\xb8", "é\u200b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := Printable(s)
		if !utf8.ValidString(p) || strings.ContainsFunc(p, func(r rune) bool { return !strconv.IsPrint(r) }) {
			t.Fatalf("%q: %q", s, p)
		}
		if Printable(p) != p {
			t.Fatalf("%q: %q is escaped again", s, p)
		}
		if v := ValidUTF8(s); !utf8.ValidString(v) || utf8.ValidString(s) && v != s {
			t.Fatalf("%q as UTF-8: %q", s, v)
		}
		for width := range 5 {
			if c := Cut(p, width); Columns(c) > width || !strings.HasPrefix(p, c) {
				t.Fatalf("%q cut to %d: %q", p, width, c)
			}
		}
	})
}

func TestColumns(t *testing.T) {
	if n := Columns("a世b"); n != 4 {
		t.Error(n)
	}
	if s := Cut("a世b", 2); s != "a" {
		t.Errorf("%q: half of a character does not stand", s)
	}
	if s := Cut("abc", 3); s != "abc" {
		t.Errorf("%q", s)
	}
}
