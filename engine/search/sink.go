package search

import (
	"errors"

	"vscan/engine"
	"vscan/patterns/yara"
)

// ErrStop, returned by a method of a Sink, ends the search, which then has no error.
var ErrStop = errors.New("the search is to end")

// Sink takes what a search finds. Its methods are called on the goroutine that runs the
// search, one at a time. An error of any ends the search, and is what it returns.
type Sink interface {
	// Begin is called once, before the memory is scanned.
	Begin(*Search) error

	// Hit is called for each hit, with WantHits only: first for those of patterns, in
	// ascending order of address, of hits at one address in the order of the
	// patterns; then, behind the rules that match, for those of these rules' strings, in
	// the same order. With Query.AllStrings, those of strings stand among the first.
	// The hit is valid until Hit returns: who keeps it keeps its Clone.
	Hit(*Hit) error

	// Rule is called for each rule that matches if Query.Want is WantHits, in the
	// order in which the rules are written; with Query.PerMapping, for each mapping.
	Rule(*RuleMatch) error

	// End is called once, after all others, unless the search or one of them has
	// failed. Its argument is the Summary that Run returns.
	End(*Summary) error
}

// Grower is a Sink that also takes hits in what was appended to a raw file while it was
// searched: see Summary.Appended. Without this method such a sink gets none, since they lie
// beyond the image that it knows.
type Grower interface {
	Sink

	// Grown is called before the hits come that lie in what was appended, or run into it.
	// The image of its argument has that, too, and takes the place of the one that
	// Begin was told of.
	Grown(*Search) error
}

// RuleMatch is a rule that matches.
type RuleMatch struct {
	*yara.Rule
	Mapping *engine.Interval // with Query.PerMapping: the mapping that it matches in, from its first byte that is there to its last; else nil
}

// guard hands things to a sink until the sink fails for the first time.
type guard struct {
	sink Sink
	err  error // the first error of the sink
}

// hit hands on a hit, and reports whether the sink took it.
func (g *guard) hit(h *Hit) bool {
	if g.err == nil {
		g.err = g.sink.Hit(h)
	}
	return g.err == nil
}

// rule hands on a rule that matches, and reports whether the sink took it.
func (g *guard) rule(m *RuleMatch) bool {
	if g.err == nil {
		g.err = g.sink.Rule(m)
	}
	return g.err == nil
}

// HitFunc is a Sink that is a function, which gets each hit; the hit is valid until it
// returns. It gets neither rules that match, which may be without hits, nor the Summary,
// which Run returns.
type HitFunc func(*Hit) error

// Begin returns nil.
func (f HitFunc) Begin(*Search) error { return nil }

// Hit returns what f does.
func (f HitFunc) Hit(h *Hit) error { return f(h) }

// Rule returns nil.
func (f HitFunc) Rule(*RuleMatch) error { return nil }

// End returns nil.
func (f HitFunc) End(*Summary) error { return nil }
