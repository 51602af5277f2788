package yara

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vscan/engine/addr"
	"vscan/internal/testenv"
	"vscan/patterns"
)

// flat is memory from address 0 on.
type flat []byte

func (m flat) Read(p []byte, a addr.Addr) (int, error) {
	if uint64(a) >= uint64(len(m)) {
		return 0, io.EOF
	}
	n := copy(p, m[a:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// find adds all hits in data, which lies at address 0, to an evaluator. It finds them
// naively.
func find(t testing.TB, r *Rules, e *Evaluator, data []byte) {
	t.Helper()
	set, err := patterns.Compile(context.Background(), r.Patterns(), patterns.Target{})
	if err != nil {
		t.Fatal(err)
	}
	if got := len(set.Patterns()); got != len(r.Patterns()) {
		t.Fatalf("%d patterns were compiled to %d", len(r.Patterns()), got)
	}
	type hit struct{ pattern, at, n int }
	var hits []hit
	for _, n := range set.Needles() {
		for at := 0; at < len(data); at++ {
			if n.Mask == nil && n.Words == nil && !n.Keys.Any {
				next := bytes.Index(data[at:], n.Lit)
				if next < 0 {
					break
				}
				at += next
			}
			if matches(n, data[at:]) {
				hits = append(hits, hit{int(n.Pattern), at, n.Len()})
			}
		}
	}
	m := &patterns.Memory{Bytes: data}
	for _, x := range set.Exprs() {
		for at := 0; at < len(data); at++ {
			if f, ok := x.Matcher.(patterns.Finder); ok {
				if at = f.Next(m, at, len(data)); at == len(data) {
					break
				}
			}
			if n := x.Matcher.Match(m, at); n > 0 {
				hits = append(hits, hit{x.Pattern, at, n})
			}
		}
	}
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.pattern, b.pattern), cmp.Compare(a.n, b.n))
	})
	for _, h := range hits {
		e.Add(h.pattern, addr.Addr(h.at), h.n)
	}
}

func matches(n patterns.Needle, b []byte) bool {
	if len(b) < n.Len() {
		return false
	}
	if n.Words != nil {
		return n.Words.Contains(n.Words.Order.Uint(b[:n.Len()]))
	}
	if n.Keys.Any {
		key := b[0] ^ n.Lit[0] // no other gives the first byte
		if key < n.Keys.Lo || key > n.Keys.Hi {
			return false
		}
		for i, c := range n.Lit {
			if b[i]^key != c {
				return false
			}
		}
		return true
	}
	for i, c := range n.Lit {
		mask := byte(0xff)
		if n.Mask != nil {
			mask = n.Mask[i]
		}
		if b[i]&mask != c {
			return false
		}
	}
	return true
}

