package search

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/image/layered"
	"vscan/internal/testenv"
	"vscan/patterns"
)

// witness is a sink that writes down all that a search tells, without what differs from run
// to run.
type witness struct{ lines []string }

func (w *witness) add(format string, args ...any) error {
	w.lines = append(w.lines, fmt.Sprintf(format, args...))
	return nil
}

func (w *witness) Begin(s *Search) error { return w.add("begin %d", s.Bytes()) }
func (w *witness) Hit(h *Hit) error {
	return w.add("%v %d %s %d %d %v %x %s", h.Addr, h.Pattern, h.Name, h.Len, h.Form, h.Cut, h.Bytes, h.Value)
}
func (w *witness) Rule(m *RuleMatch) error { return w.add("rule %s", m.FullName()) }
func (w *witness) End(s *Summary) error {
	matched := uint64(0)
	if s.Rules != nil {
		matched = s.Rules.Matched
	}
	return w.add("end %v %v %v %v %v %v %d %v %v", s.Names, s.Counts, s.Hits, s.Complete, s.Cut, s.Excepted, matched, s.Limited, s.LongestMatch)
}

// A questionKind is a query and whether what it is compiled to depends on the image.
type questionKind struct {
	name  string
	query Query
	ofOne bool
}

func questionKinds(t *testing.T) []questionKind {
	t.Helper()
	lines := func(text string) []patterns.Pattern {
		pats, err := patterns.ParseFile(t.Context(), "p", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return pats
	}
	rules := rulesOf(t, `
rule some { strings: $a = "abc" nocase $b = { 61 ?? 62 [2-4] 61 } condition: #a > 1 or $b }
rule none { strings: $a = "abab" condition: not $a }
rule far { strings: $a = { 61 61 [300-] 62 62 } condition: $a }
rule size { condition: filesize > 500 or filename == "3" }`)
	literals := lines("abab\nlong=text:hidden treasure\ntext/wa:secret\ntext/x:keyword1\nhex:61 6? 63\n")
	sets := []questionKind{
		{"one literal", Query{Patterns: lines("abab")}, false},
		{"literals", Query{Patterns: literals}, false},
		{"nocase and words", Query{Patterns: lines("text/i:PASSWORD=\ntext/f:word\ntext/if:abc\n")}, false},
		{"jumps", Query{Patterns: lines("hex:61 62 [1-6] 6? ( 62 | 63 )\nhex:62 [-] 61\n")}, false},
		{"regular expressions", Query{Patterns: lines("re:a[ab]{2,9}c\n@except re:aaa\nre:[0-9]{3,5}\nre/wa:[ab]+\n")}, false},
		{"numbers", Query{Patterns: lines("u32:0x61626161..0x62626163\nu16be:0x6162\nu32:0x61626162\nptr:0x6161..0x6262\n")}, false},
		{"names", Query{Patterns: append(lines("ptr:@[heap]"), literals...)}, true},
		{"rules", Query{Rules: rules}, false},
		{"rules of mappings", Query{Rules: rules, PerMapping: true}, false},
		{"all", Query{Patterns: slices.Concat(literals, lines("re:a[ab]{2,9}c\nu32:0x61626161..0x62626163\n")), RulesAt: 2, Rules: rules, AllStrings: true}, false},
	}
	for i := range sets {
		sets[i].query.MaxHits = uint64(i % 3 * 10)
	}
	return sets
}

// variedImages returns images that differ in what is in them and in what is known of them, and
// whose mappings of a name lie elsewhere.
func variedImages(t *testing.T, n int) []*layered.Image {
	t.Helper()
	rnd := testenv.Rand(t)
	said := []string{"abab", "hidden treasure", "PassWord=", "s\x00e\x00c\x00r\x00e\x00t\x00", " word ", "aabbc", "12345", "aaaaac", "abc", "\x00\x10\x00\x00\x00\x00\x00\x00"}
	var images []*layered.Image
	for i := range n {
		var all []engine.Mapping
		for k := range 1 + rnd.IntN(3) {
			b := make([]byte, 100+rnd.IntN(900))
			for j := range b {
				b[j] = "ab\x00c"[rnd.IntN(4)]
			}
			for range rnd.IntN(8) {
				copy(b[rnd.IntN(len(b)):], said[rnd.IntN(len(said))])
			}
			m, err := engine.BytesMapping("[heap]", addr.Addr(0x1000*(1+3*k+rnd.IntN(2))), b)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, m)
		}
		space, err := engine.NewSpace(all...)
		if err != nil {
			t.Fatal(err)
		}
		img := layered.Of(fmt.Sprint(i), space)
		img.WordSize, img.OrderKnown = 4+4*rnd.IntN(2), true
		if rnd.IntN(2) == 0 {
			img.Order = addr.Big
		}
		images = append(images, img)
	}
	return images
}

