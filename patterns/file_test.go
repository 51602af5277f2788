package patterns

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestParseFile(t *testing.T) {
	in := "\ufeff# a comment\r\n" +
		"\n" +
		"  \t\r\n" +
		"\t # another\n" +
		"text:a # b\r\n" +
		"  foo = text:bar \n" +
		"foo2=\thex:00 01\n" +
		"\tu32:5 \r\n" +
		"  literal \n" +
		"a = b\n" +
		"x\ry\r\r\n" +
		"last\r"
	pats, err := ParseFile(context.Background(), "sigs", strings.NewReader(in))
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		line         int
		name, source string
		kind         Kind
		needle       string
	}{
		{5, "text:a # b", "text:a # b", KindText, "612023" + "2062/1"},
		{6, "foo", "text:bar ", KindText, "62617220/1"},
		{7, "foo2", "hex:00 01", KindHex, "0001/1"},
		{8, "u32:5 ", "u32:5 ", KindInt, "05000000/1"},
		{9, "  literal ", "  literal ", KindLiteral, fmt.Sprintf("%x/1", "  literal ")},
		{10, "a = b", "a = b", KindLiteral, fmt.Sprintf("%x/1", "a = b")},
		{11, "x\ry\r", "x\ry\r", KindLiteral, fmt.Sprintf("%x/1", "x\ry\r")},
		{12, "last\r", "last\r", KindLiteral, fmt.Sprintf("%x/1", "last\r")},
	}
	if len(pats) != len(want) {
		t.Fatalf("%d patterns, want %d: %+v", len(pats), len(want), pats)
	}
	for i, w := range want {
		p := pats[i]
		if p.File != "sigs" || p.Line != w.line || p.Name != w.name || p.Written != w.source || p.Kind != w.kind {
			t.Errorf("%+v, want %+v", p, w)
		}
		if got := compile1(t, p, le64); got != w.needle {
			t.Errorf("%q: %s, want %s", p.Written, got, w.needle)
		}
	}
}

func TestParseFileErrors(t *testing.T) {
	in := "ok\nhex:12 3g\r\n# c\n  é = u8:300\nre:x(\n"
	pats, err := ParseFile(context.Background(), "sigs.txt", strings.NewReader(in))
	want := "sigs.txt:2:9: want the second digit of a byte, found 'g'\n" +
		"\thex:12 3g\n" +
		"\t        ^\n" +
		"sigs.txt:5:4: missing closing ): \"x(\"\n" +
		"\tre:x(\n" +
		"\t   ^"
	if pats != nil || err == nil || err.Error() != want {
		t.Errorf("%v\nwant\n%s", err, want)
	}
	_, err = ParseFile(context.Background(), "sigs.txt", strings.NewReader("  n = u8:300"))
	want = "sigs.txt:1:10: 300 is outside u8, which holds 0 to 255\n\t  n = u8:300\n\t         ^"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant\n%s", err, want)
	}
	// The errors of Compile have the place too.
	pats, err = ParseFile(context.Background(), "s", strings.NewReader("a = text:x\n\n  b = ptr:0x100000000\na=text:y\n"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Compile(context.Background(), pats, le32)
	want = "s:3:11: 0x100000000 is above 0xffffffff, the highest address that a word of the image holds\n" +
		"\t  b = ptr:0x100000000\n" +
		"\t          ^\n" +
		"s:4: the name 'a' is also that of another pattern, 'a = text:x' (s:1): give one of them another NAME=\n" +
		"\ta=text:y"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant\n%s", err, want)
	}
}

