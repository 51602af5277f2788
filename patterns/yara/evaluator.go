package yara

import (
	"context"
	"fmt"
	"math"
	"slices"

	"vscan/engine/addr"
	"vscan/engine/budget"
)

// Limits bounds what an Evaluator keeps and does. The zero Limits stands for the defaults.
type Limits struct {
	// Hits is how many hits of one pattern are kept, those with the lowest addresses; Total
	// is how many are kept of all patterns together. Others are counted but not kept, and a
	// rule that asks for one of them is Undecided. 0 stands for DefaultHits and
	// DefaultTotal. A hit takes 8 bytes, or 12 where lengths differ. Of the parts of
	// strings with long jumps, as many as Total are kept besides, for as long as they wait
	// for the parts behind them.
	Hits, Total int

	// CountOnly says that the caller needs only the number of hits of rules that match, not
	// the hits. Then no hits are kept of a string of which conditions only ask whether and
	// how often it is found.
	CountOnly bool

	// Steps is how much may be evaluated of one rule, about one step an operator. A rule
	// that takes more is Undecided. 0 stands for DefaultSteps.
	Steps int

	// TotalSteps is how much may be evaluated of all rules together, in all scopes that the
	// Evaluator is used for. Rules that come when nothing of it is left are Undecided. 0
	// stands for DefaultTotalSteps.
	TotalSteps uint64

	// Budget is asked for the memory of hits that are kept, or that wait, before it is
	// spent. Where it has no more, hits are counted and not kept, as beyond Hits. The caller
	// gives it a Share, and releases that. Nil has no limit.
	Budget *budget.Budget
}

// These are the limits where Limits has 0.
const (
	DefaultHits  = 1 << 20
	DefaultTotal = 1 << 24
	DefaultSteps = 100e6

	// DefaultTotalSteps is far more than public sets of rules take, and ends sets whose
	// rules all take the most within minutes.
	DefaultTotalSteps = 10e9
)

// Memory is what conditions read integers from. *engine.Space is one.
type Memory interface {
	// Read fills p with the bytes from a on and returns how many it has read: fewer than
	// len(p) if memory ends there.
	Read(p []byte, a addr.Addr) (int, error)
}

// Scope is what was searched: an image, or one of its mappings.
type Scope struct {
	Memory        Memory // nil where nothing can be read
	FileSize      uint64 // the value of filesize, in bytes; counts only if FileSizeKnown
	FileSizeKnown bool   // otherwise filesize is undefined, as for a process
	Empty         bool   // whether no memory, not a single byte, was searched

	// Variables has values of external variables by name, each of the type that the
	// variable is defined with. A variable that is not in it has the value that it is
	// defined with. Names that are not defined do not matter.
	Variables map[string]any
}

// Result is which rules match, and which could not be decided.
type Result struct {
	// Matches has the rules that match, except for private ones, in the order of the files.
	Matches []Match
	// Undecided has the rules that could not be evaluated to the end, private ones
	// included. They, and the rules that refer to them, neither match nor fail. If one of
	// them is global, no rule of its namespace is decided, unless another global rule of
	// the namespace fails.
	Undecided []Undecided
}

// Match is a rule that matches, and the hits of its strings that are not private, in the
// order of the file. It also has the strings without hits.
type Match struct {
	Rule    *Rule // the caller must not change it
	Strings []Hits
}

// Undecided is a rule that could not be evaluated to the end, and the reason.
type Undecided struct {
	Rule   *Rule
	Reason string // one line
	// OutOfSteps tells whether the reason is that Limits.TotalSteps are used up.
	OutOfSteps bool
}

