package sets

import (
	"context"
	"strings"
	"testing"

	"vscan/engine/addr"
	"vscan/patterns"
)

// Every set compiles for any image, and says what it is and where each pattern comes from.
func TestSets(t *testing.T) {
	var all []patterns.Pattern
	for _, s := range All() {
		if !strings.HasPrefix(s.Text, "# "+s.Description+"\n") || len(s.Description) > 120 || s.Description == "" {
			t.Errorf("%s: the first line is no description: %q", s.Name, s.Description)
		}
		pats, err := s.Patterns()
		if err != nil {
			t.Errorf("%s: %v", s.Name, err)
			continue
		}
		if len(pats) < 5 {
			t.Errorf("%s: %d patterns", s.Name, len(pats))
		}
		for _, p := range pats {
			if !strings.HasPrefix(p.Name, s.Name+".") {
				t.Errorf("%s: %s: want the name of the set in front", s.Name, p.Name)
			}
		}
		sourced := false // whether the comment above has a source, of this pattern or of those right before it
		for i, line := range strings.Split(s.Text, "\n") {
			switch {
			case line == "":
				sourced = false
			case line[0] == '#':
				sourced = i > 0
			case !sourced:
				t.Errorf("%s:%d: no source above: %s", s.Name, i+1, line)
			}
			if len(line) > 120 && line[0] == '#' {
				t.Errorf("%s:%d: %d columns", s.Name, i+1, len(line))
			}
		}
		if got, err := Get(s.Name); err != nil || got != s {
			t.Errorf("%s: %v, %v", s.Name, got, err)
		}
		all = append(all, pats...)
	}
	if len(All()) != 6 {
		t.Errorf("%d sets", len(All()))
	}
	for _, target := range []patterns.Target{{}, {WordSize: 4, Order: addr.Big, OrderKnown: true}} {
		if set, err := patterns.Compile(context.Background(), all, target); err != nil {
			t.Errorf("all sets together: %v", err)
		} else if len(set.Patterns()) != len(all) {
			t.Errorf("%d of %d patterns", len(set.Patterns()), len(all))
		}
	}
	if _, err := Get("header"); err == nil || !strings.Contains(err.Error(), "headers") {
		t.Errorf("an unknown set: %v", err)
	}
}
