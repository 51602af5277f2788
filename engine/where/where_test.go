package where

import (
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
)

// namesSpace returns a space that has names of all kinds.
func namesSpace(t testing.TB) *engine.Space {
	t.Helper()
	var ms []engine.Mapping
	for i, name := range []string{"/lib/libstdc++.so.6", "[heap]", "/opt/a+0x10", "/opt/two..dots", "x->y+1", "-", "load[3]", "", "/opt/1", "é ü"} {
		first := addr.Addr(i+1) << 16
		ms = append(ms, engine.Mapping{Range: addr.Range{First: first, Last: first + 0xffff}, State: engine.Absent, Name: name})
	}
	s, err := engine.NewSpace(ms...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestParseWhere(t *testing.T) {
	p := namesSpace(t).Places()
	for in, want := range map[string]string{
		"0x10": "0x10..0x10", "16..32": "0x10..0x20", "..": addr.All.String(), "0x10+4K": "0x10..0x100f", "0x1000..": "0x1000..0xffffffffffffffff",
		"libstdc++.so.6+0x10": "0x10010..0x10010", "libstdc++.so.6+0x10+0x20": "0x10010..0x1002f", "/lib/libstdc++.so.6+1..libstdc++.so.6+2": "0x10001..0x10002",
		"[heap]+0xffff": "0x2ffff..0x2ffff", "[heap]+1K": "0x20400..0x20400", "[heap]+0..0x20010": "0x20000..0x20010", "..[heap]+16": "0x0..0x20010", "[heap]+0x10..": "0x20010..0xffffffffffffffff",
		"a+0x10+0x3": "0x30003..0x30003", "a+0x10+0x3+2": "0x30003..0x30004", "/opt/a+0x10+0..a+0x10+5": "0x30000..0x30005",
		"two..dots+0x8": "0x40008..0x40008", "two..dots+8..two..dots+9": "0x40008..0x40009", "x->y+1+4": "0x50004..0x50004", "-+0": "0x60000..0x60000",
		"1+4": "0x1..0x4", "/opt/1+4": "0x90004..0x90004", "é ü+3": "0xa0003..0xa0003",
	} {
		if got, err := Parse(p, in); err != nil || got.String() != want {
			t.Errorf("%s: %v, %v, want %s", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"": "want", "+": "want", "+5": "want", "heap": "NAME+OFFSET", "[heap]": "NAME+OFFSET", "[heap]+": "want", "[heap]+-1": "want", "[heap]+0x10000": "beyond its end",
		"nobody+5": "nothing in the image", "nobody+5+6": "nothing in the image", "[heap]+5+0": "a length of 0", "[heap]+9..[heap]+8": "above its last",
		"9..8": "above its last", "[heap]+0+0xffffffffffffffff": "past the last address", "libstdc++.so.6..5": "want", "[heap]+99999999999999999999": "want",
	} {
		if got, err := Parse(p, in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v, want %q", in, got, err, want)
		}
	}
}

func TestParseChain(t *testing.T) {
	for in, want := range map[string]string{
		"0x10": "0x10", "a+0x10 -> +0x0 -> -0x38": "a+0x10 | +0x0 -0x38", "a+0x10->+1->+0x2": "a+0x10 | +0x1 +0x2", "x->y+1": "x->y+1",
		"x->y+1 -> +4": "x->y+1 | +0x4", "5\t-> +0x8": "5 | +0x8", "5 ->  +1K": "5 | +0x400", "5 -> +0x100000001": "5 | +0x100000001",
	} {
		c, err := ParseChain(in)
		got := c.Base
		if len(c.Steps) > 0 {
			got += " |"
		}
		for _, n := range c.Steps {
			got += " " + StepText(n)
		}
		if err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"", "->", "-> +1", "5 ->", "5 -> 1", "5 -> +", "5 -> +-1", "5 -> --1", "5 -> +1 -> x", "heap -> +1", "+1 -> +1"} {
		if c, err := ParseChain(in); err == nil {
			t.Errorf("%q: %+v", in, c)
		}
	}
}

// Text that has the form of a range can be read as one in an image.
func FuzzWhere(f *testing.F) {
	for _, s := range []string{"..", "[heap]+1..[heap]+2", "a+0x10+0x3+2", "two..dots+8..", "0x10+4K", "x->y+1 -> +4 -> -0x2", "é ü+3", "+", "..+1", "a+1..+"} {
		f.Add(s)
	}
	space := namesSpace(f)
	f.Fuzz(func(t *testing.T, s string) {
		if err := CheckRange(s); err == nil {
			if ranges, err := ParseRanges(space.Places(), []string{s}); err == nil && (len(ranges) != 1 || !ranges[0].Valid()) {
				t.Fatalf("%q: %v", s, ranges)
			}
		}
		if r, err := Parse(space.Places(), s); err == nil && !r.Valid() {
			t.Fatalf("%q: %v", s, r)
		}
		c, err := ParseChain(s)
		if err != nil {
			return
		}
		again := c.Base
		for _, n := range c.Steps {
			again += " -> " + StepText(n)
		}
		if d, err := ParseChain(again); err != nil || d.Base != c.Base || len(d.Steps) != len(c.Steps) {
			t.Fatalf("%q is %+v, and %q %+v, %v", s, c, again, d, err)
		}
	})
}
