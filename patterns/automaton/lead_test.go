package automaton

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"vscan/internal/testenv"
)

// Next returns the places at which matches may begin, as the lead has them.
func TestLead(t *testing.T) {
	for _, c := range []struct {
		expr string
		lead bool
		b    string
		want string // a ^ under each place
	}{
		{`[a-z.]+@[a-z]+`, true, "mail to a.b@c, not@@d @e", "        ^^^    ^^^      "},
		{`[a-z]{1,3}\.`, true, "abcde.f.", "  ^^^ ^ "},
		{`\b[a-z]?[0-9]+-`, true, "ab12-3-4", "^^^^ ^  "},
		{`[a-z]*@`, true, "ab@ @", "^^^ ^"},
		{`[a-z]+`, false, "ab c", "^^ ^"},
		{`[a-z]+[a-z0-9]`, false, "ab c", "^^ ^"}, // no byte ends the prefix
		{`(?:ab)+@`, true, "abab@b@", "^ ^    "},
		{`x[a-z]+@`, true, "axb@ b@", " ^     "},
		{`(?:(?:2[0-5]|1)?[0-9]\.){3}`, true, "1.5 253.1.3333.1.", "^   ^^^ ^  ^^^ ^ "},
		{`(?:a\x00)+@\x00`, true, "a\x00\x00a\x00@\x00", "^  ^   "}, // x is in the prefix
		{`[ -~]{3,}\x00`, true, "\x00\x00\x00abc\x00ab\x00\x00abcd\x00", "   ^       ^^   "},
	} {
		p := compile(t, c.expr, 0, Options{})
		if (p.machine().lead != nil) != c.lead {
			t.Errorf("%s: a lead: %v", c.expr, p.machine().lead != nil)
		}
		got := []byte(c.b)
		for i := range got {
			got[i] = ' '
		}
		for at := p.Next([]byte(c.b), 0, len(c.b)); at < len(c.b); at = p.Next([]byte(c.b), at+1, len(c.b)) {
			got[at] = '^'
		}
		if string(got) != c.want {
			t.Errorf("%s\n%s\n%s, want\n%s", c.expr, c.b, got, c.want)
		}
	}
}

// Where bytes that end a prefix are all over, Next leaves out no place at which a match begins, and
// has the same places wherever it is asked to begin and to end.
func TestLeadAmongStops(t *testing.T) {
	rnd := testenv.Rand(t)
	for _, expr := range []string{`[a-c]{3,}x`, `[a-c]{2,5}[xy]`, `[a-c]?[ab]{2}x`, `(?:ab|c){2,}x`, `\b[a-c]{4}x`} {
		p := compile(t, expr, 0, Options{})
		if p.machine().lead == nil {
			t.Fatalf("%s has no lead", expr)
		}
		for range testenv.Rounds(200, 500, 5000) {
			b := make([]byte, 1+rnd.IntN(100))
			stops := rnd.IntN(12)
			for i := range b {
				b[i] = "abc xyxyxyxyxyxy"[rnd.IntN(4+stops)]
			}
			places := map[int]bool{}
			for at := p.Next(b, 0, len(b)); at < len(b); at = p.Next(b, at+1, len(b)) {
				places[at] = true
			}
			track := p.NewTrack()
			for from := range b {
				if p.Match(b, from, nil) > 0 && !places[from] {
					t.Fatalf("%s, %q: at %d begins a match, and Next does not say so", expr, b, from)
				}
				to := from + rnd.IntN(len(b)-from+1)
				want := from
				for want < to && !places[want] {
					want++
				}
				if got := p.Next(b, from, to); got != want {
					t.Fatalf("%s, %q: from %d to %d there is %d, want %d", expr, b, from, to, got, want)
				}
				if got := track.Next(b, from, len(b)); places[from] && got != from {
					t.Fatalf("%s, %q: from %d on, a track has %d", expr, b, from, got)
				}
			}
		}
	}
}

