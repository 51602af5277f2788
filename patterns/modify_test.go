package patterns

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestWith(t *testing.T) {
	const b = "Secret xsecret SECRET1 s\x00E\x00C\x00r\x00e\x00t\x00"
	for _, c := range []struct{ pattern, flags, want string }{
		{"secret", "", "8+6"},
		{"secret", "i", "0+6 8+6 15+6"},
		{"secret", "f", ""},
		{"Secret", "f", "0+6"},
		{"secret", "if", "0+6"},
		{"text:secret", "i", "0+6 8+6 15+6"},
		{"text/i:secret", "i", "0+6 8+6 15+6"},
		{"text/f:secret", "fi", "0+6"},
		{"text/w:secret", "i", "23+12"},
		{"name=text/w:secret", "if", "23+12"},
		{"re:s[a-z]+t", "", "8+6"},
		{"re:s[a-z]+t", "i", "0+6 8+6 15+6"},
		{"re:s[a-z]+t", "if", "0+6"},
		{"re/w:sec[a-z]+", "i", "23+12"},
		{"hex:5345", "", "15+2"},
	} {
		p, err := Parse(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		name := p.Name
		if p, err = p.WithFlags(c.flags); err != nil || p.Name != name {
			t.Fatalf("%s with %s: %q, %v", c.pattern, c.flags, p.Name, err)
		}
		if got := places(t, p, Target{}, b); got != c.want {
			t.Errorf("%s with %s: %q, want %q", c.pattern, c.flags, got, c.want)
		}
	}
	for _, c := range []struct{ pattern, flags, want string }{
		{"hex:4142", "i", "pattern 'hex:4142': the case of letters means nothing to it"},
		{"u32le:5", "if", "the case of letters"},
		{"ptr:5", "f", "full word"},
		{"aes:128", "f", "full word"},
		{"f64:1..", "i", "the case of letters"},
		{"text/x:a", "i", "exclusive-or"},
		{"text/b:abc", "i", "base64"},
		{"text/b:abc", "f", "base64"},
	} {
		p, err := Parse(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		var e *Error
		if _, err := p.WithFlags(c.flags); !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with %s: %v, want %q", c.pattern, c.flags, err, c.want)
		}
	}
	all, err := ParseLiterals(context.Background(), "f", strings.NewReader("text:a\nb"))
	if err != nil {
		t.Fatal(err)
	}
	if p, err := all[0].WithFlags("i"); err != nil || places(t, p, Target{}, "Text:A") != "0+6" {
		t.Errorf("a line is literal: %v", err)
	}
}
