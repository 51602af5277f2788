package yara

import (
	"fmt"
	"strings"
	"testing"

	"vscan/engine/addr"
	"vscan/internal/testenv"
)

const reusedRules = `
rule some { strings: $a = "a1" $b = "b1" condition: any of them }
rule lacks { strings: $a = "a1" $b = "b2" condition: not ($a or $b) }
rule count { strings: $a = "a1" condition: #a < 2 }
rule where { strings: $a = "a1" $b = "b1" condition: $a at 10 or @b[1] > @a[1] }
rule loop { strings: $a = "a1" $b = "b1" condition: for any of them : ( # > 1 ) or for 3 i in (1..50) : ( i > 60 ) }
rule size { strings: $a = "a1" condition: filesize < 50 or $a }
rule reads { strings: $a = "b2" condition: uint8(0) == 65 and not $a }
rule other { condition: some and not size }
rule two { condition: 2 of (lack*) or some }
rule outer { strings: $a = "b2" condition: level > 3 or $a }
rule empty { strings: $a = /x*/ condition: $a }
rule far { strings: $a = { 41 [300-400] 42 } condition: $a }
rule notfar { strings: $a = { 41 [300-400] 43 } condition: not $a }
private rule hidden { strings: $c = "c1" condition: $c }
rule seen { strings: $d = "d1" condition: hidden or #d == 0 }
global rule most { strings: $e = "e1" condition: #e < 4 }
`

// An evaluator that is used again, for scope after scope, tells of each what a new one tells,
// and takes as many steps.
func TestReuse(t *testing.T) {
	rnd := testenv.Rand(t)
	c := new(Compiler)
	if err := c.Define("level", int64(1)); err != nil {
		t.Fatal(err)
	}
	if err := c.Add(t.Context(), "", "r.yar", strings.NewReader(reusedRules)); err != nil {
		t.Fatal(err)
	}
	r, err := c.Rules(t.Context())
	if err != nil || len(r.Skipped) > 0 {
		t.Fatal(err, r.Skipped)
	}
	tell := func(e *Evaluator, s Scope, hits [][3]int) string {
		for _, h := range hits {
			if h[2] > 20 {
				e.AddCut(h[0], addr.Addr(h[1]), h[2])
			} else {
				e.Add(h[0], addr.Addr(h[1]), h[2])
			}
		}
		res, err := e.Evaluate(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		for _, m := range res.Matches {
			fmt.Fprint(&out, m.Rule.Name)
			for _, h := range m.Strings {
				fmt.Fprint(&out, " ", h.Name, h.Count, h.Len(), h.Partial, h.UnknownFrom)
			}
			fmt.Fprintln(&out)
		}
		for _, u := range res.Undecided {
			fmt.Fprintln(&out, u.Rule.Name, u.Reason, u.OutOfSteps)
		}
		return fmt.Sprint(out.String(), e.stepsLeft)
	}
	var reused *Evaluator
	for range testenv.Rounds(50, 300, 20000) {
		l := Limits{CountOnly: rnd.IntN(2) == 0}
		if rnd.IntN(3) == 0 {
			l.TotalSteps, l.Steps = uint64(1+rnd.IntN(200)), 1+rnd.IntN(100)
		}
		s := Scope{FileSize: uint64(rnd.IntN(100)), FileSizeKnown: rnd.IntN(4) > 0, Empty: rnd.IntN(4) == 0, Variables: map[string]any{"level": int64(rnd.IntN(6))}}
		var hits [][3]int
		for at := range rnd.IntN(12) {
			hits = append(hits, [3]int{rnd.IntN(len(r.Patterns())), at * rnd.IntN(2) * 150, 1 + rnd.IntN(25)})
			hits[at][1] = max(hits[at][1], hits[max(at-1, 0)][1])
		}
		if reused == nil || !reused.Reuse(l) {
			reused = r.NewEvaluator(l)
		}
		left := reused.stepsLeft
		for range 1 + rnd.IntN(3) { // scopes of one image
			fresh := r.NewEvaluator(l)
			fresh.stepsLeft = left
			want, got := tell(fresh, s, hits), tell(reused, s, hits)
			if got != want {
				t.Fatalf("%+v %+v %v: got %s\nwant %s", l, s, hits, got, want)
			}
			left = fresh.stepsLeft
			reused.Reset()
			hits = hits[:rnd.IntN(len(hits)+1)]
			s.FileSize = uint64(rnd.IntN(100))
		}
	}
}

// An evaluator that is used again keeps room for few hits, however many strings had some in
// one image or another.
func TestReuseKeepsLittle(t *testing.T) {
	var text strings.Builder
	for i := range 30 {
		fmt.Fprintf(&text, "rule places%d { strings: $a = \"text%d\" condition: @a[9] > 1 }\n", i, i)
		fmt.Fprintf(&text, "rule far%d { strings: $a = { 41 %02X [300-400] 42 } condition: $a }\n", i, i)
	}
	c := new(Compiler)
	if err := c.Add(t.Context(), "", "r.yar", strings.NewReader(text.String())); err != nil {
		t.Fatal(err)
	}
	r, err := c.Rules(t.Context())
	if err != nil || len(r.Skipped) > 0 {
		t.Fatal(err, r.Skipped)
	}
	e := r.NewEvaluator(Limits{})
	for round := range 2 {
		for i := range r.Patterns() {
			for at := range roomStep / 5 {
				e.Add(i, addr.Addr(at), 1)
			}
			if e.Reset(); round == 0 && !e.Reuse(Limits{}) {
				t.Fatal("an evaluator with few hits is dropped")
			}
			room, blocks := 0, 0
			for i := range e.hits {
				room += cap(e.hits[i].addrs)
			}
			for _, w := range e.joiners {
				blocks += w.spareBlocks()
			}
			if room > roomStep || blocks > maxSpareBlocks {
				t.Fatalf("round %d, pattern %d: room for %d hits is kept, and %d blocks", round, i, room, blocks)
			}
		}
	}
}
