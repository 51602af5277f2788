package sweep

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"vscan/engine/search"
	"vscan/internal/testenv"
	"vscan/patterns"
)

// Whatever a result is, with its checksum or with one that is made right, reading it ends,
// without a panic, with matches that ascend or with an error; what was written is read.
func FuzzResult(f *testing.F) {
	testenv.LargeInputs(f)
	for _, matches := range [][]search.Match{nil, {{}}, {{}, {Excepted: true}}} {
		var b bytes.Buffer
		w, err := newResultWriter(&b, header{Format: Format, Task: "00000000-0000"})
		if err != nil {
			f.Fatal(err)
		}
		for i, m := range matches {
			m.Addr, m.Len, m.Bytes, m.Cut = 0x1000*7, 3+i, []byte("abc"), i > 0
			w.match(m)
		}
		if err := w.end(&Account{}); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes()[:b.Len()-sha256.Size], true)
		f.Add(b.Bytes(), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, sum bool) {
		if sum {
			of := sha256.Sum256(b)
			b = append(bytes.Clone(b), of[:]...)
		}
		in, err := newResultReader(bytes.NewReader(b))
		if err != nil {
			return
		}
		account, err := in.rest()
		if err != nil {
			return
		}
		if in, err = newResultReader(bytes.NewReader(b)); err != nil {
			t.Fatal("a result is not what it was:", err)
		}
		var last search.Match
		n := 0
		err = in.matches(account.Matches, func(m search.Match) bool {
			if m.Addr < last.Addr || len(m.Bytes) > m.Len || m.Pattern < 0 || m.Form < 0 {
				t.Fatalf("%+v behind %+v", m, last)
			}
			last, n = m, n+1
			return n < 1<<16
		})
		if err != nil && !errors.Is(err, errDamaged) {
			t.Fatal(err)
		}
	})
}

// Whatever a plan is, reading it ends without a panic, and one that is read is written so
// that it is read again; its question, if it has one, can be asked.
func FuzzPlan(f *testing.F) {
	testenv.LargeInputs(f)
	of := &Question{
		Patterns: []Pattern{{Name: "ab", Text: "ab"}, {Name: "k", Text: "k=re:[ab]+", Except: []Text{"re:^a"}, Flags: "if"}, {Text: "\xff", Literal: true}},
		Rules: &Rules{
			Files: []*RuleFile{{Name: "r.yar", Text: `include "i" rule r { condition: v }`}}, Included: []*IncludedFile{{Path: "i", Error: "none"}},
			Variables: []Variable{{Name: "v", Type: "integer", Value: "1"}},
		},
		Ranges: []Text{"0x10.."}, In: []Text{"rw-"}, Align: 2, At: &At{1, 2},
	}
	p := &Plan{Question: *of, Images: []Image{{Arg: "image"}}, Tasks: []Task{{}}}
	if err := p.name(); err != nil {
		f.Fatal(err)
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.String())
	f.Fuzz(func(t *testing.T, text string) {
		checkQuestion(t, text)
		p, err := ReadPlan(strings.NewReader(text))
		if err != nil {
			return
		}
		again(t, p)
	})
}

// checkQuestion asks the question of a plan, whether its digests are right or not.
func checkQuestion(t *testing.T, text string) {
	var file planFile
	if json.NewDecoder(io.LimitReader(strings.NewReader(text), 1<<14)).Decode(&file) != nil || file.Question == nil {
		return
	}
	for i := range file.Images {
		file.Images[i].Opening.Options()
	}
	q, err := file.Question.Query(t.Context(), nil)
	if err != nil {
		return
	}
	for _, p := range q.Patterns {
		if _, ok := p.Source(); !ok || p.Name == "" || p.Kind == patterns.KindRun {
			t.Fatalf("%+v", p)
		}
	}
}
