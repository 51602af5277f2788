package yara

import (
	"context"
	"fmt"
	"math"
	"slices"

	"vscan/engine/addr"
)

// Limits bounds what an Evaluator takes. The zero Limits has the defaults.
type Limits struct {
	// Hits is how many hits of one pattern are kept, those with the lowest
	// addresses; Total, how many of all patterns together. More are counted, but
	// not kept: a rule that asks for one of them is Undecided. 0: DefaultHits and
	// DefaultTotal. A hit takes 8 bytes, 12 where lengths differ. Of the parts of
	// strings with long jumps, as many as Total are kept besides, while they wait
	// for the parts behind.
	Hits, Total int

	// CountOnly says that the hits of rules that match are not asked for, only
	// their number. Then none is kept of a string of which conditions ask
	// nothing but whether and how often it is found.
	CountOnly bool

	// Steps is how much may be evaluated of one rule: about so many operators.
	// A rule that takes more is Undecided. 0: DefaultSteps.
	Steps int
}

// The limits where none are given.
const (
	DefaultHits  = 1 << 20
	DefaultTotal = 1 << 24
	DefaultSteps = 100e6
)

// Memory is what conditions read integers of. *engine.Space is one.
type Memory interface {
	// Read fills p with the bytes from a on and returns how many it read; fewer
	// than len(p) if memory ends there.
	Read(p []byte, a addr.Addr) (int, error)
}

// Scope is what the hits were found in: an image, or one of its mappings.
type Scope struct {
	Memory        Memory // nil: nothing can be read
	FileSize      uint64 // filesize, in bytes, if FileSizeKnown: that of the image file
	FileSizeKnown bool   // else it is undefined, as for a process
	Empty         bool   // there is no memory in it: not a single byte was looked at

	// Variables is values of external variables, by name, of the type that each
	// is defined with: of those that are not in it, the values that they are
	// defined with hold. Names that are not defined do not matter.
	Variables map[string]any
}

// Result is what the rules make of the hits.
type Result struct {
	// Matches is the rules that match, without private ones, in the order of
	// the files.
	Matches []Match
	// Undecided is the rules that could not be evaluated to the end, private
	// ones included. They, and those that refer to them, neither match nor fail.
	// If it is a global one, no rule of its namespace is decided, unless another
	// global one of it fails.
	Undecided []Undecided
}

// Match is a rule that matches, and the hits of its strings that are not
// private, in the order of the file; of strings without hits too.
type Match struct {
	Rule    *Rule // the caller must not change it
	Strings []Hits
}

// Undecided is a rule that could not be evaluated to the end, and why.
type Undecided struct {
	Rule   *Rule
	Reason string // in one line
}

// Evaluator decides which rules match in a scope. The caller adds all hits of
// the scope, then evaluates; Reset makes it ready for the next scope. One
// goroutine uses it at a time.
type Evaluator struct {
	rules      *Rules
	limits     Limits
	hits       []hits // by pattern; of a string in parts, by its first one
	kept       int
	joiners    []*joiner // by Rules.chains
	waiting    int       // hits that wait in all of them
	outOfOrder error     // of hits that came out of order
}

// NewEvaluator is an evaluator without hits.
func (r *Rules) NewEvaluator(l Limits) *Evaluator {
	if l.Hits <= 0 {
		l.Hits = DefaultHits
	}
	if l.Total <= 0 {
		l.Total = DefaultTotal
	}
	if l.Steps <= 0 {
		l.Steps = DefaultSteps
	}
	e := &Evaluator{rules: r, limits: l, hits: make([]hits, len(r.pats))}
	for _, c := range r.splits {
		e.joiners = append(e.joiners, newJoiner(c))
	}
	e.Reset()
	return e
}

// Reset forgets all hits.
func (e *Evaluator) Reset() {
	for i := range e.hits {
		e.hits[i].reset()
	}
	for _, w := range e.joiners {
		w.reset()
	}
	e.kept, e.waiting, e.outOfOrder = 0, 0, nil
}

// MarkHole says that memory ends behind the hits that were added: no match of a
// string goes on from them to those that will be. It is for memory with holes;
// what lies in another scope, Reset parts.
func (e *Evaluator) MarkHole() {
	for _, w := range e.joiners {
		e.waiting -= w.clear()
	}
}

