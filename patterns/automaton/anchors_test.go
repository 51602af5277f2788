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
