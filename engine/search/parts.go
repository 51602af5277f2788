package search

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/layered"
)

// This file searches an image in parts, and puts together what was found in them.
//
//	Search.Parts ranges→ Query.PreparePart → Part.Scan matches→ … →matches in order Search.Stitch → Sink
//
// What is put together is what Run finds. A scan hands the matches of shards, in order, to
// one filter, which drops those of a disjoint pattern that overlap an earlier one; its hits
// are the same wherever shards are cut. A part ends where a shard might, and Part.Scan hands
// out what the workers hand over before that filter. So the matches of all parts, in order,
// are those of a scan whose shards are cut there too, and Stitch shows them to such a filter.
// All else (limits, counts, rules, what there is to show) Run does to hits in order, and
// Stitch does it with the same code.

// Parts yields ranges of addresses that lie side by side and ascend, at least one; each but
// the last has size bytes that take time to search: see engine.Scanner.Parts.
func (s *Search) Parts(size uint64) iter.Seq[addr.Range] { return s.scanner.Parts(size) }

// Part is the search of a part of an image: for the matches that begin in a range of
// addresses.
type Part struct {
	s   *Search
	cap []bool // by pattern: see Search.capped
}

// PreparePart compiles the query for the matches that begin in a range of addresses, which
// Search.Parts has yielded for an image that has the same memory. Errors are those of
// Prepare.
func (q *Query) PreparePart(ctx context.Context, img *layered.Image, starts addr.Range) (*Part, error) {
	s, err := q.prepare(ctx, &Search{q: q, img: img, budget: q.Budget.Share(), cache: q.Cache}, func(o *engine.Options) {
		o.Starts, o.Unsettled, o.KeepExcepted, o.MaxBytes = []addr.Range{starts}, true, true, 0
	})
	if err != nil {
		return nil, err
	}
	return &Part{s: s, cap: s.capped()}, nil
}

// capped returns, by pattern, whether no more of its matches than Query.MaxHits can be wanted
// of a part: nothing drops one of them later or counts those beyond, and no rule asks for
// them.
func (s *Search) capped() []bool {
	q, pats := s.q, s.set.Patterns()
	capped := make([]bool, len(pats))
	if q.MaxHits == 0 || q.At != nil {
		return capped
	}
	ofRules := map[string]bool{}
	if q.Rules != nil {
		for _, p := range q.Rules.Patterns() {
			ofRules[p.Name] = true
		}
	}
	for i, p := range pats {
		capped[i] = (q.Overlapping || !p.Disjoint()) && len(p.Exceptions()) == 0 && !ofRules[p.Name]
	}
	for _, e := range s.set.Exprs() {
		if e.CutLen > 0 { // Summary.Cut has those beyond MaxHits, too
			capped[e.Pattern] = false
		}
	}
	return capped
}

// Close gives back what the part has taken of Query.Budget.
func (p *Part) Close() { p.s.Close() }

// Image returns the image that is searched.
func (p *Part) Image() *layered.Image { return p.s.img }

// Bytes returns how many bytes of the part are searched.
func (p *Part) Bytes() uint64 { return p.s.Bytes() }

// Progress returns counters of how far the scan has come.
func (p *Part) Progress() *engine.Progress { return p.s.Progress() }

// Match is a match in a part, of which it is not known whether it is a hit: Stitch drops
// some that overlap an earlier one, and those that are Excepted.
type Match struct {
	engine.Hit      // Pattern is an index into the patterns as they are compiled, the same for every part
	Excepted   bool // an exception of its pattern holds in it
}

// Scan yields the matches of the part, by address, then pattern, then length, until yield
// returns false. A match is valid until yield returns. It may end, with Stats.Stopped, once
// there are Query.MaxHits of all patterns.
func (p *Part) Scan(ctx context.Context, yield func(Match) bool) (engine.Stats, error) {
	capped := !slices.Contains(p.cap, false)
	open, counts := len(p.cap), make([]uint64, len(p.cap))
	return p.s.scanner.ScanBatches(ctx, func(b *engine.Batch) bool {
		i := 0
		for h := range b.Hits() {
			excepted := b.Excepted(i)
			i++
			if p.cap[h.Pattern] {
				counts[h.Pattern]++
				if n := counts[h.Pattern]; n > p.s.q.MaxHits {
					continue
				} else if n == p.s.q.MaxHits {
					open--
				}
			}
			if !yield(Match{h, excepted}) {
				return false
			}
		}
		return !capped || open > 0
	})
}

// Found is what was found in the parts of an image.
type Found struct {
	// Matches yields the matches of all parts in the order of their ranges, those of a part
	// in the order of Part.Scan, until yield returns false. Its error is that of Stitch.
	Matches func(yield func(Match) bool) error

	// Stats has Scanned, Unreadable, Kernels, Workers and Elapsed of all parts together.
	Stats engine.Stats

	// Changed is what of the files of the image changed while parts were searched.
	Changed []image.Change

	// Partial says that parts are missing. Then rules are not asked, the hits of their
	// strings are left out, and the Summary is not Complete.
	Partial bool
}

// A MatchError says that something that Found.Matches has yielded is no match in the image.
type MatchError struct {
	Match Match
	Why   string
}

func (e *MatchError) Error() string {
	return fmt.Sprintf("what is said to be a match at %v is none: %s", e.Match.Addr, e.Why)
}

