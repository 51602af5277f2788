package engine

import (
	"cmp"
	"slices"

	"vscan/engine/addr"
	"vscan/engine/simd"
	"vscan/engine/simd/sets"
	"vscan/patterns"
)

// needle is one thing to look for, and what all of its hits have in common.
// Needles are numbered in the order of their hits at one address: by pattern,
// then by length; several of one pattern whose hits have any length are handed
// over in the order of that by their unit.
type needle struct {
	hit   Hit       // but for Addr and, where hits differ, Bytes; Len is 0 where they differ in it
	align addr.Addr // of a hit's address; ≥ 1
	raw   int       // how many of a hit's bytes are copied, as far as it goes; 0 where all hits are alike

	expr     int  // index in the set's expressions of the one that it is of; −1: none
	excepted bool // of its matches that an exception drops
}

// size is the length of a hit of the needle; length is its own, where hits of
// the needle differ.
func (n *needle) size(length uint32) int {
	if n.hit.Len == 0 {
		return int(length)
	}
	return n.hit.Len
}

// unit looks for some of the needles, all in one pass over memory.
type unit interface {
	// find appends to dst the matches that start at s, from ≤ s < to and
	// s ≡ from modulo the stride, wholly in b, ascending by s, then by
	// needle; Lit is the needle. It may stop early: all matches below next
	// have then been appended and none above it. When next ≥ to, all is done.
	// dst is empty where the needles of the unit have matches of any length.
	find(t *tools, dst []sets.Match, b []byte, from, to int) (_ []sets.Match, next int)

	traits() traits
	levels() []simd.Level
}

// traits is what units differ in.
type traits struct {
	stride  int  // that find steps by
	longest int  // needle, in bytes
	inZeros bool // whether zeros alone can match
}

// tools is what a worker lends to units.
type tools struct {
	offsets []uint32
	scratch sets.Scratch
	expr    exprTools

	base   addr.Addr              // of the bytes that find is given
	byteAt func(int) (byte, bool) // the byte so far from base, of what lies around them

	inScope func(int) (byte, bool) // the same, of what is searched

	runAt func(addr.Addr) addr.Range // the bytes in a row, all to be searched, that hold an address

	round uint64      // counts the bytes in hand: other ones, another number
	ended func() bool // whether the scan has ended and find is to give up: nothing new, and next is from

	lens []uint32 // of the matches that find has appended, where their needles have none
}

// findAtOnce is about how many matches a unit finds at a time.
const findAtOnce = 4096

// newUnits makes the units for needles, and the needles as hits refer to them.
func newUnits(set *patterns.Set, opt Options) ([]needle, []unit, error) {
	level := opt.Kernel
	all := slices.Clip(set.Needles())
	places := exprPlaces(set.Exprs())
	for _, p := range places {
		e := &set.Exprs()[p.expr]
		all = append(all, patterns.Needle{Pattern: e.Pattern, Align: e.Align})
	}
	order := func(a, b patterns.Needle) int {
		return cmp.Or(cmp.Compare(a.Pattern, b.Pattern), cmp.Compare(a.Len(), b.Len()))
	}
	if !slices.IsSortedFunc(all, order) { // most often they are, and there may be many
		all = slices.Clone(all)
		slices.SortStableFunc(all, order)
	}
	needles := make([]needle, len(all))
	var literals []int32
	words := map[wordsKind][]int32{}
	var kinds []wordsKind // in order: maps have none
	for i, n := range all {
		needles[i] = newNeedle(n)
		if n.Words == nil && n.Lit == nil {
			p := &places[0]
			needles[i].expr, needles[i].excepted, needles[i].hit.Form = p.expr, p.excepted, p.form
			places = places[1:]
			continue
		}
		if n.Words == nil {
			literals = append(literals, int32(i))
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
		u, err := newLiteralUnit(all, literals, level)
		if err != nil {
			return nil, nil, err
		}
		units = append(units, u)
	}
	if len(set.Exprs()) > 0 {
		u, err := newExprUnit(set, needles, opt)
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

// exprPlace is a needle of an expression.
type exprPlace struct {
	expr     int // index in the set's
	form     int // see Hit.Form
	excepted bool
}

// exprPlaces are the needles of the expressions of a set, in the order of their
// numbers: of each pattern those of what is a hit, then those of what exceptions
// drop.
func exprPlaces(exprs []patterns.Expr) []exprPlace {
	var all []exprPlace
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
			all = append(all, exprPlace{i, form(i), false})
		}
		for i := first; i < end; i++ {
			if len(exprs[i].Except) > 0 {
				all = append(all, exprPlace{i, form(i), true})
			}
		}
		first = end
	}
	return all
}

func newNeedle(n patterns.Needle) needle {
	k := needle{expr: -1, hit: Hit{Pattern: n.Pattern, Len: n.Len()}, align: addr.Addr(max(n.Align, 1))}
	switch {
	case n.Lit == nil && n.Words == nil:
		k.raw = HitBytes
	case n.Lit == nil || n.Mask != nil:
		k.raw = min(n.Len(), HitBytes)
	default:
		k.hit.Bytes = slices.Clip(n.Lit[:min(len(n.Lit), HitBytes)])
	}
	return k
}

// kernelUnit is one needle that a kernel finds.
type kernelUnit struct {
	kernel simd.Kernel
	needle uint32
	of     traits
}

func (u *kernelUnit) traits() traits { return u.of }

func (u *kernelUnit) levels() []simd.Level { return []simd.Level{u.kernel.Level()} }

func (u *kernelUnit) find(t *tools, dst []sets.Match, b []byte, from, to int) ([]sets.Match, int) {
	n, next := u.kernel.Scan(t.offsets, b, from, to)
	dst = slices.Grow(dst, n)
	for _, off := range t.offsets[:n] {
		dst = append(dst, sets.Match{Off: off, Lit: u.needle})
	}
	return dst, next
}

// literalUnit is all literals of a set. Alignment is not its business.
type literalUnit struct {
	set     sets.Kernel
	needles []uint32 // by the number of the literal; nil where they are the same
	of      traits
}

func newLiteralUnit(all []patterns.Needle, which []int32, level simd.Level) (unit, error) {
	of := traits{stride: 1}
	lits := make([]simd.Lit, len(which))
	for k, i := range which {
		n := &all[i]
		lits[k] = simd.Lit{Bytes: n.Lit, Mask: n.Mask}
		of.longest = max(of.longest, len(n.Lit))
		of.inZeros = of.inZeros || zerosMatch(n.Lit, n.Mask)
	}
	if len(which) == 1 {
		k, err := newKernel(level, lits[0])
		return &kernelUnit{k, uint32(which[0]), of}, err
	}
	set, err := sets.New(level, lits)
	if err != nil {
		return nil, err
	}
	u := &literalUnit{set: set, of: of}
	if len(which) < len(all) {
		for _, i := range which {
			u.needles = append(u.needles, uint32(i))
		}
	}
	return u, nil
}

func newKernel(level simd.Level, lit simd.Lit) (simd.Kernel, error) {
	if lit.Mask != nil {
		return simd.NewMasked(level, lit.Bytes, lit.Mask)
	}
	return simd.NewLiteral(level, lit.Bytes)
}

// zerosMatch says whether a literal matches zeros.
func zerosMatch(lit, mask []byte) bool {
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

func (u *literalUnit) traits() traits { return u.of }

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
