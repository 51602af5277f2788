package yara

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"vscan/internal/testenv"
	"vscan/patterns/automaton"
)

// open opens files of a map.
func open(files map[string]string) func(string) (io.ReadCloser, error) {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return func(path string) (io.ReadCloser, error) { return m.Open(path) }
}

func rulesOf(r *Rules) (names []string) {
	for i := range r.Len() {
		names = append(names, r.Rule(i).Name)
	}
	return names
}

// told returns what is skipped, in lines.
func told(r *Rules) string {
	var lines []string
	for _, s := range r.Skipped {
		lines = append(lines, fmt.Sprintf("%s:%d:%d: %s", s.File, s.Line, s.Column, s.Reason))
	}
	return strings.Join(lines, "\n")
}

// Mistakes, where they are, and what the message says. None of these is a rule.
func TestMistakes(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"rule a { condition: true", `r.yar:1:25: want and, or or }, found the end`},
		{"rule a condition: true }", `:1:8: want {, found "condition"`},
		{"rule " + strings.Repeat("a", 129) + " { condition: true }", `:1:6: a name of 129 bytes: at most 128`},
		{"rule { condition: true }", `:1:6: want the name of the rule, found "{"`},
		{"rule at { condition: true }", `:1:6: want the name of the rule, which no keyword can be`},
		{"rool a { condition: true }", `:1:1: want rule, import or include, found "rool"`},
		{"rule a { strings: condition: true }", `:1:19: want the name of a string, as $a, found "condition"`},
		{"rule a { }", `:1:10: want condition, found "}"`},
		{"rule a { condition: }", `:1:21: want a value or a condition`},
		{"rule a { condition: 1 + }", `:1:25: want a value or a condition`},
		{"rule a { condition: true and\n or true }", `r.yar:2:2: want a value or a condition, found "or"`},
		{"rule a { condition: (true }", `:1:27: want ), found "}"`},
		{"rule a { condition: true } }", `:1:28: want rule, import or include, found "}"`},
		{"rule a { condition: true } rule a { condition: true }", `:1:33: another rule has the name a (r.yar:1)`},
		{"rule a : x x { condition: true }", `:1:12: the tag x is given twice`},
		{"rule a { meta: condition: true }", `:1:16: want the name of a meta value`},
		{"rule a { meta: x = condition: true }", `:1:20: want a text, an integer, true or false`},
		{"rule a { meta: x = -\"a\" condition: true }", `:1:21: want a text, an integer`},
		{"rule a { strings: $a = \"x\" $a = \"y\" condition: $a }", `:1:28: the string $a is also on line 1`},
		{"rule a { strings: $a = \"x condition: $a }", `:1:24: a text without its end`},
		{"rule a { strings: $a = \"\\q\" condition: $a }", `:1:25: unknown escape`},
		{"rule a { strings: $a = \"\" condition: $a }", `:1:24: an empty text`},
		{"rule a { strings: $a = /x condition: $a }", `:1:24: a regular expression without its end`},
		{"rule a { strings: $a = /x/si condition: $a }", `:1:27: flags "si"`},
		{"rule a { strings: $a = /x(/ condition: $a }", `:1:27: want ), found the end`},
		{"rule a { strings: $a = /x**/ condition: $a }", `:1:27: nothing to repeat in front of *`},
		{"rule a { strings: $a = /(?:x)/ condition: $a }", `:1:25: YARA has no (?`},
		{"rule a { strings: $a = /x*y*?/ condition: $a }", `repetitions with and without ? behind`},
		{"rule a { strings: $a = /[b-a]/ condition: $a }", `:1:27: a range whose first byte is above its last`},
		{"rule a { strings: $a = /[ab/ condition: $a }", `:1:25: a [ without its ]`},
		{"rule a { strings: $a = /a{3,2}/ condition: $a }", `:1:26: a repetition from 3 to 2`},
		{"rule a { strings: $a = /a\\1/ condition: $a }", `:1:26: there are no back references`},
		{"rule a { strings: $a = { 01 zz } condition: $a }", `:1:29: "z" in a hex string`},
		{"rule a { strings: $a = { 01 0 } condition: $a }", `:1:30: want the second digit of a byte`},
		{"rule a { strings: $a = { 01 [4-2] 02 } condition: $a }", `:1:`},
		{"rule a { strings: $a = { 01 condition: $a }", `in a hex string`},
		{"rule a { strings: $a = {} condition: $a }", `:1:`},
		{"rule a { strings: $a = \"x\" xor(300) condition: $a }", `:1:32: the keys of xor go from 0 to 255`},
		{"rule a { strings: $a = \"x\" xor nocase condition: $a }", `:1:32: nocase does not go with xor`},
		{"rule a { strings: $a = \"x\" wide wide condition: $a }", `:1:33: wide is given twice`},
		{"rule a { strings: $a = \"x\" base64(\"abc\") condition: $a }", `:1:35: the alphabet has 3 characters`},
		{"rule a { strings: $a = \"x\" base64(\"!@#$%^&*(){}[].,|ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstu\") base64wide condition: $a }", `different alphabets`},
		{"rule a { strings: $a = { 01 } wide condition: $a }", `:1:31: a hex string takes no wide: want private`},
		{"rule a { strings: $a = /x/ xor condition: $a }", `:1:28: a regular expression takes no xor`},
		{"rule a { condition: $a }", `:1:21: the rule has no string $a`},
		{"rule a { strings: $a = \"x\" condition: #b > 1 }", `:1:39: the rule has no string $b`},
		{"rule a { condition: any of them }", `:1:28: the rule has no strings`},
		{"rule a { strings: $a = \"x\" condition: any of ($b*) }", `the rule has no string $b*`},
		{"rule a { strings: $a = \"x\" condition: $ }", `there is none around it`},
		{"rule a { strings: $a = \"x\" condition: $a* }", `want a quantifier in front`},
		{"rule a { strings: $a = \"x\" condition: 1.5 of them }", `:1:39: the quantifier of a set is all, any, none or an integer, and this is a fraction`},
		{"rule a { strings: $a = \"x\" condition: 101% of them }", `:1:39: a percentage is from 1 to 100`},
		{"rule a { strings: $a = \"x\" condition: $a at \"y\" }", `:1:45: an address is an integer, and this is a text`},
		{"rule a { strings: $a = \"x\" condition: $a at 1.5 }", `an address is an integer`},
		{"rule a { strings: $a = \"x\" condition: $a in (1) }", `want .., found ")"`},
		{"rule a { condition: \"a\" == 1 }", `:1:25: == of a text and an integer`},
		{"rule a { condition: true == true }", `== compares numbers or texts, and this is a truth value`},
		{"rule a { condition: 1 < 2 < 3 }", `< compares numbers or texts, and this is a truth value`},
		{"rule a { condition: 1.5 % 2 == 1 }", `:1:21: % of a fraction`},
		{"rule a { condition: -\"a\" == 1 }", `- of a text`},
		{"rule a { condition: 1 contains \"a\" }", `contains takes texts`},
		{"rule a { condition: 1 \\ 0 == 1 }", `:1:23: division by zero`},
		{"rule a { condition: 1 << -1 == 0 }", `shift by a negative number`},
		{"rule a { condition: 9223372036854775807 + 1 > 0 }", `does not fit in 64 bits`},
		{"rule a { condition: 9223372036854775808 > 0 }", `:1:21: "9223372036854775808" is too large`},
		{"rule a { condition: 12x > 0 }", `:1:21: "12x" is no number`},
		{"rule a { condition: 1.5KB > 0 }", `is no number`},
		{"rule a { condition: for any i in (1..2) : (for any i in (1..2) : (true)) }", `a loop around this one has the variable i`},
		{"rule a { condition: any of (b*) }", `:1:29: no rule above has a name that begins so`},
		{"rule a { strings: $a = \"x\" condition: -1 of them }", `:1:39: the quantifier of a set is negative`},
		{"rule a { condition: for -1 i in (1..2) : (true) }", `:1:25: the quantifier of a set is negative`},
		{"rule a { condition: 4611686018427387904 * 2 == 0 }", `:1:41: the result does not fit in 64 bits`},
		{"rule a { condition: 1 == 2 - 4611686018427387904 * -2 }", `:1:50: the result does not fit in 64 bits`},
		{"rule a { condition: (-9223372036854775807 - 1) \\ -1 == 0 }", `the result does not fit in 64 bits`},
		{"rule a { condition: filesize % 0 == 0 }", `:1:30: division by zero`},
		{"rule a { condition: filesize \\ (1 - 1) == 0 }", `:1:30: division by zero`},
		{"rule a { condition: filesize << -1 == 0 }", `:1:30: shift by a negative number`},
		{"rule a { strings: $a = { 01 [0] 02 } condition: $a }", `:1:30: a jump of 0 bytes`},
		{"rule a { strings: $a = { 01 ( 02 | 03 [ 00 ] 04 ) } condition: $a }", `:1:40: a jump of 0 bytes`},
		{"import \"\" rule a { condition: true }", `r.yar:1:8: "\"\"" is no name of a module`},
		{"import \"a b\" rule a { condition: true }", `:1:8: "\"a b\"" is no name of a module`},
		{"rule a { condition: filesize matches /x/ }", `:1:21: matches takes a text, and this is an integer`},
		{"rule a { condition: true matches /x/ }", `matches takes a text, and this is a truth value`},
		{"rule a { condition: \"x\" matches \"x\" }", `:1:33: want a regular expression`},
		{"rule a { condition: \"x\" matches /x(/ }", `:1:36: want ), found the end`},
		{"rule a { condition: /x/ == 1 }", `== compares numbers or texts, and this is a regular expression`},
		{"rule a { condition: for any i in (1, \"a\") : (true) }", `:1:38: the values of the loop begin with an integer, and this is a text`},
		{"rule a { condition: for any i in (1.5, 2.5) : (true) }", `:1:35: a value of the loop is an integer or a text, and this is a fraction`},
		{"rule a { condition: for any i in (\"a\"..\"b\") : (true) }", `want )`},
		{"rule a { condition: for 101% i in (1..2) : (true) }", `:1:25: a percentage is from 1 to 100`},
		{"rule a { condition: with x = 1, x = 2 : (true) }", `:1:33: a loop around this one has the variable x`},
		{"rule a { condition: with x 1 : (true) }", `:1:28: want =`},
		{"rule a { condition: true } rule b { condition: any of (a*) } rule a2 { condition: true }", `:1:67: the rule would belong to the set a*`},
		{"rule a { condition: true } /* x", `:1:28: a comment without its end`},
		{"rule a { condition: \xff }", `:1:21: the byte 0xff`},
	} {
		r, err := Parse(context.Background(), "r.yar", strings.NewReader(c.text), nil)
		if err != nil {
			t.Fatalf("%q: %v", c.text, err)
		}
		if len(r.Skipped) == 0 || !r.Skipped[0].Mistake || !strings.Contains(told(r), c.want) {
			t.Errorf("%q:\n%s, want %q", c.text, told(r), c.want)
		}
	}
}

