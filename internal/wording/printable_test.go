package wording

import (
	"bytes"
	"encoding/json"
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
		"a\nb\tc\x00":            `a\x0ab\x09c\x00`,
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

// Each text has one escaped form, from which the text comes back.
func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"":                          "",
		"plain text, [heap]":        "plain text, [heap]",
		`C:\new\users "x"`:          `C:\new\users "x"`, // no escape begins so
		`\\server\share`:            `\\\\server\\share`,
		`a\xff`:                     `a\\xff`,
		"a\xff":                     `a\xff`,
		`a\xFF`:                     `a\\xFF`,
		"a\\\xff":                   `a\\\xff`,
		`\u202e`:                    `\\u202e`,
		"\u202e":                    `\u202e`,
		`\ud800 \U00110000 \xf \u1`: `\ud800 \U00110000 \xf \u1`, // no characters
		"\U000e0041":                `\U000e0041`,                // a tag
		"x\ufe0f":                   `x\ufe0f`,                   // a variation selector
		"\u3164":                    `\u3164`,                    // a Hangul filler
		"e\u0301":                   "e\u0301",                   // a combining mark
		"\u0301e":                   `\u0301e`,                   // that has nothing to combine with
		"a\u00a0b\u3000":            `a\u00a0b\u3000`,
		"\u2028\u2029\x7f\x85":      `\u2028\u2029\x7f\x85`,
		"\ue000\U0010ffff\u0378":    `\ue000\U0010ffff\u0378`,
		"\xed\xa0\x80":              `\xed\xa0\x80`, // a surrogate is no UTF-8
		"\x1b]0;t\a\n\r\t":          `\x1b]0;t\x07\x0a\x0d\x09`,
		"\ufffd":                    "\ufffd",
	} {
		got := Escape(in)
		if got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
		if back := Unescape(got); back != in {
			t.Errorf("%q: %q is unescaped to %q", in, got, back)
		}
	}
}

func TestValidUTF8(t *testing.T) {
	for in, want := range map[string]string{
		`a\xff`: `a\xff`, "a\xff": `a\xff`, "a\\xff\xfe\x1b": `a\\xff\xfe` + "\x1b", "\u202e": "\u202e",
	} {
		if got := ValidUTF8(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := EscapeBytes(`a\xff`); got != `a\\xff` {
		t.Errorf("%q", got)
	}
}

func TestAppendJSONSafe(t *testing.T) {
	in := "{\"a\":\"\u0301\u009b\u202e\U000e0041é\u0301\x7f\"}\n"
	if got := string(AppendJSONSafe(nil, []byte(in))); got != `{"a":"\u0301\u009b\u202e\udb40\udc41é`+"\u0301"+`\u007f"}`+"\n" {
		t.Errorf("%q", got)
	}
}

// Strings are those of encoding/json, with what does not show escaped.
func FuzzAppendJSON(f *testing.F) {
	for _, s := range []string{"", "a\"\\\b\f\n\r\t\x00\x7f", "\u2028\u2029<>&", "\u0301é\u0301", "\U000e0041😀\ufeff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(s); err != nil {
			t.Fatal(err)
		}
		got := AppendJSON([]byte("x"), s)
		var back string
		if err := json.Unmarshal(got[1:], &back); err != nil || back != s {
			t.Fatalf("%q: %s, %v", s, got, err)
		}
		if want := AppendJSONSafe([]byte("x"), bytes.TrimSuffix(b.Bytes(), []byte("\n"))); !strings.HasPrefix(s, `"`) && !strings.Contains(s, `"`) && !bytes.Equal(got, want) {
			t.Fatalf("%q: %s, want %s", s, got, want)
		}
	})
}

func TestText(t *testing.T) {
	if got := Text("\ufe0fa\tb\x1b\u202e\\xff\u00e9\u3000☺\ufe0f"); got != "\\ufe0fa\tb\\x1b\\u202e\\xff\u00e9\u3000☺\ufe0f" {
		t.Errorf("%q", got)
	}
}

func FuzzPrintable(f *testing.F) {
	for _, s := range []string{"", "a\x1b[0m", "\xff", "\xe4\xb8", "é\u200b", `\\`, `\xff`, "\\\xff", `\u202e`, `\U000E0041`, "\u0301", `\\x`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, e := Printable(s), Escape(s)
		for _, shown := range []string{p, e} {
			if !utf8.ValidString(shown) || strings.ContainsFunc(shown, func(r rune) bool { return !strconv.IsPrint(r) || !Shows(r) }) {
				t.Fatalf("%q: %q", s, shown)
			}
		}
		if Printable(p) != p || Printable(e) != e {
			t.Fatalf("%q: %q or %q is escaped again", s, p, e)
		}
		if back := Unescape(e); back != s {
			t.Fatalf("%q: %q, and back %q", s, e, back)
		}
		v := ValidUTF8(s)
		if !utf8.ValidString(v) || utf8.ValidString(s) && v != s || !utf8.ValidString(s) && Unescape(v) != s || Unescape(EscapeBytes(s)) != s {
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
