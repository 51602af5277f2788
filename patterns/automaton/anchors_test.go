package automaton

import (
	"fmt"
	"strings"
	"testing"
)

// latin returns bytes as characters, so that %q shows each.
func latin(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		if c < 0x80 {
			s.WriteByte(c)
		} else {
			fmt.Fprintf(&s, "<%02x>", c)
		}
	}
	return s.String()
}

func TestAnchors(t *testing.T) {
	for _, c := range []struct {
		expr  string
		flags Flags
		limit int
		want  string
	}{
		{`password=\w+`, 0, 4096, "password= at 0"},
		{`https?://[a-z]{2,20}\.com`, 0, 4096, ".com at 9 to 28"},
		{`(?:GET|POST|PUT) /`, 0, 4096, "GET / at 0, POST / at 0, PUT / at 0"},
		{`[0-9]+password`, 0, 100, "password at 1 to 92"},
		{`[0-9]{3}password`, 0, 4096, "password at 3"},
		{`[0-9]{1,3}\xde\xad\xbe\xef`, 0, 4096, "<de><ad><be><ef> at 1 to 3"},
		{`key: .*`, Caseless, 4096, "KEY: &<df><df><df><ff><ff> at 0"},
		{`AKIA[0-9A-Z]{16}`, 0, 4096, "AKIA at 0"},
		{`[a-z]+@[a-z]+\.org`, 0, 4096, ".org at 3 to 4092"}, // no further in front than there are letters and @
		{`.*\.org`, 0, 4096, ".org at 0 to 4092"},
		{`(?s).*\.org`, 0, 4096, ".org at 0 to 4092"},
		{`[a-z]+@[a-z]+\.organisation`, 0, 4096, ".organisation at 3 to 4083"},
		{`[a-z]*`, 0, 4096, ""},
		{`abcd|x*`, 0, 4096, ""},
		{`abcd|xyz*w`, 0, 4096, "abcd at 0, xy at 0"},
		{`(?:abcd|wxyz)+`, 0, 4096, "abcd at 0, wxyz at 0"},
		{`\x00\x00\x00\x00abcdef\x00\x00`, 0, 4096, `\x00\x00\x00\x00abcdef\x00\x00 at 0`},
		{`^\bfoobar$`, 0, 4096, "foobar at 0"},
		{`(?:foobar)?`, 0, 4096, "foobar at 0"},
		{`.`, 0, 4096, ""},
		{`ab.{1000}.{1000}secret`, 0, 2008, "secret at 2002"},
		// What stands in front of a jump and behind it is rare together. A jump of many lengths parts it.
		{`\x48\x8d.{1,3}\xe8`, 0, 4096, `H<8d>\x00<e8>&<ff><ff>\x00<ff> at 0, H<8d>\x00\x00<e8>&<ff><ff>\x00\x00<ff> at 0, H<8d>\x00\x00\x00<e8>&<ff><ff>\x00\x00\x00<ff> at 0`},
		{`\x8b.{1,2}\x24\xa7\xb1\xa2`, 0, 4096, `$<a7><b1><a2> at 2 to 3`},
		{`\x48\x8d.{5,40}\xe8\x91`, 0, 4096, `<e8><91> at 7 to 42`},
		// Pages of zeros are full of anchors that can be zeros.
		{`\xa7\x02(?:[\x00-\x0f]\x00){40}`, 0, 4096, `<a7>\x02 at 0`},
	} {
		n, err := ParseRegexp(c.expr, c.flags)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Compile(n, Options{Limit: c.limit})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range p.Anchors() {
			s := strings.Trim(fmt.Sprintf("%q", latin(a.Lit)), `"`)
			if a.Mask != nil {
				s += "&" + strings.Trim(fmt.Sprintf("%q", latin(a.Mask)), `"`)
			}
			if s += fmt.Sprintf(" at %d", a.First); a.Last > a.First {
				s += fmt.Sprintf(" to %d", a.Last)
			}
			got = append(got, s)
		}
		if g := strings.Join(got, ", "); g != c.want {
			t.Errorf("%s: %s, want %s", c.expr, g, c.want)
		}
	}
}

// What can follow an anchor in a match is known where no match ends behind it.
func TestAfter(t *testing.T) {
	for _, c := range []struct {
		expr string
		want string // all of the bytes, by anchor
	}{
		{`[a-z]+foo[A-Z]+`, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
		{`[a-z]+foo[0-9]+`, ""}, // the anchor has the first of the digits, and a match can end there
		{`[a-z]+foo[a-z]*`, ""},
		{`[a-z]+foo[0-2]*[x-z]`, "012xyz"},
		{`[a-z]+foo(?:[0-2]*[34]*)y*[u-z]{2}`, "01234uvwxyz"},
		{`[a-z]+foo(?:[0-2]*|y)`, ""},
		{`[a-z]+foo(?:[0-2]+|yes|)[A-Z]`, "012ABCDEFGHIJKLMNOPQRSTUVWXYZy"},
		{`[a-z]+foo\b[\x00-\x1f]`, "\x00\x01\x02\x03\x04\x05\x06\a\b\t\n\v\f\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f"},
		{`(?:[a-z]{9,}[.]fo*[12]|[A-Z]{9,}[.]ba[a-z][34])+`, "12o; "}, // the second anchor has all of its part
		{`(?:[a-z]{9,}[.]foo)+[a-z]`, "abcdefghijklmnopqrstuvwxyz"},
		{`(?:[a-z]{9,}[.]foo){3}`, "abcdefghijklmnopqrstuvwxyz"},
		{`(?:[a-z]{9,}[.]foo)+`, ""},
		{`[a-z]+foo(?s:.)[0-9]`, ""},
		{`[A-Z]+(?:foo[@-_]|foo)[0-9]*-`, "-0123456789@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_"},
		{`[0-9]{32}[a-z]foo[A-Z]+`, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
	} {
		n, err := ParseRegexp(c.expr, 0)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Compile(n, Options{Limit: 4096})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range p.Anchors() {
			s := ""
			for b := range 256 {
				if l := a.After.Len(); l < 256 && a.After.Has(byte(b)) {
					s += string(rune(b))
				}
			}
			got = append(got, s)
		}
		if g := strings.Join(got, "; "); g != c.want {
			t.Errorf("%s: %q, want %q", c.expr, g, c.want)
		}
	}
}

// Bytes that are common in machine code are told to be, alone, side by side and with bits that do not count, though they
// are rare elsewhere; others are told as before.
func TestShareInCode(t *testing.T) {
	for _, c := range []struct {
		lit, mask   string
		least, most float64
	}{
		{"\x48", "\xff", 1. / 20, 1. / 8},
		{"\x48\x8d", "\xff\xff", 1. / 200, 1. / 30}, // lea
		{"\x40\x8d", "\xf0\xff", 1. / 200, 1. / 20},
		{"\x48\x8b\x44\x24", "\xff\xff\xff\xff", 1. / 2000, 1. / 100},
		{"\xe8\x00\x00\x00\x00\x48", "\xff\x00\x00\x00\x00\xff", 1. / 2000, 1. / 200},
		{"\x55\x8b\xec", "\xff\xff\xff", 1. / 10000, 1. / 200},
		{"\x8d\x48", "\xff\xff", 0, 1. / 300},
		{"\xa7\xb2\x9d", "\xff\xff\xff", 0, 1e-7},
		{"", "", 1, 1},
	} {
		if got := share([]byte(c.lit), []byte(c.mask)); got < c.least || got > c.most {
			t.Errorf("%x / %x: 1 in %.0f", c.lit, c.mask, 1/got)
		}
	}
}
