package yara

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vscan/internal/testenv"
)

// What brackets hold, and where alternatives may be empty: what yara takes and what it
// refuses (re_lexer.l and re_grammar.y of 4.2 and 4.5).
func TestBracketsLikeYara(t *testing.T) {
	needYara(t)
	dir := t.TempDir()
	file, rules := filepath.Join(dir, "data"), filepath.Join(dir, "r.yar")
	rng := testenv.Seeded(t, 1, 2)
	var data bytes.Buffer
	for range 4000 {
		const drawn = "abcdwxyz0139-]_.[}{ +=\\\t:x@ez\xe9\x00,;"
		data.WriteByte(drawn[rng.IntN(len(drawn))])
	}
	if err := os.WriteFile(file, data.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, str := range []string{
		`[\w-z]{3}`, `[\d-z]{3}`, `[\s-z]{2}`, `[\S-z]{2}`, `[\w-.]{2}`, `[\w.-]{2}`, `[\w-]{2}`, `[-\w]{2}`, `[\s-a]{2}`, `[z-\w]{2}`, `[a-\w]{2}`,
		`[]-a]{2}`, `[^]-a]{2}`, `[]]{2}`, `[^]]{2}`, `[]a-]{2}`, `[a\]-]{2}`, `[\]-_]{2}`, `[a-]b]`, `[+--]{2}`, `[--0]{2}`, `[---]{2}`, `[a-c-e]{2}`,
		`[.-9\w]{2}`, `[9\D]{2}`, `[^\W\d]{2}`, `[\x30-\x39\x41-]{2}`, `[a-\x7a]{2}`, `[\x-z]{2}`, `[\1-\5]{2}`, `[\b]{2}`, `[[:alpha:]]+x`,
		"[\xe9]", "[\t]a", "a\tb", "[a-\xe9]{2}", "[z-\xe9]{2}", "a\xe9", "[\x7f]", "[ -\x7f]{3}",
		`ab(|c)`, `ab()`, `|ab`, `ab|(|c)d`, `ab(c|)`, `ab(c||d)`, `(ab|)c`, `ab(c|d|)x?`, `(|ab)`, `a(b(|c))`,
	} {
		text := "rule r { strings: $a = /" + str + "/ condition: $a }"
		if err := os.WriteFile(rules, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Parse(context.Background(), rules, strings.NewReader(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		want, err := byYara(t, rules, file)
		switch {
		case err != nil:
			refused++
			if len(r.Skipped) != 1 || !r.Skipped[0].Mistake {
				t.Errorf("/%s/: yara refuses it, vscan has %v", str, r.Skipped)
			}
		case len(r.Skipped) > 0:
			t.Errorf("/%s/: %v", str, r.Skipped)
		default:
			if got := report(evaluate(t, r, data.Bytes())); !slices.Equal(got, want) {
				t.Errorf("/%s/:\n%s", str, diff(got, want))
			}
		}
	}
	if refused < 8 || refused > 25 {
		t.Errorf("yara refuses %d", refused)
	}
}

// A byte 0 ends an expression in yara, which cannot be meant.
func TestZeroInExpression(t *testing.T) {
	r, err := Parse(context.Background(), "r.yar", strings.NewReader("rule r { strings: $a = /ab\x00cd/ condition: $a }"), nil)
	if err != nil || len(r.Skipped) != 1 || !strings.Contains(r.Skipped[0].Reason, `write it as \x00`) {
		t.Errorf("%v, %v", r, err)
	}
}

// An expression ends on its line, even with a \ at the end of the line.
func TestExpressionOnOneLine(t *testing.T) {
	for _, str := range []string{"/ab\\\ncd/", "/ab\ncd/", "/ab\\", "/[\\\n]/"} {
		r, err := Parse(context.Background(), "r.yar", strings.NewReader("rule r { strings: $a = "+str+" condition: $a }\nrule b { condition: true }"), nil)
		if err != nil || len(r.Skipped) != 1 || !strings.Contains(r.Skipped[0].Reason, "without its end") || !r.Skipped[0].Mistake {
			t.Errorf("%q: %+v, %v", str, r, err)
		}
	}
}

// What is wrong behind a rule is not in the rule.
func TestBehindRule(t *testing.T) {
	for _, behind := range []string{"/* no end", "\x80", `"no end`, "/no end", "\\", "99999999999999999999", "1.2x", "/x/q", `"\q"`} {
		r, err := Parse(context.Background(), "r.yar", strings.NewReader("rule a { condition: true }\nrule b { condition: a }"+behind+"\n"), nil)
		if err != nil || r.Len() != 2 || len(r.Skipped) != 1 || r.Skipped[0].Rule != "" || !r.Skipped[0].Mistake || r.Skipped[0].Line != 2 {
			t.Errorf("%q: %d rules, %+v, %v", behind, r.Len(), r.Skipped, err)
		}
	}
}
