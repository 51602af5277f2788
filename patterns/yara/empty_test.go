package yara

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// empties has expressions that match the empty string, and whether they do everywhere.
var empties = map[string]bool{
	"/(abc|)/": true, `/[\.-]*/`: true, "/x|/": true, "/x*/": true, "/(xx)?/": true, "/x{0,3}/": true, "/(abcdef|xyzwq|)/": true,
	"/x*?/": true, "/x*/ wide": true, "/(a*b*|c)*/": true, "/a||b/": true, "/x{,2}/": true, "/(ab){0,0}c*/": true, "/abcd{0,2}|x*/": true,
	"/(a|b*)+/": true, "/a*/ nocase": true, "/(a|)(b|)(c|)/": true,

	"/x*/ fullword": false, `/x*\b/`: false, "/^(abc)?/": false, "/(abc)*$/": false, `/(\bx|a*\B)/`: false, "/x*/ wide fullword": false,
}

// Where a string matches the empty string, a rule that asks whether it is there is true for
// all memory that is not empty. One that asks for more is not decided.
func TestEmpty(t *testing.T) {
	for str, everywhere := range empties {
		for _, c := range []struct {
			cond string
			want string // with an expression that matches everywhere; otherwise, and for empty memory, ""
		}{
			{"$a", "yes"}, {"not $a", "no"}, {"any of them", "yes"}, {"all of ($a*)", "yes"}, {"none of them", "no"}, {"2 of them", "no"},
			{"for any of them : ($)", "yes"}, {"50% of them", "yes"},
			{"#a > 3", ""}, {"#a == 0", ""}, {"$a at 1", ""}, {"$a in (0..3)", ""}, {"any of them in (0..3)", ""}, {"any of them at 0", ""},
			{"@a == 0", ""}, {"!a == 0", ""}, {"#a in (0..1) == 2", ""}, {"for any of them : (@ == 0)", ""}, {"for any i in (1..#a) : (@a[i] == 2)", ""},
			{"filesize > 100 and #a > 1", "no"},
		} {
			r := parse(t, "r.yar", "rule r { strings: $a = "+str+" condition: "+c.cond+" }")
			if len(r.Skipped) > 0 {
				t.Fatalf("%s: %v", str, r.Skipped)
			}
			of := func(data string) string {
				res := evaluate(t, r, []byte(data))
				if len(res.Undecided) > 0 {
					if !strings.Contains(res.Undecided[0].Reason, "which matches the empty string as well") {
						t.Errorf("%s, %s: %v", str, c.cond, res.Undecided[0].Reason)
					}
					return ""
				}
				return []string{"no", "yes"}[len(res.Matches)]
			}
			want := c.want
			if !everywhere && !strings.HasPrefix(c.cond, "filesize") {
				want = "" // not all expressions here match the empty string
			}
			if got := of("QQ  QQ"); got != want {
				t.Errorf("%s, %s: %q, want %q", str, c.cond, got, want)
			}
			want = "no"
			switch c.cond {
			case "not $a", "none of them", "#a == 0":
				want = "yes"
			}
			if got := of(""); got != want {
				t.Errorf("%s, %s of empty memory: %q, want %q", str, c.cond, got, want)
			}
		}
	}
}

// The hits that have bytes are those of yara, and the verdict is that of yara since 4.3.
func TestEmptyLikeYara(t *testing.T) {
	later := yaraIsLater(t)
	dir := t.TempDir()
	file, rules := filepath.Join(dir, "data"), filepath.Join(dir, "r.yar")
	data := []byte("zzxxabcxx zz abc ..-- xxxx x\x00x\x00 abcdef")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for str, everywhere := range empties {
		if strings.Contains(str, "?/") && strings.Contains(str, "*?") || strings.Contains(str, "||") {
			continue // yara prefers the empty match of it
		}
		if strings.HasSuffix(str, "wide fullword") {
			continue // yara 4.5 looks for letters around it as if it were not wide
		}
		text := fmt.Sprintf("rule r { strings: $a = %s condition: $a }", str)
		if err := os.WriteFile(rules, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		want, err := byYara(t, rules, file)
		if err != nil && !later {
			continue // 4.2 has no {0,0}
		}
		if err != nil {
			t.Fatal(err)
		}
		rule := slices.Contains(want, "r")
		want = slices.DeleteFunc(want, func(l string) bool { return l == "r" || strings.HasSuffix(l, " 0 $a") })
		res := evaluate(t, parse(t, rules, text), data)
		if later && rule != (len(res.Matches) == 1) && len(res.Undecided) == 0 {
			t.Errorf("%s: vscan has %d matches, yara %v", str, len(res.Matches), rule)
		}
		if !everywhere && len(res.Undecided) > 0 {
			continue
		}
		got := slices.DeleteFunc(report(res), func(l string) bool { return l == "r" })
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n%s", str, diff(got, want))
		}
	}
}