// Evaluator decides which rules match in a scope. The caller adds all hits of the scope and
// then calls Evaluate; Reset makes the Evaluator ready for the next scope. One goroutine
// uses it at a time.
type Evaluator struct {
	rules     *Rules
	limits    Limits
	hits      []*hits // by pattern, noHits where it was never touched; the hits of a split string are at its first part
	kept      int
	joiners   []*joiner // by Rules.splits
	waiting   int       // how many hits wait in all joiners
	stepsLeft uint64    // how many of Limits.TotalSteps are left
	room      int       // how many more hits, kept or waiting, the memory that was taken has room for
	noRoom    bool      // whether Limits.Budget had no more
	spare     int       // for how many hits patterns that are not touched keep room

	empties    []int   // the patterns that match the empty string as well
	touched    []bool  // by pattern: whether its hits are not as Reset leaves them
	changed    []int   // the patterns that are touched
	stirred    []bool  // by rule: whether a pattern of one of its strings is touched
	unstirred  []quiet // by rule
	outOfOrder error   // the error of hits that came out of order
}

// noHits is the hits of a pattern that has had none. Nothing is written to it.
var noHits = &hits{unknownFrom: noLimit}

// orDefaults returns the limits with defaults where they have 0.
func (l Limits) orDefaults() Limits {
	if l.Hits <= 0 {
		l.Hits = DefaultHits
	}
	if l.Total <= 0 {
		l.Total = DefaultTotal
	}
	if l.Steps <= 0 {
		l.Steps = DefaultSteps
	}
	if l.TotalSteps == 0 {
		l.TotalSteps = DefaultTotalSteps
	}
	return l
}

// NewEvaluator returns an evaluator without hits.
func (r *Rules) NewEvaluator(l Limits) *Evaluator {
	l = l.orDefaults()
	e := &Evaluator{
		rules: r, limits: l, hits: make([]*hits, len(r.pats)), stepsLeft: l.TotalSteps,
		touched: make([]bool, len(r.pats)), stirred: make([]bool, len(r.rules)), unstirred: make([]quiet, len(r.rules)),
	}
	for _, c := range r.splits {
		e.joiners = append(e.joiners, newJoiner(c))
	}
	for i := range e.hits {
		e.hits[i] = noHits
		if r.info[i].empty != nowhere {
			e.empties = append(e.empties, i)
		}
	}
	return e
}

// Reuse makes an evaluator as NewEvaluator returns it of one whose results nobody uses any
// more. It returns false, and then the evaluator is to be dropped, where much memory was taken
// of the budget that it had.
func (e *Evaluator) Reuse(l Limits) bool {
	if e.room > roomStep {
		return false
	}
	e.Reset()
	e.limits, e.room, e.noRoom = l.orDefaults(), 0, false
	e.stepsLeft = e.limits.TotalSteps
	return true
}

// A quiet is what is known of a rule that asks for nothing but hits of its strings, where these
// have none: it is the same in all scopes. So where few strings have hits, few rules are
// evaluated.
type quiet struct {
	known bool
	yes   bool // whether the rule matches
	steps int  // how many it takes to find that out
}

// touch notes that the hits of a pattern are no longer as Reset leaves them.
func (e *Evaluator) touch(pattern int) {
	if e.touched[pattern] {
		return
	}
	if e.touched[pattern] = true; e.hits[pattern] == noHits {
		e.hits[pattern] = &hits{unknownFrom: noLimit}
	}
	e.spare -= cap(e.hits[pattern].addrs)
	e.changed = append(e.changed, pattern)
	for _, r := range e.rules.info[pattern].rules {
		e.stirred[r.index] = true
	}
}

// Reset forgets all hits. What is left of Limits.TotalSteps stays as it is.
func (e *Evaluator) Reset() {
	for _, i := range e.changed {
		e.hits[i].reset()
		e.touched[i] = false
		e.spare += cap(e.hits[i].addrs)
	}
	e.changed = e.changed[:0]
	clear(e.stirred)
	blocks := 0
	for _, w := range e.joiners {
		w.reset()
		blocks += w.spareBlocks()
	}
	if e.spare > roomStep || blocks > maxSpareBlocks {
		e.dropSpare()
	}
	e.kept, e.waiting, e.outOfOrder = 0, 0, nil
}

