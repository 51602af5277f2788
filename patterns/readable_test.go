package patterns

import (
	"context"
	"testing"

	"vscan/engine/addr"
)

func compiled(t *testing.T, pattern string) *Set {
	t.Helper()
	p, err := Parse(pattern)
	if err != nil {
		t.Fatal(err)
	}
	set, err := Compile(context.Background(), []Pattern{p}, Target{WordSize: 8, Order: addr.Little, OrderKnown: true})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestText(t *testing.T) {
	const none = ""
	for _, c := range []struct {
		pattern, bytes string
		cut            bool
		want           string
	}{
		{"hello", "hello", false, "hello"},
		{"größe", "größe", false, "größe"},
		{"hex:c3", "\xc3", false, none},
		{"hex:4?", "a\x00", false, none},
		{"hex:4?", "a\tb\r\n", false, "a\tb\r\n"},
		{"hex:4?", "a\x1b[m", false, none},
		{"hex:4?", "a\u202eb", false, none},
		{"hex:4?", "", false, none},
		{"größe", "gr\xc3", true, "gr"}, // the rest of the ö is not shown
		{"größe", "gr\xc3", false, none},
		{"hex:4?", "\xe4\xb8", true, none},
		{"hex:4?", "ab\xff", true, none},
		{"u32:..", "abcd", false, "abcd"},

		{"text/w:hi", "h\x00i\x00", false, "hi"},
		{"text/W:hi", "\x00h\x00i", false, "hi"},
		{"text/wWa:hi", "h\x00i\x00", false, "hi"},
		{"text/wWa:hi", "\x00h\x00i", false, "hi"},
		{"text/wWa:hi", "hi", false, "hi"},
		{"text/wif:Hi", "h\x00I\x00", false, "hI"},
		{"text/w:größe", "g\x00r\x00\xf6\x00\xdf\x00e\x00", false, "größe"},
		{"text/w:größe", "g\x00r\x00\xf6", true, "gr"},
		{"text/w:größe", "g\x00r\x00\xf6", false, none},
		{"text/w:a😀", "a\x00\x3d\xd8\x00\xde", false, "a😀"},
		{"text/w:a😀", "a\x00\x3d\xd8", true, "a"},
		{"text/w:a😀", "a\x00\x3d\xd8", false, none},
		{`text/w:\x01`, "\x01\x00", false, none},
		{"re/w:[a-z]+", "a\x00b\x00", false, "ab"},
		{"re/W:[a-z]+", "\x00a\x00b", false, "ab"},
		{"re/wa:[a-z]+", "a\x00b\x00", false, "ab"},
		{"re/wa:[a-z]+", "ab", false, "ab"},
		{"re/wW:.+", "\x00a\x00b", false, "ab"},
		{"text/B:hello", "a\x00G\x00V\x00s\x00", true, "aGVs"},

		{"text/x:hello", "IDMMN", false, "IDMMN"}, // as it stands
		{"text/xw:hi", "I!H!", false, "I!H!"},
	} {
		got, ok := compiled(t, c.pattern).Text(0, 0, []byte(c.bytes), c.cut)
		if ok != (c.want != none) || ok && got != c.want {
			t.Errorf("%s, %q: %q, %v, want %q", c.pattern, c.bytes, got, ok, c.want)
		}
	}
	for e, bytes := range []string{ASCII: "a\tb", UTF16LE: "a\x00\t\x00b\x00", UTF16BE: "\x00a\x00\t\x00b"} {
		p, err := ASCIIRuns(Encoding(e), 1)
		if err != nil {
			t.Fatal(err)
		}
		set, err := Compile(context.Background(), []Pattern{p}, Target{})
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := set.Text(0, 0, []byte(bytes), false); got != "a\tb" || !ok {
			t.Errorf("%v: %q, %v", p.Name, got, ok)
		}
	}
}

func TestKey(t *testing.T) {
	for _, c := range []struct {
		pattern, bytes string
		key            int // −1 where there is none
	}{
		{"text/x:hello", "hello", 0},
		{"text/x:hello", "IDMMN", 0x21},
		{"text/x:hello", "I", 0x21},
		{"text/x(21-22):hello", "IDMMN", 0x21},
		{"text/xwa:hi", "I!H!", 0x21},
		{"text/xwa:hi", "IH", 0x21},
		{"text/xW:hi", "!I!H", 0x21},
		{"text/xf:hello", "IDMMN", 0x21},
		{"text:hello", "hello", -1},
		{"hello", "hello", -1},
		{"u8:1", "\x01", -1},
	} {
		key, ok := compiled(t, c.pattern).XorKey(0, []byte(c.bytes))
		if ok != (c.key >= 0) || ok && int(key) != c.key {
			t.Errorf("%s, %q: %#x, %v, want %d", c.pattern, c.bytes, key, ok, c.key)
		}
	}
}

// Whatever the bytes are, text is valid and prints.
func FuzzText(f *testing.F) {
	f.Add("text/wWa:hi", []byte("h\x00i\x00"), true)
	f.Add("text/x:hi", []byte{1}, false)
	f.Add("re/wW:.", []byte{0xd8, 0, 0xdc, 0}, true)
	f.Fuzz(func(t *testing.T, pattern string, b []byte, cut bool) {
		p, err := Parse(pattern)
		if err != nil || len(pattern) > 100 {
			t.Skip()
		}
		set, err := Compile(context.Background(), []Pattern{p}, Target{WordSize: 8, OrderKnown: true})
		if err != nil {
			t.Skip()
		}
		text, ok := set.Text(0, 0, b, cut)
		for _, r := range text {
			if !legible(r) {
				t.Fatalf("%q: %q", b, text)
			}
		}
		if ok && text == "" {
			t.Fatalf("%q: text without characters", b)
		}
		set.XorKey(0, b)
	})
}
