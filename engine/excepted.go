package engine

import (
	"vscan/engine/addr"
	"vscan/patterns"
)

// Matches that an exception of their pattern drops (see patterns.Pattern.WithExceptions)
// leave a worker as hits of a needle of their own, since which of them lie in a hit,
// or in one another, is only known in the order of delivery. There they are taken out
// and counted, before the caller sees a batch. A match that lies wholly in one, as
// the end of a placeholder does, is no hit either; a match that goes on beyond it may
// be one.

// An exceptedHit is a match that was taken out of a batch; before is the number of
// the hit that it stood in front of.
type exceptedHit struct{ pattern, before int }

// dropExcepted takes the matches that exceptions drop out of the hits.
func (b *Batch) dropExcepted() {
	if !b.sc.excepts {
		return
	}
	kept := 0
	b.filter(func(n *needle, _ addr.Addr, _ int) bool {
		if n.excepted {
			b.excepted = append(b.excepted, exceptedHit{n.hit.Pattern, kept})
			return false
		}
		kept++
		return true
	})
}

// countExcepted adds to stats the matches that were taken out: all where more hits
// are wanted, else those in front of the last of the n hits that were taken.
func (b *Batch) countExcepted(stats *Stats, more bool, n uint64) {
	for _, x := range b.excepted {
		if !more && uint64(x.before) >= n {
			return
		}
		if stats.Excepted == nil {
			stats.Excepted = make([]uint64, len(b.sc.set.Patterns()))
		}
		stats.Excepted[x.pattern]++
	}
}

// exceptionChecks tell whether an exception drops a match.
type exceptionChecks struct {
	needles  map[uint32]checkedNeedle // by needle of a match; nil where no pattern has exceptions
	patterns []checkedPattern
}

// A checkedNeedle is a needle of an expression that has exceptions.
type checkedNeedle struct {
	expr     *patterns.Expr
	excepted uint32 // the needle that a match gets that is dropped
	pattern  int    // index in exceptionChecks.patterns
}

type checkedPattern struct {
	longest  int  // the longest match, in bytes
	disjoint bool // matches that overlap a hit are no hits
	exprs    int
}

// atOnce reports whether matches of a pattern can be checked as they are found, so
// that those that others cover need not be found at all: it has one expression, whose
// matches come in order.
func (p *checkedPattern) atOnce() bool { return p.disjoint && p.exprs == 1 }

func newExceptionChecks(set *patterns.Set, needles []needle, opt Options) (all exceptionChecks) {
	excepted := map[int]uint32{} // by expression
	for i := range needles {
		if needles[i].excepted {
			excepted[needles[i].expr] = uint32(i)
		}
	}
	last := -1 // pattern
	for i := range needles {
		n := &needles[i]
		dropped, ok := excepted[n.expr]
		if !ok || n.excepted || n.expr < 0 {
			continue
		}
		if n.hit.Pattern != last {
			last = n.hit.Pattern
			disjoint := !opt.Overlapping && set.Patterns()[last].Disjoint()
			all.patterns = append(all.patterns, checkedPattern{disjoint: disjoint})
		}
		if all.needles == nil {
			all.needles = make(map[uint32]checkedNeedle)
		}
		e := &set.Exprs()[n.expr]
		k := len(all.patterns) - 1
		all.patterns[k].longest = max(all.patterns[k].longest, e.MaxLen)
		all.patterns[k].exprs++
		all.needles[uint32(i)] = checkedNeedle{e, dropped, k}
	}
	return all
}

// chain returns the chain of a pattern, made to begin at the origin in hand.
func (e *exceptionChecks) chain(x *exprTools, pattern int) *chain {
	if x.excepting == nil {
		x.excepting = make([]chain, len(e.patterns))
	}
	c := &x.excepting[pattern]
	c.from(x, e.patterns[pattern].longest)
	return c
}

// check looks at a match in the bytes b: if an exception drops it, it gives it the
// needle of those. counts is false where it is known that the match will be dropped
// because of another one. ok is false where the scan has ended.
func (e *exceptionChecks) check(t *tools, b []byte, m *exprMatch) (counts, ok bool) {
	of := e.needles[m.needle]
	c, a, n := e.chain(&t.expr, of.pattern), t.base+addr.Addr(m.off), int(m.size)
	if e.patterns[of.pattern].disjoint && (c.covered(a) > 0 || c.inExcepted(a, n)) {
		return false, true
	}
	if of.expr.Excepted(b[m.off:][:n]) {
		m.needle = of.excepted
		c.except(a, n)
	} else {
		c.add(a, n)
	}
	return true, t.worked(n)
}

// checkRest checks those of the matches in hand, which must be in order and in the
// bytes b, that were not checked as they were found. It returns false where the scan
// has ended.
func (e *exceptionChecks) checkRest(t *tools, b []byte) bool {
	if e.needles == nil {
		return true
	}
	x := &t.expr
	kept := x.matches[:0]
	for _, m := range x.matches {
		counts, ok := true, true
		if of, has := e.needles[m.needle]; has && !e.patterns[of.pattern].atOnce() {
			counts, ok = e.check(t, b, &m)
		}
		if !ok {
			return false
		}
		if counts {
			kept = append(kept, m)
		}
	}
	x.matches = kept
	return true
}
