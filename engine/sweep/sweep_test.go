package sweep

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/image/imagetest"
	"vscan/engine/image/layered"
	"vscan/engine/search"
	"vscan/engine/simd"
	"vscan/engine/where"
	"vscan/internal/testenv"
	"vscan/patterns"
	"vscan/patterns/yara"
)

// letters returns random bytes of few kinds, in which patterns are dense.
func letters(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "ab:x@-\x00\x00"[r.IntN(8)]
	}
	for range n / 200 { // runs that are longer than a task, and than a longest match
		at := r.IntN(n)
		copy(b[at:], bytes.Repeat([]byte{"ax\x00"[r.IntN(3)]}, r.IntN(100)))
	}
	return string(b)
}

// randomCore returns a core whose segments touch, leave holes, lie over one another and lack
// bytes, with names.
func randomCore(r *rand.Rand) string {
	var segs []imagetest.Segment
	var names []imagetest.Entry
	at := uint64(0x1000)
	for i := range 3 + r.IntN(6) {
		n := 1 + r.IntN(3000)
		s := imagetest.Segment{Type: 1, Flags: uint32(1 + r.IntN(7)), Vaddr: at, Data: letters(r, n), Memsz: uint64(n)}
		if r.IntN(3) == 0 {
			s.Memsz += uint64(r.IntN(2000))
		}
		segs = append(segs, s)
		if i%2 == 0 {
			names = append(names, imagetest.NewEntry(at, at+s.Memsz-1, 0, fmt.Sprint("/lib/", i)))
		}
		if at += s.Memsz; r.IntN(3) == 0 {
			at += uint64(r.IntN(5000))
		}
		if r.IntN(5) == 0 {
			at -= min(at-0x1000, uint64(r.IntN(n)))
		}
	}
	segs = append([]imagetest.Segment{{Type: 4, Data: imagetest.FileNote(true, addr.Little, 4096, names...)}}, segs...)
	return string(imagetest.BuildELF(true, addr.Little, segs, nil))
}

// asked is a question, and a query that asks it.
type asked struct {
	q     *search.Query
	rules *Rules
}

const ruleText = `
include "more.yar"
rule many { meta: n = 1 strings: $a = "ab" $b = /a[bx]{1,9}:/ condition: #a > 3 and $b }
rule place : tag { strings: $a = { 61 [0-30] 62 } condition: @a[1] < 0x2000 and uint8(0x1000) != 0x7a }
rule far { strings: $a = "ab" $b = "x@" condition: for any i in (1..#a) : ( @a[i] < @b[1] ) }
rule long { strings: $a = { 61 62 [300-400] 78 40 } condition: $a }
rule nowhere { strings: $a = "qqqq" condition: $a }
rule broken { condition: missing }
rule variable { condition: level == 3 and filename matches /./ }
private rule hidden { strings: $a = "::" condition: $a }
rule on { condition: included and hidden }
`

func randomQuestion(t *testing.T, r *rand.Rand) asked {
	t.Helper()
	all := []string{
		"re:[ab]+:[abx]+@[ab]?", "re/aw:[ab]+:[abx]+", "re:[abx-]+", "re:x+", "text:ab", "text/w:ab", "text/f:ab", "text/ax:abab",
		"hex:61 [0-60] 62", "hex:00", "hex:6? ~62 78", "u32le:1..0x626262", "u16:0x6261", "ptr:0x1000..0x9000", "re:a[^@]{0,70}@", "re/i:A+", `re:\bab\b`, "aes:128",
	}
	lines := ""
	for _, i := range r.Perm(len(all))[:1+r.IntN(4)] {
		p := all[i]
		lines += p + "\n"
		if strings.HasPrefix(p, "re") && r.IntN(2) == 0 {
			lines += "@except re:" + []string{"^a", "x@$", "^b+:", "xx", "^.{3}$"}[r.IntN(5)] + "\n"
		}
	}
	pats, err := patterns.ParseFile(t.Context(), "patterns", strings.NewReader(lines))
	if err != nil {
		t.Fatal(lines, err)
	}
	q := &search.Query{Patterns: pats, MaxMatch: []int{0, 0, 48}[r.IntN(3)], Overlapping: r.IntN(6) == 0}
	a := asked{q: q}
	if r.IntN(3) == 0 {
		q.MaxHits = uint64(1 + r.IntN(20))
	}
	switch r.IntN(7) {
	case 5:
		q.At = search.Addresses{}
		for at := addr.Addr(0x1000); r.IntN(300) > 0; at += 1 + addr.Addr(r.IntN(20)) {
			q.At = append(q.At, at)
		}
	case 0:
		q.MaxBytes = uint64(1 + r.IntN(8000))
	case 1:
		q.Ranges = []addr.Range{{First: 0x1100, Last: 0x1100 + addr.Addr(r.IntN(3000))}, {First: 0x2800, Last: 0x5000}}
	case 2:
		q.RangeTexts = []string{"0x1005..0x2fff"}
	case 3:
		c, err := where.ParseMappings("r--")
		if err != nil {
			t.Fatal(err)
		}
		q.In = []where.Mappings{c}
	case 4:
		q.Align = search.Alignment{Bytes: uint64(1 + r.IntN(8)), Word: r.IntN(4) == 0}
	}
	if r.IntN(2) == 0 {
		a.addRules(t, r)
	}
	return a
}

