package patterns

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
	"unsafe"

	"pgregory.net/rapid"

	"vscan/engine/addr"
	"vscan/internal/testenv"
)

var (
	le64 = Target{WordSize: 8, Order: addr.Little, OrderKnown: true}
	be64 = Target{WordSize: 8, Order: addr.Big, OrderKnown: true}
	le32 = Target{WordSize: 4, Order: addr.Little, OrderKnown: true}
	be32 = Target{WordSize: 4, Order: addr.Big, OrderKnown: true}
)

// named returns a target with mappings of these names.
func named(t Target, m map[string][]addr.Range) Target {
	t.Mapping = func(name string) ([]addr.Range, error) { return m[name], nil }
	return t
}

// show returns a needle in short: "lit/ALIGN" or "lit&mask/ALIGN", bytes in hexadecimal, or
// "SIZEle|be lo..hi lo..hi/ALIGN".
func show(n Needle) string {
	if n.Keys.Any {
		return fmt.Sprintf("%x^%02x-%02x/%d", n.Lit, n.Keys.Lo, n.Keys.Hi, n.Align)
	}
	if n.Words == nil && n.Mask != nil {
		return fmt.Sprintf("%x&%x/%d", n.Lit, n.Mask, n.Align)
	}
	if n.Words == nil {
		return fmt.Sprintf("%x/%d", n.Lit, n.Align)
	}
	s := fmt.Sprintf("%d%s", n.Words.Size, n.Words.Order.String()[:1])
	for _, r := range n.Words.Ranges {
		s += fmt.Sprintf(" %x..%x", r.Lo, r.Hi)
	}
	return s + "/" + strconv.FormatUint(n.Align, 10)
}

// compile1 returns the needles of one pattern in short.
func compile1(t testing.TB, p Pattern, target Target) string {
	t.Helper()
	s, err := Compile(context.Background(), []Pattern{p}, target)
	if err != nil {
		t.Fatalf("Compile(context.Background(), %q): %v", p.Written, err)
	}
	var out []string
	longest := 0
	for _, n := range s.Needles() {
		out = append(out, show(n))
		longest = max(longest, n.Len())
	}
	if s.MaxLen() != longest || len(s.Patterns()) != 1 {
		t.Errorf("%q: MaxLen %d, want %d; %d patterns", p.Written, s.MaxLen(), longest, len(s.Patterns()))
	}
	return strings.Join(out, ", ")
}

func mustParse(t testing.TB, s string) Pattern {
	t.Helper()
	p, err := Parse(s)
	if err != nil {
		t.Fatalf("Parse(%q): %v", s, err)
	}
	return p
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in, name, source string
		kind             Kind
	}{
		// Literal text: no known kind.
		{"password=x", "password=x", "password=x", KindLiteral},
		{"http://x", "http://x", "http://x", KindLiteral},
		{`C:\new`, `C:\new`, `C:\new`, KindLiteral},
		{"a=b:c", "a=b:c", "a=b:c", KindLiteral},
		{"a=b=text:x", "a=b=text:x", "a=b=text:x", KindLiteral},
		{"text", "text", "text", KindLiteral},
		{"text/w", "text/w", "text/w", KindLiteral},
		{"text :x", "text :x", "text :x", KindLiteral},
		{" text:x", " text:x", " text:x", KindLiteral},
		{"a =text:x", "a =text:x", "a =text:x", KindLiteral},
		{"a= text:x", "a= text:x", "a= text:x", KindLiteral},
		{"=text:x", "=text:x", "=text:x", KindLiteral},
		{"1a=text:x", "1a=text:x", "1a=text:x", KindLiteral},
		{"a b=text:x", "a b=text:x", "a b=text:x", KindLiteral},
		{"hexagon:1", "hexagon:1", "hexagon:1", KindLiteral},
		{"hexa:1", "hexa:1", "hexa:1", KindLiteral},
		{"Text:x", "Text:x", "Text:x", KindLiteral},
		{"u31:1", "u31:1", "u31:1", KindLiteral},
		{"u32l:1", "u32l:1", "u32l:1", KindLiteral},
		{"ptrle:1", "ptrle:1", "ptrle:1", KindLiteral},
		{"f16:1", "f16:1", "f16:1", KindLiteral},
		{"# no comment", "# no comment", "# no comment", KindLiteral},
		{":", ":", ":", KindLiteral},
		{"/", "/", "/", KindLiteral},
		{"\x00\xff", "\x00\xff", "\x00\xff", KindLiteral},
		// Names.
		{"foo=text:bar", "foo", "text:bar", KindText},
		{"_a.b$c-9=hex:00", "_a.b$c-9", "hex:00", KindHex},
		{"text=text:text=text:", "text", "text:text=text:", KindText},
		{"re=u8:1", "re", "u8:1", KindInt},
		{"p=ptr:@[heap]", "p", "ptr:@[heap]", KindPtr},
		{"text:a=b", "text:a=b", "text:a=b", KindText},
		{"text::", "text::", "text::", KindText},
		{"text:re:x", "text:re:x", "text:re:x", KindText},
	} {
		p := mustParse(t, c.in)
		if p.Name != c.name || p.Written != c.source || p.Kind != c.kind || p.File != "" || p.Line != 0 {
			t.Errorf("Parse(%q) = %q, %q, %v, %q:%d", c.in, p.Name, p.Written, p.Kind, p.File, p.Line)
		}
		if c.kind == KindLiteral {
			if got, want := compile1(t, p, Target{}), fmt.Sprintf("%x/1", c.in); got != want {
				t.Errorf("%q: needle %s, want %s", c.in, got, want)
			}
		}
	}
}