// evaluate finds all hits and evaluates the rules.
func evaluate(t testing.TB, r *Rules, data []byte) *Result {
	t.Helper()
	e := r.NewEvaluator(Limits{})
	find(t, r, e, data)
	res, err := e.Evaluate(context.Background(), Scope{Memory: flat(data), FileSize: uint64(len(data)), FileSizeKnown: true, Empty: len(data) == 0})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// anonymous stands for the names of strings that yara calls $. No rule of the tests gives
// such a name itself.
var anonymous = regexp.MustCompile(`^\$\d+$`)

// longest is the length of the longest match as yara prints it.
const longest = 512

// report returns what matched, in lines, as yara has it: RULE, and RULE OFFSET LENGTH $a.
func report(res *Result) []string {
	var out []string
	for _, m := range res.Matches {
		out = append(out, m.Rule.Name)
		for _, s := range m.Strings {
			id := anonymous.ReplaceAllString(strings.TrimPrefix(s.Name, m.Rule.Name+"."), "$$")
			for i := range s.Len() {
				a, n := s.At(i)
				out = append(out, fmt.Sprintf("%s %#x %d %s", m.Rule.Name, uint64(a), min(n, longest), id))
			}
		}
	}
	for _, u := range res.Undecided {
		out = append(out, u.Rule.Name+" undecided: "+u.Reason)
	}
	slices.Sort(out)
	return out
}

// parse reads rules that have no mistake.
func parse(t testing.TB, name, text string) *Rules {
	t.Helper()
	r, err := Parse(context.Background(), name, strings.NewReader(text), func(path string) (io.ReadCloser, error) { return os.Open(path) })
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Skipped {
		if s.Mistake {
			t.Fatalf("%s:%d:%d: %s: %s", s.File, s.Line, s.Column, s.Rule, s.Reason)
		}
	}
	return r
}

var errRefused = errors.New("yara refused the rules")

// asYara returns what the yara command reports for rules over data, both of which it writes
// to dir. Rules that yara refuses fail the test.
func asYara(t *testing.T, dir, rules string, data []byte) []string {
	t.Helper()
	of, file := filepath.Join(dir, "r.yar"), filepath.Join(dir, "data")
	for path, b := range map[string][]byte{of: []byte(rules), file: data} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := byYara(t, of, file)
	if err != nil {
		t.Fatalf("%v\n%s", err, rules)
	}
	return want
}

// byYara returns the report of the yara command.
func byYara(t testing.TB, rules, file string) ([]string, error) {
	t.Helper()
	out, err := exec.Command("yara", "-w", "-s", "-L", rules, file).CombinedOutput()
	if err != nil || bytes.HasPrefix(out, []byte("error")) {
		return nil, fmt.Errorf("%w: %s", errRefused, out)
	}
	var lines []string
	rule := ""
	for _, l := range strings.Split(strings.TrimRight(string(out), "\n"), "\n") {
		if name, ok := strings.CutSuffix(l, " "+file); ok {
			rule = name
			lines = append(lines, rule)
			continue
		}
		f := strings.SplitN(l, ":", 4)
		if len(f) < 4 {
			if l != "" {
				t.Fatalf("yara printed %q", l)
			}
			continue
		}
		lines = append(lines, fmt.Sprintf("%s %s %s %s", rule, f[0], f[1], f[2]))
	}
	slices.Sort(lines)
	return lines, nil
}

func needYara(t testing.TB) {
	t.Helper()
	out, err := exec.Command("yara", "--version").Output()
	if err != nil {
		t.Skip("no yara command here: apt-get install yara")
	}
	if v := strings.TrimSpace(string(out)); !strings.HasPrefix(v, "4.2") {
		t.Skipf("yara %s: these tests know 4.2", v)
	}
}

// diff returns the lines that only one of two sorted lists has, at most ten.
func diff(got, want []string) string {
	var b strings.Builder
	n := 0
	for _, l := range got {
		if _, ok := slices.BinarySearch(want, l); !ok && n < 20 {
			fmt.Fprintf(&b, "\tonly vscan: %s\n", l)
			n++
		}
	}
	for _, l := range want {
		if _, ok := slices.BinarySearch(got, l); !ok && n < 20 {
			fmt.Fprintf(&b, "\tonly yara:  %s\n", l)
			n++
		}
	}
	return b.String()
}

// compareWith compares vscan's report with yara's, on a file of rules.
func compareWith(t *testing.T, rules string, data []byte) {
	t.Helper()
	text, err := os.ReadFile(rules)
	if err != nil {
		t.Fatal(err)
	}
	r := parse(t, rules, string(text))
	for _, s := range r.Skipped {
		t.Errorf("%s:%d: %s: %s", s.File, s.Line, s.Rule, s.Reason)
	}
	file := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	want, err := byYara(t, rules, file)
	if err != nil {
		t.Fatal(err)
	}
	got := report(evaluate(t, r, data))
	if !slices.Equal(got, want) {
		t.Errorf("%s on %d bytes: vscan has %d lines, yara %d\n%s", rules, len(data), len(got), len(want), diff(got, want))
		return
	}
	t.Logf("%s: %d rules, %d bytes, %d lines alike", rules, r.Len(), len(data), len(want))
}

// The rules of testdata, each of which is there for some feature, are evaluated over a file
// that has something for most of them.
func TestLikeYara(t *testing.T) {
	needYara(t)
	files, _ := filepath.Glob("testdata/*.yar")
	if len(files) == 0 {
		t.Fatal("no rules")
	}
	data := sample()
	for _, f := range files {
		if strings.HasPrefix(filepath.Base(f), "part") {
			continue
		}
		t.Run(filepath.Base(f), func(t *testing.T) {
			compareWith(t, f, data)
			compareWith(t, f, nil)
			compareWith(t, f, []byte("MZ"))
		})
	}
}

// The same is done with rules for cores, on cores as they lie in the file.
func TestLikeYaraOnCores(t *testing.T) {
	needYara(t)
	for _, core := range testenv.Some(t, 1, []string{
		"bloomberg/pystack/tests/integration/corefiles/segfault.core",
		"file/file-tests/db/misc/core",
		"google/breakpad/src/processor/testdata/linux_inline.dmp",
	}) {
		data, err := os.ReadFile("../../../shared/samples/" + core)
		if err != nil {
			t.Skipf("no sample images here: %v", err)
		}
		rules := []string{"cores", "conditions", "regexp"}
		if len(data) < 64<<10 || testenv.Long() {
			rules = append(rules, "text") // has much that is looked for naively
		}
		for _, f := range rules {
			t.Run(filepath.Base(core)+"/"+f, func(t *testing.T) { compareWith(t, "testdata/"+f+".yar", data) })
		}
	}
}

// sample returns a file that has something for most rules.
func sample() []byte {
	var b bytes.Buffer
	b.WriteString("MZ\x90\x00\x03\x00\x00\x00hello world, HELLO World, helloworld xhello hello.\n")
	for _, c := range "hello wide World" {
		b.Write([]byte{byte(c), 0})
	}
	b.WriteString("\n/usr/bin/x http://example.com/a?b=1 https://x.org/ mail user@example.com, a.b+c@d.example.org;\n")
	b.WriteString("abc aabbcc abcabcabc abxbxc foo_bar foo-bar foobar 12 345 6789 {2} [x]\r\n\t\v\f")
	for key := range 256 {
		for _, c := range []byte("secret") {
			b.WriteByte(c ^ byte(key))
		}
	}
	b.WriteString(" This program cannot VGhpcyBwcm9ncmFtIGNhbm5vdA RoaXMgcHJvZ3JhbSBjYW5ub3 UaGlzIHByb2dyYW0gY2Fubm90 ")
	for _, c := range "VGhpcyBwcm9ncmFtIGNhbm5vdA RoaXMgcHJvZ3JhbSBjYW5ub3 " {
		b.Write([]byte{byte(c), 0})
	}
	for i := range 2048 {
		b.WriteByte(byte(i * i >> 3))
	}
	b.Write([]byte{0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4, 0xde, 0xad, 0, 0, 0xbe, 0xef, 0xff, 0xfe})
	b.WriteString(strconv.Itoa(1234567))
	return b.Bytes()
}