// addRules adds rules to what is asked.
func (a *asked) addRules(t *testing.T, r *rand.Rand) {
	t.Helper()
	a.rules = &Rules{
		Files:    []*RuleFile{{Namespace: "ns", Name: "rules.yar", Text: ruleText}},
		Included: []*IncludedFile{{Path: "more.yar", Text: "rule included { condition: true }"}},
		LeftOut:  []LeftOut{{File: "link.yar", Reason: "it is a link"}},
	}
	if err := a.rules.SetVariables(map[string]any{"level": int64(3), "f": 1.5, "b": true, "s": "text"}); err != nil {
		t.Fatal(err)
	}
	var err error
	if a.q.Rules, a.q.Defined, err = a.rules.compile(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	a.q.RulesAt, a.q.AllStrings = r.IntN(len(a.q.Patterns)+1), r.IntN(3) == 0
	if r.IntN(3) == 0 {
		a.q.PerMapping, a.q.Patterns, a.q.RulesAt = true, nil, 0
	}
}

// told is a sink that writes down all that it is given.
type told struct{ lines []string }

func (s *told) Begin(of *search.Search) error {
	s.lines = append(s.lines, fmt.Sprint("begin ", of.Image().Arg, of.Bytes()))
	return nil
}

func (s *told) Hit(h *search.Hit) error {
	rule := ""
	if h.Rule != nil {
		rule = h.Rule.FullName()
	}
	s.lines = append(s.lines, fmt.Sprintf("%v %s %d %d %x %v %q %v %q %q %v %x %x %s", h.Addr, h.Name, h.Pattern, h.Len, h.Bytes, h.Cut, h.Value, h.HasValue, h.Text, h.KeyText(), h.Form, h.Before, h.After, rule))
	return nil
}

func (s *told) Rule(m *search.RuleMatch) error {
	at := ""
	if m.Mapping != nil {
		at = m.Mapping.Range.String()
	}
	s.lines = append(s.lines, "rule "+m.FullName()+" "+m.File+" "+at)
	return nil
}

// End tells what of the summary does not depend on how the search was done. How much was
// scanned where the search ended early does.
func (s *told) End(sum *search.Summary) error {
	account := sum.Account()
	if sum.Stopped {
		account = search.Account{Size: account.Size}
	}
	line := fmt.Sprint("end ", sum.Names, sum.Counts, sum.Hits, sum.InScope, account, sum.Unreadable, sum.Absent, sum.Beyond, sum.Complete, sum.Limited, sum.Interrupted, sum.Stopped, sum.Cut, sum.Excepted)
	if r := sum.Rules; r != nil {
		line += fmt.Sprint(r.Matched, r.LeftOut, r.Undecided, r.NumUndecided, r.HitsLeftOut, r.Limited)
	}
	s.lines = append(s.lines, line)
	return nil
}

// again returns the plan as it is read from what it is written as.
func again(t *testing.T, p *Plan) *Plan {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	q, err := ReadPlan(&b)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// planned returns a plan for images.
func planned(t *testing.T, a asked, taskBytes uint64, paths ...string) *Plan {
	t.Helper()
	of, err := NewQuestion(a.q, a.rules)
	if err != nil {
		t.Fatal(err)
	}
	var specs []ImageSpec
	for _, path := range paths {
		specs = append(specs, ImageSpec{Arg: path})
	}
	p, err := NewPlan(t.Context(), specs, of, Options{TaskBytes: taskBytes})
	if err != nil {
		t.Fatal(err)
	}
	return again(t, p)
}

// run returns the result of a task.
func run(t *testing.T, p *Plan, task int, o RunOptions) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := p.Run(t.Context(), task, &b, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// open returns what opens a result that is in memory.
func open(b []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
}

// stitched returns what the results of a plan tell of an image.
func stitched(t *testing.T, p *Plan, results *Results, n int, want search.Want) (*told, *search.Summary, error) {
	t.Helper()
	img, err := p.Open(t.Context(), n, OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	q, err := p.Question.Query(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Want, q.Decode, q.Around = want, true, 5
	var s told
	sum, err := results.Stitch(t.Context(), n, img, q, &s)
	return &s, sum, err
}

// levels are the kernels that this machine has.
func levels() (all []simd.Level) {
	for _, l := range simd.Levels() {
		if l.Check() == nil {
			all = append(all, l)
		}
	}
	return append(all, simd.Auto)
}

// What tasks have found, each run twice, in any order, with any workers and kernels, and with a
// query that some of them share, is what a search of the image finds, for random memory,
// questions and cuts.
func TestStitchedAsSearched(t *testing.T) {
	r := testenv.Rand(t)
	dir := t.TempDir()
	for round := range testenv.Rounds(5, 10, 1000) {
		var paths []string
		for i := range 1 + r.IntN(2) {
			content := randomCore(r)
			if r.IntN(4) == 0 {
				content = letters(r, 1+r.IntN(9000))
			}
			paths = append(paths, imagetest.WriteFile(t, dir, fmt.Sprintf("image%d.%d", i, round), content))
		}
		a := randomQuestion(t, r)
		var want []told
		for _, path := range paths {
			img, err := layered.Open(t.Context(), path, layered.Options{})
			if err != nil {
				t.Fatal(err)
			}
			q := *a.q
			q.Decode, q.Around, q.Workers = true, 5, 1+r.IntN(3)
			var s told
			if _, err := q.Run(t.Context(), img, &s); err != nil {
				img.Close()
				if errors.Is(err, search.ErrNoWord) || strings.Contains(err.Error(), "word size") || strings.Contains(err.Error(), "byte order") || strings.Contains(err.Error(), "permissions") {
					want = nil // raw memory does not tell, or has no such mapping
					break
				}
				t.Fatal(err)
			}
			img.Close()
			want = append(want, s)
		}
		if want == nil {
			continue
		}
		p := planned(t, a, uint64(50+r.IntN(4000)), paths...)
		shared, err := p.Question.Query(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		shared.Cache = search.NewCache(nil)
		results, order := p.Results(), r.Perm(2*len(p.Tasks))
		for _, i := range order {
			o := RunOptions{Workers: 1 + r.IntN(3), ShardSize: uint64(1 + r.IntN(2000)), Kernel: levels()[r.IntN(len(levels()))]}
			if r.IntN(2) == 0 {
				o.Query = shared
			}
			if err := results.Add(t.Context(), fmt.Sprint("result ", i), open(run(t, p, i/2, o))); err != nil {
				t.Fatal(err)
			}
		}
		if missing := results.Missing(); missing != nil {
			t.Fatalf("%v are missing", missing)
		}
		for n := range paths {
			got, _, err := stitched(t, p, results, n, search.WantHits)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, fmt.Sprintf("round %d, image %d, %d tasks, %+v", round, n, len(p.Tasks), p.Question), got.lines, want[n].lines)
		}
	}
}

// Which matches an earlier one drops is settled across tasks, wherever these are cut, also
// where a match spans several of them and where exceptions drop some.
func TestDropsAcrossTasks(t *testing.T) {
	path := imagetest.TempFile(t, "image", strings.Repeat("ab", 12)+"-"+strings.Repeat("a", 15)+"x")
	pats, err := patterns.ParseFile(t.Context(), "patterns", strings.NewReader("re:aba\nre:a{2,7}b?\n@except re:^a{5}$\nre:[ab]{9}\nbab\n"))
	if err != nil {
		t.Fatal(err)
	}
	q := search.Query{Patterns: pats, Decode: true, Around: 5}
	img, err := layered.Open(t.Context(), path, layered.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	var want told
	if _, err := q.Run(t.Context(), img, &want); err != nil {
		t.Fatal(err)
	}
	for size := uint64(1); size < 20; size += 1 + size/6 {
		p := planned(t, asked{q: &q}, size, path)
		all := p.Results()
		for i := range p.Tasks {
			if err := all.Add(t.Context(), "r", open(run(t, p, i, RunOptions{Workers: 1}))); err != nil {
				t.Fatal(err)
			}
		}
		got, _, err := stitched(t, p, all, 0, search.WantHits)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, fmt.Sprint("tasks of ", size), got.lines, want.lines)
	}
}

// Hits that are as long as a match may be are counted beyond a limit of hits, too.
func TestLimitCountsAllThatMayGoOn(t *testing.T) {
	path := imagetest.TempFile(t, "image", strings.Repeat("x", 40))
	a := asked{q: &search.Query{Patterns: parsed(t, "re:x+", "never"), Overlapping: true, MaxMatch: 4, MaxHits: 2}}
	p := planned(t, a, 30, path)
	all := p.Results()
	for i := range p.Tasks {
		if err := all.Add(t.Context(), "r", open(run(t, p, i, RunOptions{}))); err != nil {
			t.Fatal(err)
		}
	}
	_, sum, err := stitched(t, p, all, 0, search.WantHits)
	if err != nil || sum.Hits != 2 || !slices.Equal(sum.Cut, []uint64{37, 0}) {
		t.Errorf("%+v, %v", sum, err)
	}
}

// compare compares lines, and tells of the first that differs.
func compare(t *testing.T, of string, got, want []string) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	line := func(all []string) string {
		if i < len(all) {
			return all[i]
		}
		return "nothing"
	}
	t.Fatalf("%s: %d lines, want %d; line %d is\n%s\nwant\n%s", of, len(got), len(want), i, line(got), line(want))
}

// small returns a plan of several tasks, their results, and the path of the image.
func small(t *testing.T, patternTexts ...string) (p *Plan, results [][]byte, path string) {
	t.Helper()
	path = imagetest.TempFile(t, "image", strings.Repeat("abab..", 50)+strings.Repeat("x", 40)+"..")
	p = planned(t, asked{q: &search.Query{Patterns: parsed(t, patternTexts...)}}, 100, path)
	if len(p.Tasks) != 4 {
		t.Fatalf("%d tasks", len(p.Tasks))
	}
	for i := range p.Tasks {
		results = append(results, run(t, p, i, RunOptions{}))
	}
	return p, results, path
}

func parsed(t *testing.T, texts ...string) (all []patterns.Pattern) {
	t.Helper()
	for _, text := range texts {
		p, err := patterns.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// Whatever bit of a result is wrong, and wherever it ends, it is refused by name.
func TestDamagedResults(t *testing.T) {
	p, results, _ := small(t, "ab", "re:x+")
	refused := func(what string, b []byte) {
		t.Helper()
		err := p.Results().Add(t.Context(), "the name", open(b))
		var e *ResultError
		if !errors.As(err, &e) || e.Name != "the name" || e.Why == "" || strings.Contains(e.Error(), "\n") {
			t.Fatalf("%s: %v", what, err)
		}
	}
	for _, b := range results[2:] {
		for i := range b {
			bad := bytes.Clone(b)
			bad[i] ^= 1 << (i % 8)
			refused(fmt.Sprint("a bit of byte ", i), bad)
			refused(fmt.Sprint("the first ", i), b[:i])
		}
		refused("one more", append(bytes.Clone(b), 0))
	}
	refused("nothing", nil)
	refused("text", []byte(strings.Repeat("no result\n", 10000)))
	gone := p.Results().Add(t.Context(), "gone", func() (io.ReadCloser, error) { return nil, os.ErrNotExist })
	if !errors.Is(gone, os.ErrNotExist) {
		t.Error(gone)
	}
}

// zeroReader reads as zeros without an end, and counts them.
type zeroReader struct{ n int }

func (z *zeroReader) Read(b []byte) (int, error) {
	clear(b)
	z.n += len(b)
	return len(b), nil
}

// However long an account says it is, no more is read of it than one can have.
func TestLongAccount(t *testing.T) {
	for _, n := range []uint32{maxAccount + 1, 1 << 31, 1<<32 - 1} {
		b := []byte(magic + "{}\n\x00\x00\x00\x00")
		rest := &zeroReader{}
		in, err := newResultReader(io.MultiReader(bytes.NewReader(binary.LittleEndian.AppendUint32(b, n)), rest))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := in.rest(); !errors.Is(err, errDamaged) || rest.n > 1<<20 {
			t.Errorf("an account of %d bytes: %v, and %d were read", n, err, rest.n)
		}
	}
}

// Results of another question, option, image, version of an image and cut are refused, and
// it is said which it is.
func TestResultsOfOtherPlans(t *testing.T) {
	p, _, path := small(t, "ab")
	ab := func() *search.Query { return &search.Query{Patterns: parsed(t, "ab")} }
	other := imagetest.TempFile(t, "image", strings.Repeat("abab,,", 50))
	limited := ab()
	limited.MaxHits = 3
	for _, c := range []struct {
		why string
		p   *Plan
	}{
		{"another set of patterns", planned(t, asked{q: &search.Query{Patterns: parsed(t, "abab")}}, 100, path)},
		{"another set of patterns, or with other options", planned(t, asked{q: limited}, 100, path)},
		{"another image, or another version", planned(t, asked{q: ab()}, 100, other)},
		{"another plan, for 0x", planned(t, asked{q: ab()}, 101, path)},
	} {
		b := run(t, c.p, 0, RunOptions{})
		err := p.Results().Add(t.Context(), "result", open(b))
		var e *ResultError
		if !errors.As(err, &e) || !strings.Contains(e.Why, c.why) || !strings.Contains(e.Why, c.p.Tasks[0].Name) {
			t.Errorf("%v, want %q", err, c.why)
		}
	}
	// The same plan made again is the same, and so are its results.
	same := planned(t, asked{q: ab()}, 100, path)
	if err := p.Results().Add(t.Context(), "same", open(run(t, same, 1, RunOptions{}))); err != nil {
		t.Error(err)
	}
	// The same image, written to since.
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
	b := run(t, planned(t, asked{q: ab()}, 100, path), 0, RunOptions{})
	if err := p.Results().Add(t.Context(), "result", open(b)); err == nil || !strings.Contains(err.Error(), "another version") {
		t.Error(err)
	}
}

// Without all results, those that are missing are told, what the others have found is handed
// over, rules are not asked, and the summary is not complete.
func TestMissingResults(t *testing.T) {
	p, results, path := small(t, "ab")
	all := p.Results()
	for _, i := range []int{3, 0} {
		if err := all.Add(t.Context(), "r", open(results[i])); err != nil {
			t.Fatal(err)
		}
	}
	if missing := all.Missing(); !slices.Equal(missing, []int{1, 2}) || all.Account(1) != nil || all.Account(0).Matches == 0 {
		t.Errorf("%v are missing", missing)
	}
	got, sum, err := stitched(t, p, all, 0, search.WantHits)
	if err != nil || sum.Complete || sum.Interrupted || sum.Hits == 0 || sum.Scanned >= sum.InScope || len(got.lines) != 2+int(sum.Hits) {
		t.Errorf("%+v, %v, %d lines", sum, err, len(got.lines))
	}
	a := asked{q: &search.Query{Patterns: parsed(t, "ab")}}
	a.rules = &Rules{Files: []*RuleFile{{Name: "r.yar", Text: `rule r { strings: $a = "ab" condition: $a } rule n { strings: $a = "ab" condition: not $a }`}}}
	if a.q.Rules, _, err = a.rules.compile(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for _, a.q.AllStrings = range []bool{false, true} {
		p = planned(t, a, 100, path)
		all = p.Results()
		if err := all.Add(t.Context(), "r", open(run(t, p, 2, RunOptions{}))); err != nil {
			t.Fatal(err)
		}
		got, sum, err = stitched(t, p, all, 0, search.WantHits)
		if err != nil || sum.Complete || sum.Rules.Matched > 0 || sum.Counts[2] != sum.Hits || strings.Contains(strings.Join(got.lines, "\n"), "rule") {
			t.Errorf("%+v, %v", sum, err)
		}
	}
}

// Of several results of a task one that is complete counts.
func TestCompleteResultsCount(t *testing.T) {
	p, results, _ := small(t, "ab")
	incomplete := withAccount(t, p, 0, &Account{Unreadable: []addr.Range{{First: 0, Last: 5}}})
	for _, order := range [][][]byte{{results[0], incomplete}, {incomplete, results[0]}, {incomplete, incomplete}} {
		all := p.Results()
		for _, b := range order {
			if err := all.Add(t.Context(), "r", open(b)); err != nil {
				t.Fatal(err)
			}
		}
		whole := string(order[0]) == string(results[0]) || string(order[1]) == string(results[0])
		if all.Account(0).Complete != whole {
			t.Errorf("%+v", all.Account(0))
		}
		if !whole {
			if _, sum, err := stitched(t, p, all, 0, search.WantHits); err != nil || sum.Complete || sum.Unreadable != 6 {
				t.Errorf("%+v, %v", sum, err)
			}
		}
	}
}

// withAccount returns a result with an account and matches.
func withAccount(t *testing.T, p *Plan, task int, a *Account, matches ...search.Match) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := newResultWriter(&b, p.header(task))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range matches {
		w.match(m)
	}
	if err := w.end(a); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A result whose checksum is right and whose matches are none is refused when it is stitched.
func TestHostileResults(t *testing.T) {
	dir := t.TempDir()
	r := testenv.Rand(t)
	path := imagetest.WriteFile(t, dir, "core", string(imagetest.BuildELF(true, addr.Little, []imagetest.Segment{
		{Type: 1, Flags: 4, Vaddr: 0x1000, Data: strings.Repeat("abab", 64), Memsz: 300}, {Type: 1, Flags: 6, Vaddr: 0x3000, Data: "ab", Memsz: 2},
	}, nil)))
	a := asked{q: &search.Query{Patterns: parsed(t, "text:ab", "u32:0x62616261", "aes:128", "re/aw:[ab]{2,5}", "text/ax:ab")}}
	p := planned(t, a, 1<<20, path)
	match := func(at addr.Addr, pattern, n int) search.Match {
		m := search.Match{}
		m.Addr, m.Pattern, m.Len = at, pattern, n
		return m
	}
	// What is right.
	good := []search.Match{match(0x1000, 0, 2), match(0x1000, 1, 4), match(0x1004, 3, 5), match(0x3000, 0, 2)}
	stitch := func(matches ...search.Match) error {
		all := p.Results()
		if err := all.Add(t.Context(), "hostile", open(withAccount(t, p, 0, &Account{}, matches...))); err != nil {
			t.Fatal(err)
		}
		_, _, err := stitched(t, p, all, 0, search.WantHits)
		return err
	}
	if err := stitch(good...); err != nil {
		t.Error(err)
	}
	for _, bad := range []search.Match{
		match(0x1000, 5, 2), match(0x1000, 1<<29, 2), match(0x1000, 0, 0), match(0x1000, 0, 3), match(0x1000, 1, 3), match(0x1000, 2, 2),
		match(0x2000, 0, 2), match(0x10ff, 0, 2), match(0x1100, 0, 2), match(0x3001, 0, 2), match(0, 0, 2), match(addr.Max, 0, 2), match(0x1000, 3, 11), match(0x1000, 3, 1<<30),
	} {
		if err := stitch(bad); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
	if err := stitch(match(0x1002, 0, 2), match(0x1000, 0, 2)); err == nil { // wraps round
		t.Error("matches that descend were taken")
	}
	// Whatever the matches are, nothing panics.
	for range testenv.Rounds(20, 50, 1000) {
		var all []search.Match
		at := addr.Addr(0xff8)
		for range r.IntN(6) {
			at += addr.Addr(r.IntN(64))
			m := match(at, r.IntN(6), r.IntN(8))
			m.Form, m.Cut, m.Excepted, m.Bytes = r.IntN(5), r.IntN(2) == 0, r.IntN(4) == 0, []byte("abababab")[:r.IntN(min(m.Len, 7)+1)]
			all = append(all, m)
		}
		stitch(all...)
	}
	// More or fewer matches than the account says.
	for _, change := range []func(*Account){func(a *Account) { a.Matches++ }, func(a *Account) { a.Matches-- }} {
		all := p.Results()
		if err := all.Add(t.Context(), "r", open(withAccount(t, p, 0, &Account{}, good...))); err != nil {
			t.Fatal(err)
		}
		change(all.have[0].account)
		_, _, err := stitched(t, p, all, 0, search.WantHits)
		var e *ResultError
		if !errors.As(err, &e) || !strings.Contains(e.Why, "damaged") {
			t.Error(err)
		}
	}
}

// A match that another result of the same plan has, outside of the task's range, is refused.
func TestMatchOutsideOfTask(t *testing.T) {
	p, _, _ := small(t, "ab")
	m := search.Match{}
	m.Addr, m.Len = p.Tasks[1].Range.First+2, 2
	all := p.Results()
	if err := all.Add(t.Context(), "outside", open(withAccount(t, p, 0, &Account{}, m))); err != nil {
		t.Fatal(err)
	}
	if _, _, err := stitched(t, p, all, 0, search.WantHits); err == nil || !strings.Contains(err.Error(), "outside is refused") {
		t.Error(err)
	}
}

// So it is where rules would be asked behind the matches.
func TestHostileResultsOfRules(t *testing.T) {
	a := asked{rules: &Rules{Files: []*RuleFile{{Name: "r.yar", Text: `rule r { condition: true }`}}}, q: &search.Query{Patterns: parsed(t, "ab")}}
	var err error
	if a.q.Rules, _, err = a.rules.compile(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	p := planned(t, a, 1000, imagetest.TempFile(t, "image", "ab"))
	m := search.Match{}
	m.Len = 3
	all := p.Results()
	if err := all.Add(t.Context(), "hostile", open(withAccount(t, p, 0, &Account{}, m))); err != nil {
		t.Fatal(err)
	}
	var e *ResultError
	if s, _, err := stitched(t, p, all, 0, search.WantHits); !errors.As(err, &e) || e.Name != "hostile" || !strings.Contains(e.Why, "is none") || len(s.lines) != 1 {
		t.Errorf("%v, %q", err, s.lines)
	}
}

// A result that is replaced or damaged after it was added is noticed when it is stitched.
func TestResultsThatChange(t *testing.T) {
	p, results, _ := small(t, "ab")
	for name, later := range map[string][]byte{"another": results[1], "nothing": {}, "cut": results[0][:bytes.IndexByte(results[0], '}')+20]} {
		all, times := p.Results(), 0
		err := all.Add(t.Context(), name, func() (io.ReadCloser, error) {
			if times++; times > 1 {
				return open(later)()
			}
			return open(results[0])()
		})
		if err != nil {
			t.Fatal(err)
		}
		var e *ResultError
		if _, _, err := stitched(t, p, all, 0, search.WantHits); !errors.As(err, &e) || e.Name != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func flipped(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 1
	return b
}

// An image that is not what it was when the plan was made is refused by Run and Open, and it
// is said what differs.
func TestImageChanged(t *testing.T) {
	for _, c := range []struct {
		why    string
		change func(t *testing.T, path string)
	}{
		{"had 342 bytes, and has 343", func(t *testing.T, path string) { rewrite(t, path, func(b []byte) []byte { return append(b, 'x') }) }},
		{"was last written to at", func(t *testing.T, path string) {
			if err := os.Chtimes(path, time.Time{}, time.Unix(1e9, 5)); err != nil {
				t.Fatal(err)
			}
		}},
		{"the same sizes and times, and other bytes", func(t *testing.T, path string) {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			rewrite(t, path, func(b []byte) []byte { return flipped(b, 100) })
			if err := os.Chtimes(path, time.Time{}, info.ModTime()); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		p, _, path := small(t, "ab")
		c.change(t, path)
		var b bytes.Buffer
		_, err := p.Run(t.Context(), 0, &b, RunOptions{})
		var e *ChangedError
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.why) || b.Len() > 0 || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want %q", err, c.why)
		}
		if _, err := p.Open(t.Context(), 0, OpenOptions{}); !errors.As(err, &e) {
			t.Error(err)
		}
	}
}

func rewrite(t *testing.T, path string, f func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, f(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

// An image that changes while a task runs makes the task, and what is stitched, incomplete.
func TestImageChangesMeanwhile(t *testing.T) {
	p, _, path := small(t, "ab")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	a, err := p.Run(t.Context(), 0, &b, RunOptions{Begin: func(*search.Part) error { return os.Chtimes(path, time.Time{}, time.Unix(1e9, 0)) }})
	if err != nil || a.Complete || len(a.Changed) != 1 {
		t.Fatalf("%+v, %v", a, err)
	}
	if err := os.Chtimes(path, time.Time{}, info.ModTime()); err != nil {
		t.Fatal(err)
	}
	all := p.Results()
	if err := all.Add(t.Context(), "r", open(b.Bytes())); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(p.Tasks); i++ {
		if err := all.Add(t.Context(), "r", open(run(t, p, i, RunOptions{}))); err != nil {
			t.Fatal(err)
		}
	}
	_, sum, err := stitched(t, p, all, 0, search.WantCount)
	if err != nil || sum.Complete || len(sum.Changed) != 1 || len(all.Missing()) > 0 {
		t.Errorf("%+v, %v", sum, err)
	}
}

// A plan that was changed by hand or damaged is refused.
func TestDamagedPlans(t *testing.T) {
	p, _, _ := small(t, "ab", "key=text/w:wide")
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, c := range [][2]string{
		{`"text": "ab"`, `"text": "ac"`}, {`"format": 1`, `"format": 2`}, {`"first": "0x64"`, `"first": "0x65"`}, {`"image": 0`, `"image": 1`}, {`"image": 0`, `"image": -1`},
		{`"size": 342`, `"size": 341`}, {"-0001", "-0002"}, {`"max_match"`, `"max_hits"`}, {`"tasks": [`, `"tasks": [], "more": [`}, {`"arg"`, `"argument"`},
	} {
		bad := strings.Replace(text, c[0], c[1], 1)
		if bad == text && c[0] != `"max_match"` {
			t.Errorf("the plan has no %s", c[0])
			continue
		}
		q, err := ReadPlan(strings.NewReader(bad))
		if err == nil && c[0] != `"arg"` && bad != text {
			t.Errorf("%v: taken: %+v", c, q.Tasks)
		}
	}
	for i := range len(text) - 1 {
		if _, err := ReadPlan(strings.NewReader(text[:i])); err == nil {
			t.Errorf("the first %d bytes were taken", i)
		}
	}
	if _, err := ReadPlan(strings.NewReader(text + "{}")); err == nil {
		t.Error("two plans were taken for one")
	}
}

// A task is found by its name and by its number.
func TestTaskNamed(t *testing.T) {
	p, _, _ := small(t, "ab")
	for i := range p.Tasks {
		for _, name := range []string{p.Tasks[i].Name, fmt.Sprint(i), fmt.Sprintf("%04d", i)} {
			if n, err := p.TaskNamed(name); err != nil || n != i {
				t.Errorf("%s: %d, %v", name, n, err)
			}
		}
	}
	for _, name := range []string{"", "4", "-1", "x", p.Tasks[0].Name + "0"} {
		if n, err := p.TaskNamed(name); err == nil {
			t.Errorf("%q is task %d", name, n)
		}
	}
}

// What cannot be planned is refused: patterns and rules that have no text, live processes, more tasks than there may be, patterns that do not fit.
func TestNotPlanned(t *testing.T) {
	for _, q := range []*search.Query{
		{Patterns: []patterns.Pattern{patterns.Bytes([]byte("x"))}}, {Rules: &yara.Rules{}}, {Runs: []patterns.Encoding{patterns.ASCII}},
	} {
		if _, err := NewQuestion(q, nil); err == nil {
			t.Errorf("%+v has a question", q)
		}
	}
	path := imagetest.TempFile(t, "image", strings.Repeat("x", MaxTasks+1))
	plan := func(arg, pattern string, o Options) error {
		of, err := NewQuestion(&search.Query{Patterns: parsed(t, pattern)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = NewPlan(t.Context(), []ImageSpec{{Arg: arg}}, of, o)
		return err
	}
	if err := plan(path, "x", Options{TaskBytes: 1}); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Error(err)
	}
	var of *ImageError
	if err := plan(path, "ptr:0x1000", Options{}); !errors.As(err, &of) || of.Arg != path {
		t.Error(err)
	}
	if err := plan(filepath.Join(t.TempDir(), "none"), "x", Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if img, err := layered.Open(t.Context(), "pid:self", layered.Options{}); err == nil {
		img.Close()
		if err := plan("pid:self", "x", Options{}); err == nil || !strings.Contains(err.Error(), "live process") {
			t.Error(err)
		}
	}
	over := (*budget.Error)(nil)
	if err := plan(path, "x", Options{Budget: budget.New(10)}); !errors.As(err, &over) {
		t.Error(err)
	}
}

// The end of a context ends planning, running, adding and stitching, with its cause, and
// what was taken of a budget is given back.
func TestCancelled(t *testing.T) {
	p, results, _ := small(t, "ab")
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	b := budget.New(1 << 30)
	if _, err := p.Run(ctx, 0, io.Discard, RunOptions{Budget: b}); err == nil {
		t.Error("a task ran")
	}
	if err := p.Results().Add(ctx, "r", open(results[0])); !errors.Is(err, why) {
		t.Error(err)
	}
	if _, err := NewPlan(ctx, []ImageSpec{{Arg: string(p.Images[0].Arg)}}, &p.Question, Options{Budget: b}); err == nil {
		t.Error("a plan was made")
	}
	if _, err := p.Run(t.Context(), 0, io.Discard, RunOptions{Budget: b}); err != nil || b.Taken() != 0 {
		t.Errorf("%v, %d bytes are taken", err, b.Taken())
	}
	full := errors.New("no room")
	if _, err := p.Run(t.Context(), 0, failing{full}, RunOptions{}); !errors.Is(err, full) {
		t.Error(err)
	}
	if _, err := p.Run(t.Context(), 0, io.Discard, RunOptions{Begin: func(*search.Part) error { return full }}); !errors.Is(err, full) {
		t.Error(err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// Every key of a plan is told of in docs/tasks.md.
func TestDocumentedKeys(t *testing.T) {
	page, err := os.ReadFile("../../docs/tasks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## The plan\n")
	var check func(of reflect.Type)
	check = func(of reflect.Type) {
		switch of.Kind() {
		case reflect.Slice, reflect.Pointer:
			check(of.Elem())
		case reflect.Struct:
			for i := range of.NumField() {
				f := of.Field(i)
				if key, _, _ := strings.Cut(f.Tag.Get("json"), ","); key != "" && !strings.Contains(section, "`"+key+"`") {
					t.Errorf("docs/tasks.md does not tell of the key %s of a plan", key)
				}
				if f.Type != reflect.TypeFor[time.Time]() {
					check(f.Type)
				}
			}
		}
	}
	check(reflect.TypeFor[planFile]())
	check(reflect.TypeFor[header]())
}
