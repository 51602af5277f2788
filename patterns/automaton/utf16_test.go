package automaton

import (
	"bytes"
	"encoding/binary"
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode/utf16"

	"vscan/internal/testenv"
)

// in16 returns text as UTF-16.
func in16(s string, order binary.AppendByteOrder) (b []byte) {
	for _, u := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, u)
	}
	return b
}

func compile16(t testing.TB, expr string, flags Flags, e Encoding) *Program {
	t.Helper()
	n, err := ParseUTF16(expr, flags, e)
	if err != nil {
		t.Fatalf("%q: %v", expr, err)
	}
	p, err := Compile(n, Options{Limit: 4096, Encoding: e, Encoded: true})
	if err != nil {
		t.Fatalf("%q: %v", expr, err)
	}
	return p
}

// Characters of all scripts are characters; want is in code units.
func TestUTF16(t *testing.T) {
	for _, c := range []struct {
		expr  string
		flags Flags
		text  string
		want  int
	}{
		{"пар.*", 0, "пароль: да\nнет", 10},
		{"пароль", 0, "пароль", 6},
		{"пароль", 0, "Пароль", 0},
		{"пароль", Caseless, "ПаРоЛь", 6},
		{"(?i:é)+", 0, "éÉ", 2},
		{"[а-яё]+", 0, "вёсны Б", 5},
		{"[а-я]+", Caseless, "ВЕсна1", 5},
		{"[^а-я]+", 0, "Abc漢я", 4},
		{"é+", 0, "ééé", 3},
		{"[éü]{2}", 0, "üé", 2},
		{"密码[:：] ?\\S+", 0, "密码：漢字1 x", 6},
		{"😀+", 0, "😀😀x", 4},
		{"[😀-😂]+x", 0, "😁😂x", 5},
		{"[a😀]+", 0, "a😀a", 4},
		{"[\\x{10000}-\\x{10ffff}]", 0, "😀", 2},
		{".", 0, "😀", 1}, // a code unit
		{"..", 0, "😀", 2},
		{".", 0, "\n", 0},
		{".", DotAll, "\n", 1},
		{`\C`, 0, "\n", 1},
		{`\Q\C.\E`, 0, `\C.`, 3},
		{`\x{43f}\xff\x41`, 0, "пÿA", 3},
		{`\p{Cyrillic}+`, 0, "парa", 3},
		{`\w+`, 0, "abпар", 2}, // of ASCII
		{`ab\b`, 0, "abпар", 2},
		{"s", Caseless, "S", 1},
		{"a|", 0, "a", 1},
		{"(a|)б", 0, "б", 1},
		{`^п$`, 0, "п", 1},
		{`п$`, MultiLine, "п\n", 1},
		{"[^\\x00-\\x{ffff}]", 0, "😀", 2},
	} {
		for e, order := range map[Encoding]binary.AppendByteOrder{WideLE: binary.LittleEndian, WideBE: binary.BigEndian} {
			b := in16(c.text, order)
			if got := compile16(t, c.expr, c.flags, e).Match(b, 0, nil); got != 2*c.want {
				t.Errorf("%q %v in %q: %d bytes, want %d", c.expr, e, c.text, got, 2*c.want)
			}
		}
	}
	for expr, want := range map[string]string{
		"a\xff":  "the byte 0xff is not UTF-8",
		"[^😀]":   "two code units",
		`\p{No}`: "",
		`\p{Nq}`: "invalid character class range",
		"(?=a)":  "not supported",
		"пар(":   "missing closing",
		`(a)\1`:  "no back references",
	} {
		_, err := ParseUTF16(expr, 0, WideLE)
		var e *SyntaxError
		if (err == nil) != (want == "") || err != nil && (!errors.As(err, &e) || !strings.Contains(err.Error(), want) || e.Offset > len(expr)) {
			t.Errorf("%q: %v, want %q", expr, err, want)
		}
	}
}

// Random expressions and text, of characters of one code unit, are compared with Go's own
// package, which knows characters.
func TestUTF16AgainstRegexp(t *testing.T) {
	r := testenv.Rand(t)
	letters := []rune("aбвéÉ漢K\nЖж1 ")
	atoms := []string{"a", "б", "[а-я]", "[^a]", ".", "é", "漢", `\w`, `\d`, "[Жж1]", `\s`, "(б|в)", "(?:a|)", "[^б-в]"}
	found := 0
	for range 3000 {
		expr := ""
		for range 1 + r.IntN(4) {
			expr += atoms[r.IntN(len(atoms))] + []string{"", "", "*", "+", "?", "{1,2}"}[r.IntN(6)]
		}
		text := make([]rune, r.IntN(12))
		for i := range text {
			text[i] = letters[r.IntN(len(letters))]
		}
		flags, prefix := Flags(0), `\A`
		if r.IntN(3) == 0 {
			flags, prefix = Caseless, `(?i)\A`
		}
		want := len([]rune(regexp.MustCompile(prefix + "(?:" + expr + ")").FindString(string(text))))
		n, err := ParseUTF16(expr, flags, WideLE)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Compile(n, Options{Limit: 4096, Encoding: WideLE, Encoded: true})
		if err != nil || len(text) == 0 {
			continue
		}
		b := in16(string(text), binary.LittleEndian)
		got := p.Match(b, 0, nil)
		if want == 0 {
			continue // An empty match does not count, and another may have been taken.
		}
		found++
		if got != 2*want {
			t.Errorf("%q flags %d in %q: %d, want %d", expr, flags, string(text), got, 2*want)
		}
	}
	if found < 500 {
		t.Errorf("only %d matches", found)
	}
}

// Whatever the expression and the memory are, there is no panic, errors have a place, and
// both byte orders give the same.
func FuzzUTF16(f *testing.F) {
	for _, s := range []string{"пар.*", "[а-я]+", "[^a]", "😀", "[a-😀]", `\x{d800}`, `[\x{d800}-\x{10ffff}]`, `\p{Greek}`, `\C\Qa\C\E`, "(|a)*"} {
		for flags := range byte(8) {
			f.Add(s, flags, []byte("abc\n\xff kK\x00\x3f\x04"))
		}
	}
	f.Fuzz(func(t *testing.T, expr string, flags byte, b []byte) {
		n, err := ParseUTF16(expr, Flags(flags&7), WideLE)
		if err != nil {
			var e *SyntaxError
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(expr) || e.Msg == "" || strings.Contains(e.Msg, "\n") {
				t.Fatalf("%q: %#v", expr, err)
			}
			return
		}
		little, err := Compile(n, Options{Limit: 64, Encoding: WideLE, Encoded: true})
		if err != nil {
			return
		}
		n, err = ParseUTF16(expr, Flags(flags&7), WideBE)
		if err != nil {
			t.Fatal(err)
		}
		big, err := Compile(n, Options{Limit: 64, Encoding: WideBE, Encoded: true})
		if err != nil {
			t.Fatal(err)
		}
		b = b[:len(b)&^1]
		if len(b) == 0 {
			return
		}
		swapped := bytes.Clone(b)
		for i := 0; i < len(b); i += 2 {
			swapped[i], swapped[i+1] = b[i+1], b[i]
		}
		got := little.Match(b, 0, nil)
		if other := big.Match(swapped, 0, nil); got != other || got%2 != 0 {
			t.Fatalf("%q in %q: %d and %d", expr, b, got, other)
		}
		if a := little.Anchors(); got != 0 && a != nil && !holdsAnchor(a, b[:got]) {
			t.Fatalf("%q: %q holds none of %+v", expr, b[:got], a)
		}
	})
}
