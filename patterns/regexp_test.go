package patterns

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// places returns where a pattern is in b, in short.
func places(t testing.TB, p Pattern, target Target, b string) string {
	t.Helper()
	s, err := Compile(context.Background(), []Pattern{p}, target)
	if err != nil {
		t.Fatalf("%q: %v", p.Written, err)
	}
	var out []string
	for _, f := range findAll(t, s, []byte(b)) {
		out = append(out, fmt.Sprintf("%d+%d", f.at, f.n))
	}
	return strings.Join(out, " ")
}

func TestExpressions(t *testing.T) {
	for _, c := range []struct {
		in     string
		target Target
		b      string
		want   string
	}{
		{`re:\xff\xfe`, Target{}, "\xff\xff\xfe", "1+2"},
		{"re: a", Target{}, "a a", "1+2"}, // blanks count
		{"re:[0-9]+", Target{}, "12x3", "0+2 1+1 3+1"},
		{"re:a.c", Target{}, "a\ncabc", "3+3"},
		{"re/s:a.c", Target{}, "a\ncabc", "0+3 3+3"},
		{"re/i:ab", Target{}, "aBAb", "0+2 2+2"},
		{"re/m:^b", Target{}, "b\nb", "0+1 2+1"},
		{"re:^b", Target{}, "b\nb", "0+1"},
		{"re/w:ab+", Target{}, "aba\x00b\x00b\x00b", "2+6"},
		{"re/W:ab+", Target{}, "aba\x00b\x00b\x00b", "3+3"[:0]},
		{"re/W:ab+", Target{}, "\x00a\x00b\x00b", "0+6"},
		{"re/wa:ab", Target{}, "aba\x00b\x00", "0+2 2+4"},
		{"re/w:п.", Target{}, "x?\x04\x01\xff?\x04\n\x00", "1+4"},
		{"re/W:[п-я]b", Target{}, "\x04?\x00b", "0+4"},
		{"re/wi:ж", Target{}, "6\x04", "0+2"},
		{"re/wa:é", Target{}, "\xc3\xa9\xe9\x00", "0+2 2+2"},
		{"re:(a|)b", Target{}, "ab", "0+2 1+1"},
		{"re:a|", Target{}, "xa", "1+1"},
		{"re:a+", Target{MaxMatch: 2}, "aaa", "0+2 1+2 2+1"},
		{"hex:41 [1-3] 42", Target{}, "A-B-BA-----B", "0+3"},
		{"hex:41 [1-] 42", Target{}, "A-B-BA-----B", "0+3 5+7"},
		{"hex:41 [1-] 42", Target{MaxMatch: 6}, "A-B-BA-----B", "0+3"},
		{"hex:41 [-] 42", Target{}, "AB", "0+2"},
		{"hex:41 ~4? 42", Target{}, "AABA-B", "3+3"},
		{"hex:( 41 | 42 43 ) 44", Target{}, "ADBCD", "0+2 2+3"},
		{"hex:( 41 | 41 42 )", Target{}, "AB", "0+1"}, // the shortest
		{"text/f:ab", Target{}, "ab ab_ xab ab1", "0+2 3+2"},
		{"text/fw:ab", Target{}, "xa\x00b\x00x", "1+4"},
		{"text/fw:ab", Target{}, "x\x00a\x00b\x00", ""},
		{"text/x(01-02):ab", Target{}, "ab`c" + "cf", "2+2"},
		{"text/x(01):ab", Target{}, "ab`c", "2+2"},
		{"text/b:foobar", Target{}, "xxZm9vYmFyxx", "2+8"},
		{"text/B:foobar", Target{}, "Z\x00m\x009\x00v\x00Y\x00m\x00F\x00y\x00", "0+16"},
	} {
		if got := places(t, mustParse(t, c.in), c.target, c.b); got != c.want {
			t.Errorf("%s in %q: %s, want %s", c.in, c.b, got, c.want)
		}
	}
}

