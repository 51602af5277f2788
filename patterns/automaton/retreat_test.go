package automaton

import (
	"bytes"
	"testing"

	"vscan/internal/testenv"
)

// Going back from anchors leaves all places at which a match begins, for random expressions and for such
// as have their anchors far inside, whatever the room for states.
func TestRetreat(t *testing.T) {
	d := drawer{testenv.Rand(t)}
	inside := []string{
		`[ab]+c`, `(?:[ab]+ )+abc`, `(?:[ab]{1,3} ){2}ab`, `a*bc|[ab]+ca`, `(?:a|bc)*cab?c`, `[ab]*(?:bac|cab)[ab]+`, `\b[ab]+c\b`, `(?:\b|a)+ba`,
		`(?:a+bc){1,3}`, `[^c]+c[^c]*c`, `a{2,9}b{1,40}c`, `(?:x|[ab]c?)+c b`, `(?:ab?){3,}c`, `a?b?c?abc`, `.*cab`, `(?s:.{3,20})cc`, `(?:bc|a)abc`,
	}
	retreats, ruledOut, several := 0, 0, 0
	for round := range testenv.Rounds(300, 3000, 100_000) {
		e := expression{ours: inside[d.IntN(len(inside))]}
		if round%3 > 0 {
			e = d.expression()
		}
		p, b := d.program(t, e, "aabbc \n", 3)
		if p == nil || p.machine().entries.pcs == nil {
			continue
		}
		track := p.NewTrack()
		track.begin()
		for from := 0; from < len(b); {
			to := min(len(b), from+1+d.IntN(200))
			found := anchorsIn(p, b, from, to)
			if len(found) > 0 {
				track.retreat(b, from, to, found)
				retreats++
				several += min(1, len(found)-1)
			}
			for at := from; at < to; at++ {
				matches := p.Match(b, at, nil) > 0
				switch {
				case len(found) == 0 && matches:
					t.Fatalf("%q in %q: a match begins at %d, where no anchor allows one", e.ours, b, at)
				case len(found) == 0:
					continue
				}
				next, _ := track.back.next(at, to)
				if matches && next != at {
					t.Fatalf("%q in %q from %d to %d: a match begins at %d, and the next place is %d", e.ours, b, from, to, at, next)
				} else if !matches && next != at {
					ruledOut++
				}
			}
			from = to
		}
	}
	if retreats == 0 || ruledOut == 0 || several == 0 {
		t.Errorf("%d retreats, %d of them from several anchors, ruled out %d places", retreats, several, ruledOut)
	}
}

// program draws how an expression is compiled, often with room for few states, and memory for it, of which one byte in some is one of
// often. It returns nil where the expression cannot be compiled so.
func (d drawer) program(t *testing.T, e expression, often string, some int) (*Program, []byte) {
	t.Helper()
	n, err := ParseRegexp(e.ours, e.flags)
	if err != nil {
		t.Fatalf("%q: %v", e.ours, err)
	}
	encoding := []Encoding{Plain, Plain, Plain, WideLE}[d.IntN(4)]
	p, err := Compile(n, Options{Limit: 1 + d.IntN(300), Encoding: encoding, Semantics: Semantics(d.IntN(3)), Tables: []int{0, 3000}[d.IntN(2)]})
	if err != nil {
		return nil, nil
	}
	b := bytes.Repeat(d.memory(), 1+d.IntN(20))
	for i := range b {
		if d.IntN(some) == 0 {
			b[i] = often[d.IntN(len(often))]
		}
		if encoding == WideLE && i%2 == 1 {
			b[i] = 0
		}
	}
	return p, b
}

// anchorsIn returns the anchors that allow a place of b from from on, below to.
func anchorsIn(p *Program, b []byte, from, to int) (found []FoundAnchor) {
	for off := from; off < len(b); off++ {
		for k, a := range p.Anchors() {
			if off < from+a.First || !isAt(&a, b, off) {
				continue
			}
			low := off
			for low > max(from, off-a.Last) && a.Before.Has(b[low-1]) {
				low--
			}
			if a.First == a.Last {
				low = off - a.Last
			}
			if low <= min(to-1, off-a.First) {
				found = append(found, FoundAnchor{uint32(off), uint32(k)})
			}
		}
	}
	return found
}