// Add adds a hit of n bytes at a of the pattern that has an index in
// Rules.Patterns. Hits of one pattern come in the order of their addresses, as
// a scan gives them, and so do those of all parts of a string; several at one
// address count once, with the length of the
// shortest, or of the longest if the pattern is a regular expression whose
// repetitions are greedy. That is what YARA finds.
func (e *Evaluator) Add(pattern int, a addr.Addr, n int) {
	s := &e.rules.info[pattern]
	if s.pinned && !slices.Contains(s.pins, int64(a)) {
		return
	}
	h := &e.hits[pattern]
	if s.split != nil {
		e.addPart(s, a, n)
		return
	}
	ok := h.add(uint64(a), uint32(min(n, math.MaxUint32)), s.preferLonger, func() bool { return e.keep(h, s) })
	if !ok && e.outOfOrder == nil {
		e.outOfOrder = fmt.Errorf("hits of %s out of order: one at %v behind one at %v", e.rules.pats[pattern].Name, a, addr.Addr(h.last))
	}
}

// AddCut is Add for a hit that may go on: it is as long as patterns.Target.MaxMatch
// allows (engine.Hit.Cut). A rule that asks for its length is Undecided.
func (e *Evaluator) AddCut(pattern int, a addr.Addr, n int) {
	e.Add(pattern, a, n)
	s, h := &e.rules.info[pattern], &e.hits[pattern]
	if s.split != nil { // what follows it is not known
		w := e.joiners[s.split.index]
		w.loseFrom(uint64(a))
		e.hits[w.firstPattern].unknownFrom = w.unknownFrom
	} else if h.cutLen == 0 || uint64(n) < h.cutLen {
		h.cutLen = uint64(n)
	}
}

// keep says whether there is room for another hit of a string.
func (e *Evaluator) keep(h *hits, s *patternInfo) bool {
	if len(h.addrs) >= e.limits.Hits || e.kept >= e.limits.Total || e.limits.CountOnly && !s.asksPlaces {
		return false
	}
	e.kept++
	return true
}

// addPart adds a hit of a part of a string.
func (e *Evaluator) addPart(s *patternInfo, a addr.Addr, n int) {
	w := e.joiners[s.split.index]
	if w.started && uint64(a) < w.last && e.outOfOrder == nil {
		e.outOfOrder = fmt.Errorf("hits of parts of %s out of order: one at %v behind one at %v", e.rules.pats[w.firstPattern].Name, a, addr.Addr(w.last))
	}
	if e.outOfOrder != nil {
		return
	}
	w.started, w.last = true, uint64(a)
	h, of := &e.hits[w.firstPattern], &e.rules.info[w.firstPattern]
	w.add(s.partIndex, uint64(a), uint64(n), e, func(a, n uint64) {
		h.insert(a, n, func() bool { return e.keep(h, of) })
	})
	h.unknownFrom = w.unknownFrom
}

// admit says whether another hit of a part may wait, which then does.
func (e *Evaluator) admit() bool {
	if e.waiting >= e.limits.Total {
		return false
	}
	e.waiting++
	return true
}

// release says that n hits do not wait any more.
func (e *Evaluator) release(n int) { e.waiting -= n }

// JoinedHits is the hits of all strings that are looked for in parts, under each
// name that is not private, whether the rule matches or not. They are valid until
// the Evaluator is used again.
func (e *Evaluator) JoinedHits() []Hits {
	var all []Hits
	for _, c := range e.rules.splits {
		h := &e.hits[c.firstPattern]
		owners := e.rules.info[c.firstPattern].owners
		for i, name := range e.rules.info[c.firstPattern].names {
			all = append(all, Hits{Name: name, Rule: owners[i], Pattern: c.firstPattern, Count: h.count, hits: h, to: len(h.addrs)})
		}
	}
	return all
}

// Evaluate evaluates the rules. The error is that of ctx, or that of hits that
// came out of order, or of a variable of another type than it is defined with;
// there is no result with it.
func (e *Evaluator) Evaluate(ctx context.Context, scope Scope) (*Result, error) {
	if e.outOfOrder != nil {
		return nil, e.outOfOrder
	}
	externals, err := e.rules.externals(scope.Variables)
	if err != nil {
		return nil, err
	}
	e.loseEmpty(!scope.Empty)
	s := evaluation{e: e, ctx: ctx, scope: scope, externals: externals, decided: make([]verdict, len(e.rules.rules))}
	reasons := make(map[int]string)
	spaces := make([]globalRules, e.rules.numNamespaces)
	for i, r := range e.rules.rules {
		s.begin(r)
		v := r.condition.eval(&s)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		of := &spaces[r.ns.index]
		switch {
		case s.undecided != "":
			s.decided[i] = unknown
			reasons[i] = s.undecided
			if r.Global {
				of.undecided = "the global rule " + r.Name + " is not decided"
			}
		case v.truth():
			s.decided[i] = yes
		case r.Global:
			of.failed = true
		}
	}
	res := &Result{}
	for i, r := range e.rules.rules {
		of := &spaces[r.ns.index]
		switch {
		case of.failed:
		case s.decided[i] == unknown:
			res.Undecided = append(res.Undecided, Undecided{&r.Rule, reasons[i]})
		case s.decided[i] == yes && of.undecided != "":
			res.Undecided = append(res.Undecided, Undecided{&r.Rule, of.undecided})
		case s.decided[i] == yes && !r.Private:
			res.Matches = append(res.Matches, e.match(r))
		}
	}
	return res, nil
}

