package patterns

import (
	"bytes"
	"fmt"
	"sync/atomic"

	"vscan/patterns/automaton"
)

// DefaultMaxMatch is the length in bytes of the longest match of an expression that has no
// bound of its own, unless Target.MaxMatch sets another.
const DefaultMaxMatch = 4096

// A programBody is the body of the kinds that are expressions on bytes: re:, and hex: with
// more than digits.
type programBody struct {
	forms           []form
	semantics       automaton.Semantics
	maxMatch        int  // in bytes; 0 stands for that of the Target
	maxMatchAtLeast int  // in bytes; the limit of a match is no less, whatever the Target says
	offset          int  // of the body in the pattern
	disjoint        bool // see Pattern.Disjoint
	endless         bool // see Pattern.Endless

	expr    string // of re:, the regular expression
	options RegexpOptions

	last atomic.Pointer[programs] // those that were compiled last
}

// programs are the programs of a body's forms, for matches of at most limit bytes. They have
// their anchors, and nothing that takes room until it is asked for.
type programs struct {
	limit int
	all   []*automaton.Program
}

// A form is an expression in one encoding. encoded tells whether node has the encoding
// already.
type form struct {
	node     *automaton.Node
	encoding automaton.Encoding
	encoded  bool
}

func (b *programBody) needles(p *Pattern, c *compiler) ([]Needle, error) {
	return b.plain(p, c).needles(p, c)
}

func (b *programBody) exprs(p *Pattern, c *compiler) ([]Expr, error) {
	if b.plain(p, c) != nil {
		return nil, nil
	}
	limit, err := c.target.maxMatch(b.maxMatch)
	if err != nil {
		return nil, p.fault(b.offset, "%v", err)
	}
	limit = max(limit, b.maxMatchAtLeast)
	compiled, err := b.programs(p, c, limit)
	if err != nil {
		return nil, err
	}
	var out []Expr
	for i, f := range b.forms {
		prog := compiled[i].WithTables(c.tables) // a set has programs of its own
		if err := c.take(uint64(exprBytes+prog.Size()), forNeedles); err != nil {
			return nil, err
		}
		e := newExpr(prog)
		if e.Except, err = c.exceptions(p, &f); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// plain returns the literals whose occurrences are the matches of the pattern, all of them and each
// once; nil where there are no such, or too many. They are found many times as fast.
func (b *programBody) plain(p *Pattern, c *compiler) literals {
	const (
		few  = 16
		long = 256 // bytes: each is compared with each at every distance
	)
	limit, err := c.target.maxMatch(b.maxMatch)
	if err != nil || len(b.forms) != 1 || len(p.exceptions()) > 0 || !expands(b.forms[0].node) {
		return nil
	}
	if f := &b.forms[0]; f.encoding != automaton.Plain && !f.encoded {
		return nil
	}
	all, ok := expand(b.forms[0].node, few)
	if !ok {
		return nil
	}
	var out literals
	for _, s := range all {
		if len(s) == 0 || len(s) > min(long, max(limit, b.maxMatchAtLeast)) {
			return nil
		}
		out = out.add(literal{bytes: s})
	}
	for _, s := range out {
		for _, t := range out {
			if b.disjoint && overlap(s.bytes, t.bytes) || len(s.bytes) != len(t.bytes) && bytes.HasPrefix(t.bytes, s.bytes) {
				return nil
			}
		}
	}
	return out
}

// overlap reports whether an occurrence of t may begin in one of s, behind its first byte.
func overlap(s, t []byte) bool {
	for i := 1; i < len(s); i++ {
		if n := min(len(s)-i, len(t)); bytes.Equal(s[i:i+n], t[:n]) {
			return true
		}
	}
	return false
}

// programs returns the programs of the forms, for matches of at most limit bytes. Who reads a
// rule asks whether its strings can be compiled, and the set is compiled later.
func (b *programBody) programs(p *Pattern, c *compiler, limit int) ([]*automaton.Program, error) {
	if last := b.last.Load(); last != nil && last.limit == limit {
		return last.all, nil
	}
	now := &programs{limit: limit}
	for _, f := range b.forms {
		if err := c.goOn(askEvery / 8); err != nil { // a program may take some milliseconds
			return nil, err
		}
		prog, err := automaton.Compile(f.node, automaton.Options{Limit: limit, Semantics: b.semantics, Encoding: f.encoding, Encoded: f.encoded})
		if err != nil {
			return nil, p.fault(b.offset, "%v", err)
		}
		now.all = append(now.all, prog)
	}
	b.last.Store(now)
	return now.all, nil
}

// maxMatch returns the length in bytes of the longest match of a pattern. own is what the
// pattern itself sets, 0 where it sets none.
func (t *Target) maxMatch(own int) (int, error) {
	limit := DefaultMaxMatch
	switch {
	case own != 0:
		limit = own
	case t.MaxMatch != 0:
		limit = t.MaxMatch
	}
	if limit < 1 || limit > MaxBytes {
		return 0, fmt.Errorf("matches of at most %d bytes: want 1 to %d", limit, MaxBytes)
	}
	return limit, nil
}

// newExpr returns the Expr of a program, found at any address.
func newExpr(p *automaton.Program) Expr {
	e := Expr{Matcher: program{p}, Align: 1, MinLen: p.MinLen(), MaxLen: p.MaxLen(), CutLen: p.CutLen()}
	for _, a := range p.Anchors() {
		e.Anchors = append(e.Anchors, Anchor{Lit: a.Lit, Mask: a.Mask, First: a.First, Last: a.Last, Before: a.Before, After: a.After, Traced: a.Traced()})
	}
	return e
}

// program makes a Program a Finder and a Tracker.
type program struct{ *automaton.Program }

var (
	_ Finder  = program{}
	_ Tracker = program{}
)

func (p program) Match(m *Memory, at int) int { return p.Program.Match(m.Bytes, at, m.Beyond) }

func (p program) Next(m *Memory, from, to int) int { return p.Program.Next(m.Bytes, from, to) }

// NewTrack implements Tracker.
func (p program) NewTrack() Track { return track{p.Program.NewTrack()} }

// track makes an automaton.Track a Track.
type track struct{ *automaton.Track }

func (t track) Match(m *Memory, at int) int { return t.Track.Match(m.Bytes, at, m.Beyond) }

func (t track) Find(m *Memory, from, to int, found []FoundAnchor, most int) (at, n int) {
	return t.Track.Find(m.Bytes, from, to, found, most, m.Beyond)
}

func (t track) Told(m *Memory, from, to int, apart bool, dst []Told) ([]Told, int) {
	return t.Track.Told(from, to, apart, dst)
}

func (t track) Next(m *Memory, from, to int) int { return t.Track.Next(m.Bytes, from, to) }
