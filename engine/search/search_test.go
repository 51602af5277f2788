package search

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image/layered"
	"vscan/engine/where"
	"vscan/internal/testenv"
	"vscan/patterns"
	"vscan/patterns/yara"
)

// recorder is a sink that writes down what it is given, and fails where it is told to.
type recorder struct {
	lines []string
	fail  string // the beginning of the line that fails
}

var errSink = errors.New("the sink is full")

func (r *recorder) add(format string, args ...any) error {
	line := fmt.Sprintf(format, args...)
	r.lines = append(r.lines, line)
	if r.fail != "" && strings.HasPrefix(line, r.fail) {
		return errSink
	}
	return nil
}

func (r *recorder) Begin(s *Search) error   { return r.add("begin %d", s.Bytes()) }
func (r *recorder) Hit(h *Hit) error        { return r.add("hit %v %s %q", h.Addr, h.Name, h.Bytes) }
func (r *recorder) Rule(m *RuleMatch) error { return r.add("rule %s", m.Name) }
func (r *recorder) End(s *Summary) error    { return r.add("end %d %v", s.Hits, s.Complete) }

// imageOf returns an image of one mapping, [heap] from 0x1000 on.
func imageOf(t *testing.T, b string) *layered.Image {
	t.Helper()
	m, err := engine.BytesMapping("[heap]", 0x1000, []byte(b))
	if err != nil {
		t.Fatal(err)
	}
	space, err := engine.NewSpace(m)
	if err != nil {
		t.Fatal(err)
	}
	return layered.Of("memory", space)
}

func parsed(t testing.TB, texts ...string) (pats []patterns.Pattern) {
	t.Helper()
	for _, text := range texts {
		p, err := patterns.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		pats = append(pats, p)
	}
	return pats
}