// globalRules is what is known of the global rules of a namespace.
type globalRules struct {
	failed    bool   // one does not match
	undecided string // why it is not known whether all match
}

// externals is the values of the external variables, by their index.
func (r *Rules) externals(given map[string]any) ([]value, error) {
	out := make([]value, len(r.variables))
	for i, x := range r.variables {
		out[i] = x.value
		g, ok := given[x.name]
		if !ok {
			continue
		}
		v, err := external(g)
		if err == nil && v.typ != x.typ {
			err = fmt.Errorf("it is defined as %v, and its value is %v", x.typ, v.typ)
		}
		if err != nil {
			return nil, fmt.Errorf("the variable %s: %w", x.name, err)
		}
		out[i] = v
	}
	return out, nil
}

// match is a rule that matches.
func (e *Evaluator) match(r *rule) Match {
	m := Match{Rule: &r.Rule}
	for _, str := range r.strings {
		if str.private {
			continue
		}
		h := &e.hits[str.patternIndex]
		x := Hits{Name: r.FullName() + "." + str.id, Rule: &r.Rule, Pattern: str.patternIndex, Count: h.count, hits: h, to: len(h.addrs)}
		if pin, ok := str.pin(); ok {
			x.from, x.to = h.within(uint64(pin), uint64(pin))
			x.Count = uint64(x.to - x.from)
		}
		m.Strings = append(m.Strings, x)
	}
	return m
}

// verdict is what is known of a rule.
type verdict uint8

const (
	no verdict = iota
	yes
	unknown
)

// evaluation is that of an evaluation.
type evaluation struct {
	e       *Evaluator
	ctx     context.Context
	scope   Scope
	decided []verdict // by rule

	externals []value // external variables

	loopVars   []value     // of loops
	loopString *ruleString // of the innermost loop over strings
	steps      int         // that are left for the rule
	untilCheck int         // steps until the context is asked
	undecided  string      // why the rule cannot be decided; whatever is evaluated then does not count
}

// begin makes the state ready for a rule.
func (s *evaluation) begin(r *rule) {
	s.steps, s.undecided, s.loopString = s.e.limits.Steps, "", nil
	if len(s.loopVars) < r.vars {
		s.loopVars = make([]value, r.vars)
	}
}

// spend takes steps. It is false where the evaluation is to stop.
func (s *evaluation) spend(n int) bool {
	if s.undecided != "" {
		return false
	}
	s.steps -= n
	s.untilCheck -= n
	if s.untilCheck <= 0 {
		s.untilCheck = 1 << 16
		if s.ctx.Err() != nil {
			s.undecided = "cancelled"
		}
	}
	if s.steps < 0 {
		s.undecided = fmt.Sprintf("its loops take more than %d steps", s.e.limits.Steps)
	}
	return s.undecided == ""
}

// view is the hits of a string; nil: of that of the innermost loop.
func (s *evaluation) view(str *ruleString) view {
	if str == nil {
		str = s.loopString
	}
	v := view{hits: &s.e.hits[str.patternIndex], s: s, name: str.id, empty: s.e.rules.info[str.patternIndex].empty}
	v.pin, v.pinned = str.pin()
	return v
}

// lacks notes that the condition asks for hits that were not kept.
func (s *evaluation) lacks(v view) {
	switch {
	case s.undecided != "":
	case v.empty != nowhere:
		s.undecided = fmt.Sprintf("it asks for hits of %s, which matches the empty string as well: such hits are not looked for", v.name)
	case v.unknownFrom != noLimit:
		s.undecided = fmt.Sprintf("it asks for hits of %s from %v on, where more of its parts wait for others than %d, or one is as long as a match may be", v.name, addr.Addr(v.unknownFrom), s.e.limits.Total)
	default:
		s.undecided = fmt.Sprintf("it asks for hits of %s that were not kept: of %d, the first %d were", v.name, v.count, len(v.addrs))
	}
}

// lacksEnd notes that the condition asks for the length of a hit that may go on.
func (s *evaluation) lacksEnd(v view, length uint64) {
	if s.undecided == "" {
		s.undecided = fmt.Sprintf("it asks for the length of a hit of %s that is %d bytes, as long as a match may be, and may go on", v.name, length)
	}
}

// matched says whether a rule above matches.
func (s *evaluation) matched(r *rule) bool {
	v := s.decided[r.index]
	if v == unknown && s.undecided == "" {
		s.undecided = "it refers to the rule " + r.Name + ", which is not decided"
	}
	return v == yes
}