// maxSpareBlocks is how many blocks of queues, of some 16 KiB each, are kept for the next scope.
const maxSpareBlocks = 32

// dropSpare drops the room that an Evaluator without hits keeps for others.
func (e *Evaluator) dropSpare() {
	for i := range e.hits {
		e.hits[i] = noHits
	}
	for _, w := range e.joiners {
		for i := range w.queues {
			w.queues[i].spare = nil
		}
	}
	e.spare = 0
}

// MarkHole tells that memory ends behind the hits that were added: no match of a string
// goes on from them to those that are added later. It is for memory with holes; between
// scopes, call Reset.
func (e *Evaluator) MarkHole() {
	for _, w := range e.joiners {
		e.waiting -= w.clear()
	}
}

// Add adds a hit of n bytes at a; pattern is an index in Rules.Patterns. Hits of one
// pattern have to come in the order of their addresses, as a scan has them, and so do the
// hits of all parts of a string. Several hits at one address count once, as in YARA: with
// the length of the shortest, or of the longest if the pattern is a regular expression
// whose repetitions are greedy.
func (e *Evaluator) Add(pattern int, a addr.Addr, n int) {
	s := &e.rules.info[pattern]
	if s.pinned && !slices.Contains(s.pins, int64(a)) {
		return
	}
	if s.split != nil {
		e.addPart(s, a, n)
		return
	}
	e.touch(pattern)
	h := e.hits[pattern]
	ok := h.add(uint64(a), uint32(min(n, math.MaxUint32)), s.preferLonger, func() bool { return e.keep(h, s) })
	if !ok && e.outOfOrder == nil {
		e.outOfOrder = fmt.Errorf("hits of %s out of order: one at %v behind one at %v", e.rules.pats[pattern].Name, a, addr.Addr(h.last))
	}
}

// AddCut is Add for a hit that may go on, since it is as long as patterns.Target.MaxMatch
// allows (engine.Hit.Cut). A rule that asks for its length is Undecided.
func (e *Evaluator) AddCut(pattern int, a addr.Addr, n int) {
	e.Add(pattern, a, n)
	s := &e.rules.info[pattern]
	if s.split != nil { // which hits of other parts follow is not known
		w := e.joiners[s.split.index]
		e.touch(w.firstPattern)
		w.loseFrom(uint64(a))
		e.hits[w.firstPattern].unknownFrom = w.unknownFrom
	} else if e.touch(pattern); e.hits[pattern].cutLen == 0 || uint64(n) < e.hits[pattern].cutLen {
		e.hits[pattern].cutLen = uint64(n)
	}
}

// keep reports whether there is room for another hit of a string, and if so counts it.
func (e *Evaluator) keep(h *hits, s *patternInfo) bool {
	if len(h.addrs) >= e.limits.Hits || e.kept >= e.limits.Total || e.limits.CountOnly && !s.asksPlaces {
		return false
	}
	if !e.makeRoom() {
		return false
	}
	e.kept++
	return true
}

// A hit that is kept takes 8 to 16 bytes in slices that have room to grow, one that waits 4
// to 8. Memory for roomStep hits is taken at a time.
const (
	hitBytes = 16
	roomStep = 1 << 14
)

// makeRoom reports whether there is memory for one more hit. That of hits that are gone is
// used again.
func (e *Evaluator) makeRoom() bool {
	if e.kept+e.waiting < e.room {
		return true
	}
	if e.noRoom || e.limits.Budget.Take(roomStep*hitBytes, "hits of rules' strings") != nil {
		e.noRoom = true
		return false
	}
	e.room += roomStep
	return true
}

