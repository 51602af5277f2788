package search

import (
	"slices"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
)

// What is absent in the middle of a mapping does not part it, and what is another
// mapping does.
func TestWholeMappings(t *testing.T) {
	part := func(first, last addr.Addr, state engine.State, name string, before uint64) engine.Mapping {
		m := engine.Mapping{Range: addr.Range{First: first, Last: last}, State: state, Name: name, NameOffset: before, Continuation: before > 0}
		if state == engine.Present {
			m.Source = engine.BytesSource("bytes", make([]byte, last-first+1))
		}
		return m
	}
	space, err := engine.NewSpace(
		// A guard at both ends and two in the middle.
		part(0x1000, 0x1fff, engine.Absent, "a", 0),
		part(0x2000, 0x2fff, engine.Present, "a", 0x1000),
		part(0x3000, 0x3fff, engine.Absent, "a", 0x2000),
		part(0x4000, 0x4fff, engine.Zero, "a", 0x3000),
		part(0x5000, 0x5fff, engine.Absent, "a", 0x4000),
		part(0x6000, 0x6fff, engine.Present, "a", 0x5000),
		part(0x7000, 0x7fff, engine.Absent, "a", 0x6000),
		// Another one of the same name follows, and then one that nothing of is there.
		part(0x8000, 0x8fff, engine.Present, "a", 0),
		part(0x9000, 0x9fff, engine.Absent, "b", 0),
		// Behind a hole, one whose beginning is not there.
		part(0xb000, 0xbfff, engine.Absent, "c", 0),
		part(0xc000, 0xcfff, engine.Present, "c", 0x1000),
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		within addr.Range
		want   []addr.Range
	}{
		{addr.All, []addr.Range{{First: 0x2000, Last: 0x6fff}, {First: 0x8000, Last: 0x8fff}, {First: 0xc000, Last: 0xcfff}}},
		{addr.Range{First: 0x3800, Last: 0x67ff}, []addr.Range{{First: 0x4000, Last: 0x67ff}}},
		{addr.Range{First: 0x3000, Last: 0x3fff}, nil},
	} {
		var got []addr.Range
		for v := range wholeMappings(space, c.within) {
			got = append(got, v.Range)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("in %v: %v, want %v", c.within, got, c.want)
		}
	}
}
