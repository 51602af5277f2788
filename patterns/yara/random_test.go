package yara

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vscan/internal/testenv"
)

// Random rules on random bytes are compared with yara. There are few different bytes, so
// that strings are found.
func TestRandomLikeYara(t *testing.T) {
	needYara(t)
	rng := testenv.Seeded(t, 1, 0)
	files, rulesPerFile := testenv.Rounds(15, 30, 90), 30
	dir := t.TempDir()
	matched := 0
	for i := range files {
		g := generator{rng: rng}
		rules := g.file(rulesPerFile)
		path := filepath.Join(dir, fmt.Sprintf("%d.yar", i))
		data := filepath.Join(dir, fmt.Sprintf("%d", i))
		hay := g.bytes()
		if err := os.WriteFile(path, []byte(rules), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(data, hay, 0o600); err != nil {
			t.Fatal(err)
		}
		want, err := byYara(t, path, data)
		if err != nil {
			t.Fatalf("%v\n%s", err, rules)
		}
		r := parse(t, path, rules)
		for _, s := range r.Skipped {
			t.Fatalf("%s: %s\n%s", s.Rule, s.Reason, rules)
		}
		res := evaluate(t, r, hay)
		matched += len(res.Matches)
		if got := report(res); !slices.Equal(got, want) {
			t.Fatalf("on %q:\n%s%s", hay, diff(got, want), involved(rules, diff(got, want)))
		}
	}
	t.Logf("%d rules on %d files, of which %d matched", files*rulesPerFile, files, matched)
	if matched < files*rulesPerFile/10 || matched > files*rulesPerFile*9/10 {
		t.Errorf("the test is weak: %d of %d rules match", matched, files*rulesPerFile)
	}
}

// involved returns the rules that a difference names.
func involved(rules, diff string) string {
	var b strings.Builder
	for _, l := range strings.Split(rules, "\n") {
		f := strings.Fields(strings.ReplaceAll(l, "private ", ""))
		if len(f) > 1 && slices.Contains(strings.Fields(diff), f[1]) {
			b.WriteString(l + "\n")
		}
	}
	return b.String()
}

type generator struct {
	rng   *rand.Rand
	names []string // of the strings of the rule
	rules int      // how many there are so far
	vars  int      // how many there are of the loops around
	inSet bool     // whether it is in a loop over strings
	later bool     // whether the rules are for yara 4.5
}

func (g *generator) pick(of ...string) string { return of[g.rng.IntN(len(of))] }

func (g *generator) bytes() []byte {
	b := make([]byte, 2+g.rng.IntN(400))
	for i := range b {
		b[i] = "aabbcABC \n\x00\x00\x00\x01x1"[g.rng.IntN(16)]
	}
	// At the ends of memory, YARA's \b holds in front of any byte, and \B in front of none.
	// In front of a letter that is right.
	b[0], b[len(b)-1] = 'x', 'x'
	return b
}

func (g *generator) file(n int) string {
	var b strings.Builder
	for g.rules = range n {
		b.WriteString(g.rule() + "\n")
	}
	return b.String()
}

func (g *generator) rule() string {
	var b strings.Builder
	if g.rng.IntN(15) == 0 {
		b.WriteString("private ")
	}
	fmt.Fprintf(&b, "rule r%d { ", g.rules)
	g.names = nil
	for i := range g.rng.IntN(4) {
		if i == 0 {
			b.WriteString("strings: ")
		}
		name := g.pick("a", "b", "c") + fmt.Sprint(i)
		g.names = append(g.names, name)
		fmt.Fprintf(&b, "$%s = %s ", name, g.str())
	}
	cond := g.condition(3)
	if len(g.names) > 0 && g.rng.IntN(3) > 0 {
		// Every string is used; often only so that it is used.
		cond = g.pick("any of them and ", "any of them or ", "") + "(" + cond + ")"
	}
	for _, s := range g.names {
		if !strings.Contains(cond, s) && !strings.Contains(cond, "them") {
			cond += " or $" + s + g.pick("", " at 0", " at 3")
		}
	}
	return b.String() + "condition: " + cond + " }"
}

// str returns a string and its modifiers.
func (g *generator) str() string {
	switch g.rng.IntN(4) {
	case 0, 1:
		return g.text()
	case 2:
		return g.hex()
	}
	// A string is not both wide and ascii: yara looks for the wide match only where what
	// follows its anchor does not match as ascii, and so misses some.
	re, width := g.regexp(), g.pick("wide", "ascii")
	if strings.Contains(strings.ToLower(re), `\b`) {
		width = "ascii" // the ends of memory are no wide letters
	}
	full := "fullword"
	if strings.ContainsAny(re, "*+?{(") {
		// Which of several matches at a place has to be a full word depends on what yara
		// takes for the anchor.
		full = ""
	}
	if g.later && width == "wide" {
		// yara 4.5 looks at the bytes beside some wide matches as if they were not wide.
		full = ""
	}
	return "/" + re + "/" + g.pick("", "", "i", "s", "is") + g.modifiers("nocase", width, full, "private")
}

func (g *generator) text() string {
	var b strings.Builder
	for range 1 + g.rng.IntN(4) {
		b.WriteString(g.pick("a", "b", "c", "A", "B", " ", "1", `\x00`, `\x01`, `\n`))
	}
	s := `"` + b.String() + `"`
	switch g.rng.IntN(8) {
	case 0:
		if strings.Contains(s, `\x00`) {
			// If wide, yara takes "A\x00\x00" for a match of "A\x00\x00" wide.
			return s + " xor" + g.pick("", "(1)", "(0-3)", "(32-35)") + g.modifiers("fullword", "private")
		}
		return s + " xor" + g.pick("", "(1)", "(0-3)", "(32-35)") + g.modifiers("wide", "ascii", "fullword", "private")
	case 1:
		return `"` + g.pick("abc", "aabbc", "ab1", "abcabc") + `"` + g.pick(" base64", " base64wide", " base64 base64wide") + g.modifiers("private")
	}
	return s + g.modifiers("nocase", "wide", "ascii", "fullword", "private")
}

// modifiers returns some of those given.
func (g *generator) modifiers(of ...string) string {
	s := ""
	for _, m := range of {
		if g.rng.IntN(4) == 0 {
			s += " " + m
		}
	}
	return s
}

func (g *generator) hexByte() string {
	return g.pick("61", "62", "63", "61", "00", "0a", "4?", "?1", "6?", "??")
}

func (g *generator) hex() string {
	s := "{ " + g.pick("61", "62", "00", "41", "6?") + " "
	for range g.rng.IntN(4) {
		switch g.rng.IntN(6) {
		case 0:
			s += g.pick("[0-2] ", "[1] ", "[2-3] ", "[0-1] ")
			s += g.pick("61", "62", "00") + " "
		case 1:
			s += "( " + g.hexByte() + " | " + g.hexByte() + " " + g.hexByte() + " ) "
		default:
			s += g.hexByte() + " "
		}
	}
	return s + g.pick("61", "62", "63", "00", "?2") + " }" + g.modifiers("private")
}

// regexp returns a regular expression. Either all its repetitions are greedy or none.
func (g *generator) regexp() string {
	s := ""
	for range 1 + g.rng.IntN(3) {
		s += g.pick("a", "b", "c", "a", "b", "A", ".", `\x00`, "[abc]", "[^a]", `\w`, `\d`, `\s`, "[a-c1]", `\n`)
	}
	if g.rng.IntN(3) == 0 {
		s += g.pick("b+", "a*b", "c?a", "a{2}", "b{1,2}", "[ab]+c", "b{,2}c", "(ab)+", "(a|bc)?b", "(a|b)*c", "(a|b){2,3}", "(b|ab)", "(ab|a|abc)c", ".*c", "(a.)+", "[^b]*b")
	} else if g.rng.IntN(6) == 0 {
		s += g.pick("b+?", "a*?b", "c??a", "[ab]+?c", "b{1,3}?c", ".*?c", "(ab|b)+?", "(a|b)*?c")
	}
	if g.rng.IntN(6) == 0 {
		s = g.pick("^", `\b`, `\B`) + s
	} else if g.rng.IntN(6) == 0 {
		s += g.pick("$", `\b`, `\B`)
	}
	return s
}

// condition returns a condition with about so many levels of operators.
func (g *generator) condition(depth int) string {
	if depth == 0 {
		return g.leaf()
	}
	switch g.rng.IntN(9) {
	case 0, 1:
		return g.condition(depth-1) + g.pick(" and ", " or ") + g.condition(depth-1)
	case 2:
		return "(" + g.condition(depth-1) + ")" + g.pick(" and ", " or ") + "(" + g.condition(depth-1) + ")"
	case 3:
		return g.pick("not ", "defined ") + "(" + g.condition(depth-1) + ")"
	case 4:
		if len(g.names) > 0 && !g.inSet {
			return g.forOf(depth)
		}
	case 5, 6:
		if g.vars < 3 {
			return g.forIn(depth)
		}
	}
	return g.leaf()
}

func (g *generator) forOf(depth int) string {
	head := "for " + g.pick("any", "all", "1", "2") + " of " + g.set() + " : ("
	g.inSet = true
	body := g.condition(depth - 1)
	g.inSet = false
	return head + body + ")"
}

func (g *generator) forIn(depth int) string {
	v := fmt.Sprintf("i%d", g.vars)
	head := "for " + g.pick("any", "all", "1", "2", "3") + " " + v + " in "
	switch g.rng.IntN(3) {
	case 0:
		head += "(" + g.integer(1) + ", " + g.integer(1) + ", " + g.integer(0) + ")"
	case 1:
		head += fmt.Sprintf("(%d..%d)", g.rng.IntN(4), g.rng.IntN(8))
	default:
		head += "(" + fmt.Sprint(g.rng.IntN(4)) + ".." + g.pick("4", "3", g.bounded()) + ")"
	}
	g.vars++
	body := g.condition(depth - 1)
	g.vars--
	return head + " : (" + body + ")"
}

// bounded returns an integer that is small.
func (g *generator) bounded() string {
	if len(g.names) == 0 {
		return "filesize % 7"
	}
	return "#" + g.name() + " % 9"
}

func (g *generator) name() string { return g.pick(g.names...) }

func (g *generator) set() string {
	switch g.rng.IntN(3) {
	case 0:
		return "($" + g.name() + ")"
	case 1:
		return "($" + g.name()[:1] + "*)"
	}
	return "them"
}

// leaf returns a condition without and, or, not and loops.
func (g *generator) leaf() string {
	n := g.rng.IntN(10)
	if len(g.names) == 0 && n < 6 {
		n += 5
	}
	id := ""
	if len(g.names) > 0 {
		id = "$" + g.name()
		if g.inSet && g.rng.IntN(2) == 0 {
			id = "$"
		}
	}
	switch n {
	case 0:
		return id
	case 1:
		return id + " at " + g.pick(fmt.Sprint(g.rng.IntN(20)), g.address())
	case 2, 3:
		return id + " in (" + g.pick("0", g.integer(1)) + ".." + g.pick("filesize", g.integer(1)) + ")"
	case 4:
		return g.pick("any", "all", "none", "1", "2", "50%", "34%", g.bounded()) + " of " + g.set()
	case 5:
		if len(g.names) > 0 {
			return g.pick("any", "all", "none", "2") + " of " + g.set() + " in (0.." + g.integer(1) + ")"
		}
	case 6:
		if g.rules > 0 {
			return fmt.Sprintf("r%d", g.rng.IntN(g.rules))
		}
	}
	return g.integer(2) + g.pick(" == ", " != ", " < ", " <= ", " > ", " >= ") + g.integer(1)
}

// address returns an integer that is defined: for an undefined one behind at, yara 4.2 says
// false, and later versions undefined.
func (g *generator) address() string {
	if g.later {
		return g.integer(1)
	}
	return g.pick("#", "filesize - #") + g.pick(g.names...) + g.pick(" + ", " - ", " * ", " % ") + fmt.Sprint(1+g.rng.IntN(9))
}

// integer returns an integer with about so many levels of operators.
func (g *generator) integer(depth int) string {
	if depth > 0 && g.rng.IntN(2) == 0 {
		switch g.rng.IntN(7) {
		case 0:
			return g.pick("uint8", "uint16", "uint32", "int8", "int16", "int32", "uint16be", "uint32be", "int16be", "int32be") + "(" + g.integer(depth-1) + ")"
		case 1:
			return g.integer(depth-1) + g.pick(" \\ ", " % ") + g.pick("2", "3", "7", "(filesize - 100)")
		case 2:
			return "(" + g.integer(depth-1) + g.pick(" << ", " >> ") + g.pick("1", "3", "(filesize % 70 - 2)") + ")"
		case 3:
			return "(" + g.integer(depth-1) + g.pick(" & ", " | ", " ^ ") + g.integer(depth-1) + ")"
		case 4:
			return g.pick("-", "~") + "(" + g.integer(depth-1) + ")"
		}
		return g.integer(depth-1) + g.pick(" + ", " - ", " * ") + g.integer(depth-1)
	}
	n := g.rng.IntN(7)
	if len(g.names) == 0 && n < 3 {
		n += 3
	}
	id := ""
	if len(g.names) > 0 {
		id = g.name()
		if g.inSet && g.rng.IntN(2) == 0 {
			id = ""
		}
	}
	switch n {
	case 0:
		return "#" + id
	case 1:
		return g.pick("@", "!") + id
	case 2:
		return g.pick("@", "!") + id + "[" + fmt.Sprint(g.rng.IntN(4)) + "]"
	case 3:
		return "filesize"
	case 4:
		if g.vars > 0 {
			return fmt.Sprintf("i%d", g.rng.IntN(g.vars))
		}
	}
	return fmt.Sprint(g.rng.IntN(40))
}