// These are what makes a file unreadable.
func TestUnreadable(t *testing.T) {
	for text, want := range map[string]string{
		"include \"other\"": "r.yar:1:9: cannot include other: nothing can be included here",
		"\xff\xfer\x00":     "the file is UTF-16",
	} {
		r, err := Parse(context.Background(), "r.yar", strings.NewReader(text), nil)
		if err == nil || !strings.Contains(err.Error(), want) || r != nil {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// A mistake costs the rule that has it and no other, whatever and wherever it is.
func TestAfterMistakes(t *testing.T) {
	for _, broken := range []string{
		"rule broken { condition: 1 + }",
		"rule broken { condition: true",
		"rule broken { condition: (true }",
		"rule broken",
		"rule broken {",
		"rule broken { strings: $a = { 01 [0] 3f } condition: $a }",
		"rule broken { strings: $a = { 01 zz \" 02 } condition: $a }",
		"rule broken { strings: $a = \"\\q rule\" condition: $a }",
		"rule broken { strings: $a = /x(/ condition: $a }",
		"rule broken { strings: $a = /rule \" rule/x condition: $a }",
		"rule broken { strings: $a = \"x\" xor(300) private $b = \"y\" condition: $a }",
		"rule broken { strings: $a = \"rule x {\" wide wide condition: $a }",
		"rule broken { meta: x = 1.5 condition: true }",
		"rule broken { condition: for any i in (1..2) : (for any of }",
		"rule broken { condition: any of (c*) }",
		"rule broken { condition: foo bar }",
		"rule broken { condition: \xff }",
		"rule broken { condition: true and /* rule x { */ // rule y {\n }",
		"rule broken : a a { condition: true }",
		"rule broken { condition: 99999999999999999999 > 0 }",
		"private rule broken { condition: }",
		"rule broken { strings: $a = \"x condition: $a }\n",
		"rule broken { strings: $a = /x condition: $a }\n",
		"rule first { condition: true }", // its name is taken
	} {
		for _, next := range []string{"rule next { condition: true }", "private rule next { condition: true }", "import \"pe\" rule next { condition: true }"} {
			text := "rule first { condition: true }\n" + broken + " " + next + "\nrule refers { condition: next and broken } rule last { condition: first and next }"
			r, err := Parse(context.Background(), "r.yar", strings.NewReader(text), nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := rulesOf(r); !slices.Equal(got, []string{"first", "next", "last"}) {
				t.Errorf("%q: %q run\n%s", text, got, told(r))
				continue
			}
			if r.Rule(1).Private != strings.HasPrefix(next, "private") {
				t.Errorf("%q: private is %v", text, r.Rule(1).Private)
			}
			if len(r.Skipped) != 2 || r.Skipped[1].Rule != "refers" || r.Skipped[0].Line < 2 || r.Skipped[0].Column == 0 {
				t.Errorf("%q: skipped\n%s", text, told(r))
			}
		}
	}
}

// A global rule that is broken leaves its namespace undecided, even if its name was not
// read.
func TestBrokenGlobal(t *testing.T) {
	for _, broken := range []string{
		"global rule g { condition: 1 + }", "global rule 5 { condition: true }", "global private rul g { condition: true }",
		"global rule a { condition: true }",
	} {
		var c Compiler
		for _, f := range []struct{ ns, text string }{{"x", "rule a { condition: true } " + broken + " rule b { condition: true }"}, {"y", "rule c { condition: true }"}} {
			if err := c.Add(context.Background(), f.ns, f.ns+".yar", strings.NewReader(f.text)); err != nil {
				t.Fatal(err)
			}
		}
		r, err := c.Rules(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := rulesOf(r); !slices.Equal(got, []string{"c"}) || len(r.Skipped) != 3 {
			t.Errorf("%q: %q run\n%s", broken, got, told(r))
		}
	}
}

// All mistakes of a file are reported, with their places.
func TestAllMistakes(t *testing.T) {
	text := `rule a { condition: 1 + }
rule good { condition: true }
private rule b { strings: $a = "x condition: $a }
garbage
global rule c : t {
  condition:
	$x
}
/* no end
rule d { condition: true }
`
	r, err := Parse(context.Background(), "r.yar", strings.NewReader(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range r.Skipped {
		got = append(got, fmt.Sprintf("%s %d:%d %v", s.Rule, s.Line, s.Column, s.Mistake))
	}
	if want := []string{"a 1:25 true", "good 2:0 false", "b 3:32 true", "c 7:2 true", " 9:1 true"}; !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q\n%s", got, want, told(r))
	}
}

// The number of reports is limited.
func TestTooManyMistakes(t *testing.T) {
	r, err := Parse(context.Background(), "r.yar", strings.NewReader(strings.Repeat("rule 1\n", maxMistakes+10)+"rule last { condition: true }"), nil)
	if err != nil || len(r.Skipped) != maxMistakes+1 || !strings.Contains(r.Skipped[maxMistakes].Reason, "what is behind them is not read") {
		t.Errorf("%d are skipped, %v", len(r.Skipped), err)
	}
}

// Too many mistakes, or too deep ones, do no more harm than others.
func TestHostileRules(t *testing.T) {
	many := testenv.Rounds(2e4, 2e4, 1e6)
	for name, text := range map[string]string{
		"parentheses": "rule a { condition: " + strings.Repeat("(", many),
		"not":         "rule a { condition: " + strings.Repeat("not ", many) + "true }",
		"signs":       "rule a { condition: " + strings.Repeat("-", many) + "1 > 0 }",
		"loops":       "rule a { condition: " + strings.Repeat("for any i in (1..2) : (", 1e5),
		"functions":   "rule a { condition: " + strings.Repeat("x(", many),
		"indices":     "rule a { strings: $a = \"x\" condition: " + strings.Repeat("@a[", many),
		"reads":       "rule a { condition: " + strings.Repeat("uint8(", many),
		"operators":   "rule a { condition: filesize" + strings.Repeat(" + filesize - filesize", 1e5) + " > 0 }",
		"mistakes":    strings.Repeat("rule 1\n", 1e5),
		"braces":      "rule a { strings: $a = {" + strings.Repeat("(", many) + "} condition: $a }",
		"expression":  "rule a { strings: $a = /" + strings.Repeat("(", many) + "/ condition: $a }",
	} {
		r, err := Parse(context.Background(), "r.yar", strings.NewReader(text), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(r.Skipped) == 0 || r.Len() > 0 {
			t.Errorf("%s: nothing is skipped", name)
		}
		for _, s := range r.Skipped {
			if len(s.Reason) > 10000 {
				t.Fatalf("%s: the reason has %d bytes", name, len(s.Reason))
			}
		}
	}
	// Many operators of one kind do not make a deep tree.
	parse(t, "r.yar", "rule a { condition: true"+strings.Repeat(" or true", 1e5)+" }")
	if !testenv.Long() {
		return // the most members that there may be take seconds
	}
	// These are sets of many members, many times.
	var sets strings.Builder
	for i := range 8000 {
		fmt.Fprintf(&sets, "rule a%d { condition: any of (a%d*) }\n", i, i)
	}
	sets.WriteString("rule b { condition: 1 of (" + strings.Repeat("a*, ", 20000) + "a*) }\n")
	sets.WriteString("rule c { strings: $a = \"x\" " + strings.Repeat("$ = \"x\" ", 8000) + " condition: any of (" + strings.Repeat("$*, ", 8000) + "$*) }\n")
	sets.WriteString("rule d { strings: $a = \"x\" " + strings.Repeat("$ = \"x\" ", 8000) + " condition: for any of them : (" + strings.Repeat("$ or ", 8000) + "$) }\n")
	r, err := Parse(context.Background(), "r.yar", strings.NewReader(sets.String()), nil)
	if err != nil || !strings.Contains(told(r), "the sets of strings and rules are too large") {
		t.Errorf("%v\n%.1000s", err, told(r))
	}
}

// What is not supported skips its rule and those that refer to it.
func TestSkipped(t *testing.T) {
	r := parse(t, "r.yar", `import "pe"
rule good { condition: true }
rule pe1 { condition: pe.number_of_sections > 3 and good }
rule pe2 { condition: pe.sections[0].name == "x" or pe.imphash() == "y" }
rule pe3 { condition: for any s in pe.sections : (s.name == "x") }
rule pe4 { condition: for any k, v in pe.version_info : (k == "x" and v matches /y/) }
rule ext { condition: filename == "x" }
rule entry { strings: $a = "x" condition: $a at entrypoint }
rule refers { condition: good and pe1 }
rule refers_set { condition: any of (pe*) }
rule later { condition: last }
rule set { condition: any of (good, missing) }
rule repeats { condition: "a" matches /a{1001}/ }
rule also { condition: not missing }
rule hashed { condition: hash.md5(0, filesize) == "x" }
rule self { condition: entrypoint == 1 or self }
rule last { condition: good }
`)
	if got, want := rulesOf(r), []string{"good", "last"}; !slices.Equal(got, want) {
		t.Errorf("%v run, want %v", got, want)
	}
	want := map[string]string{
		"pe1": "the module pe is not supported", "pe2": "module pe", "pe3": "module pe", "pe4": "several variables",
		"ext": "undefined identifier filename", "entry": "entrypoint",
		"refers": "it refers to the rule pe1, which is left out", "refers_set": "it refers to the rule pe1",
		"later": "undefined identifier last", "set": "undefined identifier missing", "repeats": "cannot be compiled",
		"also": "undefined identifier missing", "hashed": "module hash", "self": "entrypoint",
	}
	for i, s := range r.Skipped {
		if !strings.Contains(s.Reason, want[s.Rule]) || want[s.Rule] == "" || s.File != "r.yar" || s.Line != i+3 {
			t.Errorf("%+v, want %q on line %d", s, want[s.Rule], i+3)
		}
		if undefined := strings.HasPrefix(s.Reason, "undefined"); undefined != (s.Undefined != "") || s.Mistake {
			t.Errorf("%+v", s)
		}
		delete(want, s.Rule)
	}
	if len(want) > 0 {
		t.Errorf("not skipped: %v", want)
	}
	if got := len(r.Patterns()); got != 0 {
		t.Errorf("%d patterns of skipped rules", got)
	}
}

// Without the global rule, nothing is known of the others.
func TestSkippedGlobal(t *testing.T) {
	r := parse(t, "r.yar", "rule a { condition: true }\nglobal rule g { condition: pe.x == 1 }\nrule b { condition: true }")
	if r.Len() != 0 || len(r.Skipped) != 3 || !strings.Contains(r.Skipped[2].Reason, "the global rule g") {
		t.Errorf("%d run, skipped: %+v", r.Len(), r.Skipped)
	}
}

func TestRule(t *testing.T) {
	r := parse(t, "r.yar", "\nglobal private rule a : one two {\nmeta:\n x = \"a\\x41\" y = -5 z = true x = 0x10\ncondition: true }")
	got := fmt.Sprintf("%+v", *r.Rule(0))
	if want := "{Name:a Namespace:default Tags:[one two] Meta:[{Key:x Value:aA} {Key:y Value:-5} {Key:z Value:true} {Key:x Value:16}] Private:true Global:true File:r.yar Line:2}"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// Strings that look for the same are one pattern, whatever their names; private strings
// have no name to be shown.
func TestPatterns(t *testing.T) {
	r := parse(t, "r.yar", `
rule a { strings: $x = "abc" $ = { 61 62 } $y = /a+/ $1 = "z" condition: any of them }
rule b { strings: $x = "abc" ascii $z = "abc" $p = "abc" private $h = { 61  62 /* */ } $w = "abc" wide $l = /a+?/ condition: any of them }
`)
	var got []string
	for i, p := range r.Patterns() {
		got = append(got, fmt.Sprint(p.Name, r.Names(i)))
	}
	want := []string{
		"a.$x[a.$x b.$z]", "a.$2[a.$2 b.$h]", "a.$y[a.$y]", "a.$1[a.$1]", "b.$x[b.$x]", "b.$w[b.$w]", "b.$l[b.$l]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

func TestInclude(t *testing.T) {
	files := map[string]string{
		"dir/b.yar":     "include \"sub/c.yar\"\nrule b { condition: c }",
		"dir/sub/c.yar": "rule c { condition: true }",
		"bad.yar":       "\n\nrule x { condition: 1 + }",
		"loop.yar":      "rule l { condition: true } include \"loop2.yar\"",
		"loop2.yar":     "include \"loop.yar\"",
		"twice.yar":     "include \"dir/sub/c.yar\"\ninclude \"dir/sub/c.yar\"",
	}
	r, err := Parse(context.Background(), "a.yar", strings.NewReader("rule a { condition: true }\ninclude \"dir/b.yar\"\nrule d { condition: a and b and c }"), open(files))
	if err != nil {
		t.Fatal(err)
	}
	if twice, err := Parse(context.Background(), "a.yar", strings.NewReader("include \"twice.yar\" include \"dir/sub/../sub/c.yar\" rule z { condition: c }"), open(files)); err != nil || !slices.Equal(rulesOf(twice), []string{"c", "z"}) || len(twice.Skipped) > 0 {
		t.Errorf("a file that is included twice: %v", err)
	}
	if got, want := rulesOf(r), []string{"a", "c", "b", "d"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if c := r.Rule(1); c.File != "dir/sub/c.yar" || c.Line != 1 {
		t.Errorf("%+v", c)
	}
	for text, want := range map[string]string{
		"\ninclude \"none.yar\"": "a.yar:2:9: cannot include none.yar: open none.yar: file does not exist",
		"include \"loop.yar\"":   "loop2.yar:1:9: cannot include loop.yar: it is included by itself",
		"include \"a.yar\"":      "a.yar:1:9: cannot include a.yar: it is included by itself",
	} {
		_, err := Parse(context.Background(), "a.yar", strings.NewReader(text), open(files))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"include \"bad.yar\"":            "bad.yar:3:25: want a value",
		"include 1":                      "want the path of a file in quotes",
		"include \"dir/b.yar\" rule a {": "a.yar:1:30: want condition",
	} {
		r, err := Parse(context.Background(), "a.yar", strings.NewReader(text+" rule z { condition: true }"), open(files))
		if err != nil || !strings.Contains(told(r), want) || !slices.Contains(rulesOf(r), "z") {
			t.Errorf("%q: %v\n%s\nwant %q", text, err, told(r), want)
		}
	}
	if _, err := Parse(context.Background(), "a.yar", strings.NewReader("include \"none.yar\""), open(files)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not that the file is not there", err)
	}
	deep := make(map[string]string)
	for i := range 20 {
		deep[fmt.Sprintf("%d.yar", i)] = fmt.Sprintf("include \"%d.yar\" include \"%d.yar\"", i+1, i+2)
	}
	if _, err := Parse(context.Background(), "a.yar", strings.NewReader("include \"0.yar\""), open(deep)); err == nil || !strings.Contains(err.Error(), "more than 16 files include one another") {
		t.Errorf("%v", err)
	}
}

// asRE2 returns a regular expression in RE2's syntax.
func asRE2(n *reNode) string {
	set := func(s automaton.Set) string {
		out := ""
		for lo := 0; lo < 256; lo++ {
			hi := lo
			for hi < 256 && s.Has(byte(hi)) {
				hi++
			}
			if hi > lo {
				out += fmt.Sprintf(`\x%02x-\x%02x`, lo, hi-1)
				lo = hi
			}
		}
		return out
	}
	var subs []string
	for _, sub := range n.subs {
		s := asRE2(sub)
		if sub.op == reAlt || sub.op == reCat && n.op != reAlt {
			s = "(?:" + s + ")"
		}
		subs = append(subs, s)
	}
	switch n.op {
	case reByte:
		return fmt.Sprintf(`\x%02x`, n.b)
	case reAny:
		return "."
	case reSet:
		s := n.set
		if n.negated {
			return "[^" + set(s) + "]"
		}
		return "[" + set(s) + "]"
	case reLook:
		return map[automaton.Look]string{automaton.BeginMemory: "^", automaton.EndMemory: "$", automaton.WordBoundary: `\b`, automaton.NoBoundary: `\B`}[n.look]
	case reAlt:
		return strings.Join(subs, "|")
	case reRepeat:
		s := subs[0] + fmt.Sprintf("{%d,%d}", n.least, n.most)
		if n.most < 0 {
			s = subs[0] + fmt.Sprintf("{%d,}", n.least)
		}
		if !n.greedy {
			s += "?"
		}
		return s
	}
	return strings.Join(subs, "")
}

// These are regular expressions in RE2's syntax.
func TestTranslate(t *testing.T) {
	for re, want := range map[string]string{
		`a`:       `\x61`,
		`\z\A\_`:  `\x7a\x41\x5f`,
		`a{,2}`:   `\x61{0,2}`,
		`a{2}b{`:  `\x61{2,2}\x62\x7b`,
		`\s\D`:    `[\x09-\x0d\x20-\x20][^\x30-\x39]`,
		`[^]\d-]`: `[^\x2d-\x2d\x30-\x39\x5d-\x5d]`,
		`(a|)+?$`: `(?:\x61|){1,}?$`,
		`\x41\.é`: `\x41\x2e\xc3\xa9`,
		`^.\b`:    `^.\b`,
	} {
		got, _, err := translate(re)
		if err != nil || asRE2(got.root) != want {
			t.Errorf("%s: %s, %v, want %s", re, asRE2(got.root), err, want)
		}
	}
}