// isAt reports whether an anchor is at an offset.
func isAt(a *Anchor, b []byte, off int) bool {
	if off+len(a.Lit) > len(b) {
		return false
	}
	for i, c := range a.Lit {
		mask := byte(0xff)
		if a.Mask != nil {
			mask = a.Mask[i]
		}
		if b[off+i]&mask != c {
			return false
		}
	}
	return true
}

// A track finds the same with anchors as without, in ranges one after another, whichever way it takes.
func TestFindByAnchors(t *testing.T) {
	d := drawer{testenv.Rand(t)}
	ways := [2]int{}
	for _, expr := range []string{`(?:[a-z]+ ){5}kernel`, `[a-z]+ing`, `[a-z ]{0,25}(?:key|token)=`, `(?:[a-z]+ ){2,}of the\b`, `[a-z]+ (?:word |tree )*tell`, `[ab]*[kt]e[yln]`} {
		for _, limit := range []int{4096, 40} {
			p := compile(t, expr, 0, Options{Limit: limit})
			if p.machine().entries.pcs == nil {
				t.Fatalf("%s has anchors that are not traced", expr)
			}
			var b []byte
			for len(b) < testenv.Rounds(30<<10, 60<<10, 1<<20) {
				words := []string{"kernel", "ing", "key", "token=", "of the", "tell", "bab", "word", "tree "}
				b = append(b, words[d.IntN(len(words))]...)
				b = append(b, "   \n."[d.IntN(5)])
			}
			track := p.NewTrack()
			for from := 0; from < len(b); {
				to := min(len(b), from+1+d.IntN(1000))
				found := anchorsIn(p, b[:min(len(b), to+p.maxLen)], from, to)
				for at := from; at < to; at++ {
					want := at
					for want < to && p.Match(b, want, nil) == 0 {
						want++
					}
					if want < to && len(found) == 0 {
						t.Fatalf("%s: a match begins at %d, where no anchor allows one", expr, want)
					}
					if len(found) == 0 {
						break
					}
					got, n := track.Find(b, at, to, found, len(b), nil)
					for got < want && n == 0 {
						got, n = track.Find(b, got+1, to, found, len(b), nil)
					}
					if got != want || want < to && n != p.Match(b, want, nil) {
						t.Fatalf("%s: %d bytes at %d found from %d, want it at %d", expr, n, got, at, want)
					}
					at = got + max(0, n-1)
				}
				from = to
			}
			ways[asking] += track.ranges.places[asking]
			ways[retreating] += track.ranges.places[retreating]
		}
	}
	if ways[asking] == 0 || ways[retreating] == 0 {
		t.Errorf("places by way: %d", ways)
	}
}

// Whatever the memory, ranges take a bounded time for each byte: where neither way is of use, a sieve is, or going back
// through all of it.
func TestFindByAnchorsWork(t *testing.T) {
	rnd := testenv.Rand(t)
	for _, expr := range []string{
		`(?:a|b)*a(?:a|b){20}[cd]`, `(?:a[ab]{1,50}b){3}cd`, `(?:(?:a|ab|aba)+b?){5,30}cd`, `(?:[ab]{3}|[ab]{5}|[ab]{7})+cdcd`, `a[ab]{5,200}b[ab]{3}[cd]`,
	} {
		for _, longest := range []int{60, 600, 3900, 20_000} {
			p := compile(t, expr, 0, Options{Limit: 4096})
			var b []byte
			for len(b) < 20_000 {
				for range longest/2 + rnd.IntN(longest/2) {
					b = append(b, "ab"[rnd.IntN(2)])
				}
				b = append(b, []string{"cd\n", "c\n", "cdcd"}[rnd.IntN(3)]...)
			}
			track := p.NewTrack()
			for from := 0; from < len(b); {
				to := min(len(b), from+longest)
				found := []FoundAnchor{}
				for off := from; off < min(len(b), to+p.maxLen); off++ {
					for k, a := range p.Anchors() {
						if isAt(&a, b, off) {
							found = append(found, FoundAnchor{uint32(off), uint32(k)})
						}
					}
				}
				for at := from; at < to && len(found) > 0; at++ {
					at, _ = track.Find(b, at, to, found, 1<<20, nil)
				}
				from = to
			}
			if work := track.back.vain + track.back.took; work > 1000*len(b)+4*ahead {
				t.Errorf("%s, ranges of up to %d: what %d bytes took is that of reading %d", expr, longest, len(b), work)
			}
		}
	}
}
