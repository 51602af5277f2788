package yara

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"vscan/engine/addr"
)

// loops returns n rules that each take about steps steps.
func loops(n, steps int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "rule r%d { condition: for all i in (1..%d) : (i > 0) }\n", i, steps/3)
	}
	return b.String()
}

// All rules together may take so many steps: those that come when they are used up are not
// decided, though each would be by itself.
func TestTotalSteps(t *testing.T) {
	text := loops(100, 3000)
	res := given(t, text, Limits{TotalSteps: 30_000}, Scope{})
	if n := len(res.Matches); n < 5 || n > 10 || n+len(res.Undecided) != 100 {
		t.Fatalf("%d rules match and %d are undecided: want about 10 of 100 to match, and none to fail", n, len(res.Undecided))
	}
	for _, u := range res.Undecided {
		if !u.OutOfSteps || !strings.Contains(u.Reason, "the 30000 steps that all rules may take together are used up") {
			t.Fatalf("rule %s: %q, out of steps %v", u.Rule.Name, u.Reason, u.OutOfSteps)
		}
	}
	if res := given(t, text, Limits{}, Scope{}); len(res.Matches) != 100 {
		t.Errorf("by default %d of 100 rules match", len(res.Matches))
	}
	// A rule that takes too many by itself is undecided for that reason.
	res = given(t, loops(1, 3000), Limits{Steps: 100, TotalSteps: 1e6}, Scope{})
	if len(res.Undecided) != 1 || res.Undecided[0].OutOfSteps || !strings.Contains(res.Undecided[0].Reason, "its loops take more than 100 steps") {
		t.Errorf("one rule of 3000 steps where 100 are allowed: %+v", res.Undecided)
	}
}

// Rules without loops take a step each, so that any number of rules and scopes has an end,
// and Reset gives nothing back.
func TestTotalStepsOfScopes(t *testing.T) {
	r := parse(t, "r.yar", "rule a { condition: true } rule b { condition: false }")
	e := r.NewEvaluator(Limits{TotalSteps: 7})
	decided, undecided := 0, 0
	for range 10 {
		res, err := e.Evaluate(context.Background(), Scope{})
		if err != nil {
			t.Fatal(err)
		}
		decided += 2 - len(res.Undecided)
		undecided += len(res.Undecided)
		e.Reset()
	}
	if decided != 7 || undecided != 13 {
		t.Errorf("%d evaluations were decided and %d not: want 7 and 13", decided, undecided)
	}
}

// What more of the parts of a string wait than there is room for is told with its hits,
// also where the rule matches.
func TestPartialHits(t *testing.T) {
	r := parse(t, "r.yar", `rule r { strings: $a = { 41 42 [300-400] 43 44 } condition: $a }`)
	e := r.NewEvaluator(Limits{Total: 2})
	e.Add(0, 0, 2)
	e.Add(1, 350, 2) // a match
	for a := range addr.Addr(5) {
		e.Add(0, 1000+10*a, 2)
	}
	e.Add(1, 1380, 2)
	res, err := e.Evaluate(context.Background(), Scope{})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Matches) != 1 {
		t.Fatalf("%d rules match, %v", len(res.Matches), res.Undecided)
	}
	if h := res.Matches[0].Strings[0]; !h.Partial || h.UnknownFrom != 1000 {
		t.Errorf("hits of $a: partial %v from %v on: want from 0x3e8 on", h.Partial, h.UnknownFrom)
	}
	if h := e.JoinedHits(); len(h) != 1 || !h[0].Partial {
		t.Errorf("joined hits: %+v", h)
	}
	// Hits of length 0, which are never looked for, are none of these.
	res = given(t, `rule r { strings: $a = /(abcd|)/ condition: $a }`, Limits{}, Scope{}, 10)
	if len(res.Matches) != 1 || res.Matches[0].Strings[0].Partial {
		t.Errorf("a string that matches the empty string: %+v", res.Matches)
	}
}
