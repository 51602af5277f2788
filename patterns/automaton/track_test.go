package automaton

import (
	"bytes"
	"testing"

	"vscan/internal/testenv"
)

// A track has the answers of its program, for any places in ascending order.
func TestTrack(t *testing.T) {
	exprs := []string{
		`a+`, `a+b`, `a*?b`, `[ab]+`, `(a|b)*c`, `(aa)*b`, `(a{7})*b`, `a.*b`, `(?:ab|a|b)+`, `\ba+\b`, `^a+b`, `a+$`, `\w+@\w+`, `[ab]{40}`,
		`[ab]{3,90}c`, `b(a|b)*a(a|b){12}c`, `(?:a{3}|b{5})*c?`, `(a|ab)(c|bcd)*`, `a{90,}`, `[abc]{2,}?c`, `x?[ab]*@`, `[ab]*c[ab]*`,
	}
	rnd := testenv.Seeded(t, 3, 4)
	for _, expr := range testenv.Some(t, 8, exprs) {
		for _, o := range []Options{{Limit: 4096}, {Limit: 300}, {Limit: 300, Semantics: Longest}, {Limit: 5000, Semantics: Shortest}, {Limit: 97}, {Limit: 600, Encoding: WideLE}} {
			p, err := func() (*Program, error) {
				n, err := ParseRegexp(expr, 0)
				if err != nil {
					return nil, err
				}
				return Compile(n, o)
			}()
			if err != nil {
				t.Fatalf("%s: %v", expr, err)
			}
			track := p.NewTrack()
			for round := range 2 {
				var b []byte
				for len(b) < 5000 {
					switch rnd.IntN(8) {
					case 0:
						b = append(b, "abc@. x"[rnd.IntN(7)])
					case 1:
						for range rnd.IntN(500) {
							b = append(b, "ab"[rnd.IntN(2)])
						}
					default:
						b = append(b, bytes.Repeat([]byte{"ab"[rnd.IntN(2)]}, 1+rnd.IntN(1500))...)
					}
				}
				if o.Encoding == WideLE {
					for i := range b {
						if i%2 == 1 {
							b[i] = 0
						}
					}
				}
				begins := make([]int, len(b)+1) // by place: the first from there on at which a match begins
				begins[len(b)] = len(b)
				for at := len(b) - 1; at >= 0; at-- {
					if begins[at] = begins[at+1]; p.Match(b, at, nil) > 0 {
						begins[at] = at
					}
				}
				track.Reset(0)
				track.Next(b, 0, len(b))
				for at := 0; at < len(b); at++ {
					if rnd.IntN(300) == 0 {
						at = min(len(b)-1, at+rnd.IntN(700))
					}
					if want, got := p.Match(b, at, nil), track.Match(b, at, nil); got != want {
						t.Fatalf("%s %+v, round %d: %d at %d, want %d", expr, o, round, got, at, want)
					}
					to := min(len(b), at+1+rnd.IntN(3000)*min(1, rnd.IntN(4))) // or one place alone
					if next := track.Next(b, at, to); next < at || next > min(to, begins[at]) {
						t.Fatalf("%s %+v, round %d: next %d from %d up to %d, but the next match begins at %d", expr, o, round, next, at, to, begins[at])
					}
					if rnd.IntN(50) == 0 {
						at = checkFind(t, p, track, b, begins, at, to, rnd.IntN(2000))
					}
				}
			}
		}
	}
}

// checkFind has a track find the first match from at on, below to, in pieces of most steps. By begins, it
// checks that it passes none over and tells its length. It returns the place, or to.
func checkFind(t *testing.T, p *Program, track *Track, b []byte, begins []int, at, to, most int) int {
	t.Helper()
	want := min(to, begins[at])
	for from := at; ; from++ {
		got, n := track.Find(b, from, to, nil, most, nil)
		switch {
		case got < from || got > want:
			t.Fatalf("found %d from %d up to %d, but the next match begins at %d", got, from, to, want)
		case got == want:
			if want < to && n != p.Match(b, want, nil) || want == to && n != 0 {
				t.Fatalf("%d bytes found at %d, up to %d, want %d", n, got, to, p.Match(b, want, nil))
			}
			return want
		case n != 0:
			t.Fatalf("%d bytes found at %d, where no match begins", n, got)
		}
		from = got
	}
}

// The work for long runs does not grow with the length of matches.
func TestTrackWork(t *testing.T) {
	const size = 64 << 10
	for _, expr := range []string{`a+`, `a+b`, `a*?b`, `(aa)*b`, `(a{16})*b`, `a.*b`, `\ba+b`} {
		b := bytes.Repeat([]byte{'a'}, size)
		for _, limit := range []int{4096, 1 << 20} {
			track := compile(t, expr, 0, Options{Limit: limit}).NewTrack()
			for at := range b {
				track.Match(b, at, nil)
			}
			if most := size * max(70, 2*track.markEvery); track.Steps() > most {
				t.Errorf("%s, at most %d bytes: %d steps for %d bytes, want at most %d", expr, limit, track.Steps(), size, most)
			}
		}
	}
}

// A search that begins behind an anchor, whose bytes it knows, ends as one that reads them, for random expressions and for such as
// begin with an anchor, whatever the room for states.
func TestHeads(t *testing.T) {
	d := drawer{testenv.Rand(t)}
	begin := []string{
		`abc[ab]*c`, `(?i:abc)[ab]+`, `(?:ab|bc)+c?`, `bca?`, `ab[^c]{0,80}?c`, `abab[ab]{5,90}c`, `(?:abc|ab)c{0,3}`, `(?:aba|abc)[\x00-\xff]{1,200}?ca`, `[ab]bc.*`,
		`ab(?:a?b?){1,60}c`, `bc$`, `abc\b`, `abc\Bab`, `[ab]?abc+`, `(?i:ab)\w*[^a]`, `aaab`,
	}
	known, emptied, matches := 0, 0, 0
	for round := range testenv.Rounds(300, 3000, 100_000) {
		e := expression{ours: begin[d.IntN(len(begin))]}
		if round%3 == 0 {
			e = d.expression()
		}
		p, b := d.program(t, e, "aabbcAB \n", 2)
		if p == nil || len(p.Anchors()) == 0 {
			continue
		}
		track := p.NewTrack()
		for at := range b {
			for k, a := range p.Anchors() {
				if a.First != 0 || !isAt(&a, b, at) {
					continue
				}
				if tables := p.machine().tables; d.IntN(20) == 0 { // as another worker may
					tables.tell(1 << 20)
					tables.mu.Lock()
					if tables.empty() {
						emptied++
					}
					tables.mu.Unlock()
				}
				want := p.Match(b, at, nil)
				got, size := track.Find(b, at, at+1, []FoundAnchor{{uint32(at), uint32(k)}}, 1000, nil)
				if size != want || want > 0 && got != at {
					t.Fatalf("%q (limit %d, semantics %d) in %q: a match of %d at %d, want %d", e.ours, p.maxLen, p.options.Semantics, b, size, at, want)
				}
				if track.heads != nil && track.heads[k].state == headKnown {
					known++
				}
				matches += min(1, want)
			}
		}
	}
	if known == 0 || emptied == 0 || matches == 0 {
		t.Errorf("%d heads known, tables emptied %d times, %d matches", known, emptied, matches)
	}
}
