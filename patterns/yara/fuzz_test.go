package yara

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vscan/engine/addr"
	"vscan/internal/testenv"
	"vscan/patterns"
)

// Whatever is read as rules is an error or can be evaluated, with any hits.
func FuzzRules(f *testing.F) {
	testenv.LargeInputs(f)
	files, _ := filepath.Glob("testdata/*.yar")
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), []byte("hits"))
		for _, line := range strings.Split(string(text), "\n") {
			if strings.Contains(line, "condition:") {
				f.Add(line, []byte{1, 2, 250, 0, 9, 40, 0, 0, 200, 77, 3, 1, 5, 8})
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string, data []byte) {
		r, err := Parse(context.Background(), "r.yar", strings.NewReader(text), func(string) (io.ReadCloser, error) { return nil, fs.ErrNotExist })
		if err != nil {
			if r != nil {
				t.Error("rules and an error")
			}
			return
		}
		for i, p := range r.Patterns() {
			if p.Name == "" || p.Kind == patterns.KindLiteral {
				t.Errorf("pattern %d is %+v", i, p)
			}
		}
		for _, s := range r.Skipped {
			if s.Rule == "" && !s.Mistake || s.Reason == "" || strings.Contains(s.Reason, "\n") || s.File != "r.yar" || s.Line < 1 {
				t.Errorf("skipped: %+v", s)
			}
		}
		e := r.NewEvaluator(Limits{Hits: 10, Total: 40, Steps: 20000})
		at := addr.Addr(0)
		for i, b := range data {
			step := uint64(b)
			if b > 240 {
				step = 1 << 60
			}
			next, ok := at.Add(step)
			if !ok {
				break
			}
			at = next
			if n := len(r.Patterns()); n > 0 {
				e.Add(i%n, at, int(b%7)+1)
			}
		}
		res, err := e.Evaluate(context.Background(), Scope{Memory: flat(data), FileSize: uint64(len(data)), FileSizeKnown: len(data)%2 == 0})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range res.Matches {
			if m.Rule.Private {
				t.Errorf("the private rule %s matches", m.Rule.Name)
			}
			for _, s := range m.Strings {
				for i := range s.Len() {
					if _, n := s.At(i); n < 1 {
						t.Errorf("%s: a hit of %d bytes", s.Name, n)
					}
				}
			}
		}
	})
}

// A regular expression of YARA that can be translated is one of RE2.
func FuzzTranslate(f *testing.F) {
	for _, re := range []string{`a+?b{2,3}`, `[^]\w-]\x41(a|b|)*`, `\b\.{,4}$`, `a{b[\]-\^]`, `^(\s\D)+`} {
		f.Add(re)
	}
	f.Fuzz(func(t *testing.T, re string) {
		tr, at, err := translate(re)
		if err != nil {
			if at < 0 || at > len(re) {
				t.Errorf("%q: error at %d", re, at)
			}
			return
		}
		text := asRE2(tr.root)
		_, err = patterns.NewRegexp("x", re, text, patterns.RegexpOptions{})
		if err != nil && !strings.Contains(err.Error(), "repeated too often") && !strings.Contains(err.Error(), "nest") && !strings.Contains(err.Error(), "large") && !strings.Contains(err.Error(), "repeat count") {
			t.Errorf("%q is %q: %v", re, text, err)
		}
	})
}
