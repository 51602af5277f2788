package patterns

import (
	"vscan/engine/budget"
	"vscan/patterns/automaton"
)

// This file estimates how much memory a set takes, which Target.Budget is asked for before
// it is spent. What a pattern takes can be a thousand times what it took to write it down, as of an
// expression with counted repetitions.

const (
	// patternBytes is what a pattern takes in a set, besides its needles and
	// expressions: itself, and its place among the names.
	patternBytes = 120

	// needleBytes is what a needle takes besides its bytes, and exprBytes what an
	// expression does besides its matcher. Both have room to grow.
	needleBytes = 80
	exprBytes   = 190

	// nameBytes is what the name of a pattern takes among those that a set is made of, which
	// is free again when the set is made.
	nameBytes = 100

	// keyedTextBytes is what the matcher of a text under keys takes, keyAnchorBytes an anchor of it,
	// and wordBytes a number in few ranges.
	keyedTextBytes, keyAnchorBytes, wordBytes = 24, 100, 80

	// leastTables is the least that the automaton of an expression may take for its
	// states: with less, it would go on without tables nearly everywhere.
	leastTables = 8 << 10
)

// What budgets are asked for.
const (
	forNeedles = "the patterns of the set with their encodings and keys"
	forTables  = "the automata of the set's expressions"
)

// take takes memory of the target's budget for what the set keeps.
func (c *compiler) take(n uint64, what string) error { return c.target.Budget.Take(n, what) }

// takePatterns takes the memory of all patterns and their needles, and returns how many
// needles there are at most, and how many expressions at least.
func (c *compiler) takePatterns(pats []Pattern) (needles, exprs int, err error) {
	sum := patternBytes * uint64(len(pats))
	for i := range pats {
		n := 1
		switch b := pats[i].body.(type) {
		case *textBody:
			n = len(b.texts)
			sum += b.keyedBytes(false)
		case *fullWordBody:
			n = 0
			exprs += len(b.texts)
			sum += b.keyedBytes(true) + (exprBytes+needleBytes)*uint64(len(b.texts))
		case literals:
			n = len(b)
		case *programBody:
			n = 0
			exprs += len(b.forms)
		case exprBody:
			n = 0
		case *rangesBody:
			sum += 16 * uint64(len(b.ranges))
		}
		needles += n
	}
	return needles, exprs, c.take(sum+needleBytes*uint64(needles), forNeedles)
}

// keyedBytes returns about how many bytes the needles or expressions of the texts take besides the
// bytes of the pattern, if these are under keys. A text of one byte is numbers in ranges, or where it is
// a full word, has an anchor for each key.
func (s *textOrigin) keyedBytes(fullWord bool) (n uint64) {
	if s.keys == nil {
		return 0
	}
	for _, w := range s.texts {
		switch {
		case fullWord && len(w.bytes) == 1:
			n += keyedTextBytes + keyAnchorBytes*uint64(s.keys.count())
		case fullWord:
			n += keyedTextBytes + keyAnchorBytes
		case len(w.bytes) == 1:
			n += wordBytes
		}
	}
	return n
}

// takeTables sets how many bytes the automaton of each expression of patterns may take for
// its states, and the one that goes backwards, so that those of all take a quarter of what is left
// of the budget, and takes them.
func (c *compiler) takeTables(pats []Pattern) error {
	forms := uint64(0)
	for i := range pats {
		if b, ok := pats[i].body.(*programBody); ok && b.plain(&pats[i], c) == nil {
			forms += 2 * uint64(len(b.forms))
		}
	}
	if c.target.Budget == nil || forms == 0 {
		return nil
	}
	each := min(max(c.target.Budget.Left()/4/forms, leastTables), automaton.DefaultTables)
	c.tables = int(each)
	return c.take(budget.Product(forms, each), forTables)
}