func TestNeedles(t *testing.T) {
	maps := map[string][]addr.Range{
		"[heap]":  {{First: 0x5000, Last: 0x5fff}, {First: 0x4000, Last: 0x4fff}, {First: 0x1000, Last: 0x1fff}},
		"mapped":  {{First: 0x1000, Last: 0x1fff}, {First: 0xfffff000, Last: 0x100000fff}, {First: 0xffffffff81000000, Last: addr.Max}},
		"byte":    {{First: 7, Last: 7}},
		"a b (d)": {{First: 0, Last: 1}},
	}
	for _, c := range []struct {
		in     string
		target Target
		want   string
	}{
		{"text:abc", Target{}, "616263/1"},
		{"text: a ", Target{}, "206120/1"},
		{`text:\x41\xFF\xfe\n\r\t\0\\`, Target{}, "41fffe0a0d09005c/1"},
		{`text:\a\b\f\v\e\"\'`, Target{}, "07080c0b1b2227/1"},
		{`text:\08\0a\x000`, Target{}, "003800610030/1"},
		{"text:é\xff", Target{}, "c3a9ff/1"},
		{"text/w:aé", Target{}, "6100e900/1"},
		{"text/W:aé", Target{}, "006100e9/1"},
		{`text/w:\xe9\n`, Target{}, "e9000a00/1"},
		{"text/w:😀", Target{}, "3dd800de/1"}, // U+1F600 is D83D DE00
		{"text/W:\U0010ffff\ufffd", Target{}, "dbffdffffffd/1"},
		{"text/wW:ab", Target{}, "61006200/1, 00610062/1"},
		{"text/Ww:ab", Target{}, "61006200/1, 00610062/1"},
		{"text/wW:āဓ", Target{}, "01011310/1, 01011013/1"},
		{"text/wW:ā", Target{}, "0101/1"}, // U+0101: the same in both
		{`text/wW:\0`, Target{}, "0000/1"},
		{"text/wa:ab", Target{}, "6162/1, 61006200/1"},
		{"text/aW:ab", Target{}, "6162/1, 00610062/1"},
		{"text/i:1 aZ", Target{}, "3120415a&ffffdfdf/1"},
		{"text/i:\\x41b", Target{}, "4142&dfdf/1"},
		{"text/i:12", Target{}, "3132/1"},
		{"text/i:é", Target{}, "c3a9/1"},
		{"text/wi:k1", Target{}, "4b003100&dfffffff/1"},
		{"text/Wi:\u212a", Target{}, "212a/1"}, // the Kelvin sign is no ASCII letter
		{"text/wWai:k", Target{}, "4b&df/1, 4b00&dfff/1, 004b&ffdf/1"},
		{"text/a:x", Target{}, "78/1"},
		{"hex:4?", Target{}, "40&f0/1"},
		{"hex:??4?F?", Target{}, "0040f0&00f0f0/1"},
		{"hex:?1 ff ??", Target{}, "01ff00&0fff00/1"},
		{"hex:00ffAb", Target{}, "00ffab/1"},
		{"hex: 00 ff\tAb ", Target{}, "00ffab/1"},

		{"u8:255", Target{}, "ff/1"},
		{"u8be:0x10..0x20", Target{}, "1l 10..20/1"},
		{"i8:-128", Target{}, "80/1"},
		{"i8:-1..1", Target{}, "1l 0..1 ff..ff/1"},
		{"i8:..", Target{}, "1l 0..ff/1"},
		{"i8:-5..-2", Target{}, "1l fb..fe/1"},
		{"i8:-5..-5", Target{}, "fb/1"},
		{"u16:1", le32, "0100/1"},
		{"u16:1", be64, "0001/1"},
		{"u16le:1", be64, "0100/1"},
		{"u16be:1", Target{}, "0001/1"},
		{"u32be:0xdeadbeef", Target{}, "deadbeef/1"},
		{"u32le:0XDEADBEEF", Target{}, "efbeadde/1"},
		{"u32: 7 ", le32, "07000000/1"},
		{"u32:5..", le32, "4l 5..ffffffff/1"},
		{"u32:..5", be32, "4b 0..5/1"},
		{"u32:0x10+4", le32, "4l 10..13/1"},
		{"u32:0x10+1", le32, "10000000/1"},
		{"u32:0+4294967296", le32, "4l 0..ffffffff/1"},
		{"i32:-5+3", le32, "4l fffffffb..fffffffd/1"},
		{"i32:-0x80000000..", le32, "4l 0..ffffffff/1"},
		{"i32:-0", le32, "00000000/1"},
		{"u64be:18446744073709551615", Target{}, "ffffffffffffffff/1"},
		{"u64le:..", Target{}, "8l 0..ffffffffffffffff/1"},
		{"u64le:1+18446744073709551615", Target{}, "8l 1..ffffffffffffffff/1"},
		{"i64le:-9223372036854775808", Target{}, "0000000000000080/1"},
		{"i64be:-9223372036854775808..9223372036854775807", Target{}, "8b 0..ffffffffffffffff/1"},
		{"i64be:-2..1", Target{}, "8b 0..1 fffffffffffffffe..ffffffffffffffff/1"},

		{"ptr:0x1000", le64, "0010000000000000/8"},
		{"ptr:4096", be32, "00001000/4"},
		{"ptr:0xffffffff", le32, "ffffffff/4"},
		{"ptr:0x1000..0x1fff", le64, "8l 1000..1fff/8"},
		{"ptr:0x1000+0x1000", be64, "8b 1000..1fff/8"},
		{"ptr:0x1000..", le32, "4l 1000..ffffffff/4"},
		{"ptr:..", le64, "8l 0..ffffffffffffffff/8"},
		{"ptr:..0x10", le32, "4l 0..10/4"},
		{"ptr:@[heap]", named(le64, maps), "8l 1000..1fff 4000..5fff/8"},
		{"ptr:@mapped", named(le64, maps), "8l 1000..1fff fffff000..100000fff ffffffff81000000..ffffffffffffffff/8"},
		{"ptr:@mapped", named(le32, maps), "4l 1000..1fff fffff000..ffffffff/4"},
		{"ptr:@byte", named(be32, maps), "00000007/4"},
		{"ptr: @a b (d) ", named(le32, maps), "4l 0..1/4"},

		{"text:abc", Target{Align: 3}, "616263/3"},
		{"ptr:0x1000", Target{WordSize: 8, OrderKnown: true, Align: 1}, "0010000000000000/1"},
		{"u8:1..2", Target{Align: 16}, "1l 1..2/16"},
	} {
		if got := compile1(t, mustParse(t, c.in), c.target); got != c.want {
			t.Errorf("%s: %s, want %s", c.in, got, c.want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		in   string
		col  int
		want string // a part of the message
	}{
		{"", 1, "empty pattern"},
		{"hex:??", 5, "nothing but ?"},
		{"hex: ?? ?? ", 5, "nothing but ?"},
		{"hex:?", 6, "want the second digit of a byte, found the end"},
		{"hex:? ?", 6, "want the second digit of a byte, found ' '"},
		{"hex:41 ~??", 8, "~??, a byte that is none"},
		{"hex:41 ~4", 10, "want the second digit of a byte, found the end"},
		{"hex:?? [4] ??", 5, "nothing but ?"},
		{"hex:[4] 41", 5, "a jump in front of all else"},
		{"hex:41 [4]", 8, "a jump behind all else"},
		{"hex:41 ( [2] 41 | 42 )", 10, "a jump in front of all else"},
		{"hex:41 [] 42", 9, "an empty jump: want [N], [N-M], [N-] or [-]"},
		{"hex:41 [4", 8, "a [ without a ] behind it"},
		{"hex:41 4] 42", 9, "want the second digit of a byte, found ']'"},
		{"hex:41 [x] 42", 9, "want decimal digits in a jump, found 'x'"},
		{"hex:41 [4-2] 42", 8, "jump 4-2: its first number is above its last"},
		{"hex:41 [1048577-] 42", 9, "a jump of more than 1048576 bytes"},
		{"hex:( 41 | 42", 5, "a ( without a ) behind it"},
		{"hex:41 | 42", 8, "a | without a ( in front of it"},
		{"hex:41 ) 42", 8, "a ) without a ( in front of it"},
		{"hex:( 41 | )", 12, "want pairs of hexadecimal digits, found ')'"},
		{"hex:()", 6, "want pairs of hexadecimal digits, found ')'"},
		{"hex:41 " + strings.Repeat("(", 33), 40, "nested more than 32 deep"},
		// Floating-point numbers.
		{"f32:", 5, "want a number, LO..HI or VALUE~TOL, found the end"},
		{"f32:x", 5, "want a number, as 1.5, -2e10, inf or nan, found \"x\""},
		{"f64:1+2", 6, "LO+LEN means nothing for f64"},
		{"f32:1e39", 5, "1e39 is outside f32, whose largest number is 3.40"},
		{"f32:1..1e39", 8, "1e39 is outside f32"},
		{"f64:1e309", 5, "1e309 is outside f64"},
		{"f32:1e-60", 5, "f32 holds nothing that small but 0"},
		{"f32:0x1p-200", 5, "f32 holds nothing that small but 0"},
		{"f64le:2..1", 7, "range 2..1: its first value is above its last"},
		{"f64:nan..1", 5, "nan is the end of no range"},
		{"f64:nan~1", 5, "a tolerance goes with a finite number"},
		{"f64:1~", 7, "want a number, found the end"},
		{"f64:1~-1", 7, "want a tolerance that is finite and not negative"},
		{"f64:1~nan", 7, "want a tolerance"},
		// Regular expressions.
		{"re:", 4, "want a regular expression, found the end"},
		{"n=re/i:a(b", 8, "missing closing ): \"a(b\""},
		{"re:ab[", 6, "missing closing ]"},
		{`re:é\p{L}`, 6, `\p: there are no classes of Unicode`},
		{`re:a\x{100}`, 5, `\x{100} is no byte: the highest is \xff`},
		{`re:a\777`, 5, `\777 is no byte`},
		{`re:[\C]`, 5, `\C, any byte, is not for classes`},
		{"re:ab{1001}", 6, "repeated too often, at most 1000 times"},
		{`re:(a)\1`, 7, "there are no back references"},
		{"re:a(?=b)", 5, "no looking ahead or behind"},
		{"re:*a", 4, "missing argument to repetition operator"},
		{"re/z:a", 4, "unknown flag 'z': re takes i, s, m, w, W, a"},
		// Flags.
		{"text/:x", 6, "no flag after the /: text takes i, w, W, a, f, x, b, B"},
		{"text/z:x", 6, "unknown flag 'z': text takes i, w, W, a, f, x, b, B"},
		{"text/x(:x", 7, "want a ) to this ("},
		{"text/x(1):x", 8, "want a key of two hexadecimal digits"},
		{"text/x(01-0g):x", 11, "want a key of two hexadecimal digits"},
		{"text/x():x", 8, "want a key"},
		{"text/x(02-01):x", 8, "keys 02-01: the first is above the last"},
		{"text/w(01):x", 7, "unknown flag '('"},
		{"text/xi:x", 9, "do not go with any case"},
		{"text/bi:x", 9, "base64 does not go with any case"},
		{"text/bf:x", 9, "base64 does not go with full words"},
		{"text/xB:x", 9, "do not go with base64"},
		{"text/ww:x", 7, "flag w given twice"},
		{"text/plain; q:x", 6, "unknown flag 'p'"},
		{"text/é:x", 6, "unknown flag 'é'"},
		{"hex/w:00", 5, "hex takes no flags"},
		{"hex/:00", 5, "hex takes no flags"},
		{"u8/w:0", 4, "u8 takes no flags"},
		{"ptr/a:0", 5, "ptr takes no flags"},
		// Text.
		{"text:", 6, "want text"},
		{"n=text/w:", 10, "want text"},
		{`text:\q`, 6, `unknown escape, a \ and 'q': want one of \xNN`},
		{`text:é\é`, 8, `unknown escape, a \ and 'é'`},
		{`text:a\`, 7, "want a character behind the \\, found the end"},
		{`text:\x`, 8, "want two hexadecimal digits behind \\x, found the end"},
		{`text:\x4`, 9, "found the end"},
		{`text:\x4g`, 9, "found 'g'"},
		{`text:\xg4`, 8, "found 'g'"},
		{`text:a\033[`, 7, "no octal"},
		{`text/w:\q`, 8, "unknown escape"},
		{"text/w:a\xffb", 9, "want UTF-8, found the byte 0xff"},
		{"text/W:\xed\xa0\x80", 8, "want UTF-8"}, // a surrogate
		// Hex.
		{"hex:", 5, "want pairs of hexadecimal digits"},
		{"hex:  ", 7, "want pairs of hexadecimal digits"},
		{"hex:4", 6, "want the second digit of a byte, found the end"},
		{"hex:4 1", 6, "want the second digit of a byte, found ' '"},
		{"hex:41 4", 9, "want the second digit"},
		{"hex:12 3g", 9, "want the second digit of a byte, found 'g'"},
		{"hex:0x41", 6, "found 'x'"},
		{"hex:41,42", 7, "want a hexadecimal digit, found ','"},
		{"hex:{ 41 }", 5, "found '{'"},
		// Numbers.
		{"u8:", 4, "want a number, LO..HI or LO+LEN, found the end"},
		{"u8:  ", 6, "want a number"},
		{"u8:256", 4, "256 is outside u8, which holds 0 to 255"},
		{"u8:-1", 4, "-1 is outside u8"},
		{"u8:99999999999999999999999", 4, "outside u8"},
		{"u16:65536", 5, "outside u16"},
		{"u32:0x100000000", 5, "outside u32"},
		{"u64:18446744073709551616", 5, "outside u64, which holds 0 to 18446744073709551615"},
		{"u64:0x10000000000000000", 5, "outside u64"},
		{"i8:128", 4, "128 is outside i8, which holds -128 to 127"},
		{"i8:-129", 4, "-129 is outside i8"},
		{"i8:0xff", 4, "outside i8"},
		{"i16:32768", 5, "outside i16"},
		{"i32:-2147483649", 5, "outside i32"},
		{"i64:9223372036854775808", 5, "outside i64"},
		{"i64:-9223372036854775809", 5, "outside i64"},
		{"u8:1..256", 7, "256 is outside u8"},
		{"i8:-129..1", 4, "-129 is outside i8"},
		{"u8:5..4", 4, "range 5..4: its first value is above its last"},
		{"i8:1..-1", 4, "range 1..-1"},
		{"u8:5+0", 6, "a length of 0"},
		{"u8:250+7", 8, "7 values from 250 run past the highest of u8, 255"},
		{"i8:-128+257", 9, "run past"},
		{"u64:1+18446744073709551616", 7, "outside u64"},
		{"u8:x", 4, "want decimal digits, or 0x and hexadecimal ones, found 'x'"},
		{"u8:12a", 6, "found 'a'"},
		{"u8:0x", 5, "found 'x'"},
		{"u8:0x1g", 7, "found 'g'"},
		{"u8:+5", 4, "found the end"},
		{"u8:5+", 6, "found the end"},
		{"u8:--5", 5, "found '-'"},
		{"u8:1 2", 5, "found ' '"},
		{"u8:1_0", 5, "found '_'"},
		{"u8:1..2..3", 8, "found '.'"},
		{"i8:-", 5, "found the end"},
		{"u8:1.5", 5, "found '.'"},
		// Pointers.
		{"ptr:", 5, "want an address, a range or @NAME, found the end"},
		{"ptr:@", 6, "want the name of a mapping behind the @"},
		{"ptr:[heap]", 5, "a mapping's name has an @ in front"},
		{"ptr:-5", 5, "want an address"},
		{"ptr:0x10000000000000000", 5, "0x10000000000000000 is outside an address, which holds 0x0 to 0xffffffffffffffff"},
		{"ptr:0x20..0x10", 5, "range 0x20..0x10: its first value is above its last"},
		{"ptr:0xffffffffffffffff+2", 24, "run past the highest of an address, 0xffffffffffffffff"},
		{"ptr:0x1g", 8, "found 'g'"},
	} {
		p, err := Parse(c.in)
		if err == nil {
			t.Errorf("Parse(%q) = %v, want an error", c.in, p)
			continue
		}
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("Parse(%q): %T", c.in, err)
			continue
		}
		if e.Column != c.col || !strings.Contains(e.Msg, c.want) || e.Pattern != c.in || e.Line != 0 {
			t.Errorf("Parse(%q): column %d, %q; want %d, %q", c.in, e.Column, e.Msg, c.col, c.want)
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("Parse(%q): the message has more than one line: %v", c.in, err)
		}
	}
}

func TestTooLong(t *testing.T) {
	for _, c := range []struct {
		ok, not string
		col     int
	}{
		{strings.Repeat("x", MaxBytes), "x", 1},
		{"text:" + strings.Repeat("x", MaxBytes), "x", 6},
		{"a=text/w:" + strings.Repeat("x", MaxBytes/2), "x", 10},
		{"hex:" + strings.Repeat("ab", MaxBytes), "ab", 5},
	} {
		if got := len(compile1(t, mustParse(t, c.ok), Target{})); got != 2*MaxBytes+2 {
			t.Errorf("%.9s: a needle of %d digits", c.ok, got)
		}
		var e *Error
		if _, err := Parse(c.ok + c.not); !errors.As(err, &e) || e.Column != c.col || !strings.Contains(e.Msg, "at most 1048576") {
			t.Errorf("%.9s: %v", c.ok, err)
		} else if len(err.Error()) > 500 {
			t.Errorf("%.9s: a message of %d bytes", c.ok, len(err.Error()))
		}
	}
}

func TestCompileErrors(t *testing.T) {
	cause := errors.New("three of that name")
	failing := le64
	failing.Mapping = func(string) ([]addr.Range, error) { return nil, cause }
	maps := map[string][]addr.Range{"high": {{First: 1 << 32, Last: addr.Max}}}
	for _, c := range []struct {
		in     string
		target Target
		col    int
		want   string
	}{
		{"ptr:0x100000000", le32, 5, "0x100000000 is above 0xffffffff"},
		{"n=ptr:0x100000000..", le32, 7, "is above 0xffffffff"},
		{"ptr:0x1000..0x100000000", le32, 13, "the range ends at 0x100000000, above 0xffffffff"},
		{"ptr:0xffffffff+2", le32, 16, "the range ends at 0x100000000"},
		{"ptr:@x", le32, 5, "@x: the image has no named mappings"},
		{"ptr: @x", named(le32, nil), 6, "@x: no such mapping"},
		{"ptr:@high", named(le32, maps), 5, "@high: all of it is above 0xffffffff"},
		{"ptr:@x", failing, 5, "@x: three of that name"},
	} {
		_, err := Compile(context.Background(), []Pattern{mustParse(t, c.in)}, c.target)
		var e *Error
		if !errors.As(err, &e) || e.Column != c.col || !strings.Contains(e.Msg, c.want) || e.Pattern != c.in {
			t.Errorf("%s: %v, want column %d, %q", c.in, err, c.col, c.want)
		}
		if c.target.Mapping != nil && strings.Contains(c.want, "three") && !errors.Is(err, cause) {
			t.Errorf("%s: the cause is lost", c.in)
		}
	}

	if _, err := Compile(context.Background(), nil, Target{WordSize: 3}); err == nil || err.Error() != "word size 3: want 4 or 8 bytes" {
		t.Errorf("word size 3: %v", err)
	}
	if _, err := Compile(context.Background(), make([]Pattern, 1), Target{}); err == nil || err.Error() != "pattern '': an empty pattern" {
		t.Errorf("zero pattern: %v", err)
	}
	if s, err := Compile(context.Background(), nil, Target{}); err != nil || s.MaxLen() != 0 || len(s.Needles()) != 0 {
		t.Errorf("no patterns: %v, %v", s, err)
	}
}

func TestCompileMissing(t *testing.T) {
	var pats []Pattern
	for _, s := range []string{"u8:1", "u32:1", "n=ptr:5", "u32be:2", "i16:1..", "ptr:@x", "u64:9"} {
		pats = append(pats, mustParse(t, s))
	}
	_, err := Compile(context.Background(), pats, Target{})
	want := "pattern 'n' and 1 more: the word size of the image is not known\n" +
		"pattern 'u32:1' and 4 more: the byte order of the image is not known (le or be behind the type says it, as in u32le)"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant\n%s", err, want)
	}
	var m *MissingError
	if !errors.As(err, &m) || m.What != FactWordSize || m.Pattern != "n" || m.More != 1 {
		t.Errorf("%+v", m)
	}
	_, err = Compile(context.Background(), pats[2:3], Target{WordSize: 4})
	if want := "pattern 'n': the byte order of the image is not known"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if _, err := Compile(context.Background(), pats[:1], Target{}); err != nil {
		t.Error(err)
	}
}

// All errors are reported at once, in the order of the patterns.
func TestCompileAllErrors(t *testing.T) {
	pats := []Pattern{mustParse(t, "ptr:0x100000000"), mustParse(t, "a=text:x"), mustParse(t, "ptr:@x"), mustParse(t, "a=text:y")}
	_, err := Compile(context.Background(), pats, le32)
	list, ok := err.(interface{ Unwrap() []error })
	if !ok || len(list.Unwrap()) != 3 {
		t.Fatalf("%v", err)
	}
	want := "pattern 'a=text:y': the name 'a' is also that of another pattern, 'a=text:x': give one of them another NAME="
	if got := list.Unwrap()[2].Error(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestDuplicates(t *testing.T) {
	for _, c := range []struct {
		in   []string
		want string // needles as PATTERN:NEEDLE, or an error's part
	}{
		{[]string{"a", "b", "a", "b", "c"}, "0:61/1 1:62/1 2:63/1"},
		{[]string{"n=text:a", "n=hex:61", "m=text:a"}, "0:61/1 1:61/1"},
		{[]string{"n=u8:1..2", "n=u8be:0x1..0x2"}, "0:1l 1..2/1"},
		{[]string{"n=ptr:@m", "n=ptr:@m", "text/wW:a"}, "0:8l 1..2/8 1:6100/1 1:0061/1"},
		{[]string{"n=text:a", "n=text:b"}, "the name 'n' is also that of another pattern, 'n=text:a'"},
		{[]string{"n=text/wW:a", "n=text/w:a"}, "the name 'n'"},
		{[]string{"n=ptr:1", "n=u64:1"}, "the name 'n'"}, // alignments differ
		{[]string{"n", "n=text:a"}, "the name 'n'"},
		{[]string{"n=u16le:1..2", "n=u16be:1..2"}, "the name 'n'"},
		{[]string{"n=u16le:1..2", "n=text:a"}, "the name 'n'"},
	} {
		var pats []Pattern
		for _, s := range c.in {
			pats = append(pats, mustParse(t, s))
		}
		s, err := Compile(context.Background(), pats, named(le64, map[string][]addr.Range{"m": {{First: 1, Last: 2}}}))
		if err != nil {
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q: %v, want %s", c.in, err, c.want)
			}
			continue
		}
		var got []string
		for _, n := range s.Needles() {
			got = append(got, strconv.Itoa(int(n.Pattern))+":"+show(n))
		}
		if g := strings.Join(got, " "); g != c.want {
			t.Errorf("%q: %s, want %s", c.in, g, c.want)
		}
	}
}

// A mapping is resolved once, however many patterns name it.
func TestMappingAskedOnce(t *testing.T) {
	asked := 0
	target := le64
	target.Mapping = func(string) ([]addr.Range, error) { asked++; return []addr.Range{addr.All}, nil }
	var pats []Pattern
	for i := range 100 {
		pats = append(pats, mustParse(t, fmt.Sprintf("n%d=ptr:@mapped", i)))
	}
	if _, err := Compile(context.Background(), pats, target); err != nil || asked != 1 {
		t.Errorf("asked %d times, %v", asked, err)
	}
}

func TestRef(t *testing.T) {
	maps := map[string][]addr.Range{}
	for _, n := range []string{"[heap]", "libstdc++.so.6", "7z.so", "../a", "a..b", "0", "-5", "x y"} {
		maps[n] = []addr.Range{{First: 0x10, Last: 0x1f}}
	}
	for _, c := range []struct{ in, want string }{
		{"0x1000", "0010000000000000/8"},
		{"4096", "0010000000000000/8"},
		{"0x10..0x1f", "8l 10..1f/8"},
		{"0x10+16", "8l 10..1f/8"},
		{"..5", "8l 0..5/8"},
		{"..", "8l 0..ffffffffffffffff/8"},
		{"0", "0000000000000000/8"},
		{"@0", "8l 10..1f/8"},
		{"[heap]", "8l 10..1f/8"},
		{"@[heap]", "8l 10..1f/8"},
		{"libstdc++.so.6", "8l 10..1f/8"},
		{"7z.so", "8l 10..1f/8"},
		{"../a", "8l 10..1f/8"},
		{"a..b", "8l 10..1f/8"},
		{"-5", "8l 10..1f/8"},
		{"x y", "8l 10..1f/8"},
	} {
		p, err := ParsePointer(c.in)
		if err != nil {
			t.Errorf("Ref(%q): %v", c.in, err)
			continue
		}
		if p.Name != c.in || p.Written != c.in || p.Kind != KindPtr {
			t.Errorf("Ref(%q) = %+v", c.in, p)
		}
		if got := compile1(t, p, named(le64, maps)); got != c.want {
			t.Errorf("Ref(%q): %s, want %s", c.in, got, c.want)
		}
	}
	for _, c := range []struct {
		in   string
		col  int
		want string
	}{
		{"", 1, "want an address, a range or the name of a mapping"},
		{"@", 2, "want the name of a mapping"},
		{"0x20..0x10", 1, "its first value is above its last"},
		{"0xzz", 3, "found 'z'"},
		{"5..x", 4, "found 'x'"},
		{"5+0", 3, "a length of 0"},
		{"99999999999999999999", 1, "outside an address"},
	} {
		var e *Error
		if _, err := ParsePointer(c.in); !errors.As(err, &e) || e.Column != c.col || !strings.Contains(e.Msg, c.want) {
			t.Errorf("Ref(%q): %v, want column %d, %q", c.in, err, c.col, c.want)
		}
	}
}

func TestErrorText(t *testing.T) {
	long := strings.Repeat("é", 200)
	for _, c := range []struct {
		e    Error
		want string
	}{
		{Error{Pattern: `text:\q`, Column: 6, Msg: "m"}, `pattern 'text:\q': column 6: m`},
		{Error{Pattern: "a\tb\n\x1b[31m\xff", Msg: "m"}, "pattern 'a b��[31m�': m"},
		{Error{File: "f", Line: 3, Pattern: "abc", Column: 4, Msg: "m"}, "f:3:4: m\n\tabc\n\t   ^"},
		{Error{File: "f", Line: 3, Pattern: "é\tc", Column: 4, Msg: "m"}, "f:3:4: m\n\té c\n\t  ^"},
		{Error{Line: 3, Pattern: "abc", Column: 1, Msg: "m"}, "line 3:1: m\n\tabc\n\t^"},
		{Error{File: "f", Line: 3, Pattern: "abc", Msg: "m"}, "f:3: m\n\tabc"},
		{Error{File: "f", Line: 1, Pattern: long, Column: 201, Msg: "m"},
			"f:1:201: m\n\t…" + long[:96] + "…\n\t" + strings.Repeat(" ", 33) + "^"},
		{Error{File: "f", Line: 1, Pattern: long, Column: 401, Msg: "m"},
			"f:1:401: m\n\t…" + long[:64] + "\n\t" + strings.Repeat(" ", 33) + "^"},
		{Error{File: "f", Line: 1, Pattern: "x" + long, Column: 1, Msg: "m"},
			"f:1:1: m\n\tx" + long[:96] + "…\n\t^"},
		{Error{File: "f", Line: 1, Pattern: "x" + long, Column: 203, Msg: "m"}, // cuts fall inside characters
			"f:1:203: m\n\t…" + long[:98] + "…\n\t" + strings.Repeat(" ", 33) + "^"},
		{Error{Pattern: "abc", Column: 99, Msg: "m"}, "pattern 'abc': column 99: m"},
	} {
		if got := c.e.Error(); got != c.want {
			t.Errorf("%+v:\n%s\nwant\n%s", c.e, got, c.want)
		}
	}
}

func TestKindString(t *testing.T) {
	for k, want := range []string{"literal", "text", "hex", "int", "ptr", "float", "re", "aes", "run", "unknown"} {
		if got := Kind(k).String(); got != want {
			t.Errorf("kind %d: %s, want %s", k, got, want)
		}
	}
}

// Types of which there are hundreds of thousands of values stay small.
func TestSizes(t *testing.T) {
	if n := unsafe.Sizeof(Pattern{}); n > 104 {
		t.Errorf("a Pattern has %d bytes", n)
	}
	if n := unsafe.Sizeof(Needle{}); n > 72 {
		t.Errorf("a Needle has %d bytes", n)
	}
}

// The package imports nothing of vscan but addr, budget and automaton, and nothing from
// elsewhere.
func TestImports(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			path, _ := strconv.Unquote(i.Path.Value)
			if path != "vscan/engine/addr" && path != "vscan/engine/budget" && path != "vscan/patterns/automaton" && (strings.Contains(path, ".") || strings.HasPrefix(path, "vscan")) {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}

// Every range of the values of a byte is compared with the definition.
func TestInt8Exhaustive(t *testing.T) {
	for _, typ := range []struct {
		word     string
		min, max int
	}{{"u8", 0, 255}, {"i8", -128, 127}} {
		for lo := typ.min; lo <= typ.max; lo++ {
			for hi := lo; hi <= typ.max; hi++ {
				s, err := Compile(context.Background(), []Pattern{mustParse(t, fmt.Sprintf("%s:%d..%d", typ.word, lo, hi))}, Target{})
				if err != nil {
					t.Fatal(err)
				}
				n := s.Needles()[0]
				for v := typ.min; v <= typ.max; v++ {
					b := byte(v)
					got := n.Words == nil && n.Lit[0] == b || n.Words != nil && n.Words.Contains(uint64(b))
					if got != (lo <= v && v <= hi) {
						t.Fatalf("%s:%d..%d: %d: %v", typ.word, lo, hi, v, got)
					}
				}
			}
		}
	}
}

// drawText draws bytes, and a way to write them behind text:.
func drawText(t *rapid.T) (want []byte, body string) {
	short := map[byte]string{'\n': `\n`, '\r': `\r`, '\t': `\t`, '\\': `\\`, 7: `\a`, 8: `\b`, 12: `\f`, 11: `\v`, 27: `\e`, '"': `\"`, '\'': `\'`}
	want = rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "bytes")
	for i, c := range want {
		s, ok := short[c]
		switch how := rapid.IntRange(0, 2).Draw(t, "how"); {
		case how == 0 && ok:
			body += s
		case how == 0 && c == 0 && (i+1 == len(want) || want[i+1] < '0' || want[i+1] > '7'):
			body += `\0`
		case how == 1 && c != '\\':
			body += string(want[i : i+1])
		default:
			body += fmt.Sprintf(`\x%02x`, c)
		}
	}
	return want, body
}

func TestTextRoundTrip(t *testing.T) {
	testenv.Check(t, func(t *rapid.T) {
		want, body := drawText(t)
		p, err := Parse("text:" + body)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Compile(context.Background(), []Pattern{p}, Target{})
		if err != nil || len(s.Needles()) != 1 || !bytes.Equal(s.Needles()[0].Lit, want) {
			t.Fatalf("%q: %v, %v; want %x", body, s, err, want)
		}
	})
}

func TestUTF16RoundTrip(t *testing.T) {
	testenv.Check(t, func(t *rapid.T) {
		text := rapid.StringN(1, 40, -1).Draw(t, "text")
		p, err := Parse("text/wW:" + strings.ReplaceAll(text, `\`, `\\`))
		if err != nil {
			t.Fatal(err)
		}
		s, err := Compile(context.Background(), []Pattern{p}, Target{})
		if err != nil {
			t.Fatal(err)
		}
		var want [][]byte
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			var b bytes.Buffer
			binary.Write(&b, order, utf16.Encode([]rune(text)))
			want = append(want, b.Bytes())
		}
		if bytes.Equal(want[0], want[1]) {
			want = want[:1]
		}
		var got [][]byte
		for _, n := range s.Needles() {
			got = append(got, n.Lit)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: %x, want %x", text, got, want)
		}
	})
}

func TestHexRoundTrip(t *testing.T) {
	testenv.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "bytes")
		body := ""
		for _, c := range want {
			body += rapid.SampledFrom([]string{"%02x", "%02X", " %02x", "%02x\t", "  %02X "}).Draw(t, "form")
			body = fmt.Sprintf(body, c)
		}
		s, err := Compile(context.Background(), []Pattern{mustParseRapid(t, "hex:"+body)}, Target{})
		if err != nil || !bytes.Equal(s.Needles()[0].Lit, want) {
			t.Fatalf("%q: %v, want %x", body, err, want)
		}
	})
}

func mustParseRapid(t *rapid.T, s string) Pattern {
	p, err := Parse(s)
	if err != nil {
		t.Fatalf("Parse(%q): %v", s, err)
	}
	return p
}

// Numbers of every type and byte order are compared with encoding/binary: the bytes of a
// value are the needle, or are in its ranges, exactly if the value is in the pattern's
// range.
func TestIntRoundTrip(t *testing.T) {
	t.Run("u8", func(t *testing.T) { intRoundTrip[uint8](t, "u8") })
	t.Run("u16", func(t *testing.T) { intRoundTrip[uint16](t, "u16") })
	t.Run("u32", func(t *testing.T) { intRoundTrip[uint32](t, "u32") })
	t.Run("u64", func(t *testing.T) { intRoundTrip[uint64](t, "u64") })
	t.Run("i8", func(t *testing.T) { intRoundTrip[int8](t, "i8") })
	t.Run("i16", func(t *testing.T) { intRoundTrip[int16](t, "i16") })
	t.Run("i32", func(t *testing.T) { intRoundTrip[int32](t, "i32") })
	t.Run("i64", func(t *testing.T) { intRoundTrip[int64](t, "i64") })
}

func intRoundTrip[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64](t *testing.T, word string) {
	testenv.Check(t, func(t *rapid.T) {
		values := rapid.OneOf(rapid.Map(rapid.Uint64(), func(v uint64) T { return T(v) }),
			rapid.Map(rapid.Int8(), func(v int8) T { return T(v) }))
		write := func(v T) string {
			switch form := rapid.IntRange(0, 1).Draw(t, "hex"); {
			case form == 0:
				return fmt.Sprint(v)
			case v < 0: // −v of the lowest value is v again, which is right as an unsigned number
				return fmt.Sprintf("-0x%x", -uint64(int64(v)))
			default:
				return fmt.Sprintf("0x%x", v)
			}
		}
		lo, hi := values.Draw(t, "lo"), values.Draw(t, "hi")
		if lo > hi {
			lo, hi = hi, lo
		}
		body := ""
		switch form := rapid.IntRange(0, 2).Draw(t, "form"); {
		case form == 0:
			hi = lo
			body = write(lo)
		case form == 1 && uint64(hi)-uint64(lo) != 1<<64-1:
			body = write(lo) + "+" + fmt.Sprint(uint64(hi)-uint64(lo)+1)
		default:
			body = write(lo) + ".." + write(hi)
		}
		target, order, suffix := le64, binary.ByteOrder(binary.LittleEndian), ""
		switch rapid.IntRange(0, 3).Draw(t, "order") {
		case 1:
			target, order = be64, binary.BigEndian
		case 2:
			target, order, suffix = le64, binary.BigEndian, "be"
		case 3:
			target, suffix = Target{}, "le"
		}
		s, err := Compile(context.Background(), []Pattern{mustParseRapid(t, word+suffix+":"+body)}, target)
		if err != nil {
			t.Fatal(err)
		}
		n := s.Needles()[0]
		if (n.Words == nil) != (lo == hi) || n.Len() != binary.Size(lo) || n.Align != 1 {
			t.Fatalf("%s: %s", body, show(n))
		}
		for _, v := range []T{lo, hi, lo - 1, hi + 1, 0, values.Draw(t, "v"), lo/2 + hi/2} {
			var b bytes.Buffer
			binary.Write(&b, order, v)
			got := n.Words == nil && bytes.Equal(n.Lit, b.Bytes()) || n.Words != nil && n.Words.Contains(n.Words.Order.Uint(b.Bytes()))
			if got != (lo <= v && v <= hi) {
				t.Fatalf("%s: %d: %v", show(n), v, got)
			}
		}
		if n.Words != nil {
			for i, r := range n.Words.Ranges {
				if r.Lo > r.Hi || i > 0 && n.Words.Ranges[i-1].Hi+1 >= r.Lo {
					t.Fatalf("%s: not sorted, disjoint and merged", show(n))
				}
			}
		}
	})
}
