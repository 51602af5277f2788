package engine

import (
	"cmp"
	"context"
	"slices"

	"vscan/engine/addr"
	"vscan/engine/simd"
	"vscan/engine/simd/sets"
	"vscan/internal/interrupt"
	"vscan/patterns"
)

// A needle is one thing to look for, and what all of its hits have in common.
// Needles are numbered in the order of their hits at one address: by pattern,
// then by length. Where needles of a pattern have hits of any length, their unit
// hands these over in the order of length.
type needle struct {
	hit   Hit       // without Addr, and where hits differ, without Bytes; Len is 0 where they differ in length
	align addr.Addr // a hit's address has to be a multiple of it; ≥ 1
	raw   int       // the most bytes of a hit that are copied; 0 where all hits are alike

	expr     int  // the index of its expression in the set's; −1: it has none
	excepted bool // it is that of the expression's matches that an exception drops
}

// size returns the length in bytes of a hit of the needle: length, where hits of
// the needle differ in it.
func (n *needle) size(length uint32) int {
	if n.hit.Len == 0 {
		return int(length)
	}
	return n.hit.Len
}

// A unit looks for some of the needles, all in one pass over memory.
type unit interface {
	// find appends to dst the matches that lie wholly in b and start at an s
	// with from ≤ s < to and s ≡ from modulo the stride, ascending by s, then
	// by needle; a match's Lit is the needle. It may stop early: then all
	// matches below next have been appended, and none at or above it. Where
	// next ≥ to, all is done. dst must be empty where needles of the unit
	// have matches of any length.
	find(t *tools, dst []sets.Match, b []byte, from, to int) (_ []sets.Match, next int)

	traits() unitTraits
	levels() []simd.Level

	// explain returns what the unit looks for, and how. wanted are all needles by
	// their numbers.
	explain(ctx context.Context, wanted []patterns.Needle, check *interrupt.Checker) ([]soughtNeedle, error)
}

// unitTraits are what the rest of the engine has to know of a unit.
type unitTraits struct {
	stride  int  // what find steps by, in bytes
	longest int  // the longest match, in bytes
	inZeros bool // zeros alone can be a match
}

func (t *unitTraits) traits() unitTraits { return *t }

// tools are what a worker lends to its units.
type tools struct {
	offsets []uint32
	scratch sets.Scratch
	expr    exprTools

	base   addr.Addr              // the address of the bytes that find is given
	byteAt func(int) (byte, bool) // returns a byte by its distance from base, also outside b

	inScope func(int) (byte, bool) // the same, of bytes that are searched only

	runAt func(addr.Addr) addr.Range // returns the run that holds an address

	round uint64      // a number for the bytes in hand, different for each fragment
	ended func() bool // reports whether the scan has ended; then find appends nothing and returns from

	lens []uint32 // the lengths of the matches that find has appended, where their needles have none
}

// findAtOnce is about the most matches that a unit finds at a time.
const findAtOnce = 4096