// OutOfMemory reports whether hits were not kept because Limits.Budget had no more memory.
func (e *Evaluator) OutOfMemory() bool { return e.noRoom }

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
	e.touch(w.firstPattern)
	h, info := e.hits[w.firstPattern], &e.rules.info[w.firstPattern]
	w.add(s.partIndex, uint64(a), uint64(n), e, func(a, n uint64) {
		h.insert(a, n, func() bool { return e.keep(h, info) })
	})
	h.unknownFrom = w.unknownFrom
}

// admit implements waitingRoom.
func (e *Evaluator) admit() bool {
	if e.waiting >= e.limits.Total || !e.makeRoom() {
		return false
	}
	e.waiting++
	return true
}

// release implements waitingRoom.
func (e *Evaluator) release(n int) { e.waiting -= n }

// JoinedHits returns the hits of all strings that are looked for in parts, under each name
// that is not private, whether the rule matches or not. They are valid until the Evaluator
// is used again.
func (e *Evaluator) JoinedHits() []Hits {
	var all []Hits
	for _, c := range e.rules.splits {
		h := e.hits[c.firstPattern]
		owners := e.rules.info[c.firstPattern].owners
		for i, name := range e.rules.info[c.firstPattern].names {
			x := Hits{Name: name, Rule: owners[i], Pattern: c.firstPattern, Count: h.count, hits: h, to: len(h.addrs)}
			x.Partial, x.UnknownFrom = h.unknown()
			all = append(all, x)
		}
	}
	return all
}

// Evaluate evaluates the rules. It returns the error of ctx, or an error if hits came out
// of order or a variable has another type than it is defined with. With an error there is
// no result.
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
	reasons := make(map[int]Undecided)
	spaces := make([]globalRules, e.rules.numNamespaces)
	for i, r := range e.rules.rules {
		matches := s.rule(r)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		global := &spaces[r.ns.index]
		switch {
		case s.undecided != "":
			s.decided[i] = unknown
			reasons[i] = Undecided{&r.Rule, s.undecided, s.outOfSteps}
			if r.Global {
				global.undecided = "the global rule " + r.Name + " is not decided"
			}
		case matches:
			s.decided[i] = yes
		case r.Global:
			global.failed = true
		}
	}
	res := &Result{}
	for i, r := range e.rules.rules {
		global := &spaces[r.ns.index]
		switch {
		case global.failed:
		case s.decided[i] == unknown:
			res.Undecided = append(res.Undecided, reasons[i])
		case s.decided[i] == yes && global.undecided != "":
			res.Undecided = append(res.Undecided, Undecided{Rule: &r.Rule, Reason: global.undecided})
		case s.decided[i] == yes && !r.Private:
			res.Matches = append(res.Matches, e.match(r))
		}
	}
	return res, nil
}

// globalRules is what is known of the global rules of a namespace.
type globalRules struct {
	failed    bool   // whether one does not match
	undecided string // why it is not known whether all match; "" where it is
}

// externals returns the values of the external variables, by index.
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