func TestFileEdges(t *testing.T) {
	readers := map[string]func(context.Context, string, io.Reader) ([]Pattern, error){"ParseFile": ParseFile, "Lines": ParseLiterals}
	for name, read := range readers {
		for _, empty := range []string{"", "\n", "\r\n", "\n\n\r\n", "\ufeff", "\ufeff\n"} {
			if pats, err := read(t.Context(), "f", strings.NewReader(empty)); err != nil || len(pats) != 0 {
				t.Errorf("%s(%q): %v, %v", name, empty, pats, err)
			}
		}
		for _, wide := range []string{"\xff\xfea\x00\n\x00", "\xfe\xff\x00a\x00\n"} {
			if _, err := read(t.Context(), "f", strings.NewReader(wide)); err == nil || err.Error() != "f: the file is UTF-16: save it as UTF-8" {
				t.Errorf("%s: UTF-16: %v", name, err)
			}
		}
		cause := errors.New("disk on fire")
		_, err := read(t.Context(), "f", io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(cause)))
		if !errors.Is(err, cause) || err.Error() != "reading patterns from f: disk on fire" {
			t.Errorf("%s: %v", name, err)
		}
		// The file is read one byte at a time, and has lines longer than any buffer.
		long := strings.Repeat("x", 200_000)
		pats, err := read(t.Context(), "f", iotest.OneByteReader(strings.NewReader("a\r\n"+long+"\r\nb")))
		if err != nil || len(pats) != 3 || pats[0].Name != "a" || pats[1].Name != long || pats[2].Name != "b" || pats[2].Line != 3 {
			t.Errorf("%s: %d patterns, %v", name, len(pats), err)
		}
		for _, end := range []string{"", "\n", "\r\n"} {
			if pats, err := read(t.Context(), "f", strings.NewReader(strings.Repeat("x", MaxBytes)+end)); err != nil || len(pats) != 1 {
				t.Errorf("%s: a longest literal and %q: %v", name, end, err)
			}
			if _, err := read(t.Context(), "f", strings.NewReader(strings.Repeat("x", MaxBytes+1)+end)); err == nil {
				t.Errorf("%s: a literal that is too long and %q", name, end)
			}
		}
		// The source has no lines and no end.
		if _, err := read(t.Context(), "f", zeros{}); err == nil || !strings.Contains(err.Error(), "nothing behind it was read") {
			t.Errorf("%s: endless: %v", name, err)
		}
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestLines(t *testing.T) {
	pats, err := ParseLiterals(context.Background(), "words", strings.NewReader("text:\\n\r\n\n#x\n a \nn = hex:00\nx\r\r\n\xff\x00\nre:\r"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[int]string{1: `text:\n`, 3: "#x", 4: " a ", 5: "n = hex:00", 6: "x\r", 7: "\xff\x00", 8: "re:\r"}
	if len(pats) != len(want) {
		t.Fatalf("%d patterns, want %d", len(pats), len(want))
	}
	for _, p := range pats {
		if w := want[p.Line]; p.Name != w || p.Written != w || p.Kind != KindLiteral || p.File != "words" || compile1(t, p, Target{}) != fmt.Sprintf("%x/1", w) {
			t.Errorf("%+v, want %q", p, w)
		}
	}
}

// manyPatterns returns a file of n patterns of all kinds.
func manyPatterns(n int) string {
	var b strings.Builder
	for i := range n {
		switch i % 5 {
		case 0:
			fmt.Fprintf(&b, "name%d = text:some words\\x20and \\\\ number %d\n", i, i)
		case 1:
			fmt.Fprintf(&b, "hex:%016x cafebabe\n", i)
		case 2:
			fmt.Fprintf(&b, "u64be:%d..%d\r\n", i, 2*i)
		case 3:
			fmt.Fprintf(&b, "ptr:%#x+0x1000\n", 0x7f0000000000+uint64(i))
		case 4:
			fmt.Fprintf(&b, "a literal, the %dth of them\n", i)
		}
	}
	return b.String()
}

func TestManyPatterns(t *testing.T) {
	pats, err := ParseFile(context.Background(), "f", strings.NewReader(manyPatterns(100_000)))
	if err != nil || len(pats) != 100_000 {
		t.Fatalf("%d patterns, %v", len(pats), err)
	}
	s, err := Compile(context.Background(), append(pats, pats...), le64)
	if err != nil || len(s.Patterns()) != 100_000 || len(s.Needles()) != 100_000 {
		t.Fatalf("%v", err)
	}
}

// A file where every line is wrong has as many errors.
func TestManyErrors(t *testing.T) {
	_, err := ParseFile(context.Background(), "f", strings.NewReader(strings.Repeat("hex:0\n", 100_000)))
	if list, ok := err.(interface{ Unwrap() []error }); !ok || len(list.Unwrap()) != 100_000 {
		t.Fatalf("%T", err)
	}
	if n := strings.Count(err.Error(), "^"); n != 100_000 {
		t.Errorf("%d carets", n)
	}
}

// mixedPatterns returns a file of n patterns like those of people who collect signatures: a
// third masked, a tenth in any case, a tenth wide, the rest plain, and a twentieth each
// regular expressions and hex with jumps.
func mixedPatterns(n int) string {
	var b strings.Builder
	for i := range n {
		switch k := i % 20; {
		case k < 6:
			fmt.Fprintf(&b, "m%d = hex:%08x ?? ?? cafe 4? %04x\n", i, i, i%65536)
		case k < 8:
			fmt.Fprintf(&b, "i%d = text/i:Some Words, %d of them\n", i, i)
		case k < 10:
			fmt.Fprintf(&b, "w%d = text/w:some wide words %d\n", i, i)
		case k == 10:
			fmt.Fprintf(&b, "r%d = re:key%d=[0-9a-f]{8,32}(?:;|$)\n", i, i)
		case k == 11:
			fmt.Fprintf(&b, "j%d = hex:4d5a%08x [4-16] ( 50 45 | 4e 45 )\n", i, i)
		case k == 12:
			fmt.Fprintf(&b, "f%d = f64le:%d.5~0.25\n", i, i)
		default:
			fmt.Fprintf(&b, "t%d = text:signature number %d\n", i, i)
		}
	}
	return b.String()
}

// BenchmarkMixed measures reading and compiling: what a user with 100,000 patterns waits
// for before the search.
func BenchmarkMixed(b *testing.B) {
	in := mixedPatterns(100_000)
	for b.Loop() {
		pats, err := ParseFile(context.Background(), "f", strings.NewReader(in))
		if err != nil {
			b.Fatal(err)
		}
		s, err := Compile(context.Background(), pats, le64)
		if err != nil || len(s.Patterns()) != 100_000 || len(s.Exprs()) != 10_000 {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseFile(b *testing.B) {
	in := manyPatterns(100_000)
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		pats, err := ParseFile(context.Background(), "f", strings.NewReader(in))
		if err != nil || len(pats) != 100_000 {
			b.Fatal(len(pats), err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	pats, err := ParseFile(context.Background(), "f", strings.NewReader(manyPatterns(100_000)))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := Compile(context.Background(), pats, le64)
		if err != nil || len(s.Needles()) != 100_000 {
			b.Fatal(err)
		}
	}
}