func TestNewRegexp(t *testing.T) {
	for _, c := range []struct {
		expr string
		o    RegexpOptions
		b    string
		want string
	}{
		{"a|ab", RegexpOptions{}, "ab", "0+1"},
		{"a|ab", RegexpOptions{Longest: true}, "ab", "0+2"},
		{"ab?", RegexpOptions{Shortest: true}, "ab", "0+1"},
		{"ab?", RegexpOptions{FullWord: true}, "ab a abc xa", "0+2 3+1"},
		{"ab??", RegexpOptions{FullWord: true}, "ab", "0+2"}, // the only one that is a word
		{"ab", RegexpOptions{FullWord: true, Wide: true}, "a\x00b\x00c\x01 a\x00b\x00c\x00", "0+4"},
		{"a.b", RegexpOptions{DotAll: true, Caseless: true, MultiLine: true}, "A\nB", "0+3"},
		{"a+", RegexpOptions{MaxMatch: 2}, "aaa", "0+2 1+2 2+1"},
		{"ab", RegexpOptions{Wide: true, WideBE: true, ASCII: true}, "ab\x00a\x00b\x00", "0+2 2+4 3+4"},
	} {
		p, err := NewRegexp("n", "s", c.expr, c.o)
		if err != nil {
			t.Fatal(err)
		}
		if got := places(t, p, Target{}, c.b); got != c.want {
			t.Errorf("%s %+v in %q: %s, want %s", c.expr, c.o, c.b, got, c.want)
		}
		if p.Name != "n" || p.Written != "s" || p.Kind != KindRegexp || p.Disjoint() {
			t.Errorf("%+v", p)
		}
	}
	if _, err := NewRegexp("n", "s", "a", RegexpOptions{Longest: true, Shortest: true}); err == nil {
		t.Error("both the longest and the shortest")
	}
	if _, err := NewRegexp("n", "s", "ab(", RegexpOptions{}); err == nil || !strings.Contains(err.Error(), "column 1: missing closing )") {
		t.Errorf("%v", err)
	}
	for in, want := range map[string]bool{"re:a": true, "re/w:a": true, "hex:41 [1] 42": false, "text:a": false, "u8:1": false, "a": false} {
		if got := mustParse(t, in).Disjoint(); got != want {
			t.Errorf("%s: disjoint %v", in, got)
		}
	}
	if (Pattern{}).Disjoint() {
		t.Error("the zero pattern is disjoint")
	}
}

func TestNewTextAndHex(t *testing.T) {
	b := []byte("aB")
	p, err := NewText("n", "s", b, TextOptions{Caseless: true})
	if err != nil || p.Kind != KindText || p.Name != "n" || places(t, p, Target{}, "Ab") != "0+2" || string(b) != "aB" {
		t.Errorf("%+v, %v, %q", p, err, b)
	}
	digits := "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for _, c := range []struct {
		b    string
		o    TextOptions
		want string
	}{
		{"", TextOptions{}, "at least one byte"},
		{"a", TextOptions{Xor: &KeyRange{2, 1}}, "the first is above the last"},
		{strings.Repeat("a", MaxBytes+1), TextOptions{Xor: &KeyRange{0, 255}}, "at most 1048576"},
		{"a", TextOptions{Base64: true, Alphabet: "abc"}, "base64 has 64 digits"},
		{"a", TextOptions{Base64: true, Alphabet: digits[:63] + "A"}, "64 different digits"},
		{"a", TextOptions{Base64: true, Alphabet: digits[:63] + "\n"}, "none of which ends a line"},
		{"a", TextOptions{Alphabet: digits}, "an alphabet without base64"},
		{strings.Repeat("a", MaxBytes/2+1), TextOptions{Wide: true}, "at most 1048576"},
		{strings.Repeat("a", MaxBytes), TextOptions{Base64: true}, "at most 1048576"},
	} {
		if _, err := NewText("n", "s", []byte(c.b), c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.9q %+v: %v, want %q", c.b, c.o, err, c.want)
		}
	}
	reversed := []byte(digits)
	slices.Reverse(reversed)
	if p, err = NewText("n", "s", []byte("foobar"), TextOptions{Base64: true, Alphabet: string(reversed)}); err != nil || len(p.body.(*textBody).texts) != 3 {
		t.Errorf("%v", err)
	}
	if p, err = NewHex("n", "s", "41 [2] 42"); err != nil || p.Kind != KindHex || p.Written != "s" || places(t, p, Target{}, "A--B") != "0+4" {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err = NewHex("n", "s", "41 [x] 42"); err == nil || !strings.Contains(err.Error(), "column 5: want decimal digits") {
		t.Errorf("%v", err)
	}
}

// What is wrong with an expression only for an image or a limit is reported when it is
// compiled.
func TestCompileExpressionErrors(t *testing.T) {
	for _, c := range []struct {
		in   string
		max  int
		col  int
		want string
	}{
		{"re:a{20}", 10, 4, "its matches have at least 20 bytes, more than the limit of 10"},
		{"re:^$", 0, 4, "nothing but what is empty"},
		{"n=re/i:(?:[ab]{1000}){1}" + strings.Repeat("a{1000}", 70), MaxBytes, 8, "more than 65536 steps"},
		{"re:a", -1, 4, "matches of at most -1 bytes: want 1 to 1048576"},
		{"re:a", MaxBytes + 1, 4, "want 1 to 1048576"},
		{"hex:41 [5000-] 42", 0, 5, "its matches have at least 5002 bytes, more than the limit of 4096"},
	} {
		_, err := Compile(context.Background(), []Pattern{mustParse(t, c.in)}, Target{MaxMatch: c.max})
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("column %d: ", c.col)) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.20s: %v, want %q", c.in, err, c.want)
		}
	}
	// Two patterns of one name become one if they are written alike.
	twice := []Pattern{mustParse(t, "n=re:a+"), mustParse(t, "n=re:a+")}
	if s, err := Compile(context.Background(), twice, Target{}); err != nil || len(s.Patterns()) != 1 || len(s.Exprs()) != 1 || s.MaxLen() != DefaultMaxMatch {
		t.Errorf("%v", err)
	}
	twice[1] = mustParse(t, "n=re:b+")
	if _, err := Compile(context.Background(), twice, Target{}); err == nil {
		t.Error("two patterns of one name")
	}
}