// match returns the match of a rule.
func (e *Evaluator) match(r *rule) Match {
	m := Match{Rule: &r.Rule}
	for _, str := range r.strings {
		if str.private {
			continue
		}
		h := e.hits[str.patternIndex]
		x := Hits{Name: r.FullName() + "." + str.id, Rule: &r.Rule, Pattern: int(str.patternIndex), Count: h.count, hits: h, to: len(h.addrs)}
		if pin, ok := str.pin(); ok {
			x.from, x.to = h.within(uint64(pin), uint64(pin))
			x.Count = uint64(x.to - x.from)
		} else {
			x.Partial, x.UnknownFrom = h.unknown()
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

// An evaluation is one call of Evaluate.
type evaluation struct {
	e       *Evaluator
	ctx     context.Context
	scope   Scope
	decided []verdict // by the index of the rule

	externals []value // by the index of the external variable

	loopVars   []value     // variables of loops and of with, by slot
	loopString *ruleString // the string of the innermost loop over strings
	steps      int         // how many are left for the rule
	allowed    int         // how many it had in the beginning
	asked      bool        // whether the rule has asked for anything but the hits of its strings
	outOfSteps bool        // whether the rule is undecided since those of all rules are used up
	untilCheck int         // how many steps there are until the context is asked
	undecided  string      // why the rule cannot be decided; "" where it can. Otherwise, its value does not count

	wasRead [16]memoryRead // what was read lately, each where its address says
}

// A memoryRead is up to four bytes of memory, and whether all of them are there.
type memoryRead struct {
	at    addr.Addr
	size  int // 0: nothing was read
	bytes [4]byte
	there bool
}

// rule reports whether a rule matches; it does not count where the rule is undecided.
func (s *evaluation) rule(r *rule) bool {
	e := s.e
	q := &e.unstirred[r.index]
	if q.known && !e.stirred[r.index] && q.steps <= e.limits.Steps && uint64(q.steps) <= e.stepsLeft {
		e.stepsLeft -= uint64(q.steps)
		s.undecided = ""
		return q.yes
	}
	s.begin(r)
	v := undefined
	if s.undecided == "" {
		v = r.condition.eval(s)
	}
	s.end()
	if s.undecided == "" && !s.asked && !e.stirred[r.index] {
		*q = quiet{true, v.truth(), s.allowed - s.steps}
	}
	return v.truth()
}

// begin makes the evaluation ready for a rule.
func (s *evaluation) begin(r *rule) {
	s.allowed = int(min(uint64(s.e.limits.Steps), s.e.stepsLeft))
	s.steps, s.undecided, s.loopString, s.outOfSteps, s.asked = s.allowed, "", nil, false, false
	s.spend(1)
	if len(s.loopVars) < r.vars {
		s.loopVars = make([]value, r.vars)
	}
}

// end takes what the rule has spent off what is left for all rules.
func (s *evaluation) end() {
	spent := min(s.allowed, s.allowed-s.steps)
	s.e.stepsLeft -= min(uint64(spent), s.e.stepsLeft)
}

// spend takes steps. It returns false where the evaluation is to stop.
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
		if s.outOfSteps = s.allowed < s.e.limits.Steps; s.outOfSteps {
			s.undecided = fmt.Sprintf("the %d steps that all rules may take together are used up", s.e.limits.TotalSteps)
		}
	}
	return s.undecided == ""
}

// view returns the hits of a string; nil stands for the string of the innermost loop.
func (s *evaluation) view(str *ruleString) view {
	if str == nil {
		str = s.loopString
	}
	v := view{hits: s.e.hits[str.patternIndex], s: s, name: str.id, empty: s.e.rules.info[str.patternIndex].empty}
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

// about returns the scope, for what asks for more of it than hits.
func (s *evaluation) about() *Scope {
	s.asked = true
	return &s.scope
}

// read returns size bytes of the scope's memory at an address, up to four, and whether all of them
// are there. Thousands of rules ask for the same: for the first two bytes and for those that
// the word at 0x3c points to.
func (s *evaluation) read(at addr.Addr, size int) (b [4]byte, there bool) {
	r := &s.wasRead[(uint64(at)+uint64(size))%uint64(len(s.wasRead))]
	if r.at != at || r.size != size {
		*r = memoryRead{at: at, size: size}
		n, _ := s.about().Memory.Read(r.bytes[:size], at)
		r.there = n >= size
	}
	return r.bytes, r.there
}

// external returns the value of an external variable.
func (s *evaluation) external(i int) value {
	s.asked = true
	return s.externals[i]
}

// matched reports whether a rule above matches.
func (s *evaluation) matched(r *rule) bool {
	s.asked = true
	v := s.decided[r.index]
	if v == unknown && s.undecided == "" {
		s.undecided = "it refers to the rule " + r.Name + ", which is not decided"
	}
	return v == yes
}