// Next returns the places at which matches may begin, as the uniform lead has them.
func TestUniformLead(t *testing.T) {
	for _, c := range []struct {
		expr    string
		uniform int // in bytes; 0 where there is none
		b, want string
	}{
		{`[0-9]{4}`, 4, "123 1234x12345", "    ^    ^^   "},
		{`[0-9]{4,}-`, 0, "12345-", "^^    "}, // its - makes a lead
		{`[0-9]{2}[a-f]{2,5}`, 4, "1111 1abc 1aaaa", "^        "[:0]},
		{`a[0-9]{5}`, 0, "a12345", "^     "}, // it begins with one byte
		{`[ab][0-9]{5}`, 6, "a12345 a1234", "^           "},
		{`\b[0-9]{4}|[a-f]{7}`, 4, "12a4aaa-", "^^^^    "},
	} {
		p := compile(t, c.expr, 0, Options{})
		n := 0
		if p.machine().uniform != nil {
			n = p.machine().uniform.length
		}
		if n != c.uniform {
			t.Errorf("%s: a uniform lead of %d, want %d", c.expr, n, c.uniform)
		}
		if c.want == "" {
			continue
		}
		got := []byte(c.b)
		for i := range got {
			got[i] = ' '
		}
		for at := p.Next([]byte(c.b), 0, len(c.b)); at < len(c.b); at = p.Next([]byte(c.b), at+1, len(c.b)) {
			got[at] = '^'
		}
		if string(got) != c.want {
			t.Errorf("%s\n%s\n%s, want\n%s", c.expr, c.b, got, c.want)
		}
	}
}

// Next finds the next place wherever it lies, near or far, and none where there is none.
func TestNextFarAway(t *testing.T) {
	rnd := testenv.Rand(t)
	for _, o := range []Options{{}, {MatchOnly: true}} {
		for _, expr := range []string{`[xy]z*`, `[\x80-\xff]+a?`, `[a-z.]+[@#][a-z]+`} {
			p := compile(t, expr, 0, o)
			for range testenv.Rounds(100, 300, 3000) {
				b := bytes.Repeat([]byte(" "), 1+rnd.IntN(3000))
				at := len(b)
				if rnd.IntN(4) > 0 {
					at = rnd.IntN(len(b))
					copy(b[at:], map[string]string{`[xy]z*`: "yz", `[\x80-\xff]+a?`: "\xc0", `[a-z.]+[@#][a-z]+`: "a#b"}[expr])
				}
				from := rnd.IntN(at + 1)
				to := from + rnd.IntN(len(b)-from+1)
				want := to
				if at < to && (at+1 < len(b) || !strings.Contains(expr, "@") || o.MatchOnly) {
					want = at
				}
				if got := p.Next(b, from, to); got != want {
					t.Fatalf("%s, %+v, %q: from %d to %d there is %d, want %d", expr, o, b, from, to, got, want)
				}
			}
		}
	}
}

// A uniform lead has the same places one by one and by bits, in memory with few and with many bytes of its set.
func TestUniformLeadByBits(t *testing.T) {
	rnd := testenv.Rand(t)
	byBits, places := 0, 0
	for range testenv.Rounds(30, 200, 5000) {
		length := 5 + rnd.IntN(longestRun+10)
		first := []string{"ab", "abc", "bcd"}[rnd.IntN(3)]
		expr := fmt.Sprintf("[%s][abcd]{%d}", first, length-1)
		p := compile(t, expr, 0, Options{})
		s := p.machine().uniform
		var b []byte
		for len(b) < 20_000 {
			n := rnd.IntN([]int{3, length + 1, 3 * length}[rnd.IntN(3)])
			for range n + 1 {
				b = append(b, "abcd"[rnd.IntN(4)])
			}
			b = append(b, ".......a........"[rnd.IntN(12):]...)
		}
		var k scanned
		if rnd.IntN(2) == 0 {
			k.runs.looked = 8*muchLooked + 1
		}
		want := make([]bool, len(b)) // whether a match can begin there
		run := 0
		for i := len(b) - 1; i >= 0; i-- {
			if run++; b[i] == '.' {
				run = 0
			}
			want[i] = run >= length && strings.IndexByte(first, b[i]) >= 0
		}
		for from := 0; from < len(b); {
			to := min(len(b), from+1+rnd.IntN(3000))
			at := s.next(b, from, to, &k)
			for i := from; i < at; i++ {
				if want[i] {
					t.Fatalf("%s: a place at %d, and the next one from %d is %d", expr, i, from, at)
				}
			}
			if at < to && !want[at] {
				t.Fatalf("%s: no place at %d, which is the next one from %d", expr, at, from)
			}
			if at < to {
				places++
			}
			from = at + rnd.IntN(2)*rnd.IntN(100) + min(1, to-at)
		}
		if k.runs.to > 0 {
			byBits++
		}
	}
	if byBits == 0 || places == 0 {
		t.Errorf("%d times by bits, %d places", byBits, places)
	}
}
