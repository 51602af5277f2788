package yara

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/internal/testenv"
)

// far returns two texts with so many bytes between them.
func far(n int) []byte {
	return slices.Concat([]byte("xAAAA"), bytes.Repeat([]byte("z"), n), []byte("BBBBx"))
}

// A jump may be longer than the longest match, and conditions on the string are those of
// yara.
func TestLongJumps(t *testing.T) {
	const rules = `
rule endless { strings: $a = { 41 41 41 41 [-] 42 42 42 42 } condition: $a }
rule from { strings: $a = { 41 41 41 41 [4100-] 42 42 42 42 } condition: $a }
rule bounded { strings: $a = { 41 41 41 41 [1000-8000] 42 42 42 42 } condition: $a and #a == 1 and @a == 1 and !a == 6008 }
rule exactly { strings: $a = { 41 41 41 41 [6000] 42 42 42 42 } condition: $a at 1 and $a in (0..1) and not $a at 2 }
rule not_endless { strings: $a = { 41 41 41 41 [-] 42 42 42 42 } condition: not $a }
rule less { strings: $a = { 41 41 41 41 [1000-5999] 42 42 42 42 } condition: not $a }
rule more { strings: $a = { 41 41 41 41 [6001-] 42 42 42 42 } condition: $a }
rule wild { strings: $a = { 41 ?? 41 41 [0-300] ?? ?? [300-] 42 ?? ?? } condition: $a }
rule both { strings: $a = { 41 41 41 41 [-] 42 42 42 42 } $b = { 41 [500-] 7A [500-] 42 } condition: all of them and #b == 4 and !b[4] == 6002 }
rule lazy { strings: $a = /AAAA.{300,7000}?BBBB/ $b = /AAAA.{300,}?B{2}?x/ condition: all of them }
rule greedy { strings: $a = /AAAA.{300,7000}BBBB/ condition: $a }
rule full { strings: $a = /xAAAA.{300,7000}?BBBBx/ fullword condition: $a }
rule is_wide { strings: $a = /AA.{300,7000}?BB/ wide ascii nocase condition: $a }
`
	r := parse(t, "r.yar", rules)
	if len(r.Skipped) > 0 {
		t.Fatal(r.Skipped)
	}
	res := evaluate(t, r, far(6000))
	want := []string{"endless", "from", "bounded", "exactly", "less", "wild", "both", "lazy", "is_wide"}
	if got := matching(res); !slices.Equal(got, want) || len(res.Undecided) > 0 {
		t.Errorf("%v match, want %v; %v", got, want, res.Undecided)
	}
	needYara(t)
	path := filepath.Join(t.TempDir(), "r.yar")
	if err := os.WriteFile(path, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{far(6000), far(300), far(4096), far(70000), append(far(6000), far(500)...), nil} {
		compareWith(t, path, data)
	}
}

// What parts match where they follow one another, and where they do not.
func TestParts(t *testing.T) {
	for str, want := range map[string][]string{
		"{ 41 42 [200] 43 }":                         {"0-0"},
		"{ 41 42 [201] 43 }":                         {"0-0", "201-201"},
		"{ 41 42 [0-201] 43 [-] 44 }":                {"0-0", "0-201", "0--1"},
		"{ 41 42 ?? [100-300] ?? ?? 43 [2] [-] 44 }": {"0-0", "103-303", "2--1"},
		"{ 41 [1-3] 42 [201-300] 43 }":               {"0-0"}, // of several lengths, and small
		"{ 41 [1-3] 42 [201-5000] 43 }":              {"0-0", "201-5000"},
		"{ ?? [201-300] 43 }":                        {"0-0"}, // its first part would match everywhere
		"{ 41 ( 42 [2-200] 43 | 44 ) [300-] 45 }":    {"0-0", "300--1"},
		"{ 41 [-] ?? }":                              {"0-0"},
		"/ab.{300}?cd/":                              {"0-0", "300-300"},
		"/ab.{3,}?cd.{0,201}?e/s":                    {"0-0", "3--1", "0-201"},
		"/ab.{300}cd/":                               {"0-0"},
		"/(ab.{300}?cd)/":                            {"0-0"},
		"/ab.{300}?cd|e/":                            {"0-0"},
		"/a??.{300}?cd/":                             {"0-0"},
		"/^.{300}?cd/":                               {"0-0"},
		"/ab.*?cd/":                                  {"0-0"},
		`/ab[\s\S]{1,5000}?cd/`:                      {"0-0"},
	} {
		r := parse(t, "r.yar", "rule r { strings: $a = "+str+" condition: $a }")
		if len(r.Skipped) > 0 {
			t.Errorf("%s: %v", str, r.Skipped)
			continue
		}
		got := []string{"0-0"}
		for _, c := range r.splits {
			for _, jump := range c.jumps {
				got = append(got, fmt.Sprintf("%d-%d", jump.lo, int64(jump.hi)))
			}
		}
		if !slices.Equal(got, want) || len(r.Patterns()) != len(want) || r.IsPart(0) != (len(want) > 1) || r.Names(0)[0] != "r.$a" {
			t.Errorf("%s: %v, want %v; %d patterns", str, got, want, len(r.Patterns()))
		}
	}
	for str, want := range map[string]string{
		"{ 41 ( 42 [201] 43 | 44 ) 45 }": "a jump of more than 200 bytes inside of alternatives",
		"{ 41 ( 42 [-] 43 | 44 ) 45 }":   "a jump of more than 200 bytes inside of alternatives",
		"{ 41 [3000000000] 42 }":         "a jump of more than 2147483647 bytes",
		"{ 41 [300-200] 42 }":            "its first number is above its last",
	} {
		r, err := Parse(context.Background(), "r.yar", strings.NewReader("rule r { strings: $a = "+str+" condition: $a }"), nil)
		if err != nil || len(r.Skipped) != 1 || !strings.Contains(r.Skipped[0].Reason, want) {
			t.Errorf("%s: %v, %v, want %q", str, r, err, want)
		}
	}
	for str, want := range map[string]string{
		"{ ?? [-] 43 }":     "want another byte in front of the jump",
		"{ 41 [5000-] ?? }": "want another byte behind",
		"{ 41 " + strings.Repeat("[-] 41 ", 300) + "}": "300 long jumps: at most 255",
	} {
		r := parse(t, "r.yar", "rule r { strings: $a = "+str+" condition: $a }")
		if len(r.Skipped) != 1 || !strings.Contains(r.Skipped[0].Reason, want) {
			t.Errorf("%s: %v, want %q", str, r.Skipped, want)
		}
	}
}

// naiveJoin returns what add finds, found naively: every hit of the first part from which
// there is a way to a hit of the last part, up to the first such hit.
func naiveJoin(gaps []span, parts [][]span) (out []span) {
	last := len(parts) - 1
	for _, head := range parts[0] {
		reached := []span{head}
		for k := 1; k <= last; k++ {
			var next []span
			for _, x := range parts[k] {
				if slices.ContainsFunc(reached, func(y span) bool {
					return x.lo >= y.hi && x.lo-y.hi >= gaps[k-1].lo && x.lo-y.hi <= gaps[k-1].hi
				}) {
					next = append(next, x)
				}
			}
			reached = next
		}
		if len(reached) > 0 {
			out = append(out, span{head.lo, reached[0].hi})
		}
	}
	return out
}

type budgetFor struct{ n, most int }

func (r *budgetFor) admit() bool {
	if r.n == r.most {
		return false
	}
	r.n++
	return true
}
func (r *budgetFor) release(n int) { r.n -= n }

// Hits of parts are joined, and compared with trying all ways. Nothing waits any more when
// no hit can follow, and never more hits wait than may.
func TestWaiting(t *testing.T) {
	rng := testenv.Seeded(t, 1, 0)
	matches, rounds := 0, testenv.Rounds(500, 800, 3000)
	for range rounds {
		n := 2 + rng.IntN(3)
		c := &splitString{}
		for range n - 1 {
			jump := span{uint64(rng.IntN(30)), noLimit}
			if rng.IntN(2) == 0 {
				jump.hi = jump.lo + uint64(rng.IntN(60))
			}
			c.jumps = append(c.jumps, jump)
		}
		type hit struct {
			part int
			at   span
		}
		var all []hit
		parts := make([][]span, n)
		for k := range parts {
			length, varies := 1+rng.IntN(4), rng.IntN(3) == 0
			for a := range uint64(400) {
				if rng.IntN(12) > 0 {
					continue
				}
				if varies {
					length = 1 + rng.IntN(9)
				}
				x := span{a, a + uint64(length)}
				parts[k] = append(parts[k], x)
				all = append(all, hit{k, x})
			}
		}
		slices.SortFunc(all, func(a, b hit) int { return cmp.Or(cmp.Compare(a.at.lo, b.at.lo), cmp.Compare(a.part, b.part)) })
		if apart := uint64(1) << (rng.UintN(2) * 30); apart > 1 { // over more than 4 GiB
			for i := range all {
				x := &all[i].at
				x.lo, x.hi = x.lo*apart, x.lo*apart+(x.hi-x.lo)
			}
			for k := range parts {
				for i := range parts[k] {
					x := &parts[k][i]
					x.lo, x.hi = x.lo*apart, x.lo*apart+(x.hi-x.lo)
				}
			}
			for i := range c.jumps {
				c.jumps[i].lo *= apart
				if c.jumps[i].hi != noLimit {
					c.jumps[i].hi *= apart
				}
			}
		}
		w, r := newJoiner(c), &budgetFor{most: 1 << 20}
		var got []span
		for _, h := range all {
			w.add(h.part, h.at.lo, h.at.hi-h.at.lo, r, func(a, n uint64) { got = append(got, span{a, a + n}) })
		}
		slices.SortFunc(got, func(a, b span) int { return cmp.Compare(a.lo, b.lo) })
		want := naiveJoin(c.jumps, parts)
		matches += len(want)
		if !slices.Equal(got, want) {
			t.Fatalf("%v of %v: %v, want %v", c.jumps, parts, got, want)
		}
		if left := w.clear(); left != r.n {
			t.Fatalf("%d wait, %d have entered and not left", left, r.n)
		}
	}
	t.Logf("%d matches", matches)
	if matches < 20*rounds {
		t.Error("the test is weak")
	}
}

// Of ten million hits of a part, all wait for the first part, and for the others only those
// that make a difference. Where there is no room, the rules that ask for them are
// undecided, and what lies in front is known.
func TestManyParts(t *testing.T) {
	many := uint64(testenv.Rounds(1e6, 1e6, 1e7))
	c := &splitString{jumps: []span{{0, noLimit}, {0, noLimit}}}
	w, r := newJoiner(c), &budgetFor{most: int(many)}
	var count, longest uint64
	match := func(a, n uint64) { count, longest = count+1, max(longest, n) }
	w.add(0, 0, 2, r, match)
	for i := range many {
		w.add(1, 2+2*i, 2, r, match)
	}
	if r.n > 10 {
		t.Errorf("%d hits wait, of which one would do", r.n)
	}
	w.add(2, 3*many, 1, r, match)
	if count != 1 || longest != 3*many+1 || r.n > 10 {
		t.Errorf("%d matches, the longest of %d bytes; %d wait", count, longest, r.n)
	}
	w.reset()
	r.n, r.most, count = 0, int(many)+1, 0
	for i := range many {
		w.add(0, 2*i, 2, r, match)
	}
	w.add(1, 2*many, 1, r, match)
	w.add(2, 2*many+5, 1, r, match)
	if count != many || w.unknownFrom != noLimit || r.n != 0 {
		t.Errorf("%d matches, lost from %d; %d wait", count, w.unknownFrom, r.n)
	}
	w.reset()
	r.n, r.most, count = 0, int(many), 0
	for i := range many {
		w.add(0, 2*i, 2, r, match)
	}
	w.add(1, 2*many, 1, r, match)
	w.add(2, 2*many+5, 1, r, match)
	if count != 0 || w.unknownFrom != 0 { // no room was left for the second part
		t.Errorf("%d matches, lost from %d", count, w.unknownFrom)
	}
	// A jump has an end, so hits that are too far away leave.
	c = &splitString{jumps: []span{{0, 1000}}}
	w, r, count = newJoiner(c), &budgetFor{most: 2000}, 0
	for i := range many {
		w.add(0, i, 1, r, match)
	}
	w.add(1, many, 1, r, match)
	if w.unknownFrom != noLimit || count != 1001 {
		t.Errorf("%d matches, lost from %d", count, w.unknownFrom)
	}
}

// If more hits of a string's parts wait than may, conditions that depend on them are
// undecided.
func TestLimitOfWaiting(t *testing.T) {
	r := parse(t, "r.yar", `
rule found { strings: $a = { 41 41 [-] 42 42 } condition: $a }
rule not_found { strings: $a = { 41 41 [-] 42 42 } condition: not $a }
rule first { strings: $a = { 41 41 [-] 42 42 } condition: @a[1] == 0 and !a[1] == 102 and $a at 0 and $a in (0..9) and not $a at 1 }
rule count { strings: $a = { 41 41 [-] 42 42 } condition: #a == 1 }
rule behind { strings: $a = { 41 41 [-] 42 42 } condition: $a at 210 }
rule second { strings: $a = { 41 41 [-] 42 42 } condition: @a[2] > 0 }`)
	e := r.NewEvaluator(Limits{Total: 5})
	e.Add(0, 0, 2)
	e.Add(1, 100, 2)
	for i := range 9 {
		e.Add(0, addr.Addr(200+2*i), 2)
	}
	res, err := e.Evaluate(context.Background(), Scope{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := matching(res), []string{"found", "first"}; !slices.Equal(got, want) {
		t.Errorf("%v match, want %v", got, want)
	}
	var undecided []string
	for _, u := range res.Undecided {
		undecided = append(undecided, u.Rule.Name)
		if !strings.Contains(u.Reason, "of $a from 0xc8 on, where more of its parts wait for others than 5") {
			t.Errorf("%s: %s", u.Rule.Name, u.Reason)
		}
	}
	if want := []string{"count", "behind", "second"}; !slices.Equal(undecided, want) {
		t.Errorf("%v are undecided, want %v", undecided, want)
	}
	e.Reset()
	e.Add(0, 0, 2)
	e.MarkHole()
	e.Add(1, 100, 2)
	e.Add(0, 200, 2)
	e.Add(1, 300, 2)
	res, err = e.Evaluate(context.Background(), Scope{})
	if err != nil || len(res.Undecided) > 0 {
		t.Fatal(res, err)
	}
	if h := e.JoinedHits(); len(h) != 6 || h[0].Name != "found.$a" || h[0].Count != 1 || h[0].Len() != 1 {
		t.Errorf("%+v", h)
	} else if a, n := h[0].At(0); a != 200 || n != 102 {
		t.Errorf("%v, %d bytes: a match goes on over a hole", a, n)
	}
	e.Add(0, 299, 2)
	if _, err := e.Evaluate(context.Background(), Scope{}); err == nil || !strings.Contains(err.Error(), "hits of parts of found.$a out of order: one at 0x12b behind one at 0x12c") {
		t.Errorf("%v", err)
	}
}

// The length of a hit that may go on is undecided; its address is not.
func TestCutLength(t *testing.T) {
	r := parse(t, "r.yar", `
rule found { strings: $a = /a+/ condition: #a == 2 and @a[2] == 5000 and !a[1] == 3 }
rule length { strings: $a = /a+/ condition: !a[2] > 4096 }`)
	e := r.NewEvaluator(Limits{})
	e.Add(0, 0, 3)
	e.AddCut(0, 5000, 4096)
	res, err := e.Evaluate(context.Background(), Scope{})
	if err != nil {
		t.Fatal(err)
	}
	if got := matching(res); !slices.Equal(got, []string{"found"}) || len(res.Undecided) != 1 || !strings.Contains(res.Undecided[0].Reason, "4096 bytes, as long as a match may be") {
		t.Errorf("%v match; %v", got, res.Undecided)
	}
}

// Lengths have 4 GiB and more, and matches become known in another order than that of their
// addresses.
func TestInsert(t *testing.T) {
	rng := testenv.Seeded(t, 1, 0)
	for range 300 {
		most := rng.IntN(40)
		h := hits{unknownFrom: noLimit}
		want := map[uint64]uint64{}
		var order []uint64
		for range 60 {
			a := rng.Uint64N(1000)
			if _, ok := want[a]; ok {
				continue
			}
			want[a] = 5
			if rng.IntN(3) == 0 {
				want[a] = 1 << (rng.UintN(40))
			}
			order = append(order, a)
			h.insert(a, want[a], func() bool { return len(h.addrs) < most })
		}
		slices.Sort(order)
		if h.count != uint64(len(order)) || !slices.Equal(h.addrs, order[:min(most, len(order))]) {
			t.Fatalf("%d hits, %v, want %v", h.count, h.addrs, order)
		}
		for i, a := range h.addrs {
			if h.lengthOf(i) != want[a] {
				t.Fatalf("at %d: %d bytes, want %d", a, h.lengthOf(i), want[a])
			}
		}
	}
}

// The hits are the same for any shards and workers, over the seams of mappings, and in the
// upper half of the address space.
func TestSplitStringsThroughEngine(t *testing.T) {
	g := generator{rng: testenv.Seeded(t, 7, 7)}
	data := g.fill(20000)
	var b strings.Builder
	for k := range 30 {
		fmt.Fprintf(&b, "rule r%d { strings: $a = { %s } condition: #a >= 0 }\n", k, g.splitString(9000))
	}
	r := parse(t, "r.yar", b.String())
	want := report(evaluate(t, r, data))
	if len(want) < 500 {
		t.Fatalf("%d lines: the test is weak", len(want))
	}
	for _, opt := range []engine.Options{{}, {Workers: 1, ShardSize: 300}, {Workers: 2, ShardSize: 1000}, {Workers: 3, ShardSize: 777}, {Workers: 4, ShardSize: 4096}} {
		got := report(scan(t, r, space(t, data, 0, 10, 11, 100, 4000, 4200, 12345), opt, func(e *Evaluator, h engine.Hit) { e.Add(h.Pattern, h.Addr, h.Len) }))
		if !slices.Equal(got, want) {
			t.Errorf("%+v: %d lines, want %d\n%s", opt, len(got), len(want), diff(got, want))
		}
	}
	const base = 0xffff_8000_0000_0000
	high := report(scan(t, r, space(t, data, base, 4000), engine.Options{}, func(e *Evaluator, h engine.Hit) { e.Add(h.Pattern, h.Addr-base, h.Len) }))
	if !slices.Equal(high, want) {
		t.Errorf("in the upper half: %d lines, want %d", len(high), len(want))
	}
}