// newUnits returns the needles of a set, by the numbers that matches have, and
// the units that look for them.
func newUnits(ctx context.Context, set *patterns.Set, opt Options) (_ []needle, _ []unit, err error) {
	defer interrupt.Recover(&err)
	check := interrupt.NewChecker(ctx)
	level := opt.Kernel
	all, ofExprs, _ := wantedNeedles(set, check)
	needles := make([]needle, len(all))
	var literals, keyed []int32
	words := map[wordsKind][]int32{}
	var kinds []wordsKind // in a fixed order, which a map has not
	for i, n := range all {
		check.Step(1)
		needles[i] = newNeedle(n)
		if n.Words == nil && n.Lit == nil {
			x := &ofExprs[0]
			needles[i].expr, needles[i].excepted, needles[i].hit.Form = x.expr, x.excepted, x.form
			ofExprs = ofExprs[1:]
			continue
		}
		if n.Words == nil {
			if byDifferences(n.Lit, n.Keys) {
				keyed = append(keyed, int32(i))
			} else {
				literals = append(literals, int32(i))
			}
			continue
		}
		k := kindOf(n)
		if words[k] == nil {
			kinds = append(kinds, k)
		}
		words[k] = append(words[k], int32(i))
	}
	var units []unit
	if len(literals) > 0 {
		u, err := newLiteralUnit(ctx, all, literals, level)
		if err != nil {
			return nil, nil, err
		}
		units = append(units, u)
	}
	if len(keyed) > 0 {
		u, err := newKeyedUnit(ctx, all, keyed, level)
		if err != nil {
			return nil, nil, err
		}
		units = append(units, u)
	}
	if len(set.Exprs()) > 0 {
		u, err := newExprUnit(ctx, set, needles, opt)
		if err != nil {
			return nil, nil, err
		}
		units = append(units, u)
	}
	for _, k := range kinds {
		us, err := newWordUnits(all, k, words[k], level)
		if err != nil {
			return nil, nil, err
		}
		units = append(units, us...)
	}
	return needles, units, nil
}

// wantedNeedles returns the needles of a set by their numbers, those of expressions
// included, of which only Pattern and Align are set and for which ofExprs says in the
// same order what they are. index[i] is where all[i] is in set.Needles(), with those
// of expressions behind; nil where all are there in order.
func wantedNeedles(set *patterns.Set, check *interrupt.Checker) (all []patterns.Needle, ofExprs []exprNeedle, index []int32) {
	of, exprs := set.Needles(), set.Exprs()
	ofExprs = exprNeedles(exprs)
	order := func(a, b *patterns.Needle) int {
		check.Step(1)
		if a.Pattern != b.Pattern {
			return cmp.Compare(a.Pattern, b.Pattern)
		}
		return cmp.Compare(a.Len(), b.Len())
	}
	sorted := true
	for i := 1; i < len(of) && sorted; i++ {
		sorted = order(&of[i-1], &of[i]) <= 0
	}
	if sorted && len(ofExprs) == 0 {
		return of, nil, nil // most often they are sorted, and there may be many
	}
	numbers := make([]int32, len(of))
	for i := range numbers {
		numbers[i] = int32(i)
	}
	if !sorted {
		slices.SortStableFunc(numbers, func(a, b int32) int { return order(&of[a], &of[b]) })
	}
	// Those of expressions, which are in the order of the patterns, are put between.
	all = make([]patterns.Needle, 0, len(of)+len(ofExprs))
	index = make([]int32, 0, cap(all))
	behind := int32(len(of))
	for _, x := range ofExprs {
		check.Step(1)
		e := &exprs[x.expr]
		for len(numbers) > 0 && int(of[numbers[0]].Pattern) < e.Pattern {
			all, index, numbers = append(all, of[numbers[0]]), append(index, numbers[0]), numbers[1:]
		}
		all, index, behind = append(all, patterns.Needle{Pattern: int32(e.Pattern), Align: e.Align}), append(index, behind), behind+1
	}
	for _, i := range numbers {
		all, index = append(all, of[i]), append(index, i)
	}
	return all, ofExprs, index
}

// An exprNeedle says what a needle of an expression is for.
type exprNeedle struct {
	expr     int // index in the set's expressions
	form     int // see Hit.Form
	excepted bool
}

// exprNeedles returns what needles the expressions of a set have, in the order of
// their numbers: for each pattern first those of hits, then those of matches that
// exceptions drop.
func exprNeedles(exprs []patterns.Expr) []exprNeedle {
	all := make([]exprNeedle, 0, len(exprs))
	for first := 0; first < len(exprs); {
		end := first + 1
		for end < len(exprs) && exprs[end].Pattern == exprs[first].Pattern {
			end++
		}
		form := func(i int) int {
			if end-first == 1 {
				return 0
			}
			return i - first + 1
		}
		for i := first; i < end; i++ {
			all = append(all, exprNeedle{i, form(i), false})
		}
		for i := first; i < end; i++ {
			if len(exprs[i].Except) > 0 {
				all = append(all, exprNeedle{i, form(i), true})
			}
		}
		first = end
	}
	return all
}

