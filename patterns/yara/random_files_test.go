package yara

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vscan/internal/testenv"
)

// Random rules in several files and namespaces, with external variables, are compared with
// yara: what rules, global ones and sets of rules see of each other. VSCAN_RULESETS
// is how many sets of files are tried. yara 4.5 is asked
// about more than 4.2 knows.
func TestRandomFilesLikeYara(t *testing.T) {
	later := yaraIsLater(t)
	rng := testenv.Seeded(t, 1, 1)
	sets := testenv.Rounds(5, 12, 25)
	if s := os.Getenv("VSCAN_RULESETS"); s != "" {
		sets, _ = strconv.Atoi(s)
	}
	dir := t.TempDir()
	rules, matched, found := 0, 0, 0
	for i := range sets {
		s := newRuleSet(rng, later)
		data := filepath.Join(dir, fmt.Sprintf("%d.data", i))
		hay := s.bytes()
		if err := os.WriteFile(data, hay, 0o600); err != nil {
			t.Fatal(err)
		}
		want, err := s.byYara(t, dir, i, data)
		if err != nil && later && strings.Contains(err.Error(), "range lower bound") {
			continue // 4.5 refuses constant ranges that end before they begin
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, s)
		}
		r := s.compile(t)
		if len(r.Skipped) > 0 {
			t.Fatalf("%s\n%s", told(r), s)
		}
		res := evaluate(t, r, hay)
		got := fullReport(res)
		if !slices.Equal(got, want) {
			t.Fatalf("on %q:\n%s%s", hay, diff(got, want), s)
		}
		rules, matched, found = rules+s.count, matched+len(res.Matches), found+len(got)-len(res.Matches)
	}
	t.Logf("%d rules in %d sets, of which %d matched with %d hits", rules, sets, matched, found)
	if matched < rules/10 || matched > rules*9/10 {
		t.Errorf("the test is weak: %d of %d rules match", matched, rules)
	}
}

// yaraIsLater skips the test where there is no yara, and reports whether yara is of version
// 4.5 or later.
func yaraIsLater(t *testing.T) bool {
	t.Helper()
	out, err := exec.Command("yara", "--version").Output()
	if err != nil {
		t.Skip("no yara command here: apt-get install yara")
	}
	var minor int
	if _, err := fmt.Sscanf(string(out), "4.%d", &minor); err != nil || minor < 2 {
		t.Skipf("yara %s: this test knows 4.2 and later", out)
	}
	return minor >= 5
}

// A ruleSet is random files of rules.
type ruleSet struct {
	generator
	files []ruleSetFile
	known map[string][]string // names of the rules so far, by namespace
	count int
	vars  map[string]any
}

type ruleSetFile struct{ namespace, text string }

func newRuleSet(rng *rand.Rand, later bool) *ruleSet {
	s := &ruleSet{generator: generator{rng: rng, later: later}, known: map[string][]string{}}
	s.vars = map[string]any{
		"num": int64(rng.IntN(9)), "frac": float64(rng.IntN(40)) / 8, "yes": rng.IntN(2) == 0,
		"word": s.pick("a", "abc", "bAc", "aabbc", "x1 b", "b", "ca", "C"),
	}
	for range 1 + rng.IntN(6) {
		ns := s.pick("default", "x", "x", "y")
		var b strings.Builder
		for range 1 + rng.IntN(7) {
			b.WriteString(s.ruleOf(ns) + "\n")
		}
		s.files = append(s.files, ruleSetFile{ns, b.String()})
	}
	return s
}

// ruleOf returns a rule of a namespace. Rules of several namespaces have the same names,
// and strings of the same names.
func (s *ruleSet) ruleOf(ns string) string {
	names := s.known[ns]
	s.rules = 0 // no rule is referred to by number
	name := fmt.Sprintf("r%d_", len(names))
	text := s.rule()
	head, rest, _ := strings.Cut(text, "r0 {")
	body, _ := strings.CutSuffix(rest, " }")
	switch {
	case s.rng.IntN(25) == 0:
		// Most global rules match, since otherwise nothing would.
		head, body = "global "+head, body+" or filesize > 20"
	case len(names) > 0 && s.rng.IntN(2) == 0:
		decl, cond, _ := strings.Cut(body, "condition: ")
		body = decl + "condition: " + s.refers(names) + s.pick(" and ", " or ") + "(" + cond + ")"
	}
	if s.rng.IntN(4) == 0 {
		body += s.pick(" and ", " or ") + s.variable()
	}
	s.known[ns] = append(names, name)
	s.count++
	return head + name + " {" + body + " }"
}

