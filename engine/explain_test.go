package engine_test

import (
	"context"
	"slices"
	"testing"

	"vscan/engine"
	"vscan/engine/simd"
	"vscan/patterns"
)

// Everything that a set looks for is explained, in the order of its patterns.
func TestExplain(t *testing.T) {
	var pats []patterns.Pattern
	for _, s := range []string{"needle", "u32le:1..5", "text/x:abc", "text/x(01-03):abc", "text/xwa:ab", "text/x(01-20):aaaa", "text/xf:abc", "text/xf:a", "text/fx(10-12):abc", "hex:12?4", "re:needle[0-9]+x", "re:[0-9]+", "u8:7", "aes:128"} {
		p, err := patterns.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		pats = append(pats, p)
	}
	set, err := patterns.Compile(context.Background(), pats, patterns.Target{})
	if err != nil {
		t.Fatal(err)
	}
	want := len(set.Needles())
	for _, e := range set.Exprs() {
		want += max(1, len(e.Anchors))
	}
	for _, level := range []simd.Level{simd.Auto, simd.Generic, simd.Reference} {
		space, err := engine.NewSpace()
		if err != nil {
			t.Fatal(err)
		}
		sc, err := engine.Compile(context.Background(), space, set, engine.Options{Kernel: level})
		if err != nil {
			t.Fatal(err)
		}
		all := sc.Explain()
		if without, err := engine.Explain(context.Background(), set, level); err != nil || !slices.EqualFunc(all, without, sameSought) {
			t.Errorf("%v: %v, without a scanner %v, %v", level, all, without, err)
		}
		if len(all) != want {
			t.Errorf("%v: %d explained of %d", level, len(all), want)
		}
		for i, s := range all {
			bare := s.Expr != nil && s.Anchor == nil
			switch {
			case (s.Needle == nil) == (s.Expr == nil),
				s.Needle != nil && int(s.Needle.Pattern) != s.Pattern, s.Expr != nil && s.Expr.Pattern != s.Pattern,
				i > 0 && all[i-1].Pattern > s.Pattern,
				!bare && s.Level == simd.Auto, !bare && !s.Exact && !(s.Rate > 0 && s.Rate <= 1):
				t.Errorf("%v: %d: %+v", level, i, s)
			}
		}
	}
}

// sameSought reports whether two say the same.
func sameSought(a, b engine.Sought) bool {
	return a.Pattern == b.Pattern && a.Needle == b.Needle && a.Expr == b.Expr && a.Anchor == b.Anchor &&
		a.Shape == b.Shape && a.Level == b.Level && a.FirstLook == b.FirstLook && a.Rate == b.Rate && a.Exact == b.Exact
}
