package engine

import (
	"cmp"
	"context"
	"slices"

	"vscan/engine/simd"
	"vscan/engine/simd/sets"
	"vscan/internal/interrupt"
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

	// Method is how it is looked for. Shape, Level, FirstLook and Rate have no
	// meaning for an expression without anchors. Lits is empty.
	sets.Method
	Exact bool // what the kernel finds is a hit, and Rate is that of hits
}

// Explain returns all that a scanner for the set looks for, in the order of the
// patterns, with kernels of a level. Of one pattern, needles come before expressions.
// Nothing is scanned. A level that this machine lacks is an error, and so is the end of ctx,
// with its cause.
func Explain(ctx context.Context, set *patterns.Set, level simd.Level) ([]Sought, error) {
	if err := level.Check(); err != nil {
		return nil, err
	}
	_, units, err := newUnits(ctx, set, Options{Kernel: level})
	if err != nil {
		return nil, err
	}
	return explain(ctx, set, units)
}

// Explain returns what any scanner looks for that is made of c, as the function Explain does.
// The error is the cause of the end of ctx.
func (c *Compiled) Explain(ctx context.Context) ([]Sought, error) {
	return explain(ctx, c.set, c.units)
}

// Explain returns what the scanner looks for, as the function Explain does: the units
// that scan say how they look.
func (sc *Scanner) Explain() []Sought {
	all, _ := explain(context.Background(), sc.set, sc.units) // only the end of a context is an error
	return all
}

func explain(ctx context.Context, set *patterns.Set, units []unit) (_ []Sought, err error) {
	defer interrupt.Recover(&err)
	check := interrupt.NewChecker(ctx)
	wanted, _, index := wantedNeedles(set, check)
	var all []soughtNeedle
	for _, u := range units {
		of, err := u.explain(ctx, wanted, check)
		if err != nil {
			return nil, err
		}
		all = append(all, of...)
	}
	for i := range all {
		check.Step(1)
		if s := &all[i]; s.Expr == nil {
			if index != nil {
				s.needle = index[s.needle]
			}
			s.Needle = &set.Needles()[s.needle]
			s.Pattern = int(s.Needle.Pattern)
		}
	}
	// Their numbers are sorted, for there may be millions, and each is large.
	order := make([]int32, len(all))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(i, j int32) int {
		check.Step(1)
		a, b := &all[i], &all[j]
		return cmp.Or(cmp.Compare(a.Pattern, b.Pattern), cmp.Compare(a.needle, b.needle), cmp.Compare(i, j))
	})
	out := make([]Sought, len(all))
	for i, k := range order {
		check.Step(1)
		out[i] = all[k].Sought
	}
	return out, nil
}

// A soughtNeedle is what a unit looks for. Needle and Pattern are not set yet where
// it is no expression.
type soughtNeedle struct {
	Sought
	needle int32 // the number of the needle; of an expression, above all numbers
}

// ofExpr is above the numbers of all needles.
const ofExpr = 1<<31 - 1

func (u *kernelUnit) explain(_ context.Context, wanted []patterns.Needle, _ *interrupt.Checker) ([]soughtNeedle, error) {
	s := soughtNeedle{needle: int32(u.needle)}
	if n := &wanted[u.needle]; n.Words != nil {
		s.Method, s.Exact = wordsMethod(u.kernel), true
	} else {
		s.Method = literalMethod(u.kernel, n.Lit, n.Mask, n.Keys)
	}
	return []soughtNeedle{s}, nil
}

func (u *wordsUnit) explain(_ context.Context, _ []patterns.Needle, check *interrupt.Checker) ([]soughtNeedle, error) {
	numbers := slices.Clone(u.values.have) // by value, so a needle may be there several times
	slices.Sort(numbers)
	var all []soughtNeedle
	for _, n := range slices.Compact(numbers) {
		check.Step(1)
		all = append(all, soughtNeedle{Sought{Method: wordsMethod(u.kernel), Exact: true}, n})
	}
	return all, nil
}

func (u *literalUnit) explain(ctx context.Context, wanted []patterns.Needle, check *interrupt.Checker) ([]soughtNeedle, error) {
	var all []soughtNeedle
	methods, err := sets.Methods(ctx, u.set)
	if err != nil {
		return nil, err
	}
	told := map[uint32]bool{} // the needles that are a literal for each of their keys
	for _, m := range methods {
		for _, i := range m.Lits {
			check.Step(1)
			if u.needles != nil {
				i = u.needles[i]
			}
			n := &wanted[i]
			if n.Keys.Any {
				if told[i] {
					continue
				}
				told[i] = true
				check.Step(n.Keys.Count())
			}
			all = append(all, soughtNeedle{Sought{Method: methodFor(m, n.Lit, n.Mask, n.Keys)}, int32(i)})
		}
	}
	return all, nil
}

func (u *exprUnit) explain(ctx context.Context, _ []patterns.Needle, check *interrupt.Checker) ([]soughtNeedle, error) {
	var all []soughtNeedle
	var of []int // by anchor: its index in all
	for i := range u.exprs {
		check.Step(1)
		e := u.exprs[i].Expr
		for k := range e.Anchors {
			a := &e.Anchors[k]
			of = append(of, len(all))
			all = append(all, soughtNeedle{Sought{Pattern: e.Pattern, Expr: e, Anchor: a}, ofExpr})
		}
		if len(e.Anchors) == 0 {
			all = append(all, soughtNeedle{Sought{Pattern: e.Pattern, Expr: e}, ofExpr})
		}
	}
	for i := range u.finders {
		f := &u.finders[i]
		if f.one != nil {
			s := &all[of[f.anchors[0]]]
			s.Method = literalMethod(f.one, s.Anchor.Lit, s.Anchor.Mask, s.Anchor.Keys)
			continue
		}
		methods, err := sets.Methods(ctx, f.several)
		if err != nil {
			return nil, err
		}
		for _, m := range methods {
			for _, i := range m.Lits {
				s := &all[of[f.anchors[i]]]
				check.Step(1 + s.Anchor.Keys.Count())
				s.Method = methodFor(m, s.Anchor.Lit, s.Anchor.Mask, s.Anchor.Keys)
			}
		}
	}
	return all, nil
}

// wordsMethod returns how a kernel looks for words.
func wordsMethod(k simd.Kernel) sets.Method {
	return sets.Method{Shape: k.Shape(), Level: k.Level()}
}

// literalMethod returns how a kernel for one literal looks for it.
func literalMethod(k simd.Kernel, lit, mask []byte, keys patterns.Keys) sets.Method {
	m := sets.Method{Shape: k.Shape(), Level: k.Level(), Rate: rateOf(lit, mask, keys)}
	if byDifferences(lit, keys) {
		m.FirstLook = newKeyed(lit, keys).FirstLook()
	} else {
		m.FirstLook = simd.FirstLook(simd.Lit{Bytes: lit, Mask: mask})
	}
	return m
}

// rateOf returns what simd.Rate does of a literal, under all of its keys together if it has any.
func rateOf(lit, mask []byte, keys patterns.Keys) float64 {
	if keys.Any {
		return newKeyed(lit, keys).Rate()
	}
	return simd.Rate(simd.Lit{Bytes: lit, Mask: mask})
}

// methodFor returns a method for one of its literals: without Lits, and with the
// rate of the literal alone.
func methodFor(m sets.Method, lit, mask []byte, keys patterns.Keys) sets.Method {
	m.Lits, m.Rate = nil, rateOf(lit, mask, keys)
	return m
}
