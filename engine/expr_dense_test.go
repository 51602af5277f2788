package engine

import (
	"bytes"
	"context"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"vscan/engine/addr"
	"vscan/internal/testenv"
	"vscan/patterns"
)

// spaceOf returns memory from address 0 on.
func spaceOf(t *testing.T, b []byte) *Space {
	t.Helper()
	s, err := NewSpace(Mapping{Range: addr.Range{Last: addr.Addr(len(b) - 1)}, Source: BytesSource("b", b)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// oneByOne returns the hits of a set of one expression in memory from address 0 on, as its matcher finds them
// that is called at one place after another.
func oneByOne(set *patterns.Set, b []byte) (all []sizedHit) {
	m := patterns.Memory{Bytes: b}
	for i := 0; i < len(b); i++ {
		if n := set.Exprs()[0].Matcher.Match(&m, i); n > 0 {
			all = append(all, sizedHit{plainHit{addr.Addr(i), 0, string(b[i : i+min(n, HitBytes)])}, n})
			if set.Patterns()[0].Disjoint() {
				i += n - 1
			}
		}
	}
	return all
}

// In memory in which every byte begins a match, or something like one, the hits are those of
// calling the matcher at one place after another.
func TestExprsInRuns(t *testing.T) {
	b := make([]byte, testenv.Rounds(40<<10, 100<<10, 600<<10))
	rnd := testRand(t)
	for at := 0; at < len(b); {
		n := 1 + rnd.IntN(len(b)/3)
		run := b[at:min(len(b), at+n)]
		c := "ab\x00c"[rnd.IntN(4)]
		for i := range run {
			run[i] = c
		}
		at += len(run)
	}
	s := spaceOf(t, b)
	for _, text := range []string{`re:[ab]+`, `re/s:.+`, `re:a+b`, `re:\x00{3,}`, `re:a{8,}c?`, `re:(a|b)*?c`, `hex:61 [-] 62`, `re:\b\w+`} {
		set := compileSet(t, patterns.Target{MaxMatch: 500}, text)
		want := oneByOne(set, b)
		for _, opt := range []Options{{Workers: 1}, {Workers: 3, ShardSize: uint64(len(b) / 9)}} {
			if got := collectSized(t, compile(t, s, set, opt)); !slices.Equal(got, want) {
				t.Fatalf("%s, %+v: %d hits, want %d", text, opt, len(got), len(want))
			}
		}
	}
}

// A scan ends soon after its context, whatever the matchers are doing: each worker looks at
// no more bytes than those between two checks of the context, and those of the start in
// hand.
func TestCancelWhileVerifying(t *testing.T) {
	const workers = 2
	s := spaceOf(t, bytes.Repeat(append(bytes.Repeat([]byte("ab"), 5000), 'c'), 1600))
	// Some expressions can begin at every byte, others at every second or third; of some, a track rules
	// out nearly all places or tells the matches, so that little is looked at.
	const much, little = 1 << 20, 32 << 10
	for text, until := range map[string]int{`re:a[ab]*d|c`: little, `re:[ab]*b[ab]{90,500}c`: much, `re:(?:ab|ba)*a[ab]{500}c`: much, `re:a[ab]*d`: little, `re:[ab]*a[ab]{500}c`: much, `re:[ab]{1,900}?[bc]{2}`: little,
		`hex:61 [-] 64`: much, `re:(ab)+?d`: little, `hex:61 [200-4000] 63`: little, `re:[ab]+`: little, `re:[ab]{7,}b`: little} {
		set := compileSet(t, patterns.Target{MaxMatch: 64 << 10}, text)
		ctx, cancel := context.WithCancel(t.Context())
		w := &workCount{until: until, then: cancel}
		for i := range set.Exprs() {
			e := &set.Exprs()[i]
			e.Matcher = countedMatcher{e.Matcher.(patterns.Tracker), w}
		}
		stats, _ := compile(t, s, set, Options{Workers: workers}).Scan(ctx, func(Hit) bool { return true })
		if !stats.Cancelled || w.done < w.until {
			t.Errorf("%s: cancelled %v, with %d bytes looked at", text, stats.Cancelled, w.done)
		}
		if most := workers * (checkWork + w.most); w.after > most {
			t.Errorf("%s: %d bytes looked at after the cancel, want %d at most", text, w.after, most)
		}
		cancel()
	}
}

// A workCount counts the bytes that matchers look at, and calls then once the count reaches
// until.
type workCount struct {
	until int
	then  func()

	mu          sync.Mutex
	done, after int // before and after the call
	most        int // for one place
}

func (w *workCount) add(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.most = max(w.most, n)
	if w.done >= w.until {
		w.after += n
		return
	}
	if w.done += n; w.done >= w.until {
		w.then()
	}
}

// A countedMatcher is a matcher whose work is counted.
type countedMatcher struct {
	patterns.Tracker
	count *workCount
}

func (m countedMatcher) NewTrack() patterns.Track {
	return countedTrack{m.Tracker.NewTrack(), m.count}
}

type countedTrack struct {
	patterns.Track
	count *workCount
}

func (k countedTrack) Match(m *patterns.Memory, at int) int {
	before := k.Steps()
	n := k.Track.Match(m, at)
	k.count.add(k.Steps() - before)
	return n
}

func (k countedTrack) Find(m *patterns.Memory, from, to int, found []patterns.FoundAnchor, most int) (at, n int) {
	before := k.Steps()
	at, n = k.Track.Find(m, from, to, found, most)
	k.count.add(k.Steps() - before)
	return at, n
}

// Matches of one encoding that overlap none that is kept are kept, even where they overlap
// dropped ones of the other encoding.
func TestEncodingsDropTogether(t *testing.T) {
	b := append(make([]byte, 6000), "a\x00b\x00cd\x00\x00e"...)
	b = append(b, make([]byte, 100)...)
	set := compileSet(t, patterns.Target{MaxMatch: 100}, `re/wa:ab|b\x00cd|d\x00\x00e`)
	for _, workers := range []int{1, 3} {
		got := collectSized(t, compile(t, spaceOf(t, b), set, Options{Workers: workers, ShardSize: 3000}))
		want := []sizedHit{
			{plainHit{6000, 0, "a\x00b\x00"}, 4},
			{plainHit{6005, 0, "d\x00\x00e"}, 4},
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

// With PerMapping, each mapping is searched as if there were no other.
func TestApart(t *testing.T) {
	rnd := testRand(t)
	texts := []string{`re:a+`, `re:[ab]+`, `re:^b`, `re:a$`, `re:\ba`, `re:b\b`, `text/f:ab`, `hex:61 [1-3] 62`, `text:ab`, `u16le:0x6161..0x6262`, `re/w:a+`}
	for range 200 {
		size := 1 + rnd.IntN(200)
		l := randomLayout(rnd, 6, size)
		s := l.space(t)
		set := compileSet(t, patterns.Target{}, texts[rnd.IntN(len(texts))], "x="+texts[rnd.IntN(len(texts))])
		opt := Options{Workers: 1 + rnd.IntN(3), ShardSize: uint64(1 + rnd.IntN(300)), Overlapping: rnd.IntN(2) == 0}
		var want []sizedHit
		for v := range s.Intervals(addr.All) {
			if st := v.State(); st != Present && st != Zero {
				continue
			}
			b, err := s.Bytes(v.First, int(v.Size()))
			if err != nil {
				t.Fatal(err)
			}
			alone, err := NewSpace(Mapping{Range: v.Range, Source: BytesSource("b", b)})
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, collectSized(t, compile(t, alone, set, opt))...)
		}
		opt.PerMapping = true
		if got := collectSized(t, compile(t, s, set, opt)); !slices.Equal(got, want) {
			t.Fatalf("%v: %v\nwant %v\n%+v", set.Patterns(), got, want, l)
		}
	}
}

// At the beginning of memory no match can begin before, so one worker finds only the matches
// that are kept.
func TestChainKnownAtOnce(t *testing.T) {
	for _, first := range []addr.Addr{0, 4096, addr.Max - 1<<20 + 1} {
		m := Mapping{Range: addr.Range{First: first, Last: first + 1<<20 - 1}, Source: BytesSource("b", bytes.Repeat([]byte{'a'}, 1<<20))}
		s, err := NewSpace(m)
		if err != nil {
			t.Fatal(err)
		}
		u, w := chainsOf(compile(t, s, compileSet(t, patterns.Target{}, "re:a+"), Options{Workers: 1, ShardSize: 100_000}))
		for a := first; ; a += 1 << 16 {
			w.tools.base = a
			found, next := u.find(&w.tools, nil, bytes.Repeat([]byte{'a'}, 1<<16), 0, 1<<16)
			if next != 1<<16 || len(found) > 17 {
				t.Fatalf("from %v: %d matches up to %d, want 17 at most", a, len(found), next)
			}
			if m.Last-a < 1<<16 {
				break
			}
		}
	}
}

// chainsOf returns the unit of a scanner's only expression, and a worker for it.
func chainsOf(sc *Scanner) (unit, *worker) {
	return sc.units[0], newWorker(&scan{Scanner: sc})
}

// Where memory is full of anchors, they are not looked for in some stretches, and then again; the hits are
// those of asking the matcher at each place.
func TestDenseAnchors(t *testing.T) {
	rnd := testRand(t)
	for _, text := range []string{`re:(ab|ba|aa)+c`, `hex:6161 [20] ~61 ~61`, `re:ab+[^b]a`, `re:(ab|ba)[^b]{3,90}?a`} {
		b := make([]byte, testenv.Rounds(500<<10, 600<<10, 4<<20))
		for at := 0; at < len(b); { // some parts are full of a and b, others are noise, or zeros
			part := b[at:min(len(b), at+1+rnd.IntN(len(b)/3))]
			letters := []string{"ab", "ab", "aaaab", "\x00", "abcdefghijklmnopqrstuvwxyz"}[rnd.IntN(5)]
			for i := range part {
				if part[i] = letters[rnd.IntN(len(letters))]; rnd.IntN(1000) == 0 {
					part[i] = 'c'
				}
			}
			at += len(part)
		}
		for i := range 400 << 10 { // at least this is full of them
			b[i] = "ab"[rnd.IntN(2)]
		}
		set := compileSet(t, patterns.Target{MaxMatch: 500}, text)
		e := &set.Exprs()[0]
		if len(e.Anchors) == 0 {
			t.Fatalf("%s has no anchors", text)
		}
		want := oneByOne(set, b)
		asked := &longestAsked{}
		e.Matcher = askedMatcher{e.Matcher.(patterns.Tracker), asked}
		for _, opt := range []Options{{Workers: 1}, {Workers: 3, ShardSize: 200_000}} {
			if got := collectSized(t, compile(t, spaceOf(t, b), set, opt)); !slices.Equal(got, want) {
				t.Fatalf("%s, %+v: %d hits, want %d", text, opt, len(got), len(want))
			}
		}
		if asked.n < 1<<10 {
			t.Errorf("%s: asked for a place among %d at most, so no stretch was without anchors", text, asked.n)
		}
	}
}

// A longestAsked is among how many places a track was asked to find a match, at most.
type longestAsked struct {
	mu sync.Mutex
	n  int
}

// An askedMatcher is a matcher that tells what its tracks are asked.
type askedMatcher struct {
	patterns.Tracker
	most *longestAsked
}

func (m askedMatcher) NewTrack() patterns.Track { return askedTrack{m.Tracker.NewTrack(), m.most} }

type askedTrack struct {
	patterns.Track
	most *longestAsked
}

func (k askedTrack) Find(m *patterns.Memory, from, to int, found []patterns.FoundAnchor, most int) (at, n int) {
	k.most.mu.Lock()
	k.most.n = max(k.most.n, to-from)
	k.most.mu.Unlock()
	return k.Track.Find(m, from, to, found, most)
}

// An expression that stands for some literals which cannot overlap is looked for as these, and one
// whose literals can is not; both have the matches that Go's regexp has.
func TestPlainExpressions(t *testing.T) {
	rnd := testRand(t)
	literal := func() string {
		b := make([]byte, 1+rnd.IntN(4))
		for i := range b {
			b[i] = "abc"[rnd.IntN(3)]
		}
		return string(b)
	}
	plain, others := 0, 0
	for range testenv.Rounds(300, 1000, 100_000) {
		expr := literal()
		for range rnd.IntN(4) {
			switch rnd.IntN(3) {
			case 0:
				expr += "|" + literal()
			case 1:
				expr = "(" + expr + ")" + literal()
			default:
				expr = literal() + "(?:" + expr + ")"
			}
		}
		b := make([]byte, 1+rnd.IntN(300))
		for i := range b {
			b[i] = "abcd"[rnd.IntN(4)]
		}
		set := compileSet(t, patterns.Target{}, "re:"+expr)
		if len(set.Exprs()) == 0 {
			plain++
		} else {
			others++
		}
		var want []sizedHit
		for _, m := range regexp.MustCompile(expr).FindAllIndex(b, -1) {
			want = append(want, sizedHit{plainHit{addr.Addr(m[0]), 0, string(b[m[0]:m[1]])}, m[1] - m[0]})
		}
		got := collectSized(t, compile(t, spaceOf(t, b), set, Options{Workers: 1 + rnd.IntN(2), ShardSize: 1 + rnd.Uint64N(400)}))
		if !slices.Equal(got, want) {
			t.Fatalf("%s in %s: %v, want %v", expr, b, got, want)
		}
	}
	if plain == 0 || others == 0 {
		t.Errorf("%d expressions were literals, %d were not", plain, others)
	}
}

// Where an exception, a bound or an encoding has its say, an expression stays one.
func TestNotPlain(t *testing.T) {
	for text, plain := range map[string]bool{
		"re:needle": true, "re:(pin|key)hole": true, "re:pin|keys": true, "re:[ab]c": false, "re/i:1234": true,
		"re:abab": false, "re:abc|bc": false, "re:abc|ab": false, "re:abc|cde": false, "re/i:k1": false,
		"re/w:ab": true, "re/wa:ab": false, `re:\bab`: false, "re:^ab": false, "re:ab?": false, "re:ab*": false,
		"re:" + strings.Repeat("a", 299) + "b": false,
	} {
		set := compileSet(t, patterns.Target{}, text)
		if got := len(set.Exprs()) == 0; got != plain {
			t.Errorf("%s is made of literals: %v, want %v", text, got, plain)
		}
	}
	p, err := patterns.Parse("re:needle")
	if err != nil {
		t.Fatal(err)
	}
	x, err := patterns.Parse("re:eed")
	if err != nil {
		t.Fatal(err)
	}
	if p, err = p.WithExceptions(x); err != nil {
		t.Fatal(err)
	}
	set, err := patterns.Compile(t.Context(), []patterns.Pattern{p}, patterns.Target{})
	if err != nil || len(set.Exprs()) != 1 {
		t.Errorf("with an exception: %v, %v", set, err)
	}
}