func rulesOf(t testing.TB, text string) *yara.Rules {
	t.Helper()
	var c yara.Compiler
	if err := Predefine(&c); err != nil {
		t.Fatal(err)
	}
	if err := c.Add(t.Context(), "", "rules.yar", strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	rules, err := c.Rules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// A sink gets what is found in order, and an error of any of its methods is the search's.
func TestSink(t *testing.T) {
	img := imageOf(t, "one two one")
	q := Query{
		Patterns: parsed(t, "two=text:two"),
		Rules:    rulesOf(t, `rule one { strings: $a = "one" condition: #a == 2 } rule never { condition: false }`),
	}
	want := []string{"begin 11", `hit 0x1004 two "two"`, "rule one", `hit 0x1000 one.$a "one"`, `hit 0x1008 one.$a "one"`, "end 3 true"}
	var r recorder
	sum, err := q.Run(context.Background(), img, &r)
	if err != nil || !slices.Equal(r.lines, want) {
		t.Fatalf("%q, %v, want %q", r.lines, err, want)
	}
	if sum.Rules.Matched != 1 || !sum.Found() || !slices.Equal(sum.Counts, []uint64{2, 1}) {
		t.Errorf("%+v, %+v", sum, sum.Rules)
	}
	for i, line := range want {
		r := recorder{fail: line}
		sum, err := q.Run(context.Background(), img, &r)
		if !errors.Is(err, errSink) || sum == nil || !slices.Equal(r.lines, want[:i+1]) || sum.Stopped != (i < len(want)-1) {
			t.Errorf("failing at %q: %q, %+v, %v", line, r.lines, sum, err)
		}
	}
}

// Who sets the pace of a query sets it of its scan.
func TestQueryPace(t *testing.T) {
	var asked atomic.Uint64
	q := Query{Patterns: parsed(t, "two"), Pace: func(_ context.Context, n uint64) { asked.Add(n) }}
	if sum, err := q.Run(t.Context(), imageOf(t, "one two one"), &recorder{}); err != nil || sum.Hits != 1 || asked.Load() != 11 {
		t.Errorf("%+v, %v; asked for %d bytes", sum, err, asked.Load())
	}
}

// Workers of a query ask for their turns, all but one.
func TestQueryTurn(t *testing.T) {
	var asked atomic.Uint64
	turn := func(ctx context.Context) func() { asked.Add(1); return func() {} }
	q := Query{Patterns: parsed(t, "two"), Workers: 2, ShardSize: 1, Turn: turn}
	if sum, err := q.Run(t.Context(), imageOf(t, "one two one"), &recorder{}); err != nil || sum.Hits != 1 || asked.Load() == 0 {
		t.Errorf("%+v, %v; asked for %d turns", sum, err, asked.Load())
	}
}

// What is wanted decides what the sink gets, and never what is counted but for the first hit.
func TestWant(t *testing.T) {
	img := imageOf(t, strings.Repeat("ab", 50))
	for _, c := range []struct {
		q       Query
		hits    uint64
		lines   int
		limited bool
	}{
		{Query{}, 50, 52, false},
		{Query{Want: WantCount}, 50, 2, false},
		{Query{Want: WantAny}, 1, 2, false},
		{Query{MaxHits: 7}, 7, 9, true},
		{Query{MaxHits: 7, Want: WantCount}, 7, 2, true},
		{Query{RangeTexts: []string{"[heap]+10..[heap]+13"}}, 2, 4, false},
		{Query{At: Addresses{0x1000, 0x1001, 0x1004}}, 2, 4, false},
		{Query{At: Addresses{}}, 0, 2, false},
		{Query{Align: Alignment{Bytes: 4}}, 25, 27, false},
		{Query{HitBytes: -1}, 50, 52, false},
	} {
		c.q.Patterns = parsed(t, "ab")
		var r recorder
		sum, err := c.q.Run(context.Background(), img, &r)
		if err != nil || sum.Hits != c.hits || len(r.lines) != c.lines || sum.Limited != c.limited || !sum.Complete {
			t.Errorf("%+v: %+v, %v, %d lines", c.q, sum, err, len(r.lines))
		}
		if c.q.HitBytes < 0 && !strings.HasSuffix(r.lines[1], `""`) {
			t.Errorf("bytes of %q", r.lines[1])
		}
	}
}

// A query that cannot be asked of an image says so in types.
func TestPrepareFails(t *testing.T) {
	img := imageOf(t, "x")
	choice, err := where.ParseMappings("[stack]")
	if err != nil {
		t.Fatal(err)
	}
	var ranges *RangeError
	if _, err := (&Query{Patterns: parsed(t, "x"), RangeTexts: []string{"nobody+1+2"}}).Prepare(context.Background(), img); !errors.As(err, &ranges) || !errors.Is(err, engine.ErrNoName) {
		t.Errorf("a range of nobody: %v", err)
	}
	var choices *ChoiceError
	if _, err := (&Query{Patterns: parsed(t, "x"), In: []where.Mappings{choice}}).Prepare(context.Background(), img); !errors.As(err, &choices) {
		t.Errorf("no such mapping: %v", err)
	}
	if _, err := (&Query{Patterns: parsed(t, "x"), Align: Alignment{Word: true}}).Prepare(context.Background(), img); !errors.Is(err, ErrNoWord) {
		t.Errorf("no word: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (&Query{Patterns: parsed(t, "x")}).Run(ctx, img, &recorder{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// An interrupted search has its summary, however its context ended, and is not complete.
func TestInterrupted(t *testing.T) {
	deadline := errors.New("it is late")
	for name, begin := range map[string]func() (context.Context, func()){
		"cancelled": func() (context.Context, func()) { return context.WithCancel(context.Background()) },
		"with a cause": func() (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(context.Background())
			return ctx, func() { cancel(deadline) }
		},
		"too late": func() (context.Context, func()) {
			late := &lateContext{Context: context.Background(), done: make(chan struct{})}
			return late, late.end
		},
	} {
		ctx, cancel := begin()
		s, err := (&Query{Patterns: parsed(t, "x"), ShardSize: 1, Workers: 1}).Prepare(ctx, imageOf(t, strings.Repeat("x", 5000)))
		if err != nil {
			t.Fatal(err)
		}
		sink := &cancelling{cancel: cancel}
		sum, err := s.Run(ctx, sink)
		if err == nil || !errors.Is(err, context.Cause(ctx)) || sum == nil || !sum.Interrupted || sum.Complete || sink.ended != 1 {
			t.Errorf("%s: %+v, %v, ended %d times", name, sum, err, sink.ended)
		}
	}
}

// lateContext is a context whose deadline comes when it is told to. The contexts made of it
// end before end returns: those of package context take the method AfterFunc, where there is
// one, for what tells them, and a goroutine of their own otherwise, which may come too late.
type lateContext struct {
	context.Context
	done  chan struct{}
	mu    sync.Mutex
	ended bool
	after []func()
}

func (c *lateContext) Done() <-chan struct{} { return c.done }

func (c *lateContext) AfterFunc(f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.after = append(c.after, f)
	return func() bool { return false }
}

func (c *lateContext) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	c.ended = true
	close(c.done)
	for _, f := range c.after {
		f()
	}
}

func (c *lateContext) Err() error {
	select {
	case <-c.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// A sink can end a search without an error, and hits can be kept.
func TestStop(t *testing.T) {
	img := imageOf(t, strings.Repeat("ab", 50))
	var kept []*Hit
	sum, err := (&Query{Patterns: parsed(t, "ab")}).Run(context.Background(), img, HitFunc(func(h *Hit) error {
		if kept = append(kept, h.Clone()); len(kept) == 3 {
			return fmt.Errorf("three are enough: %w", ErrStop)
		}
		return nil
	}))
	if err != nil || sum == nil || !sum.Stopped || len(kept) != 3 {
		t.Fatalf("%+v, %v, %d hits", sum, err, len(kept))
	}
	for i, h := range kept {
		if h.Addr != addr.Addr(0x1000+2*i) || string(h.Bytes) != "ab" {
			t.Errorf("%d: %v %q", i, h.Addr, h.Bytes)
		}
	}
	if sum, err := (&Query{Patterns: parsed(t, "ab")}).Run(context.Background(), img, nil); err != nil || sum.Hits != 50 {
		t.Errorf("without a sink: %+v, %v", sum, err)
	}
}

type cancelling struct {
	recorder
	cancel func()
	ended  int
}

func (c *cancelling) Hit(*Hit) error     { c.cancel(); return nil }
func (c *cancelling) End(*Summary) error { c.ended++; return nil }

// Addresses, limits and wants together have the hits of a search for everything that they
// leave.
func TestQueriesAgainstAll(t *testing.T) {
	rnd := testenv.Rand(t)
	for range 200 {
		b := make([]byte, 1+rnd.IntN(3000))
		for i := range b {
			b[i] = "ab"[rnd.IntN(2)]
		}
		img := imageOf(t, string(b))
		text := []string{"ab", "aba", "re:a+b", "re:b[ab]{3}a"}[rnd.IntN(4)]
		all := hitsOf(t, Query{Patterns: parsed(t, text)}, img)
		var at Addresses
		for a := range len(b) {
			if rnd.IntN(3) == 0 {
				at = append(at, addr.Addr(0x1000+a))
			}
		}
		want := slices.DeleteFunc(slices.Clone(all), func(a addr.Addr) bool { _, in := slices.BinarySearch(at, a); return !in })
		limit := rnd.IntN(4) * rnd.IntN(50)
		if limit > 0 {
			want = want[:min(limit, len(want))]
		}
		q := Query{Patterns: parsed(t, text), At: at, MaxHits: uint64(limit), Workers: 1 + rnd.IntN(3), ShardSize: uint64(1 + rnd.IntN(4000))}
		if len(at) == 0 {
			q.At = Addresses{}
		}
		if got := hitsOf(t, q, img); !slices.Equal(got, want) {
			t.Fatalf("%s at %d addresses, limit %d: %v, want %v", text, len(at), limit, got, want)
		}
		q.Want = WantCount
		sum, err := q.Run(context.Background(), img, &recorder{})
		if err != nil || sum.Hits != uint64(len(want)) {
			t.Fatalf("%s: %+v, %v, want %d", text, sum, err, len(want))
		}
	}
}

func hitsOf(t *testing.T, q Query, img *layered.Image) (all []addr.Addr) {
	t.Helper()
	sink := &addresses{}
	if _, err := q.Run(context.Background(), img, sink); err != nil {
		t.Fatal(err)
	}
	return sink.all
}

type addresses struct {
	recorder
	all []addr.Addr
}

func (s *addresses) Hit(h *Hit) error {
	s.all = append(s.all, h.Addr)
	return nil
}

// Where rules are to stand among patterns that there are not is an error.
func TestRulesAt(t *testing.T) {
	img, rules := imageOf(t, "one two one"), rulesOf(t, `rule one { strings: $a = "one" condition: $a }`)
	for at, want := range map[int][]string{0: {"one.$a", "x", "y"}, 1: {"x", "one.$a", "y"}, 2: {"x", "y", "one.$a"}, 3: nil, -1: nil} {
		q := Query{Patterns: parsed(t, "x=text:x", "y=text:y"), Rules: rules, RulesAt: at}
		sum, err := q.Run(context.Background(), img, nil)
		if want == nil && err == nil || want != nil && (err != nil || !slices.Equal(sum.Names, want)) {
			t.Errorf("at %d: %+v, %v, want %q", at, sum, err, want)
		}
	}
}

// With mappings asked one by one, an error of a sink ends the search as well.
func TestSinkFailsInMapping(t *testing.T) {
	var ms []engine.Mapping
	for i := range 3 {
		m, err := engine.BytesMapping(fmt.Sprint(i), addr.Addr(0x1000*(i+1)), []byte("one two"))
		if err != nil {
			t.Fatal(err)
		}
		ms = append(ms, m)
	}
	space, err := engine.NewSpace(ms...)
	if err != nil {
		t.Fatal(err)
	}
	q := Query{Rules: rulesOf(t, `rule one { strings: $a = "one" condition: $a }`), PerMapping: true}
	var whole recorder
	if sum, err := q.Run(context.Background(), layered.Of("memory", space), &whole); err != nil || sum.Rules.Matched != 3 || len(whole.lines) != 8 {
		t.Fatalf("%+v, %v, %q", sum, err, whole.lines)
	}
	for i, line := range whole.lines[1:7] {
		r := recorder{fail: line}
		if line == "rule one" {
			continue // there are three of them
		}
		sum, err := q.Run(context.Background(), layered.Of("memory", space), &r)
		if !errors.Is(err, errSink) || !sum.Stopped || len(r.lines) != i+2 {
			t.Errorf("failing at %q: %+v, %v, %q", line, sum, err, r.lines)
		}
	}
}
