package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vscan/engine/addr"
	"vscan/internal/testenv"
	"vscan/patterns"
)

// excepting returns a pattern with exceptions.
func excepting(t testing.TB, pattern string, exceptions ...string) patterns.Pattern {
	t.Helper()
	p, err := patterns.Parse(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range exceptions {
		x, err := patterns.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if p, err = p.WithExceptions(x); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func compilePatterns(t testing.TB, pats ...patterns.Pattern) *patterns.Set {
	t.Helper()
	set, err := patterns.Compile(context.Background(), pats, patterns.Target{})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// exceptingSpace returns n bytes of random text, some of it in UTF-16, in mappings
// of a few bytes.
func exceptingSpace(t testing.TB, r *rand.Rand, n int) *Space {
	t.Helper()
	var b []byte
	for len(b) < n {
		wide := r.IntN(3) == 0
		for range r.IntN(60) {
			b = append(b, "aabbxxx-:@ \n"[r.IntN(12)])
			if wide {
				b = append(b, 0)
			}
		}
		b = append(b, []string{"ab:xx@a", "a:xxxxxxxx@b", "--x", "bb:ab@"}[r.IntN(4)]...)
	}
	var all []Mapping
	for at := 0; at < len(b); {
		end := min(len(b), at+1+r.IntN(300))
		m, err := BytesMapping(fmt.Sprint(at), addr.Addr(0x1000+at), b[at:end])
		if err != nil {
			t.Fatal(err)
		}
		all, at = append(all, m), end
	}
	s, err := NewSpace(all...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// With exceptions, the hits and the counts of dropped matches are those that settle
// makes of the matches at all places, where package regexp tells which are excepted,
// for any options. Patterns without exceptions are looked for beside them.
func TestExceptions(t *testing.T) {
	r := testenv.Rand(t)
	s := exceptingSpace(t, r, 20000)
	pats := []patterns.Pattern{
		excepting(t, "re:[ab]+:[abx]+@[ab]?", "re:^a:", "re:xxx+@"),
		excepting(t, "re/aw:[ab]+:[abx]+@", "re:^b+:", "re:x@$"),
		excepting(t, "re:[abx-]+"), excepting(t, "text:ab"),
		excepting(t, "re/w:x+", "re:^x{3}$"), excepting(t, "re/wWa:(ab)+-?", "re:-", "re/i:ABAB"),
		excepting(t, "re:-+[abx]?", "re:."),
	}
	var plain []patterns.Pattern
	for _, p := range pats {
		plain = append(plain, p.WithoutExceptions())
	}
	set, bare := compilePatterns(t, pats...), compilePatterns(t, plain...)
	for range testenv.Rounds(4, 6, 12) {
		opt := Options{Workers: 1 + r.IntN(4), ShardSize: uint64(1 + r.IntN(5000)), Overlapping: r.IntN(3) == 0, PerMapping: r.IntN(3) == 0}
		var got []Hit
		everywhere := opt
		everywhere.Overlapping = true
		want, dropped := settle(t, s, bare, pats, compile(t, s, bare, everywhere), opt.Overlapping)
		sc := compile(t, s, set, opt)
		keep := keeper{borrowed: true}
		stats, err := sc.Scan(t.Context(), func(h Hit) bool { got = append(got, keep.hit(h)); return true })
		if err != nil || stats.Hits != uint64(len(got)) {
			t.Fatal(stats.Hits, len(got), err)
		}
		compareHits(t, got, want)
		if !slices.Equal(stats.Excepted, dropped) || slices.Max(dropped) == 0 || len(want) == 0 {
			t.Errorf("%+v: excepted %v, want %v", opt, stats.Excepted, dropped)
		}
		n := uint64(0)
		stats, err = sc.ScanBatches(t.Context(), func(b *Batch) bool { n += b.Len(); return true })
		if err != nil || n != uint64(len(want)) || !slices.Equal(stats.Excepted, dropped) {
			t.Errorf("%+v: batches: %d hits, %v, %v", opt, n, stats.Excepted, err)
		}
		if first, ok, err := sc.First(t.Context()); err != nil || !ok || first.Addr != want[0].Addr || first.Pattern != want[0].Pattern {
			t.Errorf("%+v: first %v, %v", opt, first, err)
		}
		compareHits(t, joined(t, s, set, opt, r), want)
		if opt.Overlapping {
			stats, err = sc.ScanShards(t.Context(), func(int, uint64, *Batch) bool { return true })
			if err != nil || stats.Hits != uint64(len(want)) || !slices.Equal(stats.Excepted, dropped) {
				t.Errorf("%+v: shards: %d hits, %v, %v", opt, stats.Hits, stats.Excepted, err)
			}
		}
	}
}

// joined returns the hits of a scan that is split by Starts, put together again by
// an OverlapFilter.
func joined(t *testing.T, s *Space, set *patterns.Set, opt Options, r *rand.Rand) (hits []Hit) {
	t.Helper()
	overlaps := NewOverlapFilter(set.Patterns())
	drops := !opt.Overlapping
	opt.Overlapping, opt.KeepExcepted = true, true
	last := addr.Addr(0)
	for first := addr.Addr(0); last < addr.Max; first = last + 1 {
		if last = first + addr.Addr(r.IntN(4000)); first > 0x10000 {
			last = addr.Max
		}
		opt.Starts = []addr.Range{{First: first, Last: last}}
		keep := keeper{borrowed: true}
		_, err := compile(t, s, set, opt).ScanBatches(t.Context(), func(b *Batch) bool {
			i := 0
			for h := range b.Hits() {
				match := addr.Range{First: h.Addr, Last: h.Addr + addr.Addr(h.Len-1)}
				if (!drops || overlaps.Keep(h.Pattern, match, b.Excepted(i))) && !b.Excepted(i) {
					hits = append(hits, keep.hit(h))
				}
				i++
			}
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return hits
}

// settle returns the hits that remain of all matches, and by pattern how many
// matches exceptions drop.
func settle(t *testing.T, s *Space, bare *patterns.Set, pats []patterns.Pattern, all *Scanner, overlapping bool) (hits []Hit, dropped []uint64) {
	t.Helper()
	dropped = make([]uint64, len(pats))
	kept, excepted := make([]addr.Addr, len(pats)), make([]addr.Addr, len(pats)) // behind the last of each
	for h, err := range all.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		p, end := h.Pattern, h.Addr+addr.Addr(h.Len)
		one := !overlapping && pats[p].Disjoint()
		switch {
		case one && (h.Addr < kept[p] || end <= excepted[p]):
		case isExcepted(t, s, bare, pats[p], h):
			dropped[p]++
			excepted[p] = max(excepted[p], end)
		default:
			hits = append(hits, h)
			kept[p] = end
		}
	}
	return hits, dropped
}

// isExcepted reports whether an exception drops a hit, by package regexp.
func isExcepted(t *testing.T, s *Space, set *patterns.Set, p patterns.Pattern, h Hit) bool {
	b, err := s.Bytes(h.Addr, h.Len)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	if h.Form == 2 || strings.HasPrefix(p.Written, "re/w:") || strings.HasPrefix(p.Written, "re/wWa:") && h.Form == 3 {
		var ok bool
		if text, ok = set.Text(h.Pattern, h.Form, b, false); !ok {
			t.Fatalf("%s: no text: %q", p.Written, b)
		}
	}
	for _, x := range p.Exceptions() {
		kind, expr, _ := strings.Cut(x, ":")
		if strings.HasSuffix(kind, "i") {
			expr = "(?i)" + expr
		}
		if regexp.MustCompile(expr).MatchString(text) {
			return true
		}
	}
	return false
}

func compareHits(t *testing.T, got, want []Hit) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i].Addr != want[i].Addr || got[i].Pattern != want[i].Pattern ||
			got[i].Len != want[i].Len || got[i].Form != want[i].Form || string(got[i].Bytes) != string(want[i].Bytes) {
			t.Fatalf("hit %d of %d and %d: %+v, want %+v", i, len(got), len(want), got[i:min(i+1, len(got))], want[i:min(i+1, len(want))])
		}
	}
}

// A match that lies in one that an exception drops is no hit; one that goes on
// beyond it may be.
func TestBeyondExcepted(t *testing.T) {
	for _, c := range []struct {
		pattern, exception, memory string
		hits                       string
		excepted                   uint64
	}{
		{"re:[a-z]{4,}", "re:x{8}", "xxxxxxxxxxxx,", "", 1},
		{"re:[a-z]{4,}", "re:^x{8}", "xxxxxxxxxxxxabc,", "", 1},
		{"re:[a-z]{4,}", "re:x{8}", "xxxxxxxxxxxxabc,", "", 1},
		{`re:\b[a-z]+://[a-z]+:[a-z0-9]+@[a-z]+`, "re:user:pass@", "http://user:pass@hosthttps://app:hunter2@real ", "17+28", 1},
		{`re:\b[a-z]+://[a-z]+:[a-z0-9]+@[a-z]+`, "re:user:pass@", "http://user:pass@hosthttps://user:pass@real ", "", 2},
		{`re:\b[a-z]+://[a-z]+:[a-z0-9]+@[a-z]+`, "re:user:pass@", "http://app:hunter2@hosthttps://user:pass@real ", "0+28", 0},
	} {
		for _, opt := range []Options{{Workers: 1}, {Workers: 3, ShardSize: 3}} {
			m, err := BytesMapping("memory", 0, []byte(c.memory))
			if err != nil {
				t.Fatal(err)
			}
			s, err := NewSpace(m)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			stats, err := compile(t, s, compilePatterns(t, excepting(t, c.pattern, c.exception)), opt).Scan(t.Context(), func(h Hit) bool {
				got = append(got, fmt.Sprintf("%d+%d", h.Addr, h.Len))
				return true
			})
			n := uint64(0)
			if stats.Excepted != nil {
				n = stats.Excepted[0]
			}
			if err != nil || strings.Join(got, " ") != c.hits || n != c.excepted {
				t.Errorf("%s but %s in %q: %q, %d excepted, %v", c.pattern, c.exception, c.memory, got, n, err)
			}
		}
	}
}

// Where the scan is stopped, only the dropped matches in front of the last hit are
// counted.
func TestExceptionsInOrder(t *testing.T) {
	m, err := BytesMapping("memory", 0, []byte("ab abc xx ab abc xx abc "))
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSpace(m)
	if err != nil {
		t.Fatal(err)
	}
	set := compilePatterns(t, excepting(t, "re:[abc]+", "re:^ab$"), excepting(t, "re:xx", "re:x"))
	for _, opt := range []Options{{Workers: 1}, {Workers: 3, ShardSize: 2}} {
		sc := compile(t, s, set, opt)
		for stop, want := range map[uint64][]uint64{1: {1, 0}, 2: {2, 1}, 3: {2, 2}, 9: {2, 2}} {
			hits := uint64(0)
			stats, err := sc.Scan(t.Context(), func(h Hit) bool {
				hits++
				if h.Len != 3 {
					t.Errorf("a hit at %v of %d bytes", h.Addr, h.Len)
				}
				return hits < stop
			})
			if err != nil || !slices.Equal(stats.Excepted, want) || hits != min(stop, 3) {
				t.Errorf("%+v, stopped at %d: %d hits, %v, %v, want %v", opt, stop, hits, stats.Excepted, err, want)
			}
		}
	}
	stats, err := compile(t, s, compilePatterns(t, excepting(t, "re:ab+", "re:q")), Options{}).Scan(t.Context(), func(Hit) bool { return true })
	if err != nil || stats.Excepted != nil || stats.Hits != 5 {
		t.Errorf("%d hits, %v, %v", stats.Hits, stats.Excepted, err)
	}
}

// A hit tells in which encoding it was found, also where its bytes do not; where
// they are the same in two, it tells the first.
func TestForms(t *testing.T) {
	for _, c := range []struct {
		pattern, memory string
		form            int
		text            string
	}{
		{"re/aw:key=[^;]{4};", "key=\xc3\xa9\xc3\xa9;", 1, "key=éé;"},
		{"re/aw:.{2}", "\x61\x62\x63", 1, "ab"},
		{"re/aw:(?s:.)\u0416", "\x41\x42\x16\x04", 2, "\u4241\u0416"},
		{"re/wW:q.", "\x00q\x31\x32", 2, "q\u3132"},
		{"re/wW:q.", "q\x0012", 1, "q\u3231"},
		{"re/aw:(?s:..)|\u4142", "BA", 1, "BA"}, // is both
		{"re:q.", "q1", 0, "q1"},
		{"re/w:q.", "q\x0012", 0, "q\u3231"},
	} {
		m, err := BytesMapping("memory", 0, []byte(c.memory))
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewSpace(m)
		if err != nil {
			t.Fatal(err)
		}
		set := compileSet(t, patterns.Target{}, c.pattern)
		h, ok, err := compile(t, s, set, Options{}).First(t.Context())
		if err != nil || !ok {
			t.Errorf("%s: nothing in %q, %v", c.pattern, c.memory, err)
			continue
		}
		if text, ok := set.Text(0, h.Form, h.Bytes, false); h.Form != c.form || !ok || text != c.text {
			t.Errorf("%s in %q: form %d, %q, want %d, %q", c.pattern, c.memory, h.Form, text, c.form, c.text)
		}
	}
}
