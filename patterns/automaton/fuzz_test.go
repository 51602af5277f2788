package automaton

import (
	"errors"
	"strings"
	"testing"
)

// Whatever the expression and the memory are, there is no panic, errors have a place, and a
// backtracking search finds the matches too.
func FuzzRegexp(f *testing.F) {
	for _, s := range []string{
		"abc", `(a|b)*?c+`, `[^\x80-\xff]{2,5}`, `(?i:k)[[:alpha:]]\Qa.\E\C`, `^a$|\Ab\z`, `\bfoo\B`, `é+[é]`, "a{1000}", `\0\377\101`,
		`(?P<n>a)(?m:^b$)`, `(|a)*`, `(a*)+`, `[]a]`, `[^]a-]`, `\x{7f}\x{ff}`, `(?s).`, `.*@.*`,
	} {
		for flags := range byte(16) {
			f.Add(s, flags, []byte("abc\n\xff kK\x00"), byte(2))
		}
	}
	f.Fuzz(func(t *testing.T, expr string, bits byte, b []byte, at byte) {
		n, err := ParseRegexp(expr, Flags(bits&7))
		if err != nil {
			var e *SyntaxError
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(expr) || e.Msg == "" || strings.Contains(e.Msg, "\n") {
				t.Fatalf("%q: %#v", expr, err)
			}
			return
		}
		if len(b) == 0 {
			return
		}
		o := Options{Limit: 1 + int(bits>>3), Semantics: Semantics(bits >> 6 % 3), Encoding: Encoding(bits >> 3 % 3)}
		p, err := Compile(n, o)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Fatalf("%q: %v", expr, err)
			}
			return
		}
		i := int(at) % len(b)
		got := p.Match(b, i, nil)
		if got != 0 && (got < p.MinLen() || got > p.MaxLen() || got > len(b)-i || p.Next(b, i, len(b)) != i) {
			t.Fatalf("%q in %q at %d: %d", expr, b, i, got)
		}
		for _, a := range p.Anchors() {
			if len(a.Lit) == 0 || a.First < 0 || a.First > a.Last || a.Last+len(a.Lit) > p.MaxLen() {
				t.Fatalf("%q: %+v", expr, a)
			}
		}
		if a := p.Anchors(); got != 0 && a != nil && !holdsAnchor(a, b[i:i+got]) {
			t.Fatalf("%q: %q holds none of %+v", expr, b[i:i+got], a)
		}
		if o.Encoding != Plain || loopsEmpty(n) {
			return
		}
		lengths, ok := backtrack(n, b, i, o.Limit)
		if want := pick(lengths, o.Semantics); ok && got != want {
			t.Fatalf("%q %+v in %q at %d: %d, want %d", expr, o, b, i, got, want)
		}
	})
}