func newNeedle(n patterns.Needle) needle {
	k := needle{expr: -1, hit: Hit{Pattern: int(n.Pattern), Len: n.Len()}, align: addr.Addr(max(n.Align, 1))}
	switch {
	case n.Lit == nil && n.Words == nil:
		k.raw = HitBytes
	case n.Lit == nil || n.Mask != nil || n.Keys.Any:
		k.raw = min(n.Len(), HitBytes)
	default:
		k.hit.Bytes = slices.Clip(n.Lit[:min(len(n.Lit), HitBytes)])
	}
	return k
}

// A kernelUnit is one needle that a kernel finds.
type kernelUnit struct {
	kernel simd.Kernel
	needle uint32
	unitTraits
}

func (u *kernelUnit) levels() []simd.Level { return []simd.Level{u.kernel.Level()} }

func (u *kernelUnit) find(t *tools, dst []sets.Match, b []byte, from, to int) ([]sets.Match, int) {
	n, next := u.kernel.Scan(t.offsets, b, from, to)
	dst = slices.Grow(dst, n)
	for _, off := range t.offsets[:n] {
		dst = append(dst, sets.Match{Off: off, Lit: u.needle})
	}
	return dst, next
}

// A literalUnit is all literals of a set. It finds them at any address; the
// emitter checks alignment.
type literalUnit struct {
	set     sets.Kernel
	needles []uint32 // by number of the literal, ascending; nil where the numbers are the same
	unitTraits
}

func newLiteralUnit(ctx context.Context, all []patterns.Needle, which []int32, level simd.Level) (unit, error) {
	about := unitTraits{stride: 1}
	lits := make([]simd.Lit, 0, len(which))
	needles := make([]uint32, 0, len(which))
	for _, i := range which {
		n := &all[i]
		about.longest = max(about.longest, len(n.Lit))
		about.inZeros = about.inZeros || zerosMatch(n.Lit, n.Mask, n.Keys)
		for lit := range eachKey(n.Lit, n.Mask, n.Keys) {
			lits, needles = append(lits, lit), append(needles, uint32(i))
		}
	}
	if len(lits) == 1 {
		k, err := newKernel(level, lits[0])
		return &kernelUnit{k, uint32(which[0]), about}, err
	}
	set, err := sets.New(ctx, level, lits)
	if err != nil {
		return nil, err
	}
	u := &literalUnit{set: set, unitTraits: about}
	if len(which) < len(all) || len(lits) > len(which) {
		u.needles = needles
	}
	return u, nil
}

func newKernel(level simd.Level, lit simd.Lit) (simd.Kernel, error) {
	if lit.Mask != nil {
		return simd.NewMasked(level, lit.Bytes, lit.Mask)
	}
	return simd.NewLiteral(level, lit.Bytes)
}

// zerosMatch reports whether a literal matches zeros, under one of its keys if it has any.
func zerosMatch(lit, mask []byte, keys patterns.Keys) bool {
	if keys.Any {
		return isRun(lit) && keys.Has(lit[0])
	}
	for i, c := range lit {
		if mask != nil {
			c &= mask[i]
		}
		if c != 0 {
			return false
		}
	}
	return true
}

func (u *literalUnit) levels() []simd.Level { return u.set.Levels() }

func (u *literalUnit) find(t *tools, dst []sets.Match, b []byte, from, to int) ([]sets.Match, int) {
	dst = slices.Grow(dst, max(findAtOnce, u.set.MinMatches()))
	found := dst[len(dst):cap(dst)]
	n, next := u.set.Scan(found, b, from, to, &t.scratch)
	if u.needles != nil {
		for i := range found[:n] {
			found[i].Lit = u.needles[found[i].Lit]
		}
	}
	return dst[:len(dst)+n], next
}