// Searches of many images that share what they were compiled to, one after another and at the
// same time, in one piece and in parts, find what a search of one image alone finds.
func TestCache(t *testing.T) {
	images := variedImages(t, 8)
	search := func(q *Query, img *layered.Image, parts bool) []string {
		var w witness
		var err error
		if parts {
			err = inParts(t.Context(), q, img, &w)
		} else {
			_, err = q.Run(t.Context(), img, &w)
		}
		if err != nil {
			t.Error(err)
		}
		return w.lines
	}
	for _, k := range questionKinds(t) {
		t.Run(k.name, func(t *testing.T) {
			var want [][]string
			for _, img := range images {
				want = append(want, search(&k.query, img, false))
			}
			whole := budget.New(1 << 30)
			cache := NewCache(whole)
			q := k.query
			q.Cache, q.Budget = cache, whole
			var wait sync.WaitGroup
			for i, img := range images {
				for try := range 3 {
					wait.Go(func() {
						if got := search(&q, img, try == 0); !slices.Equal(got, want[i]) {
							t.Errorf("image %d: got %q, want %q", i, got, want[i])
						}
					})
				}
			}
			wait.Wait()
			for i, img := range images {
				if got := search(&q, img, false); !slices.Equal(got, want[i]) {
					t.Errorf("image %d, the others before: got %q, want %q", i, got, want[i])
				}
			}
			if kept := whole.Taken(); kept > 0 == k.ofOne {
				t.Errorf("%d bytes are kept", kept)
			}
			cache.Close()
			if left := whole.Taken(); left > 0 {
				t.Errorf("%d bytes are not given back", left)
			}
		})
	}
}

// inParts searches an image in parts of few bytes, and puts together what was found in them.
func inParts(ctx context.Context, q *Query, img *layered.Image, sink Sink) error {
	s, err := q.Prepare(ctx, img)
	if err != nil {
		return err
	}
	defer s.Close()
	var found Found
	var all []Match
	for r := range s.Parts(300) {
		p, err := q.PreparePart(ctx, img, r)
		if err != nil {
			return err
		}
		defer p.Close()
		_, err = p.Scan(ctx, func(m Match) bool {
			m.Bytes = slices.Clone(m.Bytes)
			all = append(all, m)
			return true
		})
		if err != nil {
			return err
		}
	}
	found.Matches = func(yield func(Match) bool) error {
		for _, m := range all {
			if !yield(m) {
				break
			}
		}
		return nil
	}
	_, err = s.Stitch(ctx, sink, found)
	return err
}

// What a cache keeps is taken of the budget once, and dropped where there is no room for what
// another image needs.
func TestCacheBudget(t *testing.T) {
	img := imageOf(t, "abab")
	other := imageOf(t, "abab")
	other.WordSize, other.OrderKnown = 8, true
	q := Query{Patterns: parsed(t, "abab", "text/i:password", "re:x[a-z]{3,9}"), Workers: 1}
	need := func() uint64 { // of one search
		b := budget.New(1 << 30)
		q.Budget = b
		s, err := q.Prepare(t.Context(), img)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		return b.Taken()
	}()
	b := budget.New(need + need/100)
	q.Budget, q.Cache = b, NewCache(b)
	defer q.Cache.Close()
	for _, img := range []*layered.Image{img, other, img, img} {
		if _, err := q.Run(t.Context(), img, nil); err != nil {
			t.Fatal(err)
		}
	}
	s, err := q.Prepare(t.Context(), img)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.Prepare(t.Context(), other); !isBudgetError(err) {
		t.Errorf("what a search uses was dropped: %v", err)
	}
	s.Close()
	if s, err = q.Prepare(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s.Close() // once is enough
}

func isBudgetError(err error) bool {
	var over *budget.Error
	return errors.As(err, &over)
}

// A search whose context ends while it compiles, or waits for another that does, keeps no other
// one from compiling; and what could not be compiled is tried anew.
func TestCacheEnds(t *testing.T) {
	img := imageOf(t, "abab")
	q := Query{Patterns: parsed(t, "ptr:0x1000"), Cache: NewCache(nil)}
	for range 2 {
		if _, err := q.Prepare(t.Context(), img); err == nil {
			t.Fatal("a pointer was compiled for an image without a word size")
		}
	}
	img.WordSize, img.OrderKnown = 8, true
	ended, end := context.WithCancel(t.Context())
	end()
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			ctx := t.Context()
			if i%2 == 0 {
				ctx = ended
			}
			s, err := q.Prepare(ctx, img)
			if err == nil {
				s.Close()
			} else if i%2 == 1 || !errors.Is(err, context.Canceled) {
				t.Errorf("search %d: %v", i, err)
			}
		})
	}
	wait.Wait()
}
