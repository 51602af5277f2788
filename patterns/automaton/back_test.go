package automaton

import (
	"bytes"
	"strings"
	"testing"

	"vscan/internal/testenv"
)

// Looking back finds all places at which a match begins, in memory of few letters, for random
// expressions, whatever the room for states.
func TestLookBack(t *testing.T) {
	d := drawer{testenv.Rand(t)}
	looked, ruledOut := 0, 0
	for range testenv.Rounds(100, 1000, 100_000) {
		e := d.expression()
		n, err := ParseRegexp(e.ours, e.flags)
		if err != nil {
			t.Fatalf("%q: %v", e.ours, err)
		}
		p, err := Compile(n, Options{Limit: 1 + d.IntN(300), Semantics: Semantics(d.IntN(3)), Tables: []int{0, 3000}[d.IntN(2)]})
		if err != nil {
			continue
		}
		b := bytes.Repeat(d.memory(), 1+d.IntN(20))
		track := p.NewTrack()
		from := d.IntN(len(b))
		track.lookBack(b, from)
		looked++
		for at := from; at < len(b); at++ {
			next, known := track.back.next(at, len(b))
			if !known {
				break
			}
			if matches := p.Match(b, at, nil) > 0; matches && next != at {
				t.Fatalf("%q in %q from %d: a match begins at %d, and the next place is %d", e.ours, b, from, at, next)
			} else if !matches && next != at {
				ruledOut++
			}
		}
	}
	if looked == 0 || ruledOut == 0 {
		t.Errorf("%d walks ruled out %d places", looked, ruledOut)
	}
}

// What nearly matches at every place takes about a step for each byte, not one for each byte of
// each match, and has few states, however many turns there may be.
func TestLookBackWork(t *testing.T) {
	const size = 256 << 10
	for _, c := range []struct{ expr, memory string }{
		{`a{1,500}b`, "a"}, {`a[ab]{300}c`, "ab"}, {`a[\s\S]{0,1000}?c`, "ab"}, {`aa[\s\S]{0,200}?bc`, "a"},
		{`a{16,256}[^a]`, "a"}, {`(a?){50}a{50}b`, "a"}, {`[a-z]+x`, "ab"}, {`a+b+c`, "aab"}, {`a.{0,100}a.{0,100}z`, "aab"},
		{`a[\s\S]{1,30}?b[\s\S]{2,60}?c`, "ab"}, {`[ab]{5,40}c?a{9}z`, "aab"},
	} {
		b := []byte(strings.Repeat(c.memory, size/len(c.memory)))
		for _, s := range []Semantics{First, Longest, Shortest} {
			track := compile(t, c.expr, 0, Options{Limit: 5000, Semantics: s}).NewTrack()
			asked := 0
			for at := 0; at < len(b); at++ {
				if at = track.Next(b, at, len(b)); at < len(b) {
					asked++
					if n := track.Match(b, at, nil); n > 0 {
						t.Fatalf("%s in %s…: a match of %d at %d", c.expr, c.memory, n, at)
					}
				}
			}
			if track.Steps() > 2*size || asked > size/8 {
				t.Errorf("%s in %s…: %d steps at %d places for %d bytes", c.expr, c.memory, track.Steps(), asked, size)
			}
			if n := len(track.program.machine().backward().tables.states); n > 4100 {
				t.Errorf("%s in %s…: %d states", c.expr, c.memory, n)
			}
		}
	}
}

// Tables that are full begin anew where that is worth it, so that what comes first in memory does not
// decide how fast the rest is.
func TestTablesBeginAnew(t *testing.T) {
	p := compile(t, `[a-z]{2,9}[^a-z]{1,20}(?:\d|\b[a-f])+`, 0, Options{Tables: 8000})
	rnd := testenv.Seeded(t, 5, 6)
	first := make([]byte, 200_000) // of many states
	for i := range first {
		first[i] = byte(' ' + rnd.IntN(95))
	}
	track := p.NewTrack()
	ask := func(b []byte) {
		track.Reset(0)
		for at := range b {
			if got, want := track.Match(b, at, nil), p.Match(b, at, nil); got != want {
				t.Fatalf("%d at %d, want %d", got, at, want)
			}
		}
	}
	ask(first)
	ask(bytes.Repeat([]byte("abc 17 cafe; "), 20_000))
	if p.machine().tables.emptied.Load() == 0 || p.machine().tables.bytes > 10_000 {
		t.Errorf("emptied %d times, %d bytes", p.machine().tables.emptied.Load(), p.machine().tables.bytes)
	}
}

// An anchor tells with which bytes a match can go in front of it.
func TestAnchorBefore(t *testing.T) {
	for _, c := range []struct{ expr, in, out string }{
		{`[a-z]+://x`, "az", ":/A0\x00"}, {`[0-9]{1,4}(?:ab|cd)*secret`, "09abcd", "es \x00"}, {`.*Copyright`, "a\x00\xff", "\n"},
		{`(?:x+|y[0-9]*)-longword`, "xy09", "-lz"}, {`[a-c]*?[0-9]{2,3}password`, "ac09", "pd"},
	} {
		anchors := compile(t, c.expr, 0, Options{Limit: 4096}).Anchors()
		if len(anchors) == 0 {
			t.Errorf("%s has no anchors", c.expr)
		}
		for _, a := range anchors {
			for _, b := range []byte(c.in + c.out) {
				if has := a.Before.Has(b); has != (strings.IndexByte(c.in, b) >= 0) {
					t.Errorf("%s, anchor %q: %q in front of it: %v", c.expr, a.Lit, b, has)
				}
			}
		}
	}
}

// Alternatives are anchors, however many, with what stands before and behind all of them.
func TestManyAlternatives(t *testing.T) {
	rnd := testenv.Seeded(t, 7, 8)
	words := map[string]bool{}
	for len(words) < 5000 {
		w := make([]byte, 5+rnd.IntN(6))
		for i := range w {
			w[i] = byte('a' + rnd.IntN(26))
		}
		words[string(w)] = true
	}
	var all []string
	for w := range words {
		all = append(all, w)
	}
	for _, expr := range []string{strings.Join(all, "|"), `x(?:` + strings.Join(all, "|") + `)[0-9]`} {
		if n := len(compile(t, expr, 0, Options{Limit: 4096}).Anchors()); n != len(all) {
			t.Errorf("%d anchors of %d alternatives", n, len(all))
		}
	}
}

// A look that is not known at the end of the bytes in hand keeps no more places than those from which a match
// reaches it.
func TestLookBackAtTheEnd(t *testing.T) {
	b := bytes.Repeat([]byte("a"), 300<<10)
	for _, expr := range []string{`(a|aa)+$`, `a+$`, `(aa|a)*a\b`} {
		const limit = 1000
		track := compile(t, expr, 0, Options{Limit: limit}).NewTrack()
		asked := 0
		for at := 0; at < len(b)-limit; at++ {
			if at = track.Next(b, at, len(b)); at < len(b)-limit {
				asked++
				if n := track.Match(b, at, nil); n != 0 {
					t.Fatalf("%s: a match of %d at %d", expr, n, at)
				}
			}
		}
		if asked > 2*limit {
			t.Errorf("%s: %d places asked about", expr, asked)
		}
	}
}