// refers returns a condition on rules.
func (s *ruleSet) refers(names []string) string {
	a, b := s.pick(names...), s.pick(names...)
	switch s.rng.IntN(5) {
	case 0:
		return s.pick("any", "all", "none", "1", "2", "50%") + " of (" + a + ", " + b + ")"
	case 1:
		// yara counts a rule of a set twice if a rule of another namespace has its name, so
		// the condition does not ask for numbers.
		return s.pick("any", "all", "none") + " of (" + a + "*)"
	case 2:
		return "not " + a
	}
	return a
}

// variable returns a condition on external variables.
func (s *ruleSet) variable() string {
	text := func() string { return s.pick(`"a"`, `"b"`, `"abc"`, `"C"`, "word", `"x1"`) }
	n := 6
	if s.later {
		n = 9
	}
	switch s.rng.IntN(n) {
	case 0:
		return s.pick("num", "num + 1", "-num") + s.pick(" < ", " == ", " >= ") + s.integer(0)
	case 1:
		return "frac" + s.pick(" < ", " > ", " == ") + s.pick("2", "1.5", "num")
	case 2:
		return s.pick("yes", "not yes", "yes == 1", "defined yes")
	case 3:
		return "word" + s.pick(" contains ", " icontains ", " startswith ", " istartswith ", " endswith ", " iendswith ", " iequals ", " == ", " < ") + text()
	case 4:
		re := strings.NewReplacer(`\b`, "", `\B`, "").Replace(s.regexp())
		return text() + " matches /" + re + "/" + s.pick("", "i", "s", "is")
	case 5:
		return s.pick("word", `"x"`, `not ""`, "/x/", "not /x/")
	case 6, 7:
		return "for " + s.pick("any", "all", "none", "2") + " s in (" + text() + ", " + text() + ", " + text() + ") : (" +
			s.pick(`s == word`, `s contains "b"`, `s matches /^a/`, `"abc" icontains s`) + ")"
	}
	return "for " + s.pick("any", "all", "none") + " i in (0..num) : (i " + s.pick("==", ">", "<=") + " frac)"
}

func (s *ruleSet) compile(t *testing.T) *Rules {
	var c Compiler
	for name, v := range s.vars {
		if err := c.Define(name, v); err != nil {
			t.Fatal(err)
		}
	}
	var files [][3]string
	for i, f := range s.files {
		files = append(files, [3]string{f.namespace, fmt.Sprint(i), f.text})
	}
	return added(t, &c, files...)
}

// byYara returns what the yara command reports for the files.
func (s *ruleSet) byYara(t *testing.T, dir string, n int, data string) ([]string, error) {
	args := []string{"-w", "-s", "-L", "-e"}
	for name, v := range s.vars {
		text := fmt.Sprint(v)
		if f, ok := v.(float64); ok {
			text = strconv.FormatFloat(f, 'f', 3, 64)
		}
		args = append(args, "-d", name+"="+text)
	}
	for i, f := range s.files {
		path := filepath.Join(dir, fmt.Sprintf("%d_%d.yar", n, i))
		if err := os.WriteFile(path, []byte(f.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if f.namespace != DefaultNamespace {
			path = f.namespace + ":" + path
		}
		args = append(args, path)
	}
	out, err := exec.Command("yara", append(args, data)...).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("error: ")) {
		return nil, fmt.Errorf("%w: %v: %s", errRefused, err, out)
	}
	var lines []string
	rule := ""
	for l := range strings.Lines(string(out)) {
		l = strings.TrimSuffix(l, "\n")
		if name, ok := strings.CutSuffix(l, " "+data); ok {
			rule = strings.TrimPrefix(name, "default:")
			lines = append(lines, rule)
			continue
		}
		if f := strings.SplitN(l, ":", 4); len(f) == 4 {
			lines = append(lines, fmt.Sprintf("%s %s %s %s", rule, f[0], f[1], f[2]))
		}
	}
	slices.Sort(lines)
	return lines, nil
}

func (s *ruleSet) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v\n", s.vars)
	for i, f := range s.files {
		fmt.Fprintf(&b, "--- %d, namespace %s\n%s", i, f.namespace, f.text)
	}
	return b.String()
}

// fullReport returns report with the namespaces of rules.
func fullReport(res *Result) []string {
	var out []string
	for _, m := range res.Matches {
		name := m.Rule.FullName()
		out = append(out, name)
		for _, s := range m.Strings {
			for i := range s.Len() {
				a, n := s.At(i)
				out = append(out, fmt.Sprintf("%s %#x %d %s", name, uint64(a), min(n, longest), strings.TrimPrefix(s.Name, name+".")))
			}
		}
	}
	for _, u := range res.Undecided {
		out = append(out, u.Rule.FullName()+" undecided: "+u.Reason)
	}
	slices.Sort(out)
	return out
}
