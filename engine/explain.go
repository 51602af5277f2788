package engine

import (
	"cmp"
	"slices"

	"vscan/engine/simd"
	"vscan/engine/simd/sets"
	"vscan/patterns"
)

// A Sought tells people one thing that a scanner looks for in memory, and how.
// Exactly one of Needle and Expr is set.
type Sought struct {
	Pattern int // index into the set's Patterns
	Needle  *patterns.Needle

	// Expr is an expression, and Anchor the one of its anchors that is looked
	// for. Anchor is nil where the expression has none, and its Matcher is
	// called all over memory.
	Expr   *patterns.Expr
	Anchor *patterns.Anchor

	// Method is how it is looked for. Shape, Level, FirstLook and Rate have no meaning
	// for an expression without anchors.
	sets.Method
	Exact bool // what the kernel finds is a hit, and Rate is that of hits
}

// Explain returns all that a scanner for the set would look for, in the order of
// the patterns, with kernels of a level. Method.Lits is empty. Nothing is scanned. A
// level that this machine lacks is an error.
func Explain(set *patterns.Set, level simd.Level) ([]Sought, error) {
	var all []Sought
	var lits []simd.Lit
	var of []int // by literal: its index in all
	needles := set.Needles()
	for i := range needles {
		n := &needles[i]
		s := Sought{Pattern: n.Pattern, Needle: n}
		if n.Words != nil {
			spec := simd.WordSpec{Size: n.Words.Size, Order: n.Words.Order, Stride: kindOf(*n).stride}
			for _, r := range n.Words.Ranges {
				spec.Ranges = append(spec.Ranges, simd.WordRange{Lo: r.Lo, Hi: r.Hi})
			}
			k, err := simd.NewWords(level, spec)
			if err != nil {
				return nil, err
			}
			s.Method, s.Exact = sets.Method{Shape: k.Shape(), Level: k.Level()}, true
		} else {
			lits, of = append(lits, simd.Lit{Bytes: n.Lit, Mask: n.Mask}), append(of, len(all))
		}
		all = append(all, s)
	}
	if err := explainLiterals(all, lits, of, level); err != nil {
		return nil, err
	}
	lits, of = nil, nil
	exprs := set.Exprs()
	for i := range exprs {
		e := &exprs[i]
		for k := range e.Anchors {
			a := &e.Anchors[k]
			lits, of = append(lits, simd.Lit{Bytes: a.Lit, Mask: a.Mask}), append(of, len(all))
			all = append(all, Sought{Pattern: e.Pattern, Expr: e, Anchor: a})
		}
		if len(e.Anchors) == 0 {
			all = append(all, Sought{Pattern: e.Pattern, Expr: e})
		}
	}
	if err := explainLiterals(all, lits, of, level); err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b Sought) int { return cmp.Compare(a.Pattern, b.Pattern) })
	return all, nil
}

// explainLiterals fills in the Method of literals that are looked for together;
// literal i is all[of[i]].
func explainLiterals(all []Sought, lits []simd.Lit, of []int, level simd.Level) error {
	if len(lits) == 0 {
		return nil
	}
	if len(lits) == 1 {
		k, err := newKernel(level, lits[0])
		if err == nil {
			all[of[0]].Method = sets.Method{Shape: k.Shape(), Level: k.Level(), FirstLook: simd.FirstLook(lits[0]), Rate: simd.Rate(lits[0])}
		}
		return err
	}
	k, err := sets.New(level, lits)
	if err != nil {
		return err
	}
	for _, w := range sets.Methods(k) {
		some := w.Lits
		w.Lits = nil
		for _, i := range some {
			w.Rate = simd.Rate(lits[i])
			all[of[i]].Method = w
		}
	}
	return nil
}
