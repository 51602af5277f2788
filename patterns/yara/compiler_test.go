package yara

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// added returns the rules of files, which are given as namespace, name and text.
func added(t testing.TB, c *Compiler, files ...[3]string) *Rules {
	t.Helper()
	for _, f := range files {
		if err := c.Add(context.Background(), f[0], f[1], strings.NewReader(f[2])); err != nil {
			t.Fatal(err)
		}
	}
	r, err := c.Rules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// outcome returns the full names of the rules that match, without hits.
func outcome(t testing.TB, r *Rules, vars map[string]any) string {
	t.Helper()
	res, err := r.NewEvaluator(Limits{}).Evaluate(context.Background(), Scope{FileSizeKnown: true, Variables: vars})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range res.Matches {
		names = append(names, m.Rule.FullName())
	}
	for _, u := range res.Undecided {
		names = append(names, u.Rule.FullName()+"?")
	}
	return strings.Join(names, " ")
}

func TestNamespaces(t *testing.T) {
	for _, c := range []struct {
		files   [][3]string
		matches string
		skipped string // parts of what is reported, in order
	}{
		// A rule is seen in the files behind it, and in no other namespace.
		{[][3]string{{"", "1", "rule a { condition: true }"}, {"", "2", "rule b { condition: a }"}}, "a b", ""},
		{[][3]string{{"", "1", "rule a { condition: true }"}, {"default", "2", "rule b { condition: a }"}}, "a b", ""},
		{[][3]string{{"x", "1", "rule a { condition: true }"}, {"x", "2", "rule b { condition: not a or 1 of (a*) }"}}, "x:a x:b", ""},
		{[][3]string{{"x", "1", "rule a { condition: true }"}, {"y", "2", "rule b { condition: a }"}}, "x:a", "2:1:21: undefined identifier a"},
		{[][3]string{{"x", "1", "rule a { condition: true }"}, {"y", "2", "rule b { condition: any of (a*) }"}}, "x:a", "2:1:29: no rule above"},
		{[][3]string{{"", "1", "rule b { condition: a }"}, {"", "2", "rule a { condition: true }"}}, "a", "1:1:21: undefined identifier a"},
		// A name is the name of one rule.
		{[][3]string{{"", "1", "rule a { condition: true }"}, {"", "2", "rule a { condition: true } rule b { condition: a }"}}, "a b", "2:1:6: another rule has the name a (1:1)"},
		{[][3]string{{"x", "1", "rule a { condition: true }"}, {"", "2", "rule a { condition: true }"}}, "x:a a", ""},
		// No rule comes to belong to a set that was used before.
		{[][3]string{{"", "1", "rule a { condition: 1 of (a*) }"}, {"", "2", "rule ab { condition: true }"}}, "", "2:1:6: the rule would belong to the set a*"},
		{[][3]string{{"", "1", "rule a { condition: not 1 of (a*) }"}, {"x", "2", "rule ab { condition: true }"}}, "a x:ab", ""},
		// These are global rules.
		{[][3]string{{"", "1", "rule a { condition: true }"}, {"", "2", "global rule g { condition: false }"}, {"x", "3", "rule a { condition: true }"}}, "x:a", ""},
		{[][3]string{{"x", "1", "global rule g { condition: false }"}, {"", "2", "rule a { condition: true }"}, {"x", "3", "rule b { condition: not g }"}}, "a", ""},
		{[][3]string{{"x", "1", "global private rule g { condition: true }"}, {"x", "3", "rule b { condition: g }"}}, "x:b", ""},
		// What is left out of a namespace does not matter in another.
		{[][3]string{{"x", "1", "rule a { condition: pe.a }"}, {"y", "2", "rule a { condition: true } rule b { condition: a }"}}, "y:a y:b", "the module pe"},
		{[][3]string{{"x", "1", "rule a { condition: true } rule b { condition: a.b }"}}, "x:a", "the module a"},
		// A rule has not matched yet in its own condition.
		{[][3]string{{"", "1", "rule a { condition: not a } rule b { condition: b } rule c { condition: any of (c) or all of (c*) }"}}, "a", ""},
		// A namespace may have any name.
		{[][3]string{{"x:y", "1", "rule a { condition: true }"}, {"é ", "1", "rule a { condition: true }"}}, "x:y:a é :a", ""},
	} {
		r := added(t, &Compiler{}, c.files...)
		if got := outcome(t, r, nil); got != c.matches {
			t.Errorf("%q: %q match, want %q", c.files, got, c.matches)
		}
		if c.skipped == "" && len(r.Skipped) > 0 || !strings.Contains(told(r), c.skipped) {
			t.Errorf("%q: skipped %q, want %q", c.files, told(r), c.skipped)
		}
	}
}

// Strings of rules of one name in several namespaces are told apart, and are looked for
// once where they look for the same.
func TestNamesOfNamespaces(t *testing.T) {
	text := `rule a { strings: $x = "abc" $y = "%s" condition: any of them }`
	r := added(t, &Compiler{}, [3]string{"", "1", fmt.Sprintf(text, "d")}, [3]string{"x", "2", fmt.Sprintf(text, "e")}, [3]string{"y", "1", fmt.Sprintf(text, "d")})
	var got []string
	for i, p := range r.Patterns() {
		line := p.Name + ":"
		for k, name := range r.Names(i) {
			line += " " + name + " of " + r.Owners(i)[k].File
		}
		got = append(got, line)
	}
	want := []string{"a.$x: a.$x of 1 x:a.$x of 2 y:a.$x of 1", "a.$y: a.$y of 1 y:a.$y of 1", "x:a.$y: x:a.$y of 2"}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	res := evaluate(t, r, []byte("abc e"))
	got = nil
	for _, m := range res.Matches {
		for _, s := range m.Strings {
			got = append(got, fmt.Sprint(s.Name, s.Count))
		}
	}
	if want := []string{"a.$x1", "a.$y0", "x:a.$x1", "x:a.$y1", "y:a.$x1", "y:a.$y0"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestClash(t *testing.T) {
	r := added(t, &Compiler{}, [3]string{"", "1", "\nrule a { condition: true }"}, [3]string{"", "2", "rule a { condition: false }"})
	if len(r.Skipped) != 1 || r.Skipped[0].Clash != r.Rule(0) || r.Skipped[0].File != "2" {
		t.Errorf("%+v", r.Skipped)
	}
}

// What cannot be read is an error, and what was added before still counts.
func TestAddFails(t *testing.T) {
	var c Compiler
	if err := c.Add(context.Background(), "", "good", strings.NewReader("rule a { condition: true }")); err != nil {
		t.Fatal(err)
	}
	if err := c.Add(context.Background(), "", "bad", io.MultiReader(strings.NewReader("rule b"), failing{})); err == nil || !strings.Contains(err.Error(), "reading rules from bad: broken") {
		t.Error(err)
	}
	if err := c.Add(context.Background(), "", "includes", strings.NewReader(`include "x"`)); err == nil {
		t.Error("no error")
	}
	if err := c.Add(context.Background(), "", "last", strings.NewReader("rule c { condition: a }")); err != nil {
		t.Error(err)
	}
	if got := outcome(t, added(t, &c), nil); got != "a c" {
		t.Error(got)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, fmt.Errorf("broken") }

func TestVariables(t *testing.T) {
	text := `
rule n { condition: i == 3 and -i < 0 and for any x in (1..i) : (x == i) and i of (one, two, three) }
rule f { condition: fl > 1.4 and fl < i }
rule b { condition: yes and not no and yes == 1 }
rule s { condition: s == "Hello" and s icontains "ELL" and not s contains "ELL" and s istartswith "h" and s iequals "hello" }
rule m { condition: s matches /^H.l+o$/ and s matches /hello/i and not s matches /hello/ }
rule l { condition: for any x in ("no", s) : (x == s) and for all x in (s, s) : (x endswith "lo") }
rule t { condition: s }
rule e { condition: not empty and not defined (empty contains uni) or true }
rule u { condition: uni matches /^..$/ and uni matches /^[^a]\xa9$/ and not uni matches /\xc3\x89/i and uni icontains "\xc3" }
`
	text = strings.Replace(text, "i of (one, two, three)", "i of (i == 3, yes, not no)", 1)
	c := Compiler{}
	for name, v := range map[string]any{"i": int64(3), "fl": 1.5, "yes": true, "no": false, "s": "Hello", "empty": "", "uni": "é"} {
		if err := c.Define(name, v); err != nil {
			t.Fatal(err)
		}
	}
	for name := range map[string]bool{"n": true, "i": true} {
		text = strings.ReplaceAll(text, "rule "+name+" ", "rule is_"+name+" ")
	}
	text = strings.ReplaceAll(text, "rule s {", "rule is_s {")
	r := added(t, &c, [3]string{"", "r.yar", text})
	if len(r.Skipped) > 0 {
		t.Fatal(told(r))
	}
	if got := outcome(t, r, nil); got != "is_n f b is_s m l t e u" {
		t.Errorf("%q", got)
	}
	if got := outcome(t, r, map[string]any{"i": int64(2), "s": "hello", "yes": false, "else": 1}); got != "f m l t e u" && got != "f l t e u" {
		t.Errorf("%q", got)
	}
	for _, vars := range []map[string]any{{"i": "x"}, {"i": 1.5}, {"s": int64(1)}, {"s": []byte("x")}, {"fl": int64(1)}} {
		if _, err := r.NewEvaluator(Limits{}).Evaluate(context.Background(), Scope{Variables: vars}); err == nil || !strings.Contains(err.Error(), "the variable ") {
			t.Errorf("%v: %v", vars, err)
		}
	}
}

func TestDefine(t *testing.T) {
	var c Compiler
	for name, v := range map[string]any{"": "", "1a": "", "a b": "", "a-b": "", "é": "", "rule": "", "int8": "", "a": nil, "b": 1, "d": struct{}{}} {
		if err := c.Define(name, v); err == nil {
			t.Errorf("%q is defined as %v", name, v)
		}
	}
	if err := c.Predefine("x", "a"); err != nil {
		t.Error(err)
	}
	if err := c.Define("x", int64(1)); err != nil {
		t.Error(err)
	}
	if err := c.Define("x", int64(1)); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Error(err)
	}
	if err := c.Predefine("y", "a"); err != nil {
		t.Error(err)
	}
	r := added(t, &c, [3]string{"", "r.yar", "rule x { condition: true } rule a { condition: y == \"a\" } rule y { condition: false } rule b { condition: y or x == 1 }"})
	if got, want := told(r), "r.yar:1:6: x is the name of an external variable"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := outcome(t, r, nil); got != "a b" {
		t.Error(got)
	}
}

// YARA 4.5 and YARA-X have these, and YARA 4.2 does not.
func TestLaterYARA(t *testing.T) {
	for cond, want := range map[string]bool{
		`"foo" matches /fo+/`:             true,
		`"foo\x00bar" matches /o.b/`:      true,
		`"foo\nbar" matches /o.b/`:        false,
		`"foo\nbar" matches /o.b/s`:       true,
		`"FOO" matches /foo/`:             false,
		`"xFOOx" matches /foo/i`:          true,
		`"" matches /a*/`:                 true,
		`"b" matches /a*$/`:               false, // no match begins behind the end
		`"b" matches /b$/`:                true,
		`"ab" matches /^b/`:               false,
		`"\xe9" matches /\xc9/i`:          false, // letters are ASCII's
		`"\xe9" matches /[\x00-\xff]/`:    true,
		`"\xe9" matches /^[^\x80-\xe8]$/`: true,
		`"abbc" matches /ab{2, 3}c/ and "ac" matches /ab{ , 1}c/ and "abc" matches /ab{1 ,}c/`: true,
		`"ab{ 2}c ab{2 }c ab{2,3 }c" matches /ab{ 2}c ab{2 }c ab{2,3 }c/`:                      true,
		`"3" matches /[\000-\343]/`:                        true,
		`"-" matches /[\000-\343]/`:                        false,
		`/foo/`:                                            true,
		`not /foo/`:                                        false,
		`defined /foo/ and /x/ and true`:                   true,
		`for any s in ("a", "b") : (s == "b")`:             true,
		`for all s in ("ab", "b") : (s contains "b")`:      true,
		`for none s in ("a", "b") : (s matches /a/)`:       false,
		`for 2 s in ("a", "b", "ab") : (s startswith "a")`: true,
		`any of them at 0`:                                 true,
		`any of them at 4`:                                 false,
		`all of ($a, $b) at 0`:                             false,
		`none of them at 4`:                                true,
		`1 of ($a*) at 2 * 3`:                              true,
		`not any of them at uint8(100) and not none of them at uint8(100)`: false, // undefined
		`not $a at uint8(100)`:                                       false, // undefined, too
		`defined ($a at uint8(100))`:                                 false,
		`any of them in (1..6)`:                                      true,
		`for 50% i in (1..2) : (i == 1)`:                             true,
		`for 51% i in (1..2) : (i == 1)`:                             false,
		`for 50% of them : ($ at 0)`:                                 true,
		`for 25 * 2 % i in (1, 2, 3) : (i > 1)`:                      true,
		`for filesize % 4 i in (1, 2, 3) : (i > 1)`:                  true,
		`for filesize % 4 of them : ($)`:                             true,
		`with x = 1 : (x == 1)`:                                      true,
		`with x = #a, y = x + 1 : (y == 3 and with z = y : (z > x))`: true,
		`with s = "ab" : (s contains "b")`:                           true,
		`with b = $a and $b : (b and not not b)`:                     true,
		`with u = uint8(100) : (defined u)`:                          false,
		`for any i in (1..3) : (with x = i : (x == 3))`:              true,
		`any of (1 == 2, $a, filesize > 100)`:                        true,
		`all of ($a and $b, filesize == 9)`:                          true,
		`2 of (false, $a, $b)`:                                       true,
		`50% of (false, true)`:                                       true,
		`none of ("", false)`:                                        true,
		`any of (uint8(100) == 1, not uint8(100) == 1)`:              false,
		`4611686018427387904 * 1 > 0`:                                true,
		`-4611686018427387904 * 1 < 0`:                               true,
		`not defined (filesize - filesize) % (filesize - filesize)`:  true,
		`not defined ((filesize - 10 << 63) \ (8 - filesize))`:       true, // -2^63 by -1
	} {
		r := parse(t, "r.yar", `rule r { strings: $a = "foo" $b = "bar" condition: `+cond+` }`)
		res := evaluate(t, r, []byte("foobarfoo"))
		if got := len(res.Matches) == 1; got != want || len(r.Skipped) > 0 || len(res.Undecided) > 0 {
			t.Errorf("%s: %v, want %v\n%s", cond, got, want, told(r))
		}
	}
}

// Texts and expressions take steps, as loops do.
func TestStepsOfTexts(t *testing.T) {
	long := strings.Repeat("a", 1<<12)
	for _, body := range []string{`"` + long + `" contains "b"`, `"` + long + `" matches /a+b/`} {
		res := given(t, "rule r { condition: for any i in (1..100000000) : ("+body+") }", Limits{Steps: 1e5}, Scope{})
		if len(res.Undecided) != 1 || !strings.Contains(res.Undecided[0].Reason, "steps") {
			t.Errorf("%.40s: %+v", body, res)
		}
	}
}
