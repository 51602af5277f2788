package patterns

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vscan/internal/testenv"
)

// Expressions are looked for in the first MiB of sample images as a search does, by their
// anchors or by Next, and compared with Python's re at every place.
func TestSamples(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	const samples = "../../shared/samples"
	if _, err := os.Stat(samples); err != nil {
		t.Skip("no sample images")
	}
	exprs := []struct{ ours, python string }{
		{`re:\b[a-z]{3,12}\.[a-z]{2,4}\b`, `\b[a-z]{3,12}\.[a-z]{2,4}\b`},
		{`re:/(?:usr|lib|proc)/[a-zA-Z0-9_./-]{1,60}`, `/(?:usr|lib|proc)/[a-zA-Z0-9_./-]{1,60}`},
		{`re:[\x00-\x0f]\x7f\x00\x00`, `[\x00-\x0f]\x7f\x00\x00`},
		{`re/i:(?:get|set)[a-z]{2,20}`, `(?i)(?:get|set)[a-z]{2,20}`},
		{`re/s:ELF.{4,12}\x01`, `(?s)ELF.{4,12}\x01`},
		{`re:[0-9]{1,3}(?:\.[0-9]{1,3}){3}`, `[0-9]{1,3}(?:\.[0-9]{1,3}){3}`},
		{`re/m:^[A-Z]{2,9}=[^\x00\n]{1,40}$`, `(?m)^[A-Z]{2,9}=[^\x00\n]{1,40}$`},
		{`re:[^\x00]\xff{2,9}[\x80-\xfe]`, `[^\x00]\xff{2,9}[\x80-\xfe]`},
		{`re/w:[a-z]{4,16}`, `(?:[a-z]\x00){4,16}`},
		{`hex:48 8b [1-6] ( 48 89 | e8 ) ??`, `(?s)\x48\x8b.{1,6}?(?:\x48\x89|\xe8).`},
	}
	for _, name := range testenv.Some(t, 1, []string{
		"golang/debug/internal/core/testdata/core",
		"file/file-tests/db/ppc/coredump-ppc",
		"google/breakpad/src/processor/testdata/stack_exhaustion.dmp",
	}) {
		path := filepath.Join(samples, name)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b = b[:min(len(b), 1<<20)]
		args := []string{"-c", `
import sys, re
b = open(sys.argv[1], "rb").read(1 << 20)
for e in sys.argv[2:]:
    flags, _, rest = e.partition(")") if e.startswith("(?") and e[2] in "ims" and e[3] == ")" else ("", "", e)
    if flags: flags += ")"
    print(*("%d+%d" % (m.start(), len(m.group(1))) for m in re.finditer((flags + "(?=(" + rest + "))").encode(), b)))
`, path}
		for _, e := range exprs {
			args = append(args, e.python)
		}
		out, err := exec.Command(python, args...).Output()
		if err != nil {
			t.Fatalf("%v: %s", err, err.(*exec.ExitError).Stderr)
		}
		lines := strings.Split(string(out), "\n")
		total := 0
		for i, e := range exprs {
			var got []string
			s, err := Compile(context.Background(), []Pattern{mustParse(t, e.ours)}, Target{})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range search(s.Exprs()[0], b) {
				got = append(got, fmt.Sprintf("%d+%d", p.at, p.n))
			}
			total += len(got)
			if g := strings.Join(got, " "); g != lines[i] {
				t.Errorf("%s in %s: %d hits, Python has %d: %.200s, want %.200s", e.ours, name, len(got), len(strings.Fields(lines[i])), g, lines[i])
			}
		}
		t.Logf("%s: %d hits", name, total)
	}
}

// search finds an expression by its anchors, or by Next where it has none.
func search(e Expr, b []byte) (all []place) {
	m := &Memory{Bytes: b}
	match := func(at int) {
		if n := e.Matcher.Match(m, at); n > 0 {
			all = append(all, place{at, n})
		}
	}
	if len(e.Anchors) == 0 {
		f := e.Matcher.(Finder)
		for at := f.Next(m, 0, len(b)); at < len(b); at = f.Next(m, at+1, len(b)) {
			match(at)
		}
		return all
	}
	candidates := make([]bool, len(b))
	for _, a := range e.Anchors {
		for at := range b {
			if !holds(a.Lit, a.Mask, a.Keys, b[at:]) {
				continue
			}
			for off := a.First; off <= min(a.Last, at); off++ {
				candidates[at-off] = true
			}
		}
	}
	for at, is := range candidates {
		if is {
			match(at)
		}
	}
	return all
}