// Stitch does what Run does, with matches that were found before and elsewhere. The Search
// is that of the whole image, not of a part. Besides those of Run, errors are a *MatchError
// and that of found.Matches.
func (s *Search) Stitch(ctx context.Context, sink Sink, found Found) (*Summary, error) {
	return s.run(ctx, sink, &found)
}

// replay hands the hits of what was found to take, and counts what a scan counts.
func (r *running) replay(ctx context.Context, take func(engine.Hit) bool) (engine.Stats, error) {
	stats := r.found.Stats
	sc := r.scanner
	stats.Hits, stats.Absent, stats.Beyond = 0, sc.Absent(), sc.Beyond()
	stats.Excluded, stats.Missing = sc.AbsentFor(engine.Excluded), sc.AbsentFor(engine.Missing)
	stats.Zero = sc.ReadableZero(sc.Zero(), stats.Scanned, stats.Unreadable)
	pats := r.set.Patterns()
	cut, excepted := make([]uint64, len(pats)), make([]uint64, len(pats))
	var filter *engine.OverlapFilter
	if !r.q.Overlapping {
		filter = engine.NewOverlapFilter(pats)
	}
	check := newMatchCheck(r.Search)
	var bad error
	n := 0
	err := r.found.Matches(func(m Match) bool {
		if n++; n&0xfff == 0 && ctx.Err() != nil {
			stats.Cancelled = true
			return false
		}
		if bad = check.match(&m); bad != nil {
			return false
		}
		match := addr.Range{First: m.Addr, Last: m.Addr + addr.Addr(m.Len-1)}
		if filter != nil && !filter.Keep(m.Pattern, match, m.Excepted) {
			return true
		}
		if m.Excepted {
			excepted[m.Pattern]++
			return true
		}
		if r.found.Partial && r.rules != nil && r.ruleIndex[m.Pattern] >= 0 {
			return true
		}
		stats.Hits++
		r.opt.Progress.Hits.Add(1)
		if m.Cut {
			cut[m.Pattern]++
		}
		stats.Stopped = !take(m.Hit)
		return !stats.Stopped
	})
	if stats.Stopped { // as of a search that ends there
		stats.Unreadable = addr.Intersect(stats.Unreadable, []addr.Range{{First: 0, Last: check.last}})
	}
	stats.Cut, stats.Excepted = unlessZero(cut), unlessZero(excepted)
	switch {
	case bad != nil:
		return stats, bad
	case err != nil:
		return stats, err
	case stats.Cancelled:
		return stats, context.Cause(ctx)
	}
	return stats, nil
}

// unlessZero returns counts, or nil where all of them are 0.
func unlessZero(counts []uint64) []uint64 {
	if slices.ContainsFunc(counts, func(n uint64) bool { return n > 0 }) {
		return counts
	}
	return nil
}

// A matchCheck tells what can be no match, so that nothing that is asked of hits later can
// go wrong. Whether the bytes match is not looked at.
type matchCheck struct {
	*Search
	lengths []lengths  // by pattern
	run     addr.Range // the run that the latest match lies in
	some    bool       // whether there was a match; if so, last is its address
	last    addr.Addr
}

// lengths are the fewest and the most bytes of a match.
type lengths struct{ least, most int }

func (l *lengths) add(least, most int) {
	if l.most == 0 {
		l.least = least
	}
	l.least, l.most = min(l.least, least), max(l.most, most)
}

func newMatchCheck(s *Search) *matchCheck {
	c := &matchCheck{Search: s, lengths: make([]lengths, len(s.set.Patterns()))}
	for _, n := range s.set.Needles() {
		c.lengths[n.Pattern].add(n.Len(), n.Len())
	}
	for _, e := range s.set.Exprs() {
		c.lengths[e.Pattern].add(e.MinLen, e.MaxLen)
	}
	return c
}

// match returns what is wrong with a match. It gives the match as many bytes as a scan
// gives it, from memory where it has fewer.
func (c *matchCheck) match(m *Match) error {
	wrong := func(format string, args ...any) error { return &MatchError{*m, fmt.Sprintf(format, args...)} }
	switch {
	case m.Pattern < 0 || m.Pattern >= len(c.lengths):
		return wrong("there are %d patterns, and not one of number %d", len(c.lengths), m.Pattern)
	case m.Len < c.lengths[m.Pattern].least || m.Len > c.lengths[m.Pattern].most:
		return wrong("%s has no match of %d bytes", c.set.Patterns()[m.Pattern].Name, m.Len)
	case c.some && m.Addr < c.last:
		return wrong("it lies below the one before it, at %v", c.last)
	}
	if !c.some || !c.run.Contains(m.Addr) {
		var ok bool
		if c.run, ok = c.scanner.Run(m.Addr); !ok {
			return wrong("nothing is searched there")
		}
	}
	c.some, c.last = true, m.Addr
	if uint64(m.Len-1) > uint64(c.run.Last-m.Addr) {
		return wrong("its %d bytes go on beyond what is searched, %v", m.Len, c.run)
	}
	if want := min(m.Len, engine.HitBytes); len(m.Bytes) != want {
		var err error
		if m.Bytes, err = c.img.Space.Bytes(m.Addr, want); err != nil {
			return wrong("%v", err)
		}
	}
	return nil
}
