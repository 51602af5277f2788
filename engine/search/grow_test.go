package search_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"vscan/engine"
	"vscan/engine/image"
	"vscan/engine/image/layered"
	"vscan/engine/search"
	"vscan/patterns"
)

// growSink keeps hits, and calls do at the first and whenever the image has grown.
type growSink struct {
	img  *layered.Image
	hits []string
	do   func(round int)
	n    int
}

func (s *growSink) Begin(of *search.Search) error { s.img = of.Image(); return nil }
func (s *growSink) Grown(of *search.Search) error {
	s.img = of.Image()
	s.n++
	s.do(s.n)
	return nil
}
func (s *growSink) Hit(h *search.Hit) error {
	if s.n == 0 && len(s.hits) == 0 {
		s.do(0)
	}
	m := s.img.Space.At(h.Addr).Mapping
	s.hits = append(s.hits, fmt.Sprintf("%v %s %d %s %d", h.Addr, h.Name, h.Len, m.Name, m.OffsetOf(h.Addr)))
	return nil
}
func (s *growSink) Rule(*search.RuleMatch) error { return nil }
func (s *growSink) End(*search.Summary) error    { return nil }

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// The hits in a raw file that grows while it is searched are those of the file as it is
// then, in order, also where matches run across the former end.
func TestGrows(t *testing.T) {
	filler := string(bytes.Repeat([]byte("."), 300_000))
	for name, c := range map[string]struct {
		before string
		more   []string
		pats   []string
	}{
		"across the end":       {"needle" + filler + "nee", []string{"dle..needle"}, []string{"needle", "ee"}},
		"twice":                {"needle" + filler + "nee", []string{"dl", "e..needle"}, []string{"needle"}},
		"longer":               {"aab" + filler + "xaaa", []string{"aaaa..aab"}, []string{"re:a{2,5}"}},
		"out of step":          {"aaaaa" + filler + string(bytes.Repeat([]byte("a"), 23)), []string{"aaaaaa"}, []string{"re:a{5}", "re:a{3}"}},
		"no full word":         {"word word" + filler + " word", []string{"s word"}, []string{"text/f:word"}},
		"one byte":             {"x" + filler + "xx", []string{"x", "x"}, []string{"x"}},
		"numbers":              {"\x01\x00\x00\x00" + filler + "\x01\x00", []string{"\x00\x00\x01\x00\x00\x00"}, []string{"u32le:1"}},
		"nothing in what came": {"needle" + filler, []string{"...."}, []string{"needle"}},
		"smaller than a match": {"nnee", []string{"dle"}, []string{"needle", "n"}},
	} {
		for _, mmap := range []image.Mmap{image.MmapAuto, image.MmapAlways, image.MmapNever} {
			for _, want := range []search.Want{search.WantHits, search.WantCount} {
				path := filepath.Join(t.TempDir(), "memory")
				if err := os.WriteFile(path, []byte(c.before), 0o600); err != nil {
					t.Fatal(err)
				}
				img, err := layered.Open(t.Context(), path, layered.Options{Format: image.FormatRaw, Mmap: mmap})
				if err != nil {
					t.Fatal(err)
				}
				var pats []patterns.Pattern
				for _, s := range c.pats {
					p, err := patterns.Parse(s)
					if err != nil {
						t.Fatal(err)
					}
					pats = append(pats, p)
				}
				sink := &growSink{do: func(round int) {
					if round < len(c.more) {
						appendTo(t, path, c.more[round])
					}
				}}
				q := search.Query{Patterns: pats, Want: want, Workers: 1}
				if want == search.WantCount || len(c.before) < 10 { // no hit says in time that it has begun
					appendTo(t, path, c.more[0])
					sink.do = func(round int) {
						if round > 0 && round < len(c.more) {
							appendTo(t, path, c.more[round])
						}
					}
				}
				sum, err := q.Run(t.Context(), img, sink)
				if err != nil {
					t.Fatal(err)
				}
				img.Close()
				total := len(c.before)
				for _, m := range c.more {
					total += len(m)
				}
				if sum.Complete || !image.ContentChanged(sum.Changed) || sum.Appended != uint64(total-len(c.before)) || sum.Scanned != uint64(total) || sum.InScope != uint64(total) {
					t.Errorf("%s, want %v: complete %v, %d appended, %d scanned, %d in scope of %d: %v", name, want, sum.Complete, sum.Appended, sum.Scanned, sum.InScope, total, sum.Changed)
				}
				// What a search of the file finds that does not change any more.
				img, err = layered.Open(t.Context(), path, layered.Options{Format: image.FormatRaw})
				if err != nil {
					t.Fatal(err)
				}
				all := &growSink{do: func(int) {}}
				whole, err := q.Run(t.Context(), img, all)
				if err != nil || !whole.Complete {
					t.Fatal(err, whole)
				}
				img.Close()
				if !slices.Equal(sink.hits, all.hits) || !slices.Equal(sum.Counts, whole.Counts) {
					t.Errorf("%s, want %v: %v\n%v\nwant %v\n%v", name, want, sink.hits, sum.Counts, all.hits, whole.Counts)
				}
			}
		}
	}
}

// What grows faster than it is searched is searched to what it was after two rounds. A
// sink that does not know of growth gets no hits beyond the image that it has.
func TestGrowsOnAndOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory")
	if err := os.WriteFile(path, bytes.Repeat([]byte("needle...."), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := patterns.Parse("needle")
	if err != nil {
		t.Fatal(err)
	}
	q := search.Query{Patterns: []patterns.Pattern{p}}
	img, err := layered.Open(t.Context(), path, layered.Options{Format: image.FormatRaw})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	sink := &growSink{do: func(int) { appendTo(t, path, "needle....") }}
	sum, err := q.Run(t.Context(), img, sink)
	if err != nil || sum.Hits != 1002 || sum.Appended != 20 || sum.Complete || len(sink.hits) != 1002 {
		t.Errorf("%+v, %v, %d hits", sum, err, len(sink.hits))
	}
	last := ""
	sum, err = q.Run(t.Context(), img, search.HitFunc(func(h *search.Hit) error {
		if img.Space.At(h.Addr).State() != engine.Present {
			t.Errorf("a hit at %v", h.Addr)
		}
		last = h.Addr.String()
		return nil
	}))
	if err != nil || sum.Hits != 1000 || sum.Appended != 0 || sum.Complete || last != "0x2706" {
		t.Errorf("%+v, %v, the last at %s", sum, err, last)
	}
}
